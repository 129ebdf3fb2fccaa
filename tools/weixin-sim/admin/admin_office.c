/* The end of a registration that a platform began by an API.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Register_Mini_Programs/Fast_Registration_Interface_document.html
 */
#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/api/routes.h"

#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

static const struct kind {
	const char *name;
	const char *info_type;
	const char *shown[7]; /* of the request's fields, in the push's info */
	bool code;            /* the push carries an authorization code */
} kinds[] = {
	[REGISTRATION_ENTERPRISE] = {"enterprise", "notify_third_fasteregister",
		{"name", "code", "code_type", "legal_persona_wechat", "legal_persona_name",
			"component_phone"},
		true},
	[REGISTRATION_PERSONAL] = {"personal", "notify_third_fasteregister",
		{"wxuser", "idname", "component_phone"}, true},
	[REGISTRATION_TRIAL] = {"trial", "notify_third_fastregisterbetaapp", {"name"}, false},
};

/* With the state locked: the registration ends; a mini program of this appid is there if it went well. */
static int end_registration(struct admin_call *call, const char *component_appid, int kind, const char *appid,
	bool well, struct json **info_out)
{
	struct state *s = &call->sim->state;
	struct registration *r = office_oldest(&s->office, (enum registration_kind)kind, component_appid);
	struct json *info;
	struct account *a;

	if (!r)
		return admin_refuse(call, 409, "no registration of this kind is under way");
	if (well && state_account(s, appid))
		return admin_refuse(call, 409, "there is an account of this appid already");
	r->ended = true;
	info = json_new_object();
	for (int i = 0; kinds[kind].shown[i]; i++)
		if (json_get(r->fields, kinds[kind].shown[i]))
			json_set(info, kinds[kind].shown[i],
				json_copy(json_get(r->fields, kinds[kind].shown[i])));
	if (kind == REGISTRATION_TRIAL)
		json_set_str(info, "unique_id", r->id);
	if (well) {
		a = state_put_account(s, appid);
		snprintf(a->user_name, sizeof(a->user_name), "gh_%.12s",
			appid + (strlen(appid) > 12 ? strlen(appid) - 12 : 0));
		str_copy(a->nick_name, sizeof(a->nick_name), appid);
		a->miniprogram = true;
		a->func_ids = (struct func_ids){{17, 18, 25, 30, 31}, 5};
	}
	*info_out = info;
	return 0;
}

static int read_kind(struct admin_call *call, int *out)
{
	const char *name;
	int status = admin_str(call, "kind", NAME_MAX_LEN, &name);

	if (status != 0)
		return status;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			*out = (int)i;
			return 0;
		}
	}
	return admin_refuse(call, 400, "kind is none of enterprise, personal, trial");
}

/* Takes `info` over. */
static struct json *push_fields(
	const struct kind *kind, const char *appid, int64_t result, const char *code, struct json *info)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "InfoType", kind->info_type);
	json_set_str(fields, "appid", result == 0 ? appid : "");
	json_set_int(fields, "status", result);
	if (code)
		json_set_str(fields, "auth_code", code);
	json_set_str(fields, "msg", result == 0 ? "OK" : "not done");
	json_set(fields, "info", info);
	return fields;
}

int admin_set_quota(struct admin_call *call)
{
	struct quota quota;
	const char *path;
	int status;

	if ((status = admin_str(call, "path", QUOTA_PATH_MAX, &path)) != 0 ||
		(status = admin_int(call, "daily", 0, 0, INT64_MAX, &quota.daily)) != 0 ||
		(status = admin_int(call, "minute", 0, 0, INT64_MAX, &quota.minute)) != 0)
		return status;
	if (!api_route_find(path))
		return admin_refuse(call, 404, "no such API");
	state_lock(&call->sim->state);
	quotas_override(&call->sim->state.quotas, path, &quota);
	state_unlock(&call->sim->state);
	return 200;
}

int admin_push_registered(struct admin_call *call)
{
	const char *component_appid, *appid;
	struct play_options o = play_defaults;
	struct json *info = NULL, *fields;
	struct grant grant = {.code = ""};
	struct push_result r = {0};
	int64_t result;
	int status, kind = 0, rc = 0;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &component_appid)) != 0 ||
		(status = admin_str(call, "appid", NAME_MAX_LEN, &appid)) != 0 ||
		(status = read_kind(call, &kind)) != 0 ||
		(status = admin_int(call, "status", 0, -1, 1000000, &result)) != 0 ||
		(status = admin_play_options(call, &o)) != 0)
		return status;
	state_lock(&call->sim->state);
	status = end_registration(call, component_appid, kind, appid, result == 0, &info);
	state_unlock(&call->sim->state);
	if (status != 0)
		return status;
	if (result == 0 && kinds[kind].code) {
		const struct grant_request request = {
			.component_appid = component_appid, .appid = appid, .code_reusable = -1};

		rc = play_grant(call->sim, &request, &grant, &call->err);
	}
	fields = push_fields(&kinds[kind], appid, result, grant.code[0] ? grant.code : NULL, info);
	if (rc == 0)
		rc = play_platform(call->sim, component_appid, appid, fields, &o, &r, &call->err);
	json_free(&fields);
	status = admin_finish(call, rc, &r);
	if (status == 200 && grant.code[0])
		json_set_str(call->answer, "code", grant.code);
	return status;
}
