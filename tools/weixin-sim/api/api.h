#ifndef WEIXIN_SIM_API_API_H
#define WEIXIN_SIM_API_API_H

#include "common/base/arena.h"
#include "common/httpd/httpd.h"
#include "common/httpd/query.h"
#include "common/json/json.h"
#include "tools/weixin-sim/sim.h"

/* The API port: what api.weixin.qq.com answers. */

/* One call, read and not yet answered. */
struct api_call {
	struct sim *sim;
	const char *method;
	const char *path;
	struct query query;
	struct arena arena;
	char *raw;         /* the body as sent; "" if none; owned */
	struct json *body; /* parsed; NULL if the API wants none */
	int64_t now_ms;
	char component_appid[NAME_MAX_LEN]; /* for whom it is; "" while unknown */
	char appid[NAME_MAX_LEN];
	struct json *answer; /* what a handler answered with 0; NULL: {"errcode":0,"errmsg":"ok"} */
	bool wants_ticket;   /* a ticket is to be pushed once this call is answered */
};

/* Called with the state locked. 0 (the answer in call->answer) or an errcode. */
typedef int (*api_handler)(struct api_call *call);

/* Whose token the API of this path asks for; OTHER: neither's, or a visitor's. */
enum api_token { API_TOKEN_UNKNOWN, API_TOKEN_OTHER, API_TOKEN_COMPONENT, API_TOKEN_ACCOUNT };
enum api_token api_token_of(const char *path);

/* The httpd_handler of the API port; `arg` is the struct sim. */
void api_handle(struct httpd_request *req, void *arg);

/* api_component.c; the token was checked before, and call->component_appid and ->appid are whose it is. */
int api_start_push_ticket(struct api_call *call);
int api_component_token(struct api_call *call);
int api_create_preauthcode(struct api_call *call);
int api_query_auth(struct api_call *call);
int api_authorizer_token(struct api_call *call);
int api_get_authorizer_list(struct api_call *call);
int api_get_authorizer_info(struct api_call *call);

/* api_visit.c; api_userinfo() checks the visitor's own token itself. */
int api_oauth_access_token(struct api_call *call);
int api_userinfo(struct api_call *call);
int api_jscode2session(struct api_call *call);

/* api_menu.c */
int api_menu_create(struct api_call *call);
int api_menu_get(struct api_call *call);
int api_menu_delete(struct api_call *call);

/* api_template.c */
int api_template_send(struct api_call *call);

/* api_office.c */
void api_count(struct api_call *call); /* for the quotas: every call whose token was good */
int api_get_option(struct api_call *call);
int api_set_option(struct api_call *call);
int api_get_quota(struct api_call *call);
int api_clear_quota_v2(struct api_call *call);
int api_get_rid(struct api_call *call);
int api_open_create(struct api_call *call);
int api_open_bind(struct api_call *call);
int api_open_unbind(struct api_call *call);
int api_open_get(struct api_call *call);
int api_register_enterprise(struct api_call *call);
int api_register_personal(struct api_call *call);
int api_register_trial(struct api_call *call);

/* api_account.c */
int api_custom_send(struct api_call *call);
int api_getticket(struct api_call *call); /* of the JS-SDK: the same for an account while this Weixin runs */
int api_getcallbackip(struct api_call *call);

#endif
