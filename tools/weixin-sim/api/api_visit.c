/* What a platform asks about visitors: web page authorization and mini-program login on behalf.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Official_Accounts/official_account_website_authorization.html
 * https://developers.weixin.qq.com/doc/oplatform/openApi/miniprogram-management/login/api_thirdpartycode2session.html
 */
#include "tools/weixin-sim/api/api.h"

#include "common/base/str.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <string.h>

#include "common/base/banned.h"

/* The code is good, for this account and platform, and is used up now. */
static int take_code(struct api_call *call, enum visit_kind kind, const char *name, struct visit **out)
{
	const char *appid = query_get(&call->query, "appid"), *code = query_get(&call->query, name);
	const char *component = query_get(&call->query, "component_appid");
	const struct authorization *auth;
	struct visit *visit;

	if (!appid || !state_account(&call->sim->state, appid) || !component ||
		strcmp(component, call->component_appid) != 0)
		return 40013;
	str_copy(call->appid, sizeof(call->appid), appid);
	auth = state_authorization(&call->sim->state, component, appid);
	if (!auth || !auth->authorized)
		return 61003;
	visit = visits_find(&call->sim->state.visits, kind, code ? code : "");
	if (!visit || strcmp(visit->appid, appid) != 0 || call->now_ms >= visit->expires_ms ||
		(kind == VISIT_WEB && strcmp(visit->component_appid, component) != 0))
		return 40029;
	if (visit->used)
		return 40163;
	visit->used = true;
	*out = visit;
	return 0;
}

int api_oauth_access_token(struct api_call *call)
{
	struct visit *visit = NULL;
	char refresh_token[44];
	int errcode = take_code(call, VISIT_WEB, "code", &visit);

	if (errcode)
		return errcode;
	str_copy(visit->token, sizeof(visit->token), "oauth@@@");
	weixin_random_text(visit->token + strlen("oauth@@@"), 43);
	weixin_random_text(refresh_token, 43);
	call->answer = json_new_object();
	json_set_str(call->answer, "access_token", visit->token);
	json_set_int(call->answer, "expires_in", 7200);
	json_set_str(call->answer, "refresh_token", refresh_token);
	json_set_str(call->answer, "openid", visit->openid);
	json_set_str(call->answer, "scope", visit->scope);
	return 0;
}

int api_userinfo(struct api_call *call)
{
	const char *token = query_get(&call->query, "access_token");
	const char *openid = query_get(&call->query, "openid");
	const struct visit *visit = visits_find_token(&call->sim->state.visits, token ? token : "");

	if (!visit)
		return 40001;
	if (!openid || strcmp(openid, visit->openid) != 0)
		return 40003;
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
