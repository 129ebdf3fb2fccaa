#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/release/release_check.h"

#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define RETRIES_MAX    100
#define DUPLICATES_MAX 20
#define TIME_MAX_MS    600000

int admin_play_options(struct admin_call *call, struct play_options *o)
{
	int status;

	if ((status = admin_int(call, "retries", -1, 0, RETRIES_MAX, &o->retries)) != 0 ||
		(status = admin_int(call, "timeout_ms", 0, 1, TIME_MAX_MS, &o->timeout_ms)) != 0)
		return status;
	if ((status = admin_int(call, "late_ms", 0, 0, TIME_MAX_MS, &o->late_ms)) != 0 ||
		(status = admin_int(call, "duplicates", 0, 0, DUPLICATES_MAX, &o->duplicates)) != 0)
		return status;
	return admin_int(call, "create_time", -1, 0, INT64_MAX / 1000, &o->create_time);
}

int admin_finish(struct admin_call *call, int rc, struct push_result *r)
{
	if (rc == PLAY_UNKNOWN)
		return 404;
	if (rc == PLAY_CONFLICT)
		return 409;
	if (rc != 0)
		return 400;
	call->answer = r->entry;
	r->entry = NULL;
	return 200;
}

int admin_push_ticket(struct admin_call *call)
{
	struct push_result r = {0};
	struct play_options o;
	const char *component_appid;
	char ticket[TOKEN_MAX];
	int status, same;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &component_appid)) != 0 ||
		(status = admin_bool(call, "same", 0, &same)) != 0 ||
		(status = admin_play_options(call, &o)) != 0)
		return status;
	status = admin_finish(
		call, play_ticket(call->sim, component_appid, same, &o, ticket, &r, &call->err), &r);
	if (status == 200)
		json_set_str(call->answer, "ticket", ticket);
	return status;
}

static int read_grant(struct admin_call *call, struct grant_request *request, struct func_ids *ids)
{
	int status, force;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &request->component_appid)) != 0 ||
		(status = admin_str(call, "appid", NAME_MAX_LEN, &request->appid)) != 0 ||
		(status = admin_bool(call, "code_reusable", -1, &request->code_reusable)) != 0 ||
		(status = admin_bool(call, "force", 0, &force)) != 0 ||
		(status = admin_func_ids(call, ids)) != 0)
		return status;
	request->force = force;
	request->func_ids = json_get(call->body, "func_ids") ? ids : NULL;
	return 0;
}

/* The consent, and unless "push" is false its push. */
static int push_grant(struct admin_call *call, bool update)
{
	struct grant_request request = {.update = update};
	struct push_result r = {0};
	struct play_options o;
	struct func_ids ids;
	struct grant grant;
	int status, rc, push;

	if ((status = read_grant(call, &request, &ids)) != 0 ||
		(status = admin_play_options(call, &o)) != 0 ||
		(status = admin_bool(call, "push", 1, &push)) != 0)
		return status;
	rc = play_grant(call->sim, &request, &grant, &call->err);
	if (rc == 0 && push) {
		rc = play_push_grant(
			call->sim, &grant, update ? "updateauthorized" : "authorized", &o, &r, &call->err);
	} else if (rc == 0) {
		r.entry = json_new_object();
		json_set(r.entry, "answer", json_new_null());
	}
	if ((status = admin_finish(call, rc, &r)) != 200)
		return status;
	json_set_str(call->answer, "code", grant.code);
	json_set_str(call->answer, "pre_auth_code", grant.pre_auth_code);
	return 200;
}

int admin_push_authorized(struct admin_call *call)
{
	return push_grant(call, false);
}

int admin_push_updateauthorized(struct admin_call *call)
{
	return push_grant(call, true);
}

int admin_push_unauthorized(struct admin_call *call)
{
	const char *component_appid, *appid;
	struct push_result r = {0};
	struct play_options o;
	int status;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &component_appid)) != 0 ||
		(status = admin_str(call, "appid", NAME_MAX_LEN, &appid)) != 0 ||
		(status = admin_play_options(call, &o)) != 0)
		return status;
	return admin_finish(
		call, play_unauthorized(call->sim, component_appid, appid, &o, &r, &call->err), &r);
}

/* A number or a string; NULL if there is none. */
static int read_msg_id(struct admin_call *call, char *space, size_t size, const char **out)
{
	const struct json *value = json_get(call->body, "msg_id");
	int64_t number;

	*out = NULL;
	if (!value)
		return 0;
	if (json_int(value, &number) == 0)
		snprintf(space, size, "%" PRId64, number);
	else if (!json_str(value) || str_copy(space, size, json_str(value)) < 0)
		return admin_refuse(
			call, 400, "msg_id is neither a number nor a string below %zu bytes", size);
	*out = space;
	return 0;
}

int admin_push_message(struct admin_call *call)
{
	struct play_message m = {.fields = json_get(call->body, "fields")};
	struct push_result r = {0};
	struct play_options o;
	char msg_id[24];
	int status;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &m.component_appid)) != 0 ||
		(status = admin_str(call, "appid", NAME_MAX_LEN, &m.appid)) != 0 ||
		(status = admin_str(call, "openid", NAME_MAX_LEN, &m.openid)) != 0 ||
		(status = read_msg_id(call, msg_id, sizeof(msg_id), &m.msg_id)) != 0 ||
		(status = admin_play_options(call, &o)) != 0)
		return status;
	if (json_kind(m.fields) != JSON_OBJECT)
		return admin_refuse(call, 400, "fields is missing or no object");
	return admin_finish(call, play_message(call->sim, &m, &o, &r, &call->err), &r);
}

static int read_steps(struct admin_call *call, unsigned *out)
{
	const struct json *list = json_get(call->body, "steps");

	*out = list ? 0 : STEP_ALL;
	if (list && json_kind(list) != JSON_ARRAY)
		return admin_refuse(call, 400, "steps is no list");
	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_str(json_at(list, i));
		unsigned step = name ? release_step(name) : 0;

		if (!step)
			return admin_refuse(call, 400, "steps holds something else than the names of steps");
		*out |= step;
	}
	return 0;
}

static int read_accounts(struct admin_call *call, struct release_options *o)
{
	const struct json *list = json_get(call->body, "accounts");

	o->official = o->miniprogram = list == NULL;
	if (list && json_kind(list) != JSON_ARRAY)
		return admin_refuse(call, 400, "accounts is no list");
	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_str(json_at(list, i));

		if (name && strcmp(name, "official") == 0)
			o->official = true;
		else if (name && strcmp(name, "miniprogram") == 0)
			o->miniprogram = true;
		else
			return admin_refuse(call, 400, "accounts holds neither official nor miniprogram");
	}
	return 0;
}

static int read_order(struct admin_call *call, struct release_options *o)
{
	const char *order = json_get_str(call->body, "code_order");

	o->message_first = order && strcmp(order, "message-first") == 0;
	if (json_get(call->body, "code_order") && !o->message_first &&
		(!order || strcmp(order, "push-first") != 0))
		return admin_refuse(call, 400, "code_order is neither push-first nor message-first");
	return 0;
}

int admin_release_check(struct admin_call *call)
{
	struct release_options o = {0};
	int64_t group;
	int status;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &o.component_appid)) != 0 ||
		(status = admin_int(call, "group", 1, 1, RELEASE_GROUPS, &group)) != 0 ||
		(status = admin_int(call, "api_limit_ms", 5000, 1, TIME_MAX_MS, &o.api_limit_ms)) != 0 ||
		(status = admin_int(
			 call, "ticket_create_time", -1, 0, INT64_MAX / 1000, &o.ticket_create_time)) != 0 ||
		(status = admin_bool(call, "code_reusable", 0, &o.code_reusable)) != 0 ||
		(status = read_steps(call, &o.steps)) != 0 || (status = read_accounts(call, &o)) != 0 ||
		(status = read_order(call, &o)) != 0)
		return status;
	o.group = (int)group;
	return release_check(call->sim, &o, &call->answer, &call->err) == 0 ? 200 : 404;
}
