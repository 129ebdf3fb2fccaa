#include "tools/weixin-sim/release/release_check.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define RECORD_MAX    ((size_t)64 << 20)
#define TEXT_ASKED    "TESTCOMPONENT_MSG_TYPE_TEXT"
#define TEXT_ANSWERED TEXT_ASKED "_callback"
#define EVENT_NAME    "LOCATION"

/* The ten dedicated accounts, in their groups. */
static const struct test_account {
	const char *appid;
	const char *user_name;
} accounts[RELEASE_GROUPS][2] = {
	{{"wx570bc396a51b8ff8", "gh_3c884a361561"}, {"wxd101a85aa106f53e", "gh_8dad206e9538"}},
	{{"wx9252c5e0bb1836fc", "gh_c0f28a78b318"}, {"wxc39235c15087f6f3", "gh_905ae9d01059"}},
	{{"wx8e1097c5bc82cde9", "gh_3f222ed8d140"}, {"wx7720d01d4b2a4500", "gh_393666f1fdf4"}},
	{{"wx14550af28c71a144", "gh_26128078e9ab"}, {"wx05d483572dcd5d8b", "gh_39abb5d4e1b7"}},
	{{"wxa35b9c23cfe664eb", "gh_2b3713f184a6"}, {"wx5910277cae6fd970", "gh_7818dcb60240"}},
};

static const struct step_name {
	enum release_step step;
	const char *name;
	const char *console; /* as Weixin's console lists it */
} steps[] = {
	{STEP_TICKET, "ticket", "组件ticket正确接收"},
	{STEP_AUTHORIZED, "authorized", "授权"},
	{STEP_TEXT, "text", "返回普通文本消息"},
	{STEP_API_TEXT, "api_text", "返回Api文本消息"},
	{STEP_EVENT, "event", "发送事件消息"},
	{STEP_UNAUTHORIZED, "unauthorized", "取消授权"},
};

unsigned release_step(const char *name)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].name, name) == 0)
			return steps[i].step;
	return 0;
}

struct check {
	struct sim *sim;
	const struct release_options *o;
	struct json *items;
	bool ok;
	/* of the account under test */
	const struct test_account *account;
	bool miniprogram;
	char openid[NAME_MAX_LEN];
	struct grant grant;
};

/* One item of the result. */
struct item {
	enum release_step step;
	bool ok;
	int64_t ms;
	char why[VERIFY_WHY_SIZE];
	char push[32];
	int exchanged; /* STEP_API_TEXT: 1 or 0; -1 elsewhere */
	bool untestable;
	char *sent;         /* the plaintext */
	struct json *last;  /* what its last attempt came to */
	struct json *calls; /* STEP_API_TEXT: the deployment's calls meanwhile; NULL elsewhere */
};

static struct item item_new(enum release_step step)
{
	return (struct item){.step = step, .exchanged = -1};
}

static void fails(struct item *item, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void fails(struct item *item, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(item->why, sizeof(item->why), fmt, args);
	va_end(args);
	item->ok = false;
}

/* The last attempt's status and body. */
static void set_answer(struct json *j, const struct json *attempt)
{
	int64_t status = 0;

	(void)json_get_int(attempt, "status", &status);
	json_set_int(j, "status", status);
	json_set_str(j, "answer", json_get_str(attempt, "answer"));
	json_set_str(j, "body", json_get_str(attempt, "body"));
}

static void add_item(struct check *c, struct item *item)
{
	struct json *j = json_new_object();

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].step != item->step)
			continue;
		json_set_str(j, "item", steps[i].name);
		json_set_str(j, "name", steps[i].console);
	}
	json_set_str(j, "account",
		item->step == STEP_TICKET ? "platform"
		: c->miniprogram          ? "miniprogram"
					  : "official");
	json_set_str(j, "appid", item->step == STEP_TICKET ? c->o->component_appid : c->account->appid);
	json_set_bool(j, "ok", item->ok);
	json_set_bool(j, "testable", !item->untestable);
	json_set_str(j, "result", item->untestable ? "不可测" : item->ok ? "成功" : "失败");
	json_set_int(j, "ms", item->ms);
	json_set_str(j, "why", item->why);
	json_set_str(j, "push", item->push[0] ? item->push : NULL);
	if (item->exchanged >= 0)
		json_set_bool(j, "code_exchanged", item->exchanged == 1);
	json_set_str(j, "sent", item->sent);
	set_answer(j, item->last);
	if (item->calls)
		json_set(j, "calls", item->calls);
	json_push(c->items, j);
	c->ok = c->ok && item->ok;
	free(item->sent);
	json_free(&item->last);
}

/* What the push came to, against the one answer that is right. Releases the result. */
static void judge(struct item *item, int rc, struct push_result *r, enum answer wanted, const struct err *err)
{
	const struct json *attempts;

	if (rc != 0) {
		fails(item, "%s", err->text);
		return;
	}
	attempts = json_get(r->entry, "attempts");
	item->ms = r->ms;
	item->ok = r->answer == wanted;
	str_copy(item->push, sizeof(item->push), json_get_str(r->entry, "id"));
	item->sent = xstrdup(json_get_str(r->entry, "xml"));
	item->last = json_copy(json_at(attempts, json_len(attempts) - 1));
	if (!item->ok)
		fails(item, "the answer was %s instead of %s%s%s", answer_name(r->answer),
			answer_name(wanted), r->why[0] ? ": " : "", r->why);
}

static void judge_content(struct item *item, const struct push_result *r, const char *wanted)
{
	const char *type = json_get_str(r->reply, "MsgType"), *content = json_get_str(r->reply, "Content");

	if (!item->ok)
		return;
	if (strcmp(type, "text") != 0)
		fails(item, "the reply is of type %s instead of text", type);
	else if (!content || strcmp(content, wanted) != 0)
		fails(item, "the reply says another text than %s", wanted);
}

static void check_ticket(struct check *c)
{
	const struct play_options o = {.retries = -1, .create_time = c->o->ticket_create_time};
	struct item item = item_new(STEP_TICKET);
	struct push_result r = {0};
	char ticket[TOKEN_MAX];
	struct err err;

	judge(&item, play_ticket(c->sim, c->o->component_appid, false, &o, ticket, &r, &err), &r,
		ANSWER_SUCCESS, &err);
	push_result_release(&r);
	add_item(c, &item);
}

static void check_authorized(struct check *c)
{
	struct item item = item_new(STEP_AUTHORIZED);
	struct push_result r = {0};
	struct err err;

	judge(&item, play_push_grant(c->sim, &c->grant, "authorized", &play_defaults, &r, &err), &r,
		ANSWER_SUCCESS, &err);
	push_result_release(&r);
	add_item(c, &item);
}

static int push_fields(
	struct check *c, const char *const (*fields)[2], size_t n, struct push_result *r, struct err *err)
{
	struct json *object = json_new_object();
	const struct play_message m = {.component_appid = c->o->component_appid,
		.appid = c->account->appid,
		.openid = c->openid,
		.fields = object};
	int rc;

	for (size_t i = 0; i < n; i++)
		json_set_str(object, fields[i][0], fields[i][1]);
	rc = play_message(c->sim, &m, &play_defaults, r, err);
	json_free(&object);
	return rc;
}

static void check_text(struct check *c)
{
	static const char *const fields[][2] = {{"MsgType", "text"}, {"Content", TEXT_ASKED}};
	struct item item = item_new(STEP_TEXT);
	struct push_result r = {0};
	struct err err;

	judge(&item, push_fields(c, fields, 2, &r, &err), &r, ANSWER_REPLY, &err);
	judge_content(&item, &r, TEXT_ANSWERED);
	push_result_release(&r);
	add_item(c, &item);
}

static void check_event(struct check *c)
{
	static const char *const fields[][2] = {{"MsgType", "event"}, {"Event", EVENT_NAME},
		{"Latitude", "23.137466"}, {"Longitude", "113.352425"}, {"Precision", "119.385040"}};
	struct item item = item_new(STEP_EVENT);
	struct push_result r = {0};
	struct err err;

	judge(&item, push_fields(c, fields, 5, &r, &err), &r, ANSWER_REPLY, &err);
	judge_content(&item, &r, EVENT_NAME "from_callback");
	push_result_release(&r);
	add_item(c, &item);
}

/* 1: a customer-service message says exactly that; 0: none yet; -1: one says something else. */
static int look_at_messages(const struct fan *f, uint64_t since, const char *wanted)
{
	const struct json_limits limits = {.max_bytes = (size_t)1 << 20, .max_depth = 16};
	int found = 0;

	for (uint64_t i = since; f && i < f->n_messages && found != 1; i++) {
		const char *body = fan_message(f, i), *content;
		struct json *message = NULL;

		if (!body || json_parse(body, strlen(body), &limits, &message, NULL) < 0)
			continue;
		content = json_get_str(json_get(message, "text"), "content");
		found = content && strcmp(content, wanted) == 0 ? 1 : -1;
		json_free(&message);
	}
	return found;
}

/* Waits for the customer-service message; the item's time runs from the push. */
static void await_message(struct check *c, struct item *item, int64_t pushed_mono_ms)
{
	struct timespec until = clock_mono_timespec(pushed_mono_ms + c->o->api_limit_ms);
	struct state *s = &c->sim->state;
	char wanted[TOKEN_MAX + 16];
	int found = 0;

	snprintf(wanted, sizeof(wanted), "%s_from_api", c->grant.code);
	state_lock(s);
	for (int late = 0; !late && found != 1 && !atomic_load(&c->sim->stopping);) {
		const struct account *a = state_account(s, c->account->appid);

		found = a ? look_at_messages(state_fan(a, c->openid), 0, wanted) : 0;
		if (found != 1)
			late = pthread_cond_timedwait(&s->received, &s->lock, &until) != 0;
	}
	state_unlock(s);
	item->ms = clock_mono_ms() - pushed_mono_ms;
	if (found < 0)
		fails(item, "a customer-service message came, but it does not say the code and _from_api");
	else if (found == 0)
		fails(item, "no customer-service message within %lld ms", (long long)c->o->api_limit_ms);
}

static int code_was_exchanged(struct check *c)
{
	const struct code *code;
	int used;

	state_lock(&c->sim->state);
	HASH_FIND_STR(c->sim->state.codes, c->grant.code, code);
	used = code && code->used;
	state_unlock(&c->sim->state);
	return used;
}

/* [{"path","errcode"},...] of the calls recorded above `since`. */
static struct json *calls_since(struct check *c, uint64_t since)
{
	const struct json_limits limits = {.max_bytes = RECORD_MAX, .max_depth = 16};
	struct json *calls = json_new_array(), *recorded = NULL;
	struct buf text = BUF_INIT(RECORD_MAX);
	const struct json *entries;

	record_write(&c->sim->record, since, "api", 0, &text);
	if (json_parse(buf_cstr(&text), text.len, &limits, &recorded, NULL) == 0) {
		entries = json_get(recorded, "entries");
		for (size_t i = 0; i < json_len(entries); i++) {
			struct json *call = json_new_object();

			json_set_str(call, "path", json_get_str(json_at(entries, i), "path"));
			json_set(call, "errcode", json_copy(json_get(json_at(entries, i), "errcode")));
			json_push(calls, call);
		}
	}
	json_free(&recorded);
	buf_release(&text);
	return calls;
}

static void check_api_text(struct check *c)
{
	char content[TOKEN_MAX + 24];
	const char *const fields[][2] = {{"MsgType", "text"}, {"Content", content}};
	uint64_t recorded = record_last(&c->sim->record);
	int64_t pushed_mono_ms = clock_mono_ms();
	struct item item = item_new(STEP_API_TEXT);
	struct push_result r = {0};
	struct err err;

	snprintf(content, sizeof(content), "QUERY_AUTH_CODE:%s", c->grant.code);
	judge(&item, push_fields(c, fields, 2, &r, &err), &r, ANSWER_EMPTY, &err);
	push_result_release(&r);
	if (c->o->message_first && (c->o->steps & STEP_AUTHORIZED))
		check_authorized(c);
	item.untestable = item.ok && c->o->no_api;
	if (item.ok && !item.untestable)
		await_message(c, &item, pushed_mono_ms);
	if (!c->o->no_api) {
		item.exchanged = code_was_exchanged(c);
		item.calls = calls_since(c, recorded);
	}
	add_item(c, &item);
}

static void check_unauthorized(struct check *c)
{
	struct item item = item_new(STEP_UNAUTHORIZED);
	struct push_result r = {0};
	struct err err;

	judge(&item,
		play_unauthorized(c->sim, c->o->component_appid, c->account->appid, &play_defaults, &r, &err),
		&r, ANSWER_SUCCESS, &err);
	push_result_release(&r);
	add_item(c, &item);
}

/* The account as Weixin has it, and its consent. */
static int prepare_account(struct check *c, struct err *err)
{
	const struct func_ids ids = {{c->miniprogram ? 19 : 1}, 1};
	const struct grant_request request = {.component_appid = c->o->component_appid,
		.appid = c->account->appid,
		.func_ids = &ids,
		.code_reusable = c->o->code_reusable};
	struct account *a;

	state_lock(&c->sim->state);
	a = state_put_account(&c->sim->state, c->account->appid);
	str_copy(a->user_name, sizeof(a->user_name), c->account->user_name);
	str_copy(a->nick_name, sizeof(a->nick_name), "release check");
	a->service_type = c->miniprogram ? 0 : 2;
	a->verify_type = 0;
	a->miniprogram = c->miniprogram;
	a->func_ids = ids;
	state_unlock(&c->sim->state);
	str_copy(c->openid, sizeof(c->openid), "o");
	weixin_random_text(c->openid + 1, 27);
	return play_grant(c->sim, &request, &c->grant, err);
}

static int check_account(
	struct check *c, const struct test_account *account, bool miniprogram, struct err *err)
{
	unsigned wanted = c->o->steps;
	int rc;

	c->account = account;
	c->miniprogram = miniprogram;
	if ((rc = prepare_account(c, err)) != 0)
		return rc;
	if ((wanted & STEP_AUTHORIZED) && !(c->o->message_first && (wanted & STEP_API_TEXT)))
		check_authorized(c);
	if ((wanted & STEP_TEXT) && !miniprogram)
		check_text(c);
	if (wanted & STEP_API_TEXT)
		check_api_text(c);
	if ((wanted & STEP_EVENT) && !miniprogram)
		check_event(c);
	if (wanted & STEP_UNAUTHORIZED)
		check_unauthorized(c);
	return 0;
}

int release_check(struct sim *sim, const struct release_options *o, struct json **out, struct err *err)
{
	struct check c = {.sim = sim, .o = o, .items = json_new_array(), .ok = true};
	const struct test_account *group = accounts[o->group - 1];
	int rc = 0;

	if (o->steps & STEP_TICKET)
		check_ticket(&c);
	if (o->official)
		rc = check_account(&c, &group[0], false, err);
	if (rc == 0 && o->miniprogram)
		rc = check_account(&c, &group[1], true, err);
	if (rc != 0) {
		json_free(&c.items);
		return rc;
	}
	*out = json_new_object();
	json_set_bool(*out, "ok", c.ok);
	json_set_int(*out, "group", o->group);
	json_set(*out, "items", c.items);
	return 0;
}
