#include "tools/weixin-sim/push/delivery.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

static const struct delivery_rules rules = {
	.retries = 3, .mark_fail_after = 3, .mark_fail_ms = 60000, .unrepeated = "VIEW,LOCATION"};
static struct delivery delivery;

static int setup(void **state)
{
	int rc = testing_setup(state);

	clock_fake(1000, 1000);
	delivery_init(&delivery, &rules);
	return rc;
}

static int teardown(void **state)
{
	delivery_release(&delivery);
	return testing_teardown(state);
}

static void some_kinds_are_never_repeated(void **state)
{
	(void)state;
	assert_int_equal(delivery_retries(&delivery, "text"), 3);
	assert_int_equal(delivery_retries(&delivery, "VIEW"), 0);
	assert_int_equal(delivery_retries(&delivery, "LOCATION"), 0);
	assert_int_equal(delivery_retries(&delivery, "LOC"), 3);
	assert_int_equal(delivery_retries(&delivery, ""), 3);
}

static void many_failures_in_a_row_shield_a_url_for_a_minute(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		delivery_count(&delivery, "http://a/", true);
	delivery_count(&delivery, "http://a/", false);
	for (int i = 0; i < 3; i++) {
		assert_false(delivery_shielded(&delivery, "http://a/"));
		delivery_count(&delivery, "http://a/", true);
	}
	assert_true(delivery_shielded(&delivery, "http://a/"));
	assert_false(delivery_shielded(&delivery, "http://b/"));
	clock_fake_advance(59999);
	assert_true(delivery_shielded(&delivery, "http://a/"));
	clock_fake_advance(1);
	assert_false(delivery_shielded(&delivery, "http://a/"));
	delivery_count(&delivery, "http://a/", true);
	assert_false(delivery_shielded(&delivery, "http://a/"));
}

static void forgetting_goes_back_to_the_first_rules(void **state)
{
	struct delivery_rules other = {.retries = 1, .mark_fail_after = 1, .mark_fail_ms = 1000};

	(void)state;
	delivery_set_rules(&delivery, &other);
	delivery_count(&delivery, "http://a/", true);
	assert_true(delivery_shielded(&delivery, "http://a/"));
	delivery_forget(&delivery);
	assert_false(delivery_shielded(&delivery, "http://a/"));
	assert_int_equal(delivery_retries(&delivery, "text"), 3);
}

#define DELIVERY_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DELIVERY_CASE(some_kinds_are_never_repeated),
		DELIVERY_CASE(many_failures_in_a_row_shield_a_url_for_a_minute),
		DELIVERY_CASE(forgetting_goes_back_to_the_first_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
