#include "tools/weixin-sim/push/plays.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/weixin-sim/wire/push_xml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define XML_MAX ((size_t)2 << 20)

const struct play_options play_defaults = {.retries = -1, .create_time = -1};

static int unknown(struct err *err, const char *what)
{
	err_set(err, ERR_REJECT, ENOENT, "%s", what);
	return PLAY_UNKNOWN;
}

static int conflict(struct err *err, const char *what)
{
	err_set(err, ERR_REJECT, EBUSY, "%s", what);
	return PLAY_CONFLICT;
}

static int64_t create_time(const struct sim *sim, const struct play_options *o)
{
	return o->create_time < 0 ? sim_told_ms(sim) / 1000 : o->create_time;
}

/* Writes the plaintext and sends; releases `push`. */
static int send_fields(struct sim *sim, struct push *push, const struct json *fields,
	const struct play_options *o, struct push_result *out, struct err *err)
{
	struct buf xml = BUF_INIT(XML_MAX);
	int rc = push_xml_write(fields, &xml, err) < 0 ? PLAY_WRONG : 0;

	if (rc == 0) {
		push->xml = buf_detach(&xml);
		push->retries = o->retries < 0 ? delivery_retries(&sim->delivery, push->kind) : o->retries;
		push->late_ms = o->late_ms;
		push->duplicates = o->duplicates;
		if (o->timeout_ms > 0 && o->timeout_ms < push->timeout_ms)
			push->timeout_ms = o->timeout_ms;
		push_send(sim, push, out);
	}
	buf_release(&xml);
	push_release(push);
	return rc;
}

static void copy_member(struct json *to, const struct json *from, const char *name)
{
	json_set(to, name, json_copy(json_get(from, name)));
}

static struct json *event_fields(const struct sim *sim, const char *component_appid, const char *info_type,
	const struct play_options *o)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "AppId", component_appid);
	json_set_int(fields, "CreateTime", create_time(sim, o));
	json_set_str(fields, "InfoType", info_type);
	return fields;
}

/* A push to the authorization-event URL; takes `fields` over. */
static int send_event(struct sim *sim, const char *component_appid, const char *appid, struct json *fields,
	const struct play_options *o, struct push_result *out, struct err *err)
{
	const struct platform *p;
	struct push push;
	int rc = -1;

	state_lock(&sim->state);
	p = state_platform(&sim->state, component_appid);
	if (p)
		rc = push_init(&push, sim, p, NULL);
	state_unlock(&sim->state);
	if (rc == 0) {
		str_copy(push.kind, sizeof(push.kind), json_get_str(fields, "InfoType"));
		if (appid)
			str_copy(push.about, sizeof(push.about), appid);
		rc = send_fields(sim, &push, fields, o, out, err);
	} else {
		rc = unknown(err, "no such platform, or it has no event_url");
	}
	json_free(&fields);
	return rc;
}

int play_ticket(struct sim *sim, const char *component_appid, bool same, const struct play_options *o,
	char ticket_out[TOKEN_MAX], struct push_result *out, struct err *err)
{
	struct platform *p;
	struct json *fields;

	state_lock(&sim->state);
	p = state_platform(&sim->state, component_appid);
	if (p)
		str_copy(ticket_out, TOKEN_MAX, state_new_ticket(p, same, clock_wall_ms()));
	state_unlock(&sim->state);
	if (!p)
		return unknown(err, "no such platform");
	fields = event_fields(sim, component_appid, "component_verify_ticket", o);
	json_set_str(fields, "ComponentVerifyTicket", ticket_out);
	return send_event(sim, component_appid, NULL, fields, o, out, err);
}

/* With the state locked: what is granted, or why not. */
static int decide_grant(const struct sim *sim, const struct grant_request *r, const struct account *a,
	struct func_ids *granted_out, struct err *err)
{
	const struct authorization *auth = state_authorization(&sim->state, r->component_appid, r->appid);
	bool stands = auth && auth->authorized;

	*granted_out = r->func_ids ? *r->func_ids : a->func_ids;
	if (!r->update)
		return 0;
	if (!stands)
		return conflict(err, "the account is not authorized, so there is nothing to update");
	if (!r->func_ids)
		*granted_out = auth->granted;
	if (!r->force && func_ids_equal(granted_out, &auth->granted))
		return conflict(err, "the permission sets stay as they are: Weixin pushes nothing then");
	return 0;
}

int play_grant(struct sim *sim, const struct grant_request *r, struct grant *out, struct err *err)
{
	struct func_ids granted;
	const struct code *code;
	struct platform *p;
	struct account *a;
	int rc;

	state_lock(&sim->state);
	p = state_platform(&sim->state, r->component_appid);
	a = state_account(&sim->state, r->appid);
	rc = p && a ? decide_grant(sim, r, a, &granted, err) : unknown(err, "no such platform or account");
	if (rc == 0) {
		if (!r->pre_auth_code && p->pre_auth_code[0] == '\0')
			state_new_pre_auth_code(p);
		code = state_authorize(&sim->state, p, a, &granted, r->code_reusable, clock_wall_ms());
		str_copy(out->component_appid, sizeof(out->component_appid), r->component_appid);
		str_copy(out->appid, sizeof(out->appid), r->appid);
		str_copy(out->code, sizeof(out->code), code->value);
		str_copy(out->pre_auth_code, sizeof(out->pre_auth_code),
			r->pre_auth_code ? r->pre_auth_code : p->pre_auth_code);
		out->expires_ms = code->expires_ms + atomic_load(&sim->clock_offset_ms);
	}
	state_unlock(&sim->state);
	return rc;
}

int play_push_grant(struct sim *sim, const struct grant *g, const char *info_type,
	const struct play_options *o, struct push_result *out, struct err *err)
{
	struct json *fields = event_fields(sim, g->component_appid, info_type, o);

	json_set_str(fields, "AuthorizerAppid", g->appid);
	json_set_str(fields, "AuthorizationCode", g->code);
	json_set_int(fields, "AuthorizationCodeExpiredTime", g->expires_ms / 1000);
	json_set_str(fields, "PreAuthCode", g->pre_auth_code);
	return send_event(sim, g->component_appid, g->appid, fields, o, out, err);
}

int play_unauthorized(struct sim *sim, const char *component_appid, const char *appid,
	const struct play_options *o, struct push_result *out, struct err *err)
{
	struct authorization *auth;
	struct json *fields;
	int rc = 0;

	state_lock(&sim->state);
	auth = state_authorization(&sim->state, component_appid, appid);
	if (!auth)
		rc = unknown(err, "no such account has ever authorized this platform");
	else if (!auth->authorized)
		rc = conflict(err, "the account is not authorized");
	else
		state_unauthorize(auth, clock_wall_ms());
	state_unlock(&sim->state);
	if (rc)
		return rc;
	fields = event_fields(sim, component_appid, "unauthorized", o);
	json_set_str(fields, "AuthorizerAppid", appid);
	return send_event(sim, component_appid, appid, fields, o, out, err);
}

int play_platform(struct sim *sim, const char *component_appid, const char *appid, const struct json *fields,
	const struct play_options *o, struct push_result *out, struct err *err)
{
	const char *info_type = json_get_str(fields, "InfoType"), *name;
	const struct json *value;
	struct json *all;
	size_t it = 0;

	if (!info_type || strlen(info_type) >= NAME_MAX_LEN) {
		err_set(err, ERR_REJECT, EINVAL, "InfoType is missing or too long");
		return PLAY_WRONG;
	}
	all = event_fields(sim, component_appid, info_type, o);
	while (json_next(fields, &it, &name, &value))
		copy_member(all, fields, name);
	return send_event(sim, component_appid, appid, all, o, out, err);
}

/* The four common elements first, each replaced by a field of that name; then the fields; then MsgId. */
static struct json *message_fields(const struct sim *sim, const struct play_message *m, const char *user_name,
	const char *msg_id, const struct play_options *o)
{
	struct json *fields = json_new_object();
	const struct json *value;
	const char *name;
	size_t it = 0;
	int64_t number;

	json_set_str(fields, "ToUserName", user_name);
	json_set_str(fields, "FromUserName", m->openid);
	json_set_int(fields, "CreateTime", create_time(sim, o));
	while (json_next(m->fields, &it, &name, &value))
		copy_member(fields, m->fields, name);
	if (msg_id[0] && str_to_int64(msg_id, strlen(msg_id), 0, INT64_MAX, &number) == 0)
		json_set_int(fields, "MsgId", number);
	else if (msg_id[0])
		json_set_str(fields, "MsgId", msg_id);
	return fields;
}

static void choose_msg_id(
	struct sim *sim, const struct play_message *m, bool is_event, char *out, size_t size)
{
	out[0] = '\0';
	if (m->msg_id)
		str_copy(out, size, m->msg_id);
	else if (!is_event)
		snprintf(out, size, "%llu", atomic_fetch_add(&sim->msg_ids, 1) + 1);
}

/* The fan acts, and the push is addressed. */
static int begin_message(
	struct sim *sim, const struct play_message *m, const char *event, struct push *push, struct err *err)
{
	const struct platform *p;
	struct account *a;
	int rc = -1;

	state_lock(&sim->state);
	p = state_platform(&sim->state, m->component_appid);
	a = state_account(&sim->state, m->appid);
	if (p && a)
		rc = push_init(push, sim, p, a);
	if (rc == 0 && !m->by_weixin)
		fan_acts(state_put_fan(a, m->openid), &sim->state.rules.allowance, event, clock_wall_ms());
	state_unlock(&sim->state);
	return rc == 0 ? 0 : unknown(err, "no such platform or account, or the platform has no message_url");
}

static void add_to_chat(
	struct sim *sim, const struct play_message *m, enum chat_from from, const struct json *message)
{
	struct account *a;

	state_lock(&sim->state);
	a = state_account(&sim->state, m->appid);
	if (a)
		chat_add(&state_put_fan(a, m->openid)->chat, from, clock_wall_ms(), message);
	state_unlock(&sim->state);
}

/* What the fan sees of the answer; a message that came to nothing is answered by Weixin itself. */
static void show_answer(
	struct sim *sim, const struct play_message *m, bool is_message, const struct push_result *r)
{
	struct json *sorry;

	if (r->answer == ANSWER_REPLY)
		add_to_chat(sim, m, CHAT_REPLY, r->reply);
	if (!is_message || r->answer == ANSWER_REPLY || r->answer == ANSWER_SUCCESS ||
		r->answer == ANSWER_EMPTY)
		return;
	sorry = json_new_object();
	json_set_str(sorry, "text", "该公众号暂时无法提供服务，请稍后再试");
	add_to_chat(sim, m, CHAT_WEIXIN, sorry);
	json_free(&sorry);
}

int play_message(struct sim *sim, const struct play_message *m, const struct play_options *o,
	struct push_result *out, struct err *err)
{
	const char *type = json_get_str(m->fields, "MsgType"), *event = NULL;
	struct json *fields;
	struct push push;
	int rc;

	if (!type || strlen(m->openid) >= NAME_MAX_LEN) {
		err_set(err, ERR_REJECT, EINVAL, "MsgType is missing, or openid is too long");
		return PLAY_WRONG;
	}
	if (strcmp(type, "event") == 0) {
		event = json_get_str(m->fields, "Event");
		event = event ? event : "";
	}
	if ((rc = begin_message(sim, m, event, &push, err)) != 0)
		return rc;
	str_copy(push.openid, sizeof(push.openid), m->openid);
	str_copy(push.kind, sizeof(push.kind), event ? event : type);
	push.is_message = event == NULL;
	choose_msg_id(sim, m, event != NULL, push.msg_id, sizeof(push.msg_id));
	fields = message_fields(sim, m, push.user_name, push.msg_id, o);
	if (!m->by_weixin)
		add_to_chat(sim, m, CHAT_FAN, fields);
	rc = send_fields(sim, &push, fields, o, out, err);
	if (rc == 0 && !m->by_weixin)
		show_answer(sim, m, event == NULL, out);
	json_free(&fields);
	return rc;
}
