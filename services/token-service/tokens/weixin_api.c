#include "services/token-service/tokens/weixin_api.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/httpc/httpc.h"
#include "common/json/json.h"
#include "proto/reaction.h"
#include "services/token-service/metrics.h"
#include "services/token-service/seal.h"

#include <stdlib.h>

#include "common/base/banned.h"

#define CONNECT_MS  3000
#define REQUEST_MAX (4 * SECRET_MAX_BYTES)

struct weixin_api {
	struct httpc *http;
	char *base;
};

int weixin_api_new(struct weixin_api **out, const char *base, struct err *err)
{
	const struct httpc_options options = {
		.connect_timeout_ms = CONNECT_MS,
		.total_timeout_ms = WEIXIN_CALL_MS,
		.response_max = WEIXIN_ANSWER_MAX,
		.allow_http = true, /* the base is a setting; its preset is https */
	};
	struct httpc *http = NULL;

	if (httpc_new(&http, &options, err) < 0)
		return -1;
	*out = xcalloc(1, sizeof(**out));
	(*out)->http = http;
	(*out)->base = xstrdup(base);
	return 0;
}

void weixin_api_free(struct weixin_api **wp)
{
	struct weixin_api *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	httpc_free(&w->http);
	free(w->base);
	free(w);
}

/* One POST of `fields` (taken over); the answer's body is to be decoded. */
static int post_to(struct weixin_api *w, const char *name, const char *path, const struct httpc_pair *query,
	size_t n_query, struct json *fields, struct httpc_response *out, struct err *err)
{
	struct buf body = BUF_INIT(REQUEST_MAX);
	struct httpc_request request = {
		.method = "POST",
		.base = w->base,
		.path = path,
		.query = query,
		.n_query = n_query,
		.content_type = "application/json",
	};
	int64_t start_ms = clock_mono_ms();
	int rc;

	json_write(fields, &body);
	request.body = body.data;
	request.body_len = body.len;
	rc = body.overflow ? err_set(err, ERR_REJECT, 0, "the request is too long")
			   : httpc_call(w->http, &request, out, err);
	metric_observe_ms(&token_service_metrics[M_CALL_SECONDS], name, clock_mono_ms() - start_ms);
	if (rc == 0 && out->status != 200)
		rc = err_set(err, ERR_RETRY, 0, "Weixin answered with HTTP status %ld", out->status);
	buf_wipe_release(&body);
	json_free(&fields);
	return rc;
}

/* The same to a path of /cgi-bin/component/. */
static int post(struct weixin_api *w, const char *api, const char *component_token, struct json *fields,
	struct httpc_response *out, struct err *err)
{
	const struct httpc_pair query[] = {{"component_access_token", component_token}};
	char *path = xasprintf("/cgi-bin/component/%s", api);
	int rc = post_to(w, api, path, query, component_token ? 1 : 0, fields, out, err);

	free(path);
	return rc;
}

/* What every call ends with: its result counted, and "system busy" told from a refusal. */
static int finish(const char *api, int rc, struct err *err)
{
	enum reaction reaction;

	if (rc == 0) {
		metric_add(&token_service_metrics[M_CALLS], "ok", 1);
		return 0;
	}
	if (err->kind != ERR_REJECT) {
		metric_add(&token_service_metrics[M_CALLS], "away", 1);
		return err_prefix(err, "%s", api);
	}
	reaction = reaction_of(err->code);
	metric_add(&token_service_metrics[M_CALLS], reaction_name(reaction), 1);
	if (reaction == REACTION_BUSY || reaction == REACTION_BACKOFF || reaction == REACTION_MINUTE)
		err->kind = ERR_RETRY;
	return err_prefix(err, "%s", api);
}

/* The field is component_secret here, component_appsecret elsewhere.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_startpushticket.html */
int weixin_start_push_ticket(
	struct weixin_api *w, const char *component_appid, const char *app_secret, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", component_appid);
	json_set_str(fields, "component_secret", app_secret);
	rc = post(w, "api_start_push_ticket", NULL, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_done(answer.body.data, answer.body.len, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("api_start_push_ticket", rc, err);
}

int weixin_component_token(struct weixin_api *w, const char *component_appid, const char *app_secret,
	const char *ticket, struct weixin_token *out, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", component_appid);
	json_set_str(fields, "component_appsecret", app_secret);
	json_set_str(fields, "component_verify_ticket", ticket);
	rc = post(w, "api_component_token", NULL, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_component_token(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("api_component_token", rc, err);
}

int weixin_pre_auth_code(struct weixin_api *w, const char *component_appid, const char *component_token,
	char **code_out, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", component_appid);
	rc = post(w, "api_create_preauthcode", component_token, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_pre_auth_code(answer.body.data, answer.body.len, code_out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("api_create_preauthcode", rc, err);
}

/* One GET; `api` is its name in metrics. */
static int get(struct weixin_api *w, const char *api, const char *path, const struct httpc_pair *query,
	size_t n_query, struct httpc_response *out, struct err *err)
{
	struct httpc_request request = {
		.method = "GET",
		.base = w->base,
		.path = path,
		.query = query,
		.n_query = n_query,
	};
	int64_t start_ms = clock_mono_ms();
	int rc = httpc_call(w->http, &request, out, err);

	metric_observe_ms(&token_service_metrics[M_CALL_SECONDS], api, clock_mono_ms() - start_ms);
	if (rc == 0 && out->status != 200)
		rc = err_set(err, ERR_RETRY, 0, "Weixin answered with HTTP status %ld", out->status);
	return rc;
}

int weixin_code2session(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, const char *code, struct weixin_session *out, struct err *err)
{
	const struct httpc_pair query[] = {
		{"appid", appid},
		{"js_code", code},
		{"grant_type", "authorization_code"},
		{"component_appid", component_appid},
		{"component_access_token", component_token},
	};
	struct httpc_response answer = {.status = 0};
	int rc = get(w, "jscode2session", "/sns/component/jscode2session", query,
		sizeof(query) / sizeof(query[0]), &answer, err);

	if (rc == 0)
		rc = weixin_decode_session(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("jscode2session", rc, err);
}

int weixin_visitor(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, const char *code, struct weixin_visitor *out, struct err *err)
{
	const struct httpc_pair query[] = {
		{"appid", appid},
		{"code", code},
		{"grant_type", "authorization_code"},
		{"component_appid", component_appid},
		{"component_access_token", component_token},
	};
	struct httpc_response answer = {.status = 0};
	int rc = get(w, "oauth2_access_token", "/sns/oauth2/component/access_token", query,
		sizeof(query) / sizeof(query[0]), &answer, err);

	if (rc == 0)
		rc = weixin_decode_visitor(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("oauth2_access_token", rc, err);
}

int weixin_profile(struct weixin_api *w, const struct weixin_visitor *visitor, struct weixin_profile *out,
	struct err *err)
{
	const struct httpc_pair query[] = {
		{"access_token", visitor->access_token},
		{"openid", visitor->openid},
		{"lang", "zh_CN"},
	};
	struct httpc_response answer = {.status = 0};
	int rc = get(w, "userinfo", "/sns/userinfo", query, sizeof(query) / sizeof(query[0]), &answer, err);

	if (rc == 0)
		rc = weixin_decode_profile(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("userinfo", rc, err);
}

int weixin_query_auth(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *code, struct weixin_authorization *out, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", component_appid);
	json_set_str(fields, "authorization_code", code);
	rc = post(w, "api_query_auth", component_token, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_authorization(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("api_query_auth", rc, err);
}

int weixin_authorizer_token(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, const char *refresh_token, struct weixin_token *out, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", component_appid);
	json_set_str(fields, "authorizer_appid", appid);
	json_set_str(fields, "authorizer_refresh_token", refresh_token);
	rc = post(w, "api_authorizer_token", component_token, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_authorizer_token(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("api_authorizer_token", rc, err);
}

int weixin_authorizer_info(struct weixin_api *w, const char *component_appid, const char *component_token,
	const char *appid, struct weixin_info *out, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", component_appid);
	json_set_str(fields, "authorizer_appid", appid);
	rc = post(w, "api_get_authorizer_info", component_token, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_info(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("api_get_authorizer_info", rc, err);
}

int weixin_authorizer_list(struct weixin_api *w, const char *component_appid, const char *component_token,
	int64_t offset, struct weixin_list *out, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", component_appid);
	json_set_int(fields, "offset", offset);
	json_set_int(fields, "count", WEIXIN_LIST_COUNT);
	rc = post(w, "api_get_authorizer_list", component_token, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_list(answer.body.data, answer.body.len, out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish("api_get_authorizer_list", rc, err);
}

int weixin_operate(struct weixin_api *w, const struct weixin_call *call, struct json *fields,
	struct json **answer_out, struct err *err)
{
	struct httpc_response answer = {.status = 0};
	struct httpc_pair query[2];
	size_t n = 0;
	int rc;

	if (call->action)
		query[n++] = (struct httpc_pair){"action", call->action};
	if (call->token)
		query[n++] = (struct httpc_pair){"access_token", call->token};
	rc = post_to(w, call->name, call->path, query, n, fields, &answer, err);
	if (rc == 0)
		rc = weixin_decode_any(answer.body.data, answer.body.len, answer_out, err);
	buf_wipe_release(&answer.body);
	httpc_response_release(&answer);
	return finish(call->name, rc, err);
}
