/* Which handler an event comes to, and what becomes of it when that fails or Kafka is away. */
#include "services/business/sdk/deliver_kit.h"

#include "common/base/clock.h"

#include <string.h>

#include "common/base/banned.h"

/* --- routes ----------------------------------------------------------------------------------------------
 */

static void route_of(const char *type, const char *expected)
{
	struct envelope e = asked_event();
	char id[EVENT_ID_LEN + 1];

	snprintf(id, sizeof(id), "%032x", (unsigned)kit.n);
	e.id = id;
	e.type = type;
	kit.route = "none";
	assert_true(deliver(&e));
	assert_string_equal(kit.route, expected);
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
	assert_int_equal(kit.n, 6); /* each got its `none` */
}

/* --- Kafka away ------------------------------------------------------------------------------------------
 */

static void say_hi_or_try_again(struct event *e)
{
	say_hi(e);
	kit.settlement = kit.rc == 0 ? SETTLE_DONE : event_failed(e, &kit.err, false);
}

static void tries_without_kafka_do_not_count(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "waiting: no acknowledgement");
	kit.failures = 30;
	kit.act = say_hi_or_try_again;
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 31);
	assert_int_equal(kit.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void an_event_is_not_settled_before_its_none_is_written(void **state)
{
	(void)state;
	kit.failures = 2;
	kit.waits_ok = 1;
	assert_false(deliver_asked()); /* goes to another process */
	kit.waits_ok = 1000;
	assert_true(deliver_asked());
	check_verdict(0, VERDICT_NONE, NULL);
}

/* --- dead letters ----------------------------------------------------------------------------------------
 */

static void check_dead_letter(int i, const char *reason, const char *attempts)
{
	assert_true(i < kit.n);
	assert_string_equal(kit.records[i].topic, "wx.hello.dead-letter");
	assert_string_equal(kit.records[i].key, KEY);
	assert_string_equal(written_header(i, "wxbus-reason"), reason);
	assert_string_equal(written_header(i, "wxbus-attempts"), attempts);
	assert_string_equal(written_header(i, "wxbus-origin-topic"), "wx.messages");
	assert_string_equal(written_header(i, "wxbus-origin-partition"), "3");
	assert_string_equal(written_header(i, "wxbus-origin-offset"), "77");
	assert_string_equal(written_header(i, "wxbus-handler-version"), WXBUS_VERSION);
	assert_true(strlen(written_header(i, "wxbus-dead-at")) > 0);
}

static void a_dead_letter_is_the_record_with_its_origin(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 1 attempts");
	kit.settlement = SETTLE_DEAD_LETTER;
	assert_true(deliver_asked());
	assert_int_equal(kit.n, 2);
	check_verdict(0, VERDICT_NONE, NULL);
	check_dead_letter(1, "the handler gave it up", "1");
	assert_string_equal(written_header(1, "ce_id"), ID);
	assert_string_equal(written_header(1, "ce_type"), "weixin.message.text");
	assert_string_equal(written_header(1, "ce_repliers"), "desk,hello");
	assert_string_equal(kit.records[1].value, "{\"MsgType\":\"text\",\"Content\":\"hi\"}");
}

static void what_fails_for_two_minutes_becomes_a_dead_letter(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 12 attempts");
	kit.settlement = SETTLE_RETRY;
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 12);
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
	assert_int_equal(kit.n, 3);
	assert_int_equal(kit.handled, 0);
}

static void while_a_dead_letter_cannot_be_written_its_partition_waits(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		testing_expect_log(LOG_LEVEL_ERROR,
			"not handed over to wx.hello.dead-letter, partition 3 of wx.messages waits");
	kit.settlement = SETTLE_DEAD_LETTER;
	kit.broken = kit.b.dead_letter_topic;
	kit.waits_ok = 3;
	assert_false(deliver_asked());
	assert_int_equal(kit.handled, 1);
	assert_int_equal(kit.most_stopped, 1); /* what health and metric tell */
	assert_int_equal(atomic_load(&kit.b.stopped), 0);
}

static void ask_to_stop(struct event *e)
{
	kit.settlement = event_settle(e, SETTLE_STOP, "fatal", "the disk is full");
}

static void a_handler_may_end_the_process_and_its_event_comes_again(void **state)
{
	(void)state;
	deliver_as(&retrying);
	kit.act = ask_to_stop;
	assert_false(deliver_asked());
	assert_int_equal(kit.stop.kind, ERR_FATAL);
	assert_non_null(strstr(kit.stop.text, "the disk is full"));
	assert_int_equal(kit.n, 0);
}

/* --- retries ---------------------------------------------------------------------------------------------
 */

static void fail_for_a_reason(struct event *e)
{
	struct err err;

	err_set(&err, ERR_RETRY, 0, "the shop is closed");
	assert_int_equal(e->attempt, kit.handled - 1);
	kit.settlement = event_failed(e, &err, false);
}

static void check_retry(int i, const char *topic, const char *attempts, const char *due)
{
	assert_true(i < kit.n);
	assert_string_equal(kit.records[i].topic, topic);
	assert_string_equal(kit.records[i].key, KEY);
	assert_string_equal(written_header(i, ORIGIN_TOPIC), "wx.messages");
	assert_string_equal(written_header(i, ORIGIN_PARTITION), "3");
	assert_string_equal(written_header(i, ORIGIN_OFFSET), "77");
	assert_string_equal(written_header(i, ORIGIN_TIME), "2025-10-09T08:53:20.000Z");
	assert_string_equal(written_header(i, ORIGIN_FIRST), "2025-10-09T08:53:20.000Z");
	assert_string_equal(written_header(i, ORIGIN_ATTEMPTS), attempts);
	assert_string_equal(written_header(i, ORIGIN_DUE), due);
	assert_string_equal(written_header(i, ORIGIN_REASON), "the shop is closed");
	assert_string_equal(written_header(i, ORIGIN_CLASS), "retry");
	assert_string_equal(written_header(i, "ce_id"), ID);
}

/* Found by ./dev faults with a clock that jumped: what it had put aside for 1 s waited for 5 minutes. */
static void what_a_clock_ahead_of_ours_put_aside_waits_no_longer_than_its_delay(void **state)
{
	(void)state;
	deliver_as(&retrying);
	kit.act = fail_for_a_reason;
	clock_fake_advance(300000);
	assert_true(deliver_asked());
	clock_fake_advance(-300000);
	assert_int_equal(sdk_due_ms(&kit.b, &kit.records[1]), NOW_MS + 5000);
	clock_fake_advance(310000);
	assert_int_equal(sdk_due_ms(&kit.b, &kit.records[1]), NOW_MS + 305000);
}

static void what_fails_is_put_aside_for_each_delay_and_then_becomes_a_dead_letter(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 3 attempts: the shop is closed");
	deliver_as(&retrying);
	kit.act = fail_for_a_reason;
	assert_true(deliver_asked());
	assert_int_equal(kit.n, 2);
	check_verdict(0, VERDICT_NONE, NULL); /* nobody waits for the next try */
	check_retry(1, "wx.hello.retry.5s", "1", "2025-10-09T08:53:25.000Z");
	assert_int_equal(sdk_due_ms(&kit.b, &kit.records[1]), NOW_MS + 5000);
	assert_int_equal(kit.records[1].timestamp_ms, NOW_MS);

	clock_fake_advance(5000);
	assert_true(deliver_written(1));
	assert_int_equal(kit.n, 3); /* no second verdict */
	check_retry(2, "wx.hello.retry.1m", "2", "2025-10-09T08:54:25.000Z");

	clock_fake_advance(60000);
	assert_true(deliver_written(2));
	check_dead_letter(3, "the shop is closed", "3");
	assert_string_equal(written_header(3, ORIGIN_FIRST), "2025-10-09T08:53:20.000Z");
	assert_string_equal(written_header(3, ORIGIN_CLASS), "retry");
	assert_string_equal(written_header(3, ORIGIN_DUE), "");
	assert_int_equal(kit.handled, 3);
	assert_int_equal(kit.waits, 0);
}

static void a_repeated_push_does_not_start_a_second_chain_of_retries(void **state)
{
	(void)state;
	deliver_as(&retrying);
	kit.settlement = SETTLE_RETRY;
	assert_true(deliver_asked());
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 1);
	assert_int_equal(kit.n, 3);
	check_verdict(2, VERDICT_NONE, NULL);
	kit.settlement = SETTLE_DONE;
	assert_true(deliver_written(1)); /* the retry itself is handled, once */
	assert_true(deliver_written(1));
	assert_int_equal(kit.handled, 2);
}

static void while_a_retry_cannot_be_written_nothing_is_settled(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		testing_expect_log(LOG_LEVEL_ERROR, "not handed over to wx.hello.retry.5s");
	deliver_as(&retrying);
	kit.settlement = SETTLE_RETRY;
	kit.broken = kit.b.retry_topics[0];
	kit.waits_ok = 1;
	assert_false(deliver_asked());
	assert_int_equal(kit.n, 1); /* the verdict */
	kit.broken = NULL;
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 2); /* it is delivered again, and not taken for a repeated one */
}

static void in_strict_order_a_retry_waits_in_place(void **state)
{
	(void)state;
	deliver_as(&strict);
	kit.act = say_hi_and_fail_twice;
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 3);
	assert_int_equal(kit.waits, 2);
	assert_int_equal(kit.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void reply_at_the_second_try(struct event *e)
{
	kit.settlement = SETTLE_RETRY;
	if (e->attempt > 0) {
		say_hi(e);
		assert_int_equal(kit.rc, 0);
		kit.settlement = SETTLE_DONE;
	}
}

static void a_reply_of_a_later_try_goes_out_as_a_customer_service_message(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	deliver_as(&retrying);
	kit.act = reply_at_the_second_try;
	e.repliers[0] = "hello";
	e.n_repliers = 1;
	assert_true(deliver(&e));
	assert_true(deliver_written(1));
	assert_int_equal(kit.n, 3);
	check_signature(2);
	assert_string_equal(written_header(2, "ce_id"), "late:" ID);
}

static void say_hi_and_ask_for_another_try(struct event *e)
{
	say_hi(e);
	assert_int_equal(kit.rc, 0);
	kit.settlement = SETTLE_RETRY;
}

static void a_handler_that_has_replied_and_fails_answers_the_fan_once(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	deliver_as(&retrying);
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 3 attempts");
	kit.act = say_hi_and_ask_for_another_try;
	e.repliers[0] = "hello";
	e.n_repliers = 1;
	assert_true(deliver(&e));
	check_verdict(0, VERDICT_REPLY, "hi");
	for (int i = 1; i <= 3; i++) {
		assert_non_null(kafka_record_header(&kit.records[i], ORIGIN_ANSWERED));
		if (i < 3)
			assert_true(deliver_written(i)); /* put aside again, then a dead letter */
	}
	assert_int_equal(kit.handled, 3);
	assert_int_equal(kit.n, 4);
}

static void say_hi_and_call_without_a_key_from_then_on(struct event *e)
{
	const struct call call = {.path = "/cgi-bin/menu/get", .method = "GET"};

	say_hi(e);
	assert_int_equal(call_weixin(e, &call, &kit.err), 0);
	kit.b.callers = NULL;
}

static void what_can_never_be_said_is_a_dead_letter_and_not_said_twice(void **state)
{
	(void)state;
	deliver_as(&once);
	testing_expect_log(LOG_LEVEL_WARN, "has no key for this platform");
	kit.act = say_hi_and_call_without_a_key_from_then_on;
	assert_true(deliver_asked());
	assert_int_equal(kit.waits, 0);
	assert_int_equal(kit.n, 2);
	check_verdict(0, VERDICT_REPLY, "hi");
	assert_string_equal(kit.records[1].topic, "wx.hello.dead-letter");
	assert_string_equal(written_header(1, ORIGIN_CLASS), "reject");
	assert_non_null(kafka_record_header(&kit.records[1], ORIGIN_ANSWERED));
}

/* As when a crash has kept its offset on the retry topic from being committed. */
static void an_event_that_has_said_all_says_nothing_when_it_comes_back_from_a_topic_of_the_groups(
	void **state)
{
	struct envelope e = asked_event();

	(void)state;
	deliver_once("deliver_test");
	e.repliers[0] = "hello";
	e.n_repliers = 1;
	kit.settlement = SETTLE_RETRY;
	assert_true(deliver(&e)); /* `none`, and put aside */
	kit.settlement = SETTLE_DONE;
	kit.act = say_hi;
	assert_true(deliver_written(1));
	assert_int_equal(kit.n, 3);
	assert_string_equal(written_header(2, "ce_id"), "late:" ID);
	become_another_process();
	assert_true(deliver_written(1));
	assert_int_equal(kit.handled, 2);
	assert_int_equal(kit.n, 3);
}

static void find_the_disk_full(struct event *e)
{
	static const char no_disk[] = "DO $$ BEGIN RAISE 'no' USING ERRCODE = '53100'; END $$";

	kit.settlement = SETTLE_DONE;
	if (kit.handled > 3)
		return;
	assert_int_equal(e->attempt, 0);
	assert_int_equal(pg_exec_script(e->pg, no_disk, &kit.err), -1);
	kit.settlement = event_failed(e, &kit.err, true);
}

/* Found by ./dev faults --only disk-full-postgres: tries were used up, and fans' orders broken. */
static void an_event_waits_in_place_while_the_database_has_no_disk(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	deliver_once("deliver_test");
	kit.act = find_the_disk_full;
	testing_expect_log(LOG_LEVEL_WARN, "waiting: database: no");
	assert_true(deliver(&e));
	assert_int_equal(kit.handled, 4);
	assert_int_equal(kit.waits, 3);
	assert_int_equal(kit.n, 1); /* `none`, and nothing on a retry topic */
	check_verdict(0, VERDICT_NONE, NULL);
}

static void a_reply_of_a_later_try_is_dropped_where_another_group_may_have_answered(void **state)
{
	(void)state;
	deliver_as(&retrying);
	kit.act = reply_at_the_second_try;
	assert_true(deliver_asked());
	assert_true(deliver_written(1));
	assert_int_equal(kit.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DELIVER_CASE(the_first_route_that_fits_gets_the_event),
		DELIVER_CASE(tries_without_kafka_do_not_count),
		DELIVER_CASE(an_event_is_not_settled_before_its_none_is_written),
		DELIVER_CASE(a_dead_letter_is_the_record_with_its_origin),
		DELIVER_CASE(what_fails_for_two_minutes_becomes_a_dead_letter),
		DELIVER_CASE(what_cannot_be_read_becomes_a_dead_letter),
		DELIVER_CASE(while_a_dead_letter_cannot_be_written_its_partition_waits),
		DELIVER_CASE(a_handler_may_end_the_process_and_its_event_comes_again),
		DELIVER_CASE(what_a_clock_ahead_of_ours_put_aside_waits_no_longer_than_its_delay),
		DELIVER_CASE(what_fails_is_put_aside_for_each_delay_and_then_becomes_a_dead_letter),
		DELIVER_CASE(a_repeated_push_does_not_start_a_second_chain_of_retries),
		DELIVER_CASE(while_a_retry_cannot_be_written_nothing_is_settled),
		DELIVER_CASE(in_strict_order_a_retry_waits_in_place),
		DELIVER_CASE(a_reply_of_a_later_try_goes_out_as_a_customer_service_message),
		DELIVER_CASE(a_handler_that_has_replied_and_fails_answers_the_fan_once),
		DELIVER_CASE(what_can_never_be_said_is_a_dead_letter_and_not_said_twice),
		DELIVER_CASE(
			an_event_that_has_said_all_says_nothing_when_it_comes_back_from_a_topic_of_the_groups),
		DELIVER_CASE(an_event_waits_in_place_while_the_database_has_no_disk),
		DELIVER_CASE(a_reply_of_a_later_try_is_dropped_where_another_group_may_have_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
