#include "services/token-service/web/rate_limit.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <stdio.h>

#include "common/base/banned.h"

static void so_many_a_minute_and_no_more(void **state)
{
	struct rate_limit *r = rate_limit_new(6);

	(void)state;
	clock_fake(0, 1000);
	for (int i = 0; i < 6; i++)
		assert_true(rate_limit_take(r, "192.0.2.1"));
	assert_false(rate_limit_take(r, "192.0.2.1"));
	assert_true(rate_limit_take(r, "192.0.2.2"));
	clock_fake_advance(9999);
	assert_false(rate_limit_take(r, "192.0.2.1"));
	clock_fake_advance(1);
	assert_true(rate_limit_take(r, "192.0.2.1"));
	assert_false(rate_limit_take(r, "192.0.2.1"));
	clock_fake_advance(3600000);
	for (int i = 0; i < 6; i++)
		assert_true(rate_limit_take(r, "192.0.2.1"));
	assert_false(rate_limit_take(r, "192.0.2.1"));
	clock_real();
	rate_limit_free(&r);
}

static void a_flood_of_addresses_costs_no_memory(void **state)
{
	struct rate_limit *r = rate_limit_new(1);
	char whom[32];

	(void)state;
	for (int i = 0; i < 50000; i++) {
		(void)snprintf(whom, sizeof(whom), "address %d", i);
		assert_true(rate_limit_take(r, whom));
	}
	assert_false(rate_limit_take(r, whom));
	rate_limit_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_a_minute_and_no_more),
		cmocka_unit_test(a_flood_of_addresses_costs_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
