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

static void what_is_returned_is_another_calls(void **state)
{
	const struct rate_want wants[] = {{"caller", 2}, {"caller/account", 0}};
	struct rate *r = rate_new();

	(void)state;
	clock_fake(0, 1000);
	assert_int_equal(taken(r, wants, 2, 10), 2);
	rate_return(r, wants, 2);
	assert_int_equal(taken(r, wants, 2, 10), 1);
	rate_free(&r);
	clock_real();
}

static void those_who_wait_come_back_one_after_the_other(void **state)
{
	const struct rate_want want = {"caller", 5};
	struct rate *r = rate_new();
	int i;

	(void)state;
	clock_fake(0, 1000);
	for (i = 0; i < 5; i++)
		assert_int_equal(rate_turn(r, &want, 1, false), 0);
	for (i = 0; i < 50; i++)
		assert_int_equal(rate_turn(r, &want, 1, false), 200 * (i + 1));
	assert_int_equal(rate_turn(r, &want, 1, false), RATE_TURN_MAX_MS); /* all who come now */
	assert_int_equal(rate_turn(r, &want, 1, false), RATE_TURN_MAX_MS);
	for (i = 0; i < 50; i++) {
		clock_fake_advance(200);
		assert_int_equal(rate_turn(r, &want, 1, true), 0);
	}
	rate_free(&r);
	clock_real();
}

static void who_comes_for_the_first_time_does_not_pass_those_who_wait(void **state)
{
	const struct rate_want want = {"caller", 5};
	struct rate *r = rate_new();

	(void)state;
	clock_fake(0, 1000);
	assert_int_equal(taken(r, &want, 1, 9), 5);
	assert_int_equal(rate_turn(r, &want, 1, false), 200);
	assert_int_equal(rate_turn(r, &want, 1, false), 400);
	clock_fake_advance(210); /* the first one is late by so much */
	assert_int_equal(rate_turn(r, &want, 1, false), 390);
	assert_int_equal(rate_turn(r, &want, 1, true), 0);
	clock_fake_advance(2000); /* nobody waits any more */
	assert_int_equal(rate_turn(r, &want, 1, false), 0);
	rate_free(&r);
	clock_real();
}

/* A turn that another took (over HTTP nobody waits) becomes a new one; none is let in beyond the rate. */
static void a_turn_that_was_taken_is_given_anew(void **state)
{
	const struct rate_want wants[] = {{"caller", 100}, {"caller/account", 1}};
	struct rate *r = rate_new();

	(void)state;
	clock_fake(0, 1000);
	assert_int_equal(rate_turn(r, wants, 2, false), 0);
	assert_int_equal(rate_turn(r, wants, 2, false), 1000);
	clock_fake_advance(1000);
	assert_int_equal(rate_take(r, wants, 2), 0);
	assert_int_equal(rate_turn(r, wants, 2, true), 1000);
	assert_int_equal(taken(r, wants, 1, 200), 99); /* what waits for its account is not counted */
	rate_free(&r);
	clock_real();
}

static void a_turn_is_kept_only_where_the_wait_is_longest(void **state)
{
	const struct rate_want wants[] = {{"caller", 10}, {"caller/account", 1}};
	struct rate *r = rate_new();
	int i;

	(void)state;
	clock_fake(0, 1000);
	assert_int_equal(taken(r, &wants[1], 1, 5), 1);
	assert_int_equal(taken(r, wants, 1, 20), 10);
	for (i = 0; i < 30; i++)
		assert_true(rate_turn(r, wants, 2, false) >= 1000);
	clock_fake_advance(1000);
	assert_int_equal(rate_turn(r, wants, 1, false), 0); /* for another account of the caller's */
	rate_free(&r);
	clock_real();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_rate_lets_a_seconds_calls_through_and_then_one_by_one),
		TESTING_CASE(what_one_rate_refuses_is_not_counted_in_the_other),
		TESTING_CASE(what_is_returned_is_another_calls),
		TESTING_CASE(those_who_wait_come_back_one_after_the_other),
		TESTING_CASE(who_comes_for_the_first_time_does_not_pass_those_who_wait),
		TESTING_CASE(a_turn_that_was_taken_is_given_anew),
		TESTING_CASE(a_turn_is_kept_only_where_the_wait_is_longest),
		TESTING_CASE(no_rate_is_no_limit_and_old_names_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
