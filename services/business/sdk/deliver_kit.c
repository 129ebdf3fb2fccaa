#include "services/business/sdk/deliver_kit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/pg/pg_test_database.h"
#include "proto/api_call.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct deliver_kit kit;

/* --- Kafka -----------------------------------------------------------------------------------------------
 */

static void *keep(const void *p, size_t len)
{
	void *copy = arena_alloc(&kit.arena, len + 1);

	return len ? memcpy(copy, p, len) : copy;
}

static int publish(struct business *b, const struct kafka_record *r, struct err *err)
{
	struct kafka_record *copy = &kit.records[kit.n];
	struct kafka_header *headers = arena_alloc(&kit.arena, (r->n_headers + 1) * sizeof(*headers));

	(void)b;
	if (kit.failures > 0) {
		kit.failures--;
		return err_set(err, ERR_UNCERTAIN, 0, "no acknowledgement");
	}
	if (kit.broken && strcmp(kit.broken, r->topic) == 0)
		return err_set(err, ERR_RETRY, 0, "no such topic");
	assert_true(kit.n < DELIVER_KIT_RECORDS);
	*copy = *r;
	copy->topic = arena_strdup(&kit.arena, r->topic);
	copy->key = keep(r->key, r->key_len);
	copy->value = keep(r->value, r->value_len);
	for (size_t i = 0; i < r->n_headers; i++)
		headers[i] = (struct kafka_header){arena_strdup(&kit.arena, r->headers[i].name),
			keep(r->headers[i].value, r->headers[i].value_len), r->headers[i].value_len};
	copy->headers = headers;
	kit.n++;
	return 0;
}

static bool no_wait(struct worker_job *job, int64_t ms)
{
	(void)job;
	(void)ms;
	if (atomic_load(&kit.b.stopped) > kit.most_stopped)
		kit.most_stopped = atomic_load(&kit.b.stopped);
	return ++kit.waits <= kit.waits_ok;
}

const char *written_header(int i, const char *name)
{
	const struct kafka_header *h = kafka_record_header(&kit.records[i], name);

	return h ? h->value : "";
}

/* --- the business ----------------------------------------------------------------------------------------
 */

static enum settlement run(struct event *e, const char *route)
{
	kit.route = route;
	kit.handled++;
	if (kit.act)
		kit.act(e);
	return kit.settlement;
}

static enum settlement on_text(struct event *e, void *arg)
{
	assert_ptr_equal(arg, &kit);
	return run(e, "text");
}

static enum settlement on_event(struct event *e, void *arg)
{
	(void)arg;
	return run(e, "event");
}

static enum settlement on_click(struct event *e, void *arg)
{
	(void)arg;
	return run(e, "click");
}

static enum settlement on_result(struct event *e, void *arg)
{
	(void)arg;
	return run(e, arena_strdup(&kit.arena, e->type)); /* looked at when the event is gone */
}

#define N_ROUTES 4
static const struct business_route routes[N_ROUTES] = {BUSINESS_ROUTE("weixin.message.text", on_text),
	BUSINESS_ROUTE("weixin.event.*", on_event),
	BUSINESS_ROUTE("weixin.event.click", on_click), /* never reached: the row before fits first */
	BUSINESS_ROUTE("wxbus.api.result.sent", on_result)};
static const struct business_route once_routes[] = {BUSINESS_ONCE("weixin.message.text", on_text)};
const struct business_def hello = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"topics\":[\"dead-letter\",\"results\"]}",
	.routes = routes,
	.n_routes = N_ROUTES};
const struct business_def retrying = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"delays\":[\"5s\",\"1m\"],\"topics\":[\"dead-letter\"]}",
	.routes = routes,
	.n_routes = N_ROUTES};
const struct business_def strict = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"delays\":[\"5s\",\"1m\"],\"topics\":[\"dead-letter\"]}",
	.strict_order = true,
	.routes = routes,
	.n_routes = N_ROUTES};
const struct business_def once = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"delays\":[\"5s\"],\"topics\":[\"dead-letter\"]}",
	.routes = once_routes,
	.n_routes = 1};

static void stop(struct business *business, const struct err *why)
{
	assert_ptr_equal(business, &kit.b);
	kit.stop = *why;
}

static const struct sdk_reach reach = {publish, no_wait, stop};
static struct caller_key caller = {"wxc", "hello-caller", NULL};
static struct caller_keys callers = {&caller, 1};

void deliver_as(const struct business_def *def)
{
	kit.b.def = def;
	assert_int_equal(sdk_name_things(&kit.b, "wx.", false, NULL), 0);
}

int deliver_kit_setup(void **state)
{
	int rc = testing_setup(state);

	memset(&kit, 0, sizeof(kit));
	kit.waits_ok = 1000;
	caller.key = xstrdup("a-caller-key-of-the-tests");
	kit.b = (struct business){
		.reach = &reach, .arg = &kit, .callers = &callers, .stopped_lock = PTHREAD_MUTEX_INITIALIZER};
	deliver_as(&hello);
	kit.b.settled = settled_new();
	kit.b.marks = marks_new();
	clock_fake(NOW_MS, 1000);
	return rc;
}

int deliver_kit_teardown(void **state)
{
	pg_pool_free(&kit.b.pool);
	settled_free(&kit.b.settled);
	marks_free(&kit.b.marks);
	arena_release(&kit.arena);
	free(caller.key);
	return testing_teardown(state);
}

void become_another_process(void)
{
	settled_free(&kit.b.settled);
	kit.b.settled = settled_new();
}

void deliver_once(const char *schema)
{
	clock_real();
	deliver_as(&once);
	kit.b.pool = test_tables(schema, WXBUS_SDK_MIGRATIONS, PG_MIGRATE_LIBRARY, 2);
}

/* --- events ----------------------------------------------------------------------------------------------
 */

struct envelope asked_event(void)
{
	return (struct envelope){
		.id = ID,
		.type = "weixin.message.text",
		.component_appid = "wxc",
		.appid = "wxa",
		.subject = "oFan",
		.content_type = "application/json",
		.time_ms = NOW_MS,
		.received_ms = NOW_MS,
		.repliers = {"desk", "hello"},
		.n_repliers = 2,
		.reply_deadline_ms = NOW_MS + 3800,
	};
}

bool deliver_value(const struct envelope *e, const char *value)
{
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	struct kafka_record r = {
		.topic = "wx.messages",
		.partition = 3,
		.offset = 77,
		.timestamp_ms = NOW_MS,
		.key = KEY,
		.key_len = strlen(KEY),
		.value = value,
		.value_len = strlen(value),
		.headers = headers,
	};
	bool settled;

	r.n_headers = envelope_encode(e, &arena, headers);
	settled = sdk_deliver(&kit.b, &r, NULL);
	arena_release(&arena);
	return settled;
}

bool deliver(const struct envelope *e)
{
	return deliver_value(e, "{\"MsgType\":\"text\",\"Content\":\"hi\"}");
}

bool deliver_asked(void)
{
	struct envelope e = asked_event();

	return deliver(&e);
}

bool deliver_written(int i)
{
	struct kafka_record r = kit.records[i];

	r.partition = 1;
	r.offset = 5;
	return sdk_deliver(&kit.b, &r, NULL);
}

void check_verdict(int i, enum verdict verdict, const char *content)
{
	struct reply_verdict v;

	assert_true(i < kit.n);
	assert_string_equal(kit.records[i].topic, "wx.replies");
	assert_int_equal(reply_verdict_parse(kit.records[i].value, kit.records[i].value_len, &v, NULL), 0);
	assert_string_equal(v.event_id, ID);
	assert_string_equal(v.group, "hello");
	assert_int_equal(v.verdict, verdict);
	if (content)
		assert_string_equal(json_get_str(v.reply, "Content"), content);
	assert_string_equal(written_header(i, "ce_id"), ID);
	assert_string_equal(written_header(i, "ce_subject"), "oFan");
	reply_verdict_release(&v);
}

void check_signature(int i)
{
	const struct kafka_record *r = &kit.records[i];
	char expected[65];

	api_call_sign(caller.key, written_header(i, "ce_id"), written_header(i, "ce_replyto"),
		written_header(i, "ce_priority"), r->key, r->key_len, r->value, r->value_len, expected);
	assert_string_equal(written_header(i, "ce_callersignature"), expected);
	assert_string_equal(written_header(i, "ce_caller"), "hello-caller");
	assert_string_equal(written_header(i, "ce_replyto"), "hello.results");
}

/* --- what handlers do ------------------------------------------------------------------------------------
 */

void say_hi(struct event *e)
{
	kit.rc = reply_text(e, "hi", &kit.err);
}

void say_hi_and_fail_twice(struct event *e)
{
	say_hi(e);
	assert_int_equal(e->attempt, kit.handled - 1);
	kit.settlement = kit.handled < 3 ? SETTLE_RETRY : SETTLE_DONE;
}

void call_twice(struct event *e)
{
	kit.rc = call_custom_send_text(e, "one", &kit.err);
	if (kit.rc == 0)
		kit.rc = call_weixin(e,
			&(struct call){.path = "/cgi-bin/tags/get",
				.method = "GET",
				.lane = "tags",
				.priority = "marketing"},
			&kit.err);
}
