/* What a platform asks about visitors: web page authorization and mini-program login on behalf.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Official_Accounts/official_account_website_authorization.html
 * https://developers.weixin.qq.com/doc/oplatform/openApi/miniprogram-management/login/api_thirdpartycode2session.html
 */
#include "tools/weixin-sim/api/api.h"

#include "common/base/str.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <string.h>

#include "common/base/banned.h"

#define REFRESH_LIFE_MS INT64_C(2592000000) /* thirty days */

static const char *parameter(const struct api_call *call, const char *name)
{
	const char *value = query_get(&call->query, name);

	return value ? value : "";
}

/* The account that the call names, and what it wants to be given a token for. */
static int check_account(struct api_call *call, const char *grant_type)
{
	const char *appid = parameter(call, "appid");
	const struct authorization *auth;

	if (!state_account(&call->sim->state, appid) ||
		strcmp(parameter(call, "component_appid"), call->component_appid) != 0)
		return 40013;
	if (strcmp(parameter(call, "grant_type"), grant_type) != 0)
		return 40002;
	str_copy(call->appid, sizeof(call->appid), appid);
	auth = state_authorization(&call->sim->state, call->component_appid, appid);
	return auth && auth->authorized ? 0 : 61003;
}

/* The code is good, for this account and platform, and is used up now. */
static int take_code(struct api_call *call, enum visit_kind kind, const char *name, struct visit **out)
{
	int errcode = check_account(call, "authorization_code");
	struct visit *visit;

	if (errcode)
		return errcode;
	visit = visits_find(&call->sim->state.visits, kind, parameter(call, name));
	if (!visit || strcmp(visit->appid, call->appid) != 0 || call->now_ms >= visit->expires_ms ||
		(kind == VISIT_WEB && strcmp(visit->component_appid, call->component_appid) != 0))
		return 40029;
	if (visit->used)
		return 40163;
	visit->used = true;
	*out = visit;
	return 0;
}

static int64_t token_life_ms(const struct api_call *call)
{
	return call->sim->state.rules.token_life_ms;
}

static void answer_tokens(struct api_call *call, const struct visit *visit)
{
	call->answer = json_new_object();
	json_set_str(call->answer, "access_token", visit->token);
	json_set_int(call->answer, "expires_in", (visit->token_expires_ms - call->now_ms) / 1000);
	json_set_str(call->answer, "refresh_token", visit->refresh_token);
	json_set_str(call->answer, "openid", visit->openid);
	json_set_str(call->answer, "scope", visit->scope);
}

static void new_token(const struct api_call *call, struct visit *visit)
{
	str_copy(visit->token, sizeof(visit->token), "oauth@@@");
	weixin_random_text(visit->token + strlen("oauth@@@"), 43);
	visit->token_expires_ms = call->now_ms + token_life_ms(call);
}

int api_oauth_access_token(struct api_call *call)
{
	struct visit *visit = NULL;
	int errcode = take_code(call, VISIT_WEB, "code", &visit);

	if (errcode)
		return errcode;
	new_token(call, visit);
	weixin_random_text(visit->refresh_token, 43);
	visit->refresh_expires_ms = call->now_ms + REFRESH_LIFE_MS;
	answer_tokens(call, visit);
	return 0;
}

/* A token that still works stays, and lives longer. */
int api_oauth_refresh(struct api_call *call)
{
	int errcode = check_account(call, "refresh_token");
	struct visit *visit;

	if (errcode)
		return errcode;
	visit = visits_find_refresh_token(&call->sim->state.visits, parameter(call, "refresh_token"));
	if (!visit || strcmp(visit->appid, call->appid) != 0 ||
		strcmp(visit->component_appid, call->component_appid) != 0)
		return 40030;
	if (call->now_ms >= visit->refresh_expires_ms)
		return 42002;
	if (call->now_ms < visit->token_expires_ms)
		visit->token_expires_ms = call->now_ms + token_life_ms(call);
	else
		new_token(call, visit);
	answer_tokens(call, visit);
	return 0;
}

/* The visitor whose own token it is, and who the call says it is. */
static int find_visitor(const struct api_call *call, const struct visit **out)
{
	const struct visit *visit =
		visits_find_token(&call->sim->state.visits, parameter(call, "access_token"));

	if (!visit)
		return 40001;
	if (call->now_ms >= visit->token_expires_ms)
		return 42001;
	if (strcmp(parameter(call, "openid"), visit->openid) != 0)
		return 40003;
	*out = visit;
	return 0;
}

int api_sns_auth(struct api_call *call)
{
	const struct visit *visit;

	return find_visitor(call, &visit);
}

int api_userinfo(struct api_call *call)
{
	const struct visit *visit = NULL;
	int errcode = find_visitor(call, &visit);

	if (errcode)
		return errcode;
	if (strcmp(visit->scope, "snsapi_userinfo") != 0)
		return 48001;
	call->answer = json_new_object();
	json_set_str(call->answer, "openid", visit->openid);
	json_set_str(call->answer, "nickname", "\xe5\xb0\x8f\xe6\x98\x8e"); /* Xiao Ming */
	json_set_int(call->answer, "sex", 0);
	json_set_str(call->answer, "headimgurl", "https://thirdwx.qlogo.cn/mmopen/made-up");
	json_set(call->answer, "privilege", json_new_array());
	return 0;
}

int api_jscode2session(struct api_call *call)
{
	struct visit *visit = NULL;
	char session_key[25];
	int errcode = take_code(call, VISIT_LOGIN, "js_code", &visit);

	if (errcode)
		return errcode == 40163 ? 40029 : errcode;
	weixin_random_text(session_key, 22);
	str_copy(session_key + 22, sizeof(session_key) - 22, "==");
	call->answer = json_new_object();
	json_set_str(call->answer, "openid", visit->openid);
	json_set_str(call->answer, "session_key", session_key);
	return 0;
}
