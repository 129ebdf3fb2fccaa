#ifndef SERVICES_TOKEN_SERVICE_TOKENS_WEIXIN_API_H
#define SERVICES_TOKEN_SERVICE_TOKENS_WEIXIN_API_H

#include "services/token-service/tokens/weixin_decode.h"

/* The component-level APIs, a function each. Any thread. Nothing is locked or held while Weixin is called.
 *
 * Errors: ERR_REJECT with Weixin's errcode in err.code (proto/reaction.h says what it means); ERR_RETRY:
 * nothing was sent, or Weixin is unwell (-1, a status other than 200, no JSON); ERR_UNCERTAIN: it may have
 * been received. */
struct weixin_api;

/* No call lasts longer: leases outlive it. */
#define WEIXIN_CALL_MS 10000

int weixin_api_new(struct weixin_api **out, const char *base, struct err *err);
void weixin_api_free(struct weixin_api **w);

/* "Push the ticket again": pushes have stopped, or never began. */
int weixin_start_push_ticket(
	struct weixin_api *w, const char *component_appid, const char *app_secret, struct err *err);
int weixin_component_token(struct weixin_api *w, const char *component_appid, const char *app_secret,
	const char *ticket, struct weixin_token *out, struct err *err);
/* The caller frees *code_out with secret_free(). */
int weixin_pre_auth_code(struct weixin_api *w, const char *component_appid, const char *component_token,
	char **code_out, struct err *err);
int weixin_code2session(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, const char *code, struct weixin_session *out, struct err *err);
/* Web page authorization: a code becomes a visitor, and his access token, where he agreed to it, his name and
 * picture. */
int weixin_visitor(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, const char *code, struct weixin_visitor *out, struct err *err);
int weixin_profile(struct weixin_api *w, const struct weixin_visitor *visitor, struct weixin_profile *out,
	struct err *err);
int weixin_query_auth(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *code, struct weixin_authorization *out, struct err *err);
int weixin_authorizer_token(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, const char *refresh_token, struct weixin_token *out, struct err *err);
int weixin_authorizer_info(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, struct weixin_info *out, struct err *err);
/* Up to WEIXIN_LIST_COUNT of the accounts that authorize the platform, from `offset` on. The list moves while
 * it is read: who leaves makes those behind him come a place nearer.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/authorization-management/api_getauthorizerlist.html
 */
int weixin_authorizer_list(struct weixin_api *w, const char *component_appid, const char *component_token,
	int64_t offset, struct weixin_list *out, struct err *err);

/* Any other API, as a row of operation.h's table tells it. token NULL: none is sent; action NULL: no such
 * parameter. `fields` is taken over; the caller frees *answer_out. `name` is what the metrics call it. */
struct weixin_call {
	const char *name;
	const char *path;
	const char *action;
	const char *token;
};
int weixin_operate(struct weixin_api *w, const struct weixin_call *call, struct json *fields,
	struct json **answer_out, struct err *err);

#endif
