/* The back office's APIs: options, rids, open-platform accounts, registrations of mini programs.
 * https://developers.weixin.qq.com/doc/offiaccount/openApi/get_rid_info.html */
#include "tools/weixin-sim/api/api.h"
#include "tools/weixin-sim/api/weixin_error.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define OFFICE_NAME (3 * NAME_MAX_LEN)

static struct office *office_of(const struct api_call *call)
{
	return &call->sim->state.office;
}

static const char *field(const struct api_call *call, const char *name)
{
	const char *value = json_get_str(call->body, name);

	return value ? value : "";
}

/* The body names the platform whose token it is. */
static int check_component(const struct api_call *call)
{
	const char *component_appid = field(call, "component_appid");

	if (component_appid[0] == '\0')
		return 41018;
	return strcmp(component_appid, call->component_appid) == 0 ? 0 : 40013;
}

/* --- options -----------------------------------------------------------------------------------------------
 */

static const struct option {
	const char *name;
	const char *preset;
	const char *highest;
} options[] = {{"location_report", "0", "2"}, {"voice_recognize", "0", "1"}, {"customer_service", "0", "1"}};

/* Whose option: with the component's token the body says so; the newer form has the account's token. */
static int find_option(struct api_call *call, const struct option **out, char name[OFFICE_NAME])
{
	const char *option_name = field(call, "option_name");
	const struct authorization *auth;
	int errcode;

	if (call->appid[0] == '\0') {
		if ((errcode = check_component(call)) != 0)
			return errcode;
		if (field(call, "authorizer_appid")[0] == '\0')
			return 41002;
		str_copy(call->appid, sizeof(call->appid), field(call, "authorizer_appid"));
	}
	auth = state_authorization(&call->sim->state, call->component_appid, call->appid);
	if (!auth || !auth->authorized)
		return 61003;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(options[i].name, option_name) == 0) {
			*out = &options[i];
			snprintf(name, OFFICE_NAME, "option/%s/%s", call->appid, option_name);
			return 0;
		}
	}
	return 61012;
}

int api_get_option(struct api_call *call)
{
	const struct option *option = NULL;
	char name[OFFICE_NAME];
	const char *value;
	int errcode = find_option(call, &option, name);

	if (errcode)
		return errcode;
	value = office_get(office_of(call), name);
	call->answer = json_new_object();
	json_set_str(call->answer, "authorizer_appid", call->appid);
	json_set_str(call->answer, "option_name", option->name);
	json_set_str(call->answer, "option_value", value[0] ? value : option->preset);
	return 0;
}

int api_set_option(struct api_call *call)
{
	const char *value = field(call, "option_value"); /* a text, never a number */
	const struct option *option = NULL;
	char name[OFFICE_NAME];
	int errcode = find_option(call, &option, name);

	if (errcode)
		return errcode;
	if (strlen(value) != 1 || value[0] < '0' || value[0] > option->highest[0])
		return 61013;
	office_set(office_of(call), name, value);
	return 0;
}

/* --- rids --------------------------------------------------------------------------------------------------
 */

static void copy_text(struct json *to, const char *name, const struct json *from, const char *from_name)
{
	const char *text = json_get_str(from, from_name);

	json_set_str(to, name, text ? text : "");
}

static bool is_same(const struct json *entry, const char *name, const char *value)
{
	const char *own = json_get_str(entry, name);

	return strcmp(own ? own : "", value) == 0;
}

/* Whose token the call was made with: the body of a component's API may name an account, too. */
static bool is_caller_s(const struct api_call *call, const struct json *entry)
{
	const char *path = json_get_str(entry, "path");
	const struct api_route *route = path ? api_route_find(path) : NULL;
	bool component_s = route && route->needs == NEEDS_COMPONENT && !str_starts_with(path, "/sns/");

	if (!is_same(entry, "component_appid", call->component_appid))
		return false;
	return component_s ? call->appid[0] == '\0' : is_same(entry, "appid", call->appid);
}

/* From our own record of the call; only for whoever made it. */
int api_get_rid(struct api_call *call)
{
	const char *rid = field(call, "rid");
	struct json *entry = NULL, *request;
	char tail[NAME_MAX_LEN];
	int64_t number = 0;

	if (rid[0] == '\0' || strlen(rid) > NAME_MAX_LEN - 8)
		return 76002;
	snprintf(tail, sizeof(tail), "rid: %s", rid);
	if (record_find(&call->sim->record, "api", "answer", tail, &entry) < 0)
		return 76001;
	if (!is_caller_s(call, entry)) {
		json_free(&entry);
		return 76001;
	}
	request = json_new_object();
	(void)json_get_int(entry, "at_ms", &number);
	json_set_int(request, "invoke_time", number / 1000);
	(void)json_get_int(entry, "ms", &number);
	json_set_int(request, "cost_in_ms", number);
	copy_text(request, "request_url", entry, "query");
	copy_text(request, "request_body", entry, "body");
	copy_text(request, "response_body", entry, "answer");
	json_set_str(request, "client_ip", "127.0.0.1");
	json_free(&entry);
	call->answer = weixin_ok();
	json_set(call->answer, "request", request);
	return 0;
}

/* --- open-platform accounts --------------------------------------------------------------------------------
 */

/* Set 24 for official accounts, 25 for mini programs; the body's appid is the token's. */
static int check_open(const struct api_call *call, char name[OFFICE_NAME])
{
	const struct account *a = state_account(&call->sim->state, call->appid);
	const struct authorization *auth =
		state_authorization(&call->sim->state, call->component_appid, call->appid);

	if (!a || strcmp(field(call, "appid"), call->appid) != 0)
		return 40013;
	if (!func_ids_has(&auth->granted, a->miniprogram ? 25 : 24))
		return 61007;
	snprintf(name, OFFICE_NAME, "open/%s", call->appid);
	return 0;
}

static void answer_open(struct api_call *call, const char *open_appid)
{
	call->answer = weixin_ok();
	json_set_str(call->answer, "open_appid", open_appid);
}

int api_open_create(struct api_call *call)
{
	char name[OFFICE_NAME], open_appid[17];
	int errcode = check_open(call, name);

	if (errcode)
		return errcode;
	if (office_get(office_of(call), name)[0])
		return 89000;
	str_copy(open_appid, sizeof(open_appid), "wxopen");
	weixin_random_hex(open_appid + 6, 10);
	office_set(office_of(call), name, open_appid);
	answer_open(call, open_appid);
	return 0;
}

int api_open_bind(struct api_call *call)
{
	char name[OFFICE_NAME];
	int errcode = check_open(call, name);

	if (errcode)
		return errcode;
	if (office_get(office_of(call), name)[0])
		return 89000;
	if (!field(call, "open_appid")[0] || strlen(field(call, "open_appid")) >= NAME_MAX_LEN ||
		!office_has_value(office_of(call), "open/", field(call, "open_appid")))
		return 89003; /* no account that an API has made */
	office_set(office_of(call), name, field(call, "open_appid"));
	return 0;
}

int api_open_unbind(struct api_call *call)
{
	char name[OFFICE_NAME];
	int errcode = check_open(call, name);

	if (errcode)
		return errcode;
	if (!office_get(office_of(call), name)[0])
		return 89002;
	if (strcmp(office_get(office_of(call), name), field(call, "open_appid")) != 0)
		return 89001;
	office_set(office_of(call), name, "");
	return 0;
}

int api_open_have(struct api_call *call)
{
	char name[OFFICE_NAME];
	int errcode = check_open(call, name);

	if (errcode)
		return errcode;
	call->answer = weixin_ok();
	json_set_bool(call->answer, "have_open", office_get(office_of(call), name)[0] != '\0');
	return 0;
}

int api_open_get(struct api_call *call)
{
	char name[OFFICE_NAME];
	int errcode = check_open(call, name);

	if (errcode)
		return errcode;
	if (!office_get(office_of(call), name)[0])
		return 89002;
	answer_open(call, office_get(office_of(call), name));
	return 0;
}

/* --- registrations -----------------------------------------------------------------------------------------
 */

static bool has_all(const struct api_call *call, const char *const *names)
{
	for (; *names; names++)
		if (field(call, *names)[0] == '\0')
			return false;
	return true;
}

static bool is_action(const struct api_call *call, const char *action)
{
	const char *own = query_get(&call->query, "action");

	return own && strcmp(own, action) == 0;
}

static struct registration *register_new(struct api_call *call, enum registration_kind kind)
{
	char id[33];

	weixin_random_hex(id, 32);
	return office_register(office_of(call), kind, call->component_appid, id, json_copy(call->body));
}

static int create_enterprise(struct api_call *call)
{
	static const char *const needed[] = {
		"name", "code", "legal_persona_wechat", "legal_persona_name", NULL};
	const struct registration *same;
	int64_t code_type;

	if (!has_all(call, needed))
		return 89253;
	if (json_get_int(call->body, "code_type", &code_type) < 0 || code_type < 1 || code_type > 3)
		return 89248;
	same = office_find(
		office_of(call), REGISTRATION_ENTERPRISE, call->component_appid, "code", field(call, "code"));
	if (same && !same->ended)
		return 89249;
	(void)register_new(call, REGISTRATION_ENTERPRISE);
	return 0;
}

int api_register_enterprise(struct api_call *call)
{
	static const char *const needed[] = {"name", "legal_persona_wechat", "legal_persona_name", NULL};
	const struct registration *r;

	if (is_action(call, "create"))
		return create_enterprise(call);
	if (!is_action(call, "search"))
		return 40097;
	if (!has_all(call, needed))
		return 89253;
	r = office_find(
		office_of(call), REGISTRATION_ENTERPRISE, call->component_appid, "name", field(call, "name"));
	if (!r)
		return 89250;
	return r->ended ? 0 : 89251;
}

int api_register_personal(struct api_call *call)
{
	static const char *const needed[] = {"idname", "wxuser", NULL};
	const struct registration *r = office_of(call)->registrations;
	struct buf url = BUF_INIT(256);

	if (is_action(call, "create")) {
		if (!has_all(call, needed))
			return 89253;
		r = register_new(call, REGISTRATION_PERSONAL);
	} else if (is_action(call, "query")) {
		while (r && (r->kind != REGISTRATION_PERSONAL || strcmp(r->id, field(call, "taskid")) != 0))
			r = r->next;
		if (!r)
			return 89250;
	} else {
		return 40097;
	}
	buf_addf(&url, "https://mp.weixin.qq.com/made-up?taskid=%s", r->id);
	call->answer = weixin_ok();
	json_set_str(call->answer, "taskid", r->id);
	json_set_str(call->answer, "authorize_url", buf_cstr(&url));
	json_set_int(call->answer, "status", r->ended ? 6 : 0);
	buf_release(&url);
	return 0;
}

int api_register_trial(struct api_call *call)
{
	static const char *const needed[] = {"name", "openid", NULL};
	const struct registration *r;

	if (!has_all(call, needed))
		return 89253;
	r = register_new(call, REGISTRATION_TRIAL);
	call->answer = weixin_ok();
	json_set_str(call->answer, "unique_id", r->id);
	json_set_str(call->answer, "authorize_url", "https://mp.weixin.qq.com/made-up");
	return 0;
}
