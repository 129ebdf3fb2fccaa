/* Events that an operator has handled once more. */
#include "services/business/sdk/deliver_kit.h"

#include <string.h>

#include "common/base/banned.h"

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
	settled = sdk_deliver(&kit.b, &r, NULL);
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
	kit.act = call_twice;
	assert_true(deliver_asked());
	assert_true(redo("run-1", true));
	assert_true(redo("run-1", true));
	assert_int_equal(kit.handled, 2); /* once more in each run */
	assert_int_equal(kit.n, 5);
	assert_string_not_equal(written_header(0, "ce_id"), written_header(3, "ce_id"));
}

static void a_replay_without_effects_says_nothing_outside(void **state)
{
	(void)state;
	kit.act = call_twice;
	assert_true(redo("run-1", false));
	kit.act = say_hi;
	assert_true(redo("run-2", false));
	assert_int_equal(kit.handled, 2);
	assert_int_equal(kit.rc, 0);
	assert_int_equal(kit.n, 0);
}

static void a_replay_of_what_is_missing_passes_over_what_is_settled(void **state)
{
	const struct origin_replay missing = {.id = "run-1", .effects = true};

	(void)state;
	assert_true(deliver_asked());
	assert_true(replay(&missing));
	assert_int_equal(kit.handled, 1);
	become_another_process();
	assert_true(replay(&missing));
	assert_int_equal(kit.handled, 2);
}

static void what_a_replay_dies_of_says_which_replay_it_was(void **state)
{
	struct origin origin;

	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter");
	kit.settlement = SETTLE_DEAD_LETTER;
	assert_true(redo("run-1", false));
	assert_string_equal(written_header(0, ORIGIN_REPLAY), "run-1");
	origin_read(&kit.records[0], &kit.arena, &origin);
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
	deliver_as(&retrying);
	kit.settlement = SETTLE_RETRY;
	assert_true(deliver_asked());
	assert_false(sdk_gives_way(&kit.b, &kit.records[1]));
	assert_true(redo("run-1", false));
	assert_int_equal(kit.n, 3);
	assert_true(sdk_gives_way(&kit.b, &kit.records[2]));
	assert_true(again("retry") == retries + 1);
	kit.settlement = SETTLE_DONE;
	assert_true(deliver_written(1));
	assert_true(again("done") == done);
	assert_true(deliver_written(2));
	assert_true(again("done") == done + 1);
}

/* An event's effect is committed, and Kafka did not take what it said: then comes a replay, which may not say
 * it. */
static void leave_unsaid(void (*act)(struct event *e))
{
	deliver_once("deliver_replay_test");
	kit.act = act;
	kit.failures = 1;
	kit.waits_ok = 0;
	assert_false(deliver_asked());
	assert_int_equal(kit.n, 0);
	assert_true(replay(&(struct origin_replay){.id = "run-1"}));
	assert_int_equal(kit.n, 0);
}

static void a_replay_without_effects_leaves_to_others_what_is_still_to_be_said(void **state)
{
	(void)state;
	leave_unsaid(say_hi);
	become_another_process();
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 1);
	assert_int_equal(kit.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void a_replay_without_effects_does_not_settle_what_is_still_to_be_said(void **state)
{
	(void)state;
	leave_unsaid(call_twice);
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 1);
	assert_int_equal(kit.n, 3); /* `none`, and its calls */
	assert_true(replay(&(struct origin_replay){.id = "run-1"}));
	assert_int_equal(kit.n, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DELIVER_CASE(a_replay_that_redoes_has_calls_of_its_own),
		DELIVER_CASE(a_replay_without_effects_says_nothing_outside),
		DELIVER_CASE(a_replay_of_what_is_missing_passes_over_what_is_settled),
		DELIVER_CASE(what_a_replay_dies_of_says_which_replay_it_was),
		DELIVER_CASE(a_retry_of_a_replayed_event_gives_way_too_and_is_told_from_live_ones),
		DELIVER_CASE(a_replay_without_effects_leaves_to_others_what_is_still_to_be_said),
		DELIVER_CASE(a_replay_without_effects_does_not_settle_what_is_still_to_be_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
