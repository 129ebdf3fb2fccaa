#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/push/samples.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

static const char *const ons[] = {
	[SAMPLE_MESSAGE] = "message", [SAMPLE_EVENT] = "event", [SAMPLE_PLATFORM] = "platform"};

int admin_get_samples(struct admin_call *call)
{
	/* The words stay as they are. */
	const struct sample_words words = {"$COMPONENT", "$APPID", "$USER", "$OPENID", "$CODE", 0};
	struct json *list = json_new_array();
	const struct sample *s;

	for (size_t i = 0; (s = sample_at(i)) != NULL; i++) {
		struct json *row = json_new_object();

		json_set_str(row, "name", s->name);
		json_set_str(row, "on", ons[s->on]);
		json_set(row, "fields", sample_fields(s, &words));
		json_push(list, row);
	}
	call->answer = json_new_object();
	json_set(call->answer, "samples", list);
	return 200;
}

/* What the account is called; 404 if nobody knows it. */
static int find_user_name(struct admin_call *call, const char *appid, char out[NAME_MAX_LEN])
{
	const struct account *a;

	state_lock(&call->sim->state);
	a = state_account(&call->sim->state, appid);
	if (a)
		str_copy(out, NAME_MAX_LEN, a->user_name);
	state_unlock(&call->sim->state);
	return a ? 0 : admin_refuse(call, 404, "no such account");
}

/* The code that comes with a new mini program stands for a consent. */
static int grant_code(
	struct admin_call *call, const char *component_appid, const char *appid, char out[TOKEN_MAX])
{
	const struct grant_request request = {
		.component_appid = component_appid, .appid = appid, .code_reusable = -1};
	struct grant grant;

	if (play_grant(call->sim, &request, &grant, &call->err) != 0)
		return 404;
	str_copy(out, TOKEN_MAX, grant.code);
	return 0;
}

static int push_filled(struct admin_call *call, const struct sample *s, const struct sample_words *words,
	const struct play_options *o, struct push_result *r)
{
	const struct json *more = json_get(call->body, "fields"), *value;
	struct json *fields = sample_fields(s, words);
	struct play_message m = {.component_appid = words->component_appid,
		.appid = words->appid,
		.openid = words->openid,
		.fields = fields};
	const char *name;
	size_t it = 0;
	int rc;

	while (json_next(more, &it, &name, &value))
		json_set(fields, name, json_copy(value));
	if (s->on == SAMPLE_PLATFORM)
		rc = play_platform(call->sim, words->component_appid, words->appid, fields, o, r, &call->err);
	else
		rc = play_message(call->sim, &m, o, r, &call->err);
	json_free(&fields);
	return rc;
}

int admin_push_sample(struct admin_call *call)
{
	struct sample_words words = {.code = "", .openid = "", .now_s = sim_told_ms(call->sim) / 1000};
	char user_name[NAME_MAX_LEN], code[TOKEN_MAX];
	struct push_result r = {0};
	const struct sample *s;
	struct play_options o;
	const char *name;
	int status;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &words.component_appid)) != 0 ||
		(status = admin_str(call, "appid", NAME_MAX_LEN, &words.appid)) != 0 ||
		(status = admin_str(call, "name", NAME_MAX_LEN, &name)) != 0 ||
		(status = admin_play_options(call, &o)) != 0 ||
		(status = find_user_name(call, words.appid, user_name)) != 0)
		return status;
	if (!(s = sample_find(name)))
		return admin_refuse(call, 404, "no such sample; GET /admin/samples lists them");
	if (s->on != SAMPLE_PLATFORM &&
		(status = admin_str(call, "openid", NAME_MAX_LEN, &words.openid)) != 0)
		return status;
	if (sample_wants_code(s) &&
		(status = grant_code(call, words.component_appid, words.appid, code)) != 0)
		return status;
	words.user_name = user_name;
	if (sample_wants_code(s))
		words.code = code;
	return admin_finish(call, push_filled(call, s, &words, &o, &r), &r);
}

/* A list of kinds, written with commas. */
static int read_unrepeated(struct admin_call *call, struct delivery_rules *rules)
{
	const struct json *list = json_get(call->body, "unrepeated");
	struct buf text = BUF_INIT(sizeof(rules->unrepeated) - 1);
	int status = 0;

	if (!list)
		return 0;
	for (size_t i = 0; i < json_len(list) && status == 0; i++) {
		const char *kind = json_str(json_at(list, i));

		if (!kind || strchr(kind, ','))
			status = 400;
		buf_add_str(&text, i ? "," : "");
		buf_add_str(&text, kind ? kind : "");
	}
	if (json_kind(list) != JSON_ARRAY || text.overflow || status)
		status = admin_refuse(call, 400, "unrepeated is no list of kinds, or too long");
	else
		str_copy(rules->unrepeated, sizeof(rules->unrepeated), buf_cstr(&text));
	buf_release(&text);
	return status;
}

int admin_set_delivery(struct admin_call *call)
{
	struct delivery_rules rules;
	int status;

	delivery_get_rules(&call->sim->delivery, &rules);
	if ((status = admin_int(call, "retries", rules.retries, 0, 100, &rules.retries)) != 0 ||
		(status = admin_int(call, "mark_fail_after", rules.mark_fail_after, 0, 1000000,
			 &rules.mark_fail_after)) != 0 ||
		(status = admin_int(
			 call, "mark_fail_ms", rules.mark_fail_ms, 1, 86400000, &rules.mark_fail_ms)) != 0 ||
		(status = read_unrepeated(call, &rules)) != 0)
		return status;
	delivery_set_rules(&call->sim->delivery, &rules);
	return 200;
}
