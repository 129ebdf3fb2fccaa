#include "services/token-service/tokens/breaker.h"

#include "common/testing/testing.h"

#include "common/base/banned.h"

#define START_MS 1000000

static void fail_often(struct breaker *b, const char *platform, int times, int64_t now_ms)
{
	for (int i = 0; i < times; i++)
		(void)breaker_note(b, platform, true, now_ms);
}

static void failures_in_a_row_open_it_for_this_platform_alone(void **state)
{
	struct breaker *b = breaker_new();

	(void)state;
	fail_often(b, "wxone", BREAKER_FAILURES - 1, START_MS);
	assert_true(breaker_is_closed(b, "wxone", START_MS));
	assert_true(breaker_note(b, "wxone", true, START_MS));
	assert_false(breaker_is_closed(b, "wxone", START_MS));
	assert_false(breaker_admit(b, "wxone", START_MS + BREAKER_LEAST_MS - 1));
	assert_true(breaker_admit(b, "wxother", START_MS));
	breaker_free(&b);
}

static void a_success_between_failures_keeps_it_closed(void **state)
{
	struct breaker *b = breaker_new();

	(void)state;
	fail_often(b, "wxone", BREAKER_FAILURES - 1, START_MS);
	assert_false(breaker_note(b, "wxone", false, START_MS));
	fail_often(b, "wxone", BREAKER_FAILURES - 1, START_MS);
	assert_true(breaker_is_closed(b, "wxone", START_MS));
	breaker_free(&b);
}

static void one_trial_is_let_through_and_its_success_closes_it(void **state)
{
	struct breaker *b = breaker_new();
	int64_t now_ms = START_MS + BREAKER_LEAST_MS;

	(void)state;
	fail_often(b, "wxone", BREAKER_FAILURES, START_MS);
	assert_true(breaker_is_closed(b, "wxone", now_ms));
	assert_true(breaker_admit(b, "wxone", now_ms));
	assert_false(breaker_admit(b, "wxone", now_ms));
	assert_true(breaker_note(b, "wxone", false, now_ms + 100));
	assert_true(breaker_admit(b, "wxone", now_ms + 100));
	assert_true(breaker_admit(b, "wxone", now_ms + 100));
	breaker_free(&b);
}

static void failed_trials_become_rarer_up_to_a_bound(void **state)
{
	struct breaker *b = breaker_new();
	int64_t now_ms = START_MS, open_ms = BREAKER_LEAST_MS;

	(void)state;
	fail_often(b, "wxone", BREAKER_FAILURES, now_ms);
	for (int i = 0; i < 20; i++) {
		assert_false(breaker_admit(b, "wxone", now_ms + open_ms - 1));
		assert_true(breaker_admit(b, "wxone", now_ms + open_ms));
		now_ms += open_ms;
		assert_false(breaker_note(b, "wxone", true, now_ms));
		open_ms = open_ms * 2 > BREAKER_MOST_MS ? BREAKER_MOST_MS : open_ms * 2;
	}
	breaker_free(&b);
}

static void failures_of_calls_from_before_it_opened_do_not_lengthen_it(void **state)
{
	struct breaker *b = breaker_new();

	(void)state;
	fail_often(b, "wxone", BREAKER_FAILURES + 50, START_MS);
	assert_true(breaker_admit(b, "wxone", START_MS + BREAKER_LEAST_MS));
	breaker_free(&b);
}

static void a_trial_that_never_ends_is_followed_by_another(void **state)
{
	struct breaker *b = breaker_new();
	int64_t now_ms = START_MS + BREAKER_LEAST_MS;

	(void)state;
	fail_often(b, "wxone", BREAKER_FAILURES, START_MS);
	assert_true(breaker_admit(b, "wxone", now_ms));
	assert_false(breaker_admit(b, "wxone", now_ms + BREAKER_TRIAL_MS - 1));
	assert_true(breaker_admit(b, "wxone", now_ms + BREAKER_TRIAL_MS));
	breaker_free(&b);
}

static void platforms_beyond_its_size_are_let_through(void **state)
{
	struct breaker *b = breaker_new();
	char name[] = "wx000";

	(void)state;
	for (int i = 0; i < BREAKER_MAX_PLATFORMS; i++) {
		name[3] = (char)('0' + i / 10);
		name[4] = (char)('0' + i % 10);
		assert_true(breaker_admit(b, name, START_MS));
	}
	fail_often(b, "wxbeyond", BREAKER_FAILURES, START_MS);
	assert_true(breaker_admit(b, "wxbeyond", START_MS));
	breaker_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(failures_in_a_row_open_it_for_this_platform_alone),
		TESTING_CASE(a_success_between_failures_keeps_it_closed),
		TESTING_CASE(one_trial_is_let_through_and_its_success_closes_it),
		TESTING_CASE(failed_trials_become_rarer_up_to_a_bound),
		TESTING_CASE(failures_of_calls_from_before_it_opened_do_not_lengthen_it),
		TESTING_CASE(a_trial_that_never_ends_is_followed_by_another),
		TESTING_CASE(platforms_beyond_its_size_are_let_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
