/* The APIs of the component: ticket, tokens, authorizations.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getcomponentaccesstoken.html */
#include "tools/weixin-sim/api/api.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define LIST_MAX 500

/* The platform of the body's component_appid; its name goes into the record even if there is none. */
static int find_platform(struct api_call *call, struct platform **out)
{
	const char *component_appid = json_get_str(call->body, "component_appid");

	if (!component_appid)
		return 41018;
	if (call->component_appid[0] == '\0')
		str_copy(call->component_appid, sizeof(call->component_appid), component_appid);
	*out = state_platform(&call->sim->state, component_appid);
	if (!*out || strcmp(call->component_appid, component_appid) != 0)
		return 40013; /* also: the token is another component's */
	return 0;
}

static int check_secret(const struct api_call *call, const struct platform *p, const char *field)
{
	const char *secret = json_get_str(call->body, field);

	if (api_check_ip(call, p) != 0)
		return 61004;
	if (!secret || secret[0] == '\0')
		return 41004;
	return strcmp(secret, p->app_secret) == 0 ? 0 : 40125;
}

int api_start_push_ticket(struct api_call *call)
{
	struct platform *p;
	int errcode;

	if ((errcode = find_platform(call, &p)) != 0 ||
		(errcode = check_secret(call, p, "component_secret")) != 0)
		return errcode;
	call->wants_ticket = true;
	return 0;
}

int api_component_token(struct api_call *call)
{
	const char *ticket = json_get_str(call->body, "component_verify_ticket");
	const struct token_info *token;
	struct platform *p;
	int errcode;

	if ((errcode = find_platform(call, &p)) != 0 ||
		(errcode = check_secret(call, p, "component_appsecret")) != 0)
		return errcode;
	if ((errcode = api_count(call)) != 0 ||
		(errcode = state_check_ticket(&call->sim->state, p, ticket ? ticket : "", call->now_ms)) != 0)
		return errcode;
	token = state_new_component_token(&call->sim->state, p, call->now_ms);
	call->answer = json_new_object();
	json_set_str(call->answer, "component_access_token", token->value);
	json_set_int(call->answer, "expires_in", (token->expires_ms - call->now_ms) / 1000);
	return 0;
}

int api_create_preauthcode(struct api_call *call)
{
	struct platform *p;
	struct visit *visit;
	int errcode = find_platform(call, &p);

	if (errcode)
		return errcode;
	state_new_pre_auth_code(p);
	visit = visits_add(&call->sim->state.visits, VISIT_PRE_AUTH, p->pre_auth_code,
		call->now_ms + call->sim->state.rules.preauth_life_ms);
	str_copy(visit->component_appid, sizeof(visit->component_appid), p->component_appid);
	call->answer = json_new_object();
	json_set_str(call->answer, "pre_auth_code", p->pre_auth_code);
	json_set_int(call->answer, "expires_in", call->sim->state.rules.preauth_life_ms / 1000);
	return 0;
}

static struct json *func_info(const struct func_ids *ids)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < ids->n; i++) {
		struct json *item = json_new_object(), *category = json_new_object();

		json_set_int(category, "id", ids->id[i]);
		json_set(item, "funcscope_category", category);
		json_push(list, item);
	}
	return list;
}

static void set_access_token(
	const struct api_call *call, struct json *object, const struct authorization *auth)
{
	const struct token_info *token = tokens_current(&auth->tokens, call->now_ms);

	json_set_str(object, "authorizer_access_token", token->value);
	json_set_int(object, "expires_in", (token->expires_ms - call->now_ms) / 1000);
	json_set_str(object, "authorizer_refresh_token", auth->refresh_token);
}

int api_query_auth(struct api_call *call)
{
	const char *code = json_get_str(call->body, "authorization_code");
	struct authorization *auth;
	struct platform *p;
	struct json *info;
	int errcode;

	if ((errcode = find_platform(call, &p)) != 0)
		return errcode;
	errcode = state_exchange(&call->sim->state, p, code ? code : "", call->now_ms, &auth);
	if (errcode)
		return errcode;
	str_copy(call->appid, sizeof(call->appid), auth->appid);
	info = json_new_object();
	json_set_str(info, "authorizer_appid", auth->appid);
	set_access_token(call, info, auth);
	json_set(info, "func_info", func_info(&auth->granted));
	call->answer = json_new_object();
	json_set(call->answer, "authorization_info", info);
	return 0;
}

int api_authorizer_token(struct api_call *call)
{
	const char *appid = json_get_str(call->body, "authorizer_appid");
	const char *refresh_token = json_get_str(call->body, "authorizer_refresh_token");
	struct authorization *auth;
	struct platform *p;
	int errcode;

	if ((errcode = find_platform(call, &p)) != 0)
		return errcode;
	if (!appid || !state_account(&call->sim->state, appid))
		return 40013;
	str_copy(call->appid, sizeof(call->appid), appid);
	errcode = state_refresh(
		&call->sim->state, p, appid, refresh_token ? refresh_token : "", call->now_ms, &auth);
	if (errcode)
		return errcode;
	call->answer = json_new_object();
	set_access_token(call, call->answer, auth);
	return 0;
}

static int by_auth_time(const void *a, const void *b)
{
	const struct authorization *x = *(struct authorization *const *)a,
				   *y = *(struct authorization *const *)b;

	if (x->auth_time_ms != y->auth_time_ms)
		return x->auth_time_ms < y->auth_time_ms ? -1 : 1;
	return strcmp(x->appid, y->appid);
}

/* The platform's authorized accounts in a steady order; the caller frees the array. */
static struct authorization **authorized_of(
	const struct api_call *call, const struct platform *p, size_t *n_out)
{
	const struct state *s = &call->sim->state;
	struct authorization **list =
		xcalloc(HASH_COUNT(s->authorizations) + 1, sizeof(struct authorization *));
	struct authorization *auth, *next;

	*n_out = 0;
	HASH_ITER (hh, s->authorizations, auth, next) {
		if (auth->authorized && strcmp(auth->component_appid, p->component_appid) == 0)
			list[(*n_out)++] = auth;
	}
	qsort(list, *n_out, sizeof(struct authorization *), by_auth_time);
	return list;
}

int api_get_authorizer_list(struct api_call *call)
{
	struct authorization **all;
	struct json *list;
	struct platform *p;
	int64_t offset, count;
	size_t n;
	int errcode;

	if ((errcode = find_platform(call, &p)) != 0)
		return errcode;
	if (json_get_int(call->body, "offset", &offset) < 0 ||
		json_get_int(call->body, "count", &count) < 0 || offset < 0 || count < 1)
		return 40097;
	if (count > LIST_MAX)
		return 40170;
	all = authorized_of(call, p, &n);
	list = json_new_array();
	for (int64_t i = offset; i < (int64_t)n && i < offset + count; i++) {
		struct json *item = json_new_object();

		json_set_str(item, "authorizer_appid", all[i]->appid);
		json_set_str(item, "refresh_token", all[i]->refresh_token);
		json_set_int(item, "auth_time", all[i]->auth_time_ms / 1000);
		json_push(list, item);
	}
	free(all);
	call->answer = json_new_object();
	json_set_int(call->answer, "total_count", (int64_t)n);
	json_set(call->answer, "list", list);
	return 0;
}

static struct json *with_id(int id)
{
	struct json *object = json_new_object();

	json_set_int(object, "id", id);
	return object;
}

static struct json *business_info(void)
{
	static const char *const names[] = {"open_store", "open_scan", "open_pay", "open_card", "open_shake"};
	struct json *info = json_new_object();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_set_int(info, names[i], 0);
	return info;
}

/* Its presence says that the account is a mini program. */
static struct json *miniprogram_info(void)
{
	static const char *const names[] = {"RequestDomain", "WsRequestDomain", "UploadDomain",
		"DownloadDomain", "BizDomain", "UDPDomain"};
	struct json *info = json_new_object(), *network = json_new_object();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_set(network, names[i], json_new_array());
	json_set(info, "network", network);
	json_set(info, "categories", json_new_array());
	json_set_int(info, "visit_status", 0);
	return info;
}

static struct json *authorizer_info(const struct account *a)
{
	struct json *info = json_new_object(), *config = json_new_object();

	json_set_str(info, "nick_name", a->nick_name);
	json_set_str(info, "head_img", "http://wx.qlogo.cn/mmopen/made-up");
	json_set(info, "service_type_info", with_id(a->service_type));
	json_set(info, "verify_type_info", with_id(a->verify_type));
	json_set_str(info, "user_name", a->user_name);
	json_set_str(info, "principal_name", a->nick_name);
	json_set(info, "business_info", business_info());
	json_set_str(info, "alias", "");
	json_set_str(info, "qrcode_url", "http://mmbiz.qpic.cn/made-up");
	json_set_str(info, "signature", "");
	if (a->miniprogram)
		json_set(info, "MiniProgramInfo", miniprogram_info());
	json_set_int(info, "register_type", 0);
	json_set_int(info, "account_status", 1);
	json_set_bool(config, "is_phone_configured", true);
	json_set_bool(config, "is_email_configured", true);
	json_set(info, "basic_config", config);
	return info;
}

int api_get_authorizer_info(struct api_call *call)
{
	const char *appid = json_get_str(call->body, "authorizer_appid");
	const struct authorization *auth;
	const struct account *a;
	struct json *authorization;
	struct platform *p;
	int errcode;

	if ((errcode = find_platform(call, &p)) != 0)
		return errcode;
	if (!appid || !(a = state_account(&call->sim->state, appid)))
		return 40013;
	str_copy(call->appid, sizeof(call->appid), appid);
	auth = state_authorization(&call->sim->state, p->component_appid, appid);
	if (!auth || !auth->authorized)
		return 61003;
	authorization = json_new_object();
	json_set_str(authorization, "authorizer_appid", appid);
	json_set_str(authorization, "authorizer_refresh_token", auth->refresh_token);
	json_set(authorization, "func_info", func_info(&auth->granted));
	call->answer = json_new_object();
	json_set(call->answer, "authorizer_info", authorizer_info(a));
	json_set(call->answer, "authorization_info", authorization);
	return 0;
}
