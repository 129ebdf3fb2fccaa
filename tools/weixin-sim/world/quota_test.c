#include "tools/weixin-sim/world/quota.h"

#include "common/testing/testing.h"

#include "common/base/banned.h"

#define SEND "/cgi-bin/message/custom/send"
#define NOON INT64_C(1763611200000) /* 2025-11-20 12:00 in China, 04:00 UTC */
#define HOUR INT64_C(3600000)

static void calls_end_with_the_days_quota_and_begin_again_at_midnight_in_china(void **state)
{
	const struct quota quota = {.daily = 2};
	struct quotas q = {.uses = NULL};

	(void)state;
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON), 0);
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON + 11 * HOUR), 0);
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON + 12 * HOUR - 1), 45009);
	assert_int_equal(quotas_used(&q, "wxa", SEND, NOON + 12 * HOUR - 1), 2);
	assert_int_equal(quotas_take(&q, "wxb", SEND, &quota, NOON), 0);
	assert_int_equal(quotas_used(&q, "wxa", SEND, NOON + 12 * HOUR), 0);
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON + 12 * HOUR), 0);
	quotas_release(&q);
}

static void calls_of_a_minute_wait_for_the_next(void **state)
{
	const struct quota quota = {.daily = 100, .minute = 1};
	struct quotas q = {.uses = NULL};

	(void)state;
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON), 0);
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON + 59999), 45011);
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON + 60000), 0);
	assert_int_equal(quotas_used(&q, "wxa", SEND, NOON), 2);
	quotas_release(&q);
}

static void a_clearing_is_one_of_ten_a_month_and_the_callers_alone(void **state)
{
	const struct quota quota = {.daily = 1};
	struct quotas q = {.uses = NULL};

	(void)state;
	assert_int_equal(quotas_take(&q, "wxa", SEND, &quota, NOON), 0);
	assert_int_equal(quotas_take(&q, "wxa", "/x", &quota, NOON), 0);
	assert_int_equal(quotas_take(&q, "wxab", SEND, &quota, NOON), 0);
	assert_int_equal(quotas_clear(&q, "wxa", SEND, NOON), 0);
	assert_int_equal(quotas_used(&q, "wxa", SEND, NOON), 0);
	assert_int_equal(quotas_used(&q, "wxa", "/x", NOON), 1);
	for (int i = 1; i < QUOTA_CLEARS_A_MONTH; i++)
		assert_int_equal(quotas_clear(&q, "wxa", NULL, NOON), 0);
	assert_int_equal(quotas_used(&q, "wxa", "/x", NOON), 0);
	assert_int_equal(quotas_used(&q, "wxab", SEND, NOON), 1);
	assert_int_equal(quotas_clear(&q, "wxa", NULL, NOON), 48006);
	assert_int_equal(quotas_clear(&q, "wxb", NULL, NOON), 0);
	assert_int_equal(quotas_clear(&q, "wxa", NULL, NOON + 11 * 24 * HOUR), 0); /* the first of December */
	quotas_release(&q);
}

static void an_override_stands_for_the_apis_own(void **state)
{
	const struct quota own = {.daily = 500000}, other = {.daily = 3, .minute = 2};
	struct quotas q = {.uses = NULL};

	(void)state;
	assert_int_equal(quotas_of(&q, SEND, &own).daily, 500000);
	quotas_override(&q, SEND, &other);
	assert_int_equal(quotas_of(&q, SEND, &own).daily, 3);
	assert_int_equal(quotas_of(&q, SEND, &own).minute, 2);
	quotas_override(&q, SEND, &own);
	assert_int_equal(quotas_of(&q, SEND, &other).daily, 500000);
	quotas_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(calls_end_with_the_days_quota_and_begin_again_at_midnight_in_china),
		TESTING_CASE(calls_of_a_minute_wait_for_the_next),
		TESTING_CASE(a_clearing_is_one_of_ten_a_month_and_the_callers_alone),
		TESTING_CASE(an_override_stands_for_the_apis_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
