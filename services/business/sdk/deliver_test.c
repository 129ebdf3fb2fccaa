/* A business of the test's own between records made here and what the SDK would write to Kafka. */
#include "common/testing/testing.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/pg/pg_migrate.h"
#include "common/pg/pg_test_database.h"
#include "proto/api_call.h"
#include "proto/trace.h"
#include "services/business/sdk/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ID      "0123456789abcdef0123456789abcdef"
#define OTHER   "fedcba9876543210fedcba9876543210"
#define NOW_MS  1760000000000
#define KEY     "wxa/oFan"
#define WRITTEN 24

/* What was written, in its order, and how Kafka and the handlers behave. */
static struct {
	struct arena arena;
	struct kafka_record records[WRITTEN];
	int n;
	int failures;        /* so many writes fail first */
	const char *broken;  /* writes to this topic fail */
	int waits, waits_ok; /* how often the SDK slept; after waits_ok the job may not go on */
	int most_stopped;    /* records that could not be handed over */
	int handled;
	const char *route; /* the handler that ran last */
	enum settlement settlement;
	void (*act)(struct event *e);
	struct err err; /* of `act` */
	struct err stop;
	int rc;
} t;

/* --- Kafka -----------------------------------------------------------------------------------------------
 */

static void *keep(const void *p, size_t len)
{
	void *copy = arena_alloc(&t.arena, len + 1);

	return len ? memcpy(copy, p, len) : copy;
}

static int publish(struct business *b, const struct kafka_record *r, struct err *err)
{
	struct kafka_record *copy = &t.records[t.n];
	struct kafka_header *headers = arena_alloc(&t.arena, (r->n_headers + 1) * sizeof(*headers));

	(void)b;
	if (t.failures > 0) {
		t.failures--;
		return err_set(err, ERR_UNCERTAIN, 0, "no acknowledgement");
	}
	if (t.broken && strcmp(t.broken, r->topic) == 0)
		return err_set(err, ERR_RETRY, 0, "no such topic");
	assert_true(t.n < WRITTEN);
	*copy = *r;
	copy->topic = arena_strdup(&t.arena, r->topic);
	copy->key = keep(r->key, r->key_len);
	copy->value = keep(r->value, r->value_len);
	for (size_t i = 0; i < r->n_headers; i++)
		headers[i] = (struct kafka_header){arena_strdup(&t.arena, r->headers[i].name),
			keep(r->headers[i].value, r->headers[i].value_len), r->headers[i].value_len};
	copy->headers = headers;
	t.n++;
	return 0;
}

static struct business b;

static bool no_wait(struct worker_job *job, int64_t ms)
{
	(void)job;
	(void)ms;
	if (atomic_load(&b.stopped) > t.most_stopped)
		t.most_stopped = atomic_load(&b.stopped);
	return ++t.waits <= t.waits_ok;
}

static const char *header(int i, const char *name)
{
	const struct kafka_header *h = kafka_record_header(&t.records[i], name);

	return h ? h->value : "";
}

/* --- the business ----------------------------------------------------------------------------------------
 */

static enum settlement run(struct event *e, const char *route)
{
	t.route = route;
	t.handled++;
	if (t.act)
		t.act(e);
	return t.settlement;
}

static enum settlement on_text(struct event *e, void *arg)
{
	assert_ptr_equal(arg, &t);
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
	return run(e, arena_strdup(&t.arena, e->type)); /* looked at when the event is gone */
}

#define N_ROUTES 4
static const struct business_route routes[N_ROUTES] = {BUSINESS_ROUTE("weixin.message.text", on_text),
	BUSINESS_ROUTE("weixin.event.*", on_event),
	BUSINESS_ROUTE("weixin.event.click", on_click), /* never reached: the row before fits first */
	BUSINESS_ROUTE("wxbus.api.result.sent", on_result)};
static const struct business_route once_routes[] = {BUSINESS_ONCE("weixin.message.text", on_text)};
static const struct business_def hello = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"topics\":[\"dead-letter\",\"results\"]}",
	.routes = routes,
	.n_routes = N_ROUTES};
static const struct business_def retrying = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"delays\":[\"5s\",\"1m\"],\"topics\":[\"dead-letter\"]}",
	.routes = routes,
	.n_routes = N_ROUTES};
static const struct business_def strict = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"delays\":[\"5s\",\"1m\"],\"topics\":[\"dead-letter\"]}",
	.strict_order = true,
	.routes = routes,
	.n_routes = N_ROUTES};
static const struct business_def once = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"delays\":[\"5s\"],\"topics\":[\"dead-letter\"]}",
	.routes = once_routes,
	.n_routes = 1};
static void stop(struct business *business, const struct err *why)
{
	assert_ptr_equal(business, &b);
	t.stop = *why;
}

static const struct sdk_reach reach = {publish, no_wait, stop};
static struct caller_key caller = {"wxc", "hello-caller", NULL};
static struct caller_keys callers = {&caller, 1};

static void be(const struct business_def *def)
{
	b.def = def;
	assert_int_equal(sdk_name_things(&b, "wx.", false, NULL), 0);
}

static int setup(void **state)
{
	int rc = testing_setup(state);

	memset(&t, 0, sizeof(t));
	t.waits_ok = 1000;
	caller.key = xstrdup("a-caller-key-of-the-tests");
	b = (struct business){
		.reach = &reach, .arg = &t, .callers = &callers, .stopped_lock = PTHREAD_MUTEX_INITIALIZER};
	be(&hello);
	b.settled = settled_new();
	b.marks = marks_new();
	clock_fake(NOW_MS, 1000);
	return rc;
}

static int teardown(void **state)
{
	settled_free(&b.settled);
	marks_free(&b.marks);
	arena_release(&t.arena);
	free(caller.key);
	return testing_teardown(state);
}

/* --- events ----------------------------------------------------------------------------------------------
 */

static struct envelope asked_event(void)
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

static bool deliver_value(const struct envelope *e, const char *value)
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
	settled = sdk_deliver(&b, &r, NULL);
	arena_release(&arena);
	return settled;
}

static bool deliver(const struct envelope *e)
{
	return deliver_value(e, "{\"MsgType\":\"text\",\"Content\":\"hi\"}");
}

static bool deliver_asked(void)
{
	struct envelope e = asked_event();

	return deliver(&e);
}

static void check_verdict(int i, enum verdict verdict, const char *content)
{
	struct reply_verdict v;

	assert_true(i < t.n);
	assert_string_equal(t.records[i].topic, "wx.replies");
	assert_int_equal(reply_verdict_parse(t.records[i].value, t.records[i].value_len, &v, NULL), 0);
	assert_string_equal(v.event_id, ID);
	assert_string_equal(v.group, "hello");
	assert_int_equal(v.verdict, verdict);
	if (content)
		assert_string_equal(json_get_str(v.reply, "Content"), content);
	assert_string_equal(header(i, "ce_id"), ID);
	assert_string_equal(header(i, "ce_subject"), "oFan");
	reply_verdict_release(&v);
}

/* --- routes ----------------------------------------------------------------------------------------------
 */

static void route_of(const char *type, const char *expected)
{
	struct envelope e = asked_event();
	char id[EVENT_ID_LEN + 1];

	snprintf(id, sizeof(id), "%032x", (unsigned)t.n);
	e.id = id;
	e.type = type;
	t.route = "none";
	assert_true(deliver(&e));
	assert_string_equal(t.route, expected);
}

static void the_first_route_that_fits_gets_the_event(void **state)
{
	(void)state;
	route_of("weixin.message.text", "text");
	route_of("weixin.event.click", "event");
	route_of("weixin.event.subscribe", "event");
	route_of("weixin.message.textual", "none");
	route_of("weixin.message.image", "none");
	route_of("weixin.event", "none");
	assert_int_equal(t.n, 6); /* each got its `none` */
}

/* --- verdicts --------------------------------------------------------------------------------------------
 */

static void say_hi(struct event *e)
{
	t.rc = reply_text(e, "hi", &t.err);
}

static void say_hi_then_ho(struct event *e)
{
	say_hi(e);
	assert_int_equal(t.n, 1); /* written before the handler ends */
	assert_int_equal(reply_text(e, "ho", &t.err), 0);
	assert_int_equal(reply_empty(e, &t.err), 0);
}

static void say_no_reply_of_weixins(struct event *e)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "MsgType", "carrier pigeon");
	t.rc = reply_fields(e, fields, &t.err);
}

static void nothing_said_is_none(void **state)
{
	(void)state;
	assert_true(deliver_asked());
	assert_int_equal(t.n, 1);
	check_verdict(0, VERDICT_NONE, NULL);
}

static void a_group_that_is_not_asked_says_nothing(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	e.repliers[1] = "hello.test"; /* no base group */
	t.act = say_hi;
	assert_true(deliver(&e));
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.rc, 0);
	assert_int_equal(t.n, 0);
}

static void the_first_verdict_counts_and_goes_out_at_once(void **state)
{
	(void)state;
	t.act = say_hi_then_ho;
	assert_true(deliver_asked());
	assert_int_equal(t.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void under_test_a_verdict_carries_the_base_group(void **state)
{
	(void)state;
	str_copy(b.group, sizeof(b.group), "hello.test");
	t.act = say_hi;
	assert_true(deliver_asked());
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void what_is_no_reply_is_refused_and_the_verdict_is_none(void **state)
{
	(void)state;
	t.act = say_no_reply_of_weixins;
	assert_true(deliver_asked());
	assert_int_equal(t.rc, -1);
	assert_int_equal(t.err.kind, ERR_REJECT);
	check_verdict(0, VERDICT_NONE, NULL);
}

static void a_settled_event_is_not_handled_again_and_its_verdict_is_repeated(void **state)
{
	(void)state;
	t.act = say_hi;
	assert_true(deliver_asked());
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.n, 2);
	check_verdict(1, VERDICT_REPLY, "hi");
}

static void a_settled_event_that_nobody_asked_about_gets_none_once_asked(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	e.n_repliers = 0;
	assert_true(deliver(&e));
	assert_int_equal(t.n, 0);
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 1);
	check_verdict(0, VERDICT_NONE, NULL);
}

static void say_hi_and_fail_twice(struct event *e)
{
	say_hi(e);
	assert_int_equal(e->attempt, t.handled - 1);
	t.settlement = t.handled < 3 ? SETTLE_RETRY : SETTLE_DONE;
}

static void a_verdict_is_given_once_however_often_the_handler_runs(void **state)
{
	(void)state;
	t.act = say_hi_and_fail_twice;
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 3);
	assert_int_equal(t.n, 1);
}

/* --- calls -----------------------------------------------------------------------------------------------
 */

static void call_twice(struct event *e)
{
	t.rc = call_custom_send_text(e, "one", &t.err);
	if (t.rc == 0)
		t.rc = call_weixin(e,
			&(struct call){.path = "/cgi-bin/tags/get",
				.method = "GET",
				.lane = "tags",
				.priority = "marketing"},
			&t.err);
}

static void check_signature(int i)
{
	const struct kafka_record *r = &t.records[i];
	char expected[65];

	api_call_sign(caller.key, header(i, "ce_id"), header(i, "ce_replyto"), header(i, "ce_priority"),
		r->key, r->key_len, r->value, r->value_len, expected);
	assert_string_equal(header(i, "ce_callersignature"), expected);
	assert_string_equal(header(i, "ce_caller"), "hello-caller");
	assert_string_equal(header(i, "ce_replyto"), "hello.results");
}

static void a_call_is_a_signed_request_on_its_lane(void **state)
{
	struct api_request *request = NULL;
	struct envelope e = asked_event();

	(void)state;
	e.n_repliers = 0;
	t.act = call_twice;
	assert_true(deliver(&e));
	assert_int_equal(t.n, 2);
	check_signature(0);
	check_signature(1);
	assert_string_equal(t.records[0].topic, "wx.api-requests");
	assert_string_equal(t.records[0].key, "wxa/oFan");
	assert_string_equal(t.records[1].key, "wxa/tags");
	assert_string_equal(header(0, "ce_priority"), "service");
	assert_string_equal(header(1, "ce_priority"), "marketing");
	assert_int_equal(api_request_parse(t.records[0].value, t.records[0].value_len, &request, NULL), 0);
	assert_string_equal(request->method, "POST");
	assert_string_equal(request->path, "/cgi-bin/message/custom/send");
	assert_string_equal(json_get_str(request->body, "touser"), "oFan");
	assert_false(request->idempotent);
	api_request_free(&request);
}

static void deliver_to_a_new_process(const char *id)
{
	struct envelope e = asked_event();

	e.id = id;
	e.n_repliers = 0;
	settled_free(&b.settled);
	b.settled = settled_new();
	assert_true(deliver(&e));
}

static void a_calls_request_id_is_the_same_in_each_delivery(void **state)
{
	(void)state;
	t.act = call_twice;
	deliver_to_a_new_process(ID);
	deliver_to_a_new_process(ID);
	deliver_to_a_new_process(OTHER);
	str_copy(b.group, sizeof(b.group), "hello.test");
	deliver_to_a_new_process(ID);
	assert_int_equal(t.n, 8);
	assert_string_equal(header(0, "ce_id"), header(2, "ce_id"));
	assert_string_equal(header(1, "ce_id"), header(3, "ce_id"));
	assert_string_not_equal(header(0, "ce_id"), header(1, "ce_id")); /* by number */
	assert_string_not_equal(header(0, "ce_id"), header(4, "ce_id")); /* by event */
	assert_string_not_equal(header(0, "ce_id"), header(6, "ce_id")); /* by group */
}

static void call_twice_and_fail_once(struct event *e)
{
	call_twice(e);
	t.settlement = t.handled < 2 ? SETTLE_RETRY : SETTLE_DONE;
}

static void a_handler_that_runs_again_asks_for_the_same_calls(void **state)
{
	(void)state;
	t.act = call_twice_and_fail_once;
	deliver_to_a_new_process(ID);
	assert_int_equal(t.n, 4);
	assert_string_equal(header(0, "ce_id"), header(2, "ce_id"));
	assert_string_equal(header(1, "ce_id"), header(3, "ce_id"));
}

static void without_a_callers_key_a_call_is_refused(void **state)
{
	(void)state;
	b.callers = NULL;
	t.act = call_twice;
	deliver_to_a_new_process(ID);
	assert_int_equal(t.rc, -1);
	assert_int_equal(t.err.kind, ERR_REJECT);
	assert_int_equal(t.n, 0);
}

/* --- Kafka away ------------------------------------------------------------------------------------------
 */

static void say_hi_or_try_again(struct event *e)
{
	say_hi(e);
	t.settlement = t.rc == 0 ? SETTLE_DONE : event_failed(e, &t.err, false);
}

static void tries_without_kafka_do_not_count(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "waiting: no acknowledgement");
	t.failures = 30;
	t.act = say_hi_or_try_again;
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 31);
	assert_int_equal(t.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void an_event_is_not_settled_before_its_none_is_written(void **state)
{
	(void)state;
	t.failures = 2;
	t.waits_ok = 1;
	assert_false(deliver_asked()); /* goes to another process */
	t.waits_ok = 1000;
	assert_true(deliver_asked());
	check_verdict(0, VERDICT_NONE, NULL);
}

/* --- dead letters ----------------------------------------------------------------------------------------
 */

static void check_dead_letter(int i, const char *reason, const char *attempts)
{
	assert_true(i < t.n);
	assert_string_equal(t.records[i].topic, "wx.hello.dead-letter");
	assert_string_equal(t.records[i].key, KEY);
	assert_string_equal(header(i, "wxbus-reason"), reason);
	assert_string_equal(header(i, "wxbus-attempts"), attempts);
	assert_string_equal(header(i, "wxbus-origin-topic"), "wx.messages");
	assert_string_equal(header(i, "wxbus-origin-partition"), "3");
	assert_string_equal(header(i, "wxbus-origin-offset"), "77");
	assert_string_equal(header(i, "wxbus-handler-version"), WXBUS_VERSION);
	assert_true(strlen(header(i, "wxbus-dead-at")) > 0);
}

static void a_dead_letter_is_the_record_with_its_origin(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 1 attempts");
	t.settlement = SETTLE_DEAD_LETTER;
	assert_true(deliver_asked());
	assert_int_equal(t.n, 2);
	check_verdict(0, VERDICT_NONE, NULL);
	check_dead_letter(1, "the handler gave it up", "1");
	assert_string_equal(header(1, "ce_id"), ID);
	assert_string_equal(header(1, "ce_type"), "weixin.message.text");
	assert_string_equal(header(1, "ce_repliers"), "desk,hello");
	assert_string_equal(t.records[1].value, "{\"MsgType\":\"text\",\"Content\":\"hi\"}");
}

static void what_fails_for_two_minutes_becomes_a_dead_letter(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 12 attempts");
	t.settlement = SETTLE_RETRY;
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 12);
	check_dead_letter(1, "tried too often", "12");
}

static void what_cannot_be_read_becomes_a_dead_letter(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter");
	testing_expect_log(LOG_LEVEL_WARN, "dead letter");
	testing_expect_log(LOG_LEVEL_WARN, "dead letter");
	assert_true(deliver_value(&e, "{\"MsgType\":"));
	assert_true(deliver_value(&e, "[]"));
	check_dead_letter(1, "not a message of an account", "1");
	e.id = ID "0"; /* longer than an event's id is */
	assert_true(deliver(&e));
	assert_int_equal(t.n, 3);
	assert_int_equal(t.handled, 0);
}

static void while_a_dead_letter_cannot_be_written_its_partition_waits(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		testing_expect_log(LOG_LEVEL_ERROR,
			"not handed over to wx.hello.dead-letter, partition 3 of wx.messages waits");
	t.settlement = SETTLE_DEAD_LETTER;
	t.broken = b.dead_letter_topic;
	t.waits_ok = 3;
	assert_false(deliver_asked());
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.most_stopped, 1); /* what health and metric tell */
	assert_int_equal(atomic_load(&b.stopped), 0);
}

static void ask_to_stop(struct event *e)
{
	t.settlement = event_settle(e, SETTLE_STOP, "fatal", "the disk is full");
}

static void a_handler_may_end_the_process_and_its_event_comes_again(void **state)
{
	(void)state;
	be(&retrying);
	t.act = ask_to_stop;
	assert_false(deliver_asked());
	assert_int_equal(t.stop.kind, ERR_FATAL);
	assert_non_null(strstr(t.stop.text, "the disk is full"));
	assert_int_equal(t.n, 0);
}

/* --- retries -----------------------------------------------------------------------------------------------
 */

/* What was written, delivered from where it was written to. */
static bool deliver_written(int i)
{
	struct kafka_record r = t.records[i];

	r.partition = 1;
	r.offset = 5;
	return sdk_deliver(&b, &r, NULL);
}

static void fail_for_a_reason(struct event *e)
{
	struct err err;

	err_set(&err, ERR_RETRY, 0, "the shop is closed");
	assert_int_equal(e->attempt, t.handled - 1);
	t.settlement = event_failed(e, &err, false);
}

static void check_retry(int i, const char *topic, const char *attempts, const char *due)
{
	assert_true(i < t.n);
	assert_string_equal(t.records[i].topic, topic);
	assert_string_equal(t.records[i].key, KEY);
	assert_string_equal(header(i, ORIGIN_TOPIC), "wx.messages");
	assert_string_equal(header(i, ORIGIN_PARTITION), "3");
	assert_string_equal(header(i, ORIGIN_OFFSET), "77");
	assert_string_equal(header(i, ORIGIN_TIME), "2025-10-09T08:53:20.000Z");
	assert_string_equal(header(i, ORIGIN_FIRST), "2025-10-09T08:53:20.000Z");
	assert_string_equal(header(i, ORIGIN_ATTEMPTS), attempts);
	assert_string_equal(header(i, ORIGIN_DUE), due);
	assert_string_equal(header(i, ORIGIN_REASON), "the shop is closed");
	assert_string_equal(header(i, ORIGIN_CLASS), "retry");
	assert_string_equal(header(i, "ce_id"), ID);
}

/* Found by ./dev faults with a clock that jumped: what it had put aside for 1 s waited for 5 minutes. */
static void what_a_clock_ahead_of_ours_put_aside_waits_no_longer_than_its_delay(void **state)
{
	(void)state;
	be(&retrying);
	t.act = fail_for_a_reason;
	clock_fake_advance(300000);
	assert_true(deliver_asked());
	clock_fake_advance(-300000);
	assert_int_equal(sdk_due_ms(&b, &t.records[1]), NOW_MS + 5000);
	clock_fake_advance(310000);
	assert_int_equal(sdk_due_ms(&b, &t.records[1]), NOW_MS + 305000);
}

static void what_fails_is_put_aside_for_each_delay_and_then_becomes_a_dead_letter(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 3 attempts: the shop is closed");
	be(&retrying);
	t.act = fail_for_a_reason;
	assert_true(deliver_asked());
	assert_int_equal(t.n, 2);
	check_verdict(0, VERDICT_NONE, NULL); /* nobody waits for the next try */
	check_retry(1, "wx.hello.retry.5s", "1", "2025-10-09T08:53:25.000Z");
	assert_int_equal(sdk_due_ms(&b, &t.records[1]), NOW_MS + 5000);
	assert_int_equal(t.records[1].timestamp_ms, NOW_MS);

	clock_fake_advance(5000);
	assert_true(deliver_written(1));
	assert_int_equal(t.n, 3); /* no second verdict */
	check_retry(2, "wx.hello.retry.1m", "2", "2025-10-09T08:54:25.000Z");

	clock_fake_advance(60000);
	assert_true(deliver_written(2));
	check_dead_letter(3, "the shop is closed", "3");
	assert_string_equal(header(3, ORIGIN_FIRST), "2025-10-09T08:53:20.000Z");
	assert_string_equal(header(3, ORIGIN_CLASS), "retry");
	assert_string_equal(header(3, ORIGIN_DUE), "");
	assert_int_equal(t.handled, 3);
	assert_int_equal(t.waits, 0);
}

static void a_repeated_push_does_not_start_a_second_chain_of_retries(void **state)
{
	(void)state;
	be(&retrying);
	t.settlement = SETTLE_RETRY;
	assert_true(deliver_asked());
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.n, 3);
	check_verdict(2, VERDICT_NONE, NULL);
	t.settlement = SETTLE_DONE;
	assert_true(deliver_written(1)); /* the retry itself is handled, once */
	assert_true(deliver_written(1));
	assert_int_equal(t.handled, 2);
}

static void while_a_retry_cannot_be_written_nothing_is_settled(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		testing_expect_log(LOG_LEVEL_ERROR, "not handed over to wx.hello.retry.5s");
	be(&retrying);
	t.settlement = SETTLE_RETRY;
	t.broken = b.retry_topics[0];
	t.waits_ok = 1;
	assert_false(deliver_asked());
	assert_int_equal(t.n, 1); /* the verdict */
	t.broken = NULL;
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 2); /* it is delivered again, and not taken for a repeated one */
}

static void in_strict_order_a_retry_waits_in_place(void **state)
{
	(void)state;
	be(&strict);
	t.act = say_hi_and_fail_twice;
	assert_true(deliver_asked());
	assert_int_equal(t.handled, 3);
	assert_int_equal(t.waits, 2);
	assert_int_equal(t.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void reply_at_the_second_try(struct event *e)
{
	t.settlement = SETTLE_RETRY;
	if (e->attempt > 0) {
		say_hi(e);
		assert_int_equal(t.rc, 0);
		t.settlement = SETTLE_DONE;
	}
}

static void a_reply_of_a_later_try_goes_out_as_a_customer_service_message(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	be(&retrying);
	t.act = reply_at_the_second_try;
	e.repliers[0] = "hello";
	e.n_repliers = 1;
	assert_true(deliver(&e));
	assert_true(deliver_written(1));
	assert_int_equal(t.n, 3);
	check_signature(2);
	assert_string_equal(header(2, "ce_id"), "late:" ID);
}

static void say_hi_and_ask_for_another_try(struct event *e)
{
	say_hi(e);
	assert_int_equal(t.rc, 0);
	t.settlement = SETTLE_RETRY;
}

static void a_handler_that_has_replied_and_fails_answers_the_fan_once(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	be(&retrying);
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 3 attempts");
	t.act = say_hi_and_ask_for_another_try;
	e.repliers[0] = "hello";
	e.n_repliers = 1;
	assert_true(deliver(&e));
	check_verdict(0, VERDICT_REPLY, "hi");
	for (int i = 1; i <= 3; i++) {
		assert_non_null(kafka_record_header(&t.records[i], ORIGIN_ANSWERED));
		if (i < 3)
			assert_true(deliver_written(i)); /* put aside again, then a dead letter */
	}
	assert_int_equal(t.handled, 3);
	assert_int_equal(t.n, 4);
}

static void say_hi_and_call_without_a_key_from_then_on(struct event *e)
{
	const struct call call = {.path = "/cgi-bin/menu/get", .method = "GET"};

	say_hi(e);
	assert_int_equal(call_weixin(e, &call, &t.err), 0);
	b.callers = NULL;
}

static void what_can_never_be_said_is_a_dead_letter_and_not_said_twice(void **state)
{
	(void)state;
	be(&once);
	testing_expect_log(LOG_LEVEL_WARN, "has no key for this platform");
	t.act = say_hi_and_call_without_a_key_from_then_on;
	assert_true(deliver_asked());
	assert_int_equal(t.waits, 0);
	assert_int_equal(t.n, 2);
	check_verdict(0, VERDICT_REPLY, "hi");
	assert_string_equal(t.records[1].topic, "wx.hello.dead-letter");
	assert_string_equal(header(1, ORIGIN_CLASS), "reject");
	assert_non_null(kafka_record_header(&t.records[1], ORIGIN_ANSWERED));
}

/* In schema deliver_test of a real PostgreSQL. */
static struct pg_pool *new_tables(void)
{
	struct pg_pool *admin = test_pool(1), *pool;
	struct pg *pg = test_take(admin);
	struct pg_migration_report report;
	struct err err = {.text = ""};

	assert_int_equal(pg_exec_script(pg, "DROP SCHEMA IF EXISTS deliver_test CASCADE", &err), 0);
	if (pg_migrate(pg, "deliver_test", WXBUS_SDK_MIGRATIONS, PG_MIGRATE_LIBRARY, &report, &err) < 0)
		fail_msg("%s", err.text);
	pg_give(admin, &pg);
	pg_pool_free(&admin);
	pool = test_pool(2);
	pg_pool_use_schema(pool, "deliver_test");
	return pool;
}

/* As when a crash has kept its offset on the retry topic from being committed. */
static void an_event_that_has_said_all_says_nothing_when_it_comes_back_from_a_topic_of_the_groups(
	void **state)
{
	struct envelope e = asked_event();

	(void)state;
	clock_real();
	b.pool = new_tables();
	be(&once);
	e.repliers[0] = "hello";
	e.n_repliers = 1;
	t.settlement = SETTLE_RETRY;
	assert_true(deliver(&e)); /* `none`, and put aside */
	t.settlement = SETTLE_DONE;
	t.act = say_hi;
	assert_true(deliver_written(1));
	assert_int_equal(t.n, 3);
	assert_string_equal(header(2, "ce_id"), "late:" ID);
	settled_free(&b.settled); /* another process */
	b.settled = settled_new();
	assert_true(deliver_written(1));
	assert_int_equal(t.handled, 2);
	assert_int_equal(t.n, 3);
	pg_pool_free(&b.pool);
}

static void find_the_disk_full(struct event *e)
{
	static const char no_disk[] = "DO $$ BEGIN RAISE 'no' USING ERRCODE = '53100'; END $$";

	t.settlement = SETTLE_DONE;
	if (t.handled > 3)
		return;
	assert_int_equal(e->attempt, 0);
	assert_int_equal(pg_exec_script(e->pg, no_disk, &t.err), -1);
	t.settlement = event_failed(e, &t.err, true);
}

/* Found by ./dev faults --only disk-full-postgres: tries were used up, and fans' orders broken. */
static void an_event_waits_in_place_while_the_database_has_no_disk(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	clock_real();
	b.pool = new_tables();
	be(&once);
	t.act = find_the_disk_full;
	testing_expect_log(LOG_LEVEL_WARN, "waiting: database: no");
	assert_true(deliver(&e));
	assert_int_equal(t.handled, 4);
	assert_int_equal(t.waits, 3);
	assert_int_equal(t.n, 1); /* `none`, and nothing on a retry topic */
	check_verdict(0, VERDICT_NONE, NULL);
	pg_pool_free(&b.pool);
}

static void a_reply_of_a_later_try_is_dropped_where_another_group_may_have_answered(void **state)
{
	(void)state;
	be(&retrying);
	t.act = reply_at_the_second_try;
	assert_true(deliver_asked());
	assert_true(deliver_written(1));
	assert_int_equal(t.n, 2);
}

/* --- what takes effect once
 * ----------------------------------------------------------------------------------
 */

static void say_hi_and_call_then_look(struct event *e)
{
	say_hi(e);
	call_twice(e);
	assert_int_equal(t.n, 0); /* kept for the end */
	t.settlement = t.handled < 2 ? SETTLE_RETRY : SETTLE_DONE;
}

static void replies_and_calls_of_a_handling_that_fails_never_go_out(void **state)
{
	(void)state;
	be(&once);
	t.act = say_hi_and_call_then_look;
	assert_true(deliver_asked());
	assert_int_equal(t.n, 2);
	check_verdict(0, VERDICT_NONE, NULL);
	assert_string_equal(t.records[1].topic, "wx.hello.retry.5s");
}

static void say_hi_and_call(struct event *e)
{
	say_hi(e);
	call_twice(e);
	assert_int_equal(t.n, 0);
}

static void replies_and_calls_go_out_after_the_handling_in_their_order(void **state)
{
	(void)state;
	be(&once);
	t.act = say_hi_and_call;
	assert_true(deliver_asked());
	assert_int_equal(t.n, 3);
	check_verdict(0, VERDICT_REPLY, "hi");
	check_signature(1);
	check_signature(2);
	assert_string_equal(t.records[1].key, "wxa/oFan");
	assert_string_equal(t.records[2].key, "wxa/tags");
	assert_string_equal(header(2, "ce_priority"), "marketing");
}

static void a_deferred_call_that_cannot_be_made_is_refused_at_once(void **state)
{
	(void)state;
	be(&once);
	b.callers = NULL;
	t.act = call_twice;
	assert_true(deliver_asked());
	assert_int_equal(t.rc, -1);
	assert_int_equal(t.err.kind, ERR_REJECT);
}

/* --- results
 * -------------------------------------------------------------------------------------------------
 */

static char asked_id[CALL_ID_MAX + 1];

static void ask_for_a_result(struct event *e)
{
	t.rc = call_weixin(e,
		&(struct call){
			.method = "GET", .path = "/cgi-bin/tags/get", .then = "sent", .id_out = asked_id},
		&t.err);
}

static void a_result_goes_to_the_handler_that_the_call_names(void **state)
{
	struct envelope result = {.type = "wxbus.api.result", .component_appid = "wxc", .appid = "wxa"};

	(void)state;
	t.act = ask_for_a_result;
	assert_true(deliver_asked());
	assert_int_equal(t.rc, 0);
	assert_string_equal(header(0, "ce_id"), asked_id);
	t.act = NULL;
	t.route = NULL;
	result.id = asked_id;
	assert_true(deliver_value(&result, "{\"outcome\":\"ok\"}"));
	assert_string_equal(t.route, "wxbus.api.result.sent");
	result.id = OTHER; /* of a call that nobody waits for */
	t.route = NULL;
	assert_true(deliver_value(&result, "{\"outcome\":\"ok\"}"));
	assert_null(t.route);
}

static void name_nobody(struct event *e)
{
	t.rc = call_weixin(e, &(struct call){.path = "/cgi-bin/tags/get", .then = "no name"}, &t.err);
}

static void a_call_must_name_its_handler_rightly(void **state)
{
	(void)state;
	t.act = name_nobody;
	assert_true(deliver_asked());
	assert_int_equal(t.rc, -1);
	assert_int_equal(t.err.kind, ERR_REJECT);
}

static void the_trace_goes_on_with_a_call(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	e.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	t.act = call_twice;
	assert_true(deliver(&e));
	assert_memory_equal(header(0, "ce_traceparent"), e.traceparent, strlen("00-") + TRACE_ID_LEN);
	assert_string_not_equal(header(0, "ce_traceparent"), e.traceparent);
}

/* --- replays
 * -------------------------------------------------------------------------------------------------
 */

/* As `wxbus replay` hands the event over. */
static bool replay(const struct origin_replay *of)
{
	struct envelope e = asked_event();
	struct kafka_header headers[ENVELOPE_HEADERS_MAX],
		all[ENVELOPE_HEADERS_MAX + ORIGIN_REPLAY_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	struct kafka_record r = {.topic = "wx.messages",
		.partition = 3,
		.offset = 77,
		.key = KEY,
		.key_len = strlen(KEY),
		.value = "{}",
		.value_len = 2,
		.headers = headers};
	bool settled;

	e.repliers[0] = "hello";
	e.n_repliers = 1;
	r.n_headers = envelope_encode(&e, &arena, headers);
	r.n_headers = origin_write_replay(&r, of, &arena, all);
	r.headers = all;
	r.topic = "wx.hello.replay";
	settled = sdk_deliver(&b, &r, NULL);
	arena_release(&arena);
	return settled;
}

static bool redo(const char *id, bool effects)
{
	return replay(&(struct origin_replay){.id = id, .redo = true, .effects = effects});
}

static void a_replay_that_redoes_has_calls_of_its_own(void **state)
{
	(void)state;
	t.act = call_twice;
	assert_true(deliver_asked());
	assert_true(redo("run-1", true));
	assert_true(redo("run-1", true));
	assert_int_equal(t.handled, 2); /* once more in each run */
	assert_int_equal(t.n, 5);
	assert_string_not_equal(header(0, "ce_id"), header(3, "ce_id"));
}

static void a_replay_without_effects_says_nothing_outside(void **state)
{
	(void)state;
	t.act = call_twice;
	assert_true(redo("run-1", false));
	t.act = say_hi;
	assert_true(redo("run-2", false));
	assert_int_equal(t.handled, 2);
	assert_int_equal(t.rc, 0);
	assert_int_equal(t.n, 0);
}

static void a_replay_of_what_is_missing_passes_over_what_is_settled(void **state)
{
	const struct origin_replay missing = {.id = "run-1", .effects = true};

	(void)state;
	assert_true(deliver_asked());
	assert_true(replay(&missing));
	assert_int_equal(t.handled, 1);
	settled_free(&b.settled); /* another process, which does not know */
	b.settled = settled_new();
	assert_true(replay(&missing));
	assert_int_equal(t.handled, 2);
}

static void what_a_replay_dies_of_says_which_replay_it_was(void **state)
{
	struct origin origin;

	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter");
	t.settlement = SETTLE_DEAD_LETTER;
	assert_true(redo("run-1", false));
	assert_string_equal(header(0, ORIGIN_REPLAY), "run-1");
	origin_read(&t.records[0], &t.arena, &origin);
	assert_string_equal(origin.topic, "wx.messages");
	assert_string_equal(origin.partition, "3");
	assert_string_equal(origin.offset, "77");
	assert_string_equal(origin.run, "run-1");
	assert_false(origin.effects);
}

static double again(const char *outcome)
{
	return metric_get(&sdk_metrics[M_AGAIN], outcome);
}

static void a_retry_of_a_replayed_event_gives_way_too_and_is_told_from_live_ones(void **state)
{
	double retries = again("retry"), done = again("done");

	(void)state;
	be(&retrying);
	t.settlement = SETTLE_RETRY;
	assert_true(deliver_asked());
	assert_false(sdk_gives_way(&b, &t.records[1]));
	assert_true(redo("run-1", false));
	assert_int_equal(t.n, 3);
	assert_true(sdk_gives_way(&b, &t.records[2]));
	assert_true(again("retry") == retries + 1);
	t.settlement = SETTLE_DONE;
	assert_true(deliver_written(1));
	assert_true(again("done") == done);
	assert_true(deliver_written(2));
	assert_true(again("done") == done + 1);
}

/* Its effect is committed, and Kafka did not take the reply: whoever gets it again says it. */
static void a_replay_without_effects_leaves_to_others_what_is_still_to_be_said(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	clock_real();
	b.pool = new_tables();
	be(&once);
	t.act = say_hi;
	t.failures = 1;
	t.waits_ok = 0;
	assert_false(deliver(&e));
	assert_int_equal(t.n, 0);
	assert_true(replay(&(struct origin_replay){.id = "run-1"}));
	assert_int_equal(t.n, 0);
	settled_free(&b.settled);
	b.settled = settled_new();
	assert_true(deliver(&e));
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
	pg_pool_free(&b.pool);
}

/* So it is where that is the process that the replay came to. */
static void a_replay_without_effects_does_not_settle_what_is_still_to_be_said(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	clock_real();
	b.pool = new_tables();
	be(&once);
	t.act = call_twice;
	t.failures = 1;
	t.waits_ok = 0;
	assert_false(deliver(&e));
	assert_int_equal(t.n, 0);
	assert_true(replay(&(struct origin_replay){.id = "run-1"}));
	assert_int_equal(t.n, 0);
	assert_true(deliver(&e));
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.n, 3); /* `none`, and its calls */
	assert_true(replay(&(struct origin_replay){.id = "run-1"}));
	assert_int_equal(t.n, 3);
	pg_pool_free(&b.pool);
}

/* --- erasure
 * -------------------------------------------------------------------------------------------------
 */

static int erased;

static int erase(const struct erasure *who, struct pg *pg, void *arg, struct err *err)
{
	(void)err;
	assert_ptr_equal(arg, &t);
	assert_null(pg);
	assert_string_equal(who->openid, "oFan");
	assert_int_equal(who->before_ms, NOW_MS);
	erased++;
	return 0;
}

static bool deliver_erasure(void)
{
	const struct envelope e = {.id = OTHER,
		.type = ERASURE_TYPE,
		.component_appid = "wxc",
		.appid = "wxa",
		.subject = "oFan"};

	return deliver_value(&e, "{\"component_appid\":\"wxc\",\"appid\":\"wxa\",\"openid\":\"oFan\","
				 "\"before\":\"2025-10-09T08:53:20.000Z\"}");
}

static void a_fan_who_is_to_be_forgotten_is_erased_and_his_older_events_are_not_handled(void **state)
{
	struct business_def forgetful = hello;
	struct envelope e = asked_event();

	(void)state;
	forgetful.erase = erase;
	be(&forgetful);
	erased = 0;
	assert_true(deliver_erasure());
	assert_int_equal(erased, 1);
	assert_true(deliver(&e)); /* not older */
	assert_int_equal(t.handled, 1);
	e.id = OTHER;
	e.time_ms = NOW_MS - 1000;
	settled_free(&b.settled);
	b.settled = settled_new();
	assert_true(deliver(&e));
	assert_int_equal(t.handled, 1);
	assert_int_equal(t.n, 2); /* whoever waits is told so */
	e.subject = "oOther";
	assert_true(deliver(&e));
	assert_int_equal(t.handled, 2);
}

static void a_mark_is_kept_for_thirty_days(void **state)
{
	(void)state;
	marks_note(b.marks, "wxa", "oFan", NOW_MS, NOW_MS);
	assert_true(marks_cover(b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS + 29 * 86400000LL));
	assert_false(marks_cover(b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS + 30 * 86400000LL));
	assert_false(marks_cover(b.marks, "wxa", "oFan", NOW_MS, NOW_MS));
	assert_false(marks_cover(b.marks, "wxb", "oFan", NOW_MS - 1, NOW_MS));
	marks_note(b.marks, "wxa", "oFan", NOW_MS - 5000, NOW_MS); /* an older one takes nothing back */
	assert_true(marks_cover(b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS));
}

static void every_process_reads_the_marks_from_the_notices(void **state)
{
	static const char value[] = "{\"component_appid\":\"wxc\",\"appid\":\"wxa\",\"openid\":\"oFan\","
				    "\"before\":\"2025-10-09T08:53:20.000Z\"}";
	const struct kafka_header type = {"ce_type", ERASURE_TYPE, strlen(ERASURE_TYPE)};
	struct kafka_record r = {.topic = "wx.platform-notices",
		.timestamp_ms = NOW_MS,
		.value = value,
		.value_len = strlen(value)};

	(void)state;
	sdk_read_notice(&b, &r); /* of another type */
	assert_false(marks_cover(b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS));
	r.headers = &type;
	r.n_headers = 1;
	sdk_read_notice(&b, &r);
	assert_true(marks_cover(b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS));
}

/* --- late replies ----------------------------------------------------------------------------------------
 */

static void read_reply(const char *group, const char *verdict, const char *type)
{
	static const struct envelope about = {.id = ID,
		.type = "wxbus.reply.verdict",
		.component_appid = "wxc",
		.appid = "wxa",
		.subject = "oFan"};
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	const char *value = arena_printf(&arena,
		"{\"event_id\":\"" ID "\",\"group\":\"%s\",\"verdict\":\"%s\","
		"\"reply\":{\"MsgType\":\"%s\",\"Content\":\"hi\"}}",
		group, verdict, type);
	struct kafka_record r = {.topic = "wx.replies", .value = value, .value_len = strlen(value)};

	r.headers = headers;
	r.n_headers = envelope_encode(&about, &arena, headers);
	sdk_read_late(&b, &r);
	arena_release(&arena);
}

static void a_late_reply_goes_out_as_a_customer_service_message(void **state)
{
	struct api_request *request = NULL;

	(void)state;
	t.failures = 3; /* nobody else keeps it */
	read_reply("hello", "late", "text");
	assert_int_equal(t.n, 1);
	check_signature(0);
	assert_string_equal(header(0, "ce_id"), "late:" ID);
	assert_string_equal(t.records[0].key, "wxa/oFan");
	assert_int_equal(api_request_parse(t.records[0].value, t.records[0].value_len, &request, NULL), 0);
	assert_string_equal(request->path, "/cgi-bin/message/custom/send");
	assert_string_equal(json_get_str(request->body, "touser"), "oFan");
	assert_string_equal(json_get_str(json_get(request->body, "text"), "content"), "hi");
	api_request_free(&request);
}

static void only_the_groups_own_late_replies_are_sent(void **state)
{
	(void)state;
	read_reply("desk", "late", "text");
	read_reply("hello", "reply", "text");
	read_reply("hello", "chosen", "text");
	assert_int_equal(t.n, 0);
}

static void a_late_reply_that_no_message_can_say_is_told_and_dropped(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_ERROR, "a late reply could not be sent");
	read_reply("hello", "late", "transfer_customer_service");
	assert_int_equal(t.n, 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_first_route_that_fits_gets_the_event),
		CASE(nothing_said_is_none),
		CASE(a_group_that_is_not_asked_says_nothing),
		CASE(the_first_verdict_counts_and_goes_out_at_once),
		CASE(under_test_a_verdict_carries_the_base_group),
		CASE(what_is_no_reply_is_refused_and_the_verdict_is_none),
		CASE(a_settled_event_is_not_handled_again_and_its_verdict_is_repeated),
		CASE(a_settled_event_that_nobody_asked_about_gets_none_once_asked),
		CASE(a_verdict_is_given_once_however_often_the_handler_runs),
		CASE(a_call_is_a_signed_request_on_its_lane),
		CASE(a_calls_request_id_is_the_same_in_each_delivery),
		CASE(a_handler_that_runs_again_asks_for_the_same_calls),
		CASE(without_a_callers_key_a_call_is_refused),
		CASE(tries_without_kafka_do_not_count),
		CASE(an_event_is_not_settled_before_its_none_is_written),
		CASE(a_dead_letter_is_the_record_with_its_origin),
		CASE(what_fails_for_two_minutes_becomes_a_dead_letter),
		CASE(what_cannot_be_read_becomes_a_dead_letter),
		CASE(while_a_dead_letter_cannot_be_written_its_partition_waits),
		CASE(a_handler_may_end_the_process_and_its_event_comes_again),
		CASE(what_a_clock_ahead_of_ours_put_aside_waits_no_longer_than_its_delay),
		CASE(what_fails_is_put_aside_for_each_delay_and_then_becomes_a_dead_letter),
		CASE(a_repeated_push_does_not_start_a_second_chain_of_retries),
		CASE(while_a_retry_cannot_be_written_nothing_is_settled),
		CASE(in_strict_order_a_retry_waits_in_place),
		CASE(a_reply_of_a_later_try_goes_out_as_a_customer_service_message),
		CASE(a_handler_that_has_replied_and_fails_answers_the_fan_once),
		CASE(what_can_never_be_said_is_a_dead_letter_and_not_said_twice),
		CASE(an_event_that_has_said_all_says_nothing_when_it_comes_back_from_a_topic_of_the_groups),
		CASE(an_event_waits_in_place_while_the_database_has_no_disk),
		CASE(a_reply_of_a_later_try_is_dropped_where_another_group_may_have_answered),
		CASE(replies_and_calls_of_a_handling_that_fails_never_go_out),
		CASE(replies_and_calls_go_out_after_the_handling_in_their_order),
		CASE(a_deferred_call_that_cannot_be_made_is_refused_at_once),
		CASE(a_result_goes_to_the_handler_that_the_call_names),
		CASE(a_call_must_name_its_handler_rightly),
		CASE(the_trace_goes_on_with_a_call),
		CASE(a_replay_that_redoes_has_calls_of_its_own),
		CASE(a_replay_without_effects_says_nothing_outside),
		CASE(a_replay_of_what_is_missing_passes_over_what_is_settled),
		CASE(what_a_replay_dies_of_says_which_replay_it_was),
		CASE(a_retry_of_a_replayed_event_gives_way_too_and_is_told_from_live_ones),
		CASE(a_replay_without_effects_leaves_to_others_what_is_still_to_be_said),
		CASE(a_replay_without_effects_does_not_settle_what_is_still_to_be_said),
		CASE(a_fan_who_is_to_be_forgotten_is_erased_and_his_older_events_are_not_handled),
		CASE(a_mark_is_kept_for_thirty_days),
		CASE(every_process_reads_the_marks_from_the_notices),
		CASE(a_late_reply_goes_out_as_a_customer_service_message),
		CASE(only_the_groups_own_late_replies_are_sent),
		CASE(a_late_reply_that_no_message_can_say_is_told_and_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
