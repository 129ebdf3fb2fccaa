#include "common/base/backoff.h"
#include "common/testing/testing.h"

static void backoff_waits_stay_between_min_and_a_doubling_top(void **state)
{
	int64_t top, wait;
	int round, i;

	(void)state;
	for (round = 0; round < 200; round++) {
		struct backoff b = BACKOFF_INIT(100, 5000);

		for (i = 0, top = 100; i<20; i++, top = top * 2> 5000 ? 5000 : top * 2) {
			wait = backoff_next_ms(&b);
			assert_in_range(wait, 100, top);
		}
	}
}

static void backoff_reaches_the_upper_half(void **state)
{
	struct backoff b = BACKOFF_INIT(1, 1000);
	int64_t longest = 0, wait;
	int i;

	(void)state;
	for (i = 0; i < 500; i++)
		if ((wait = backoff_next_ms(&b)) > longest)
			longest = wait;
	assert_in_range(longest, 500, 1000);
}

static void backoff_starts_again_after_reset(void **state)
{
	struct backoff b = BACKOFF_INIT(100, 5000);
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		backoff_next_ms(&b);
	backoff_reset(&b);
	assert_int_equal(backoff_next_ms(&b), 100);
}

static void backoff_survives_odd_limits(void **state)
{
	struct backoff equal = BACKOFF_INIT(50, 50), less = BACKOFF_INIT(50, 10);
	struct backoff huge = BACKOFF_INIT(1, INT64_MAX);
	int i;

	(void)state;
	for (i = 0; i < 200; i++) {
		assert_int_equal(backoff_next_ms(&equal), 50);
		assert_int_equal(backoff_next_ms(&less), 10);
		assert_true(backoff_next_ms(&huge) >= 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(backoff_waits_stay_between_min_and_a_doubling_top),
		TESTING_CASE(backoff_reaches_the_upper_half),
		TESTING_CASE(backoff_starts_again_after_reset),
		TESTING_CASE(backoff_survives_odd_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
