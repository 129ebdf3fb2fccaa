#include "services/api-proxy/callers/rate.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <stdio.h>

#include "common/base/banned.h"

static int taken(struct rate *r, const struct rate_want *wants, size_t n, int tries)
{
	int got = 0;

	while (tries-- > 0)
		got += rate_take(r, wants, n) == 0;
	return got;
}

static void a_rate_lets_a_seconds_calls_through_and_then_one_by_one(void **state)
{
	const struct rate_want want = {"caller", 5};
	struct rate *r = rate_new();

	(void)state;
	clock_fake(0, 1000);
	assert_int_equal(taken(r, &want, 1, 20), 5);
	assert_int_equal(rate_take(r, &want, 1), 200);
	clock_fake_advance(199);
	assert_int_equal(rate_take(r, &want, 1), 1);
	clock_fake_advance(1);
	assert_int_equal(taken(r, &want, 1, 20), 1);
	clock_fake_advance(1000000);
	assert_int_equal(taken(r, &want, 1, 20), 5);
	rate_free(&r);
	clock_real();
}

static void what_one_rate_refuses_is_not_counted_in_the_other(void **state)
{
	const struct rate_want wants[] = {{"caller", 10}, {"caller/account", 2}};
	struct rate *r = rate_new();

	(void)state;
	clock_fake(0, 1000);
	assert_int_equal(taken(r, wants, 2, 50), 2);
	assert_int_equal(taken(r, wants, 1, 50), 8);
	rate_free(&r);
	clock_real();
}

static void no_rate_is_no_limit_and_old_names_are_forgotten(void **state)
{
	const struct rate_want none = {"any", 0};
	struct rate *r = rate_new();
	char name[32];
	int i;

	(void)state;
	clock_fake(0, 1000);
	assert_int_equal(taken(r, &none, 1, 1000), 1000);
	for (i = 0; i < 20000; i++) {
		const struct rate_want want = {name, 1};

		(void)snprintf(name, sizeof(name), "caller-%d", i);
		assert_int_equal(rate_take(r, &want, 1), 0);
		clock_fake_advance(1);
	}
	rate_free(&r);
	clock_real();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_rate_lets_a_seconds_calls_through_and_then_one_by_one),
		TESTING_CASE(what_one_rate_refuses_is_not_counted_in_the_other),
		TESTING_CASE(no_rate_is_no_limit_and_old_names_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
