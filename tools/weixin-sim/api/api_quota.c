/* Quotas: what is left of them, and clearing them.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/openapi/api_componentclearquota_v2.html */
#include "tools/weixin-sim/api/api.h"
#include "tools/weixin-sim/api/weixin_error.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

static struct quotas *quotas_here(const struct api_call *call)
{
	return &call->sim->state.quotas;
}

static const char *field(const struct api_call *call, const char *name)
{
	const char *value = json_get_str(call->body, name);

	return value ? value : "";
}

/* Whose token it is. */
static const char *caller(const struct api_call *call)
{
	return call->appid[0] ? call->appid : call->component_appid;
}

/* The API that the body names; its token is to be of the same kind as this call's. */
static int find_api(const struct api_call *call, const struct api_route **out)
{
	const char *path = field(call, "cgi_path");
	const struct api_route *route = api_route_find(path);

	if (path[0] != '/')
		return 76003;
	if (!route)
		return 76021;
	if (str_starts_with(path, "/sns/") ||
		(route->needs != NEEDS_COMPONENT && route->needs != NEEDS_ACCOUNT) ||
		(route->needs == NEEDS_COMPONENT) != (call->appid[0] == '\0'))
		return 76022;
	*out = route;
	return 0;
}

static struct json *rate(int64_t count)
{
	struct json *j = json_new_object();

	json_set_int(j, "call_count", count);
	json_set_int(j, "refresh_second", 60);
	return j;
}

int api_get_quota(struct api_call *call)
{
	const struct api_route *route = NULL;
	int errcode = find_api(call, &route);
	struct quota quota;
	struct json *shown;
	int64_t used;

	if (errcode)
		return errcode;
	quota = quotas_of(quotas_here(call), route->path, &route->quota);
	used = quotas_used(quotas_here(call), caller(call), route->path, call->now_ms);
	shown = json_new_object();
	json_set_int(shown, "daily_limit", quota.daily);
	json_set_int(shown, "used", used);
	json_set_int(shown, "remain", used < quota.daily ? quota.daily - used : 0);
	call->answer = weixin_ok();
	json_set(call->answer, "quota", shown);
	json_set(call->answer, "rate_limit", rate(quota.minute));
	json_set(call->answer, "component_rate_limit", rate(quota.minute));
	return 0;
}

int api_clear_quota_of(struct api_call *call)
{
	const struct api_route *route = NULL;
	int errcode = find_api(call, &route);

	return errcode ? errcode : quotas_clear(quotas_here(call), caller(call), route->path, call->now_ms);
}

int api_clear_quota(struct api_call *call)
{
	if (strcmp(field(call, "appid"), call->appid) != 0)
		return 40013;
	return quotas_clear(quotas_here(call), call->appid, NULL, call->now_ms);
}

/* The older form, with the platform's token. */
int api_clear_quota_component(struct api_call *call)
{
	if (strcmp(field(call, "component_appid"), call->component_appid) != 0)
		return 40013;
	return quotas_clear(quotas_here(call), call->component_appid, NULL, call->now_ms);
}

int api_clear_quota_v2(struct api_call *call)
{
	const char *appid = field(call, "appid"), *secret = field(call, "appsecret");
	const struct authorization *auth;
	const struct platform *p;

	if (field(call, "component_appid")[0] == '\0')
		return 41002;
	str_copy(call->component_appid, sizeof(call->component_appid), field(call, "component_appid"));
	str_copy(call->appid, sizeof(call->appid), appid);
	if (secret[0] == '\0')
		return 41004;
	p = state_platform(&call->sim->state, call->component_appid);
	if (!p)
		return 40013;
	if (api_check_ip(call, p) != 0)
		return 61004;
	if (strcmp(p->app_secret, secret) != 0)
		return 40125;
	auth = appid[0] ? state_authorization(&call->sim->state, p->component_appid, appid) : NULL;
	if (appid[0] && (!auth || !auth->authorized))
		return 43007;
	return quotas_clear(quotas_here(call), caller(call), NULL, call->now_ms);
}
