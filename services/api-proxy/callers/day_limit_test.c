#include "services/api-proxy/callers/day_limit.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include "common/base/banned.h"

static int64_t at(const char *text)
{
	int64_t ms = 0;

	assert_int_equal(clock_rfc3339_parse(text, &ms), 0);
	return ms;
}

static void a_day_ends_at_beijings_midnight(void **state)
{
	(void)state;
	assert_int_equal(day_limit_seconds_left(at("2026-11-20T15:59:00Z")), 60);
	assert_int_equal(day_limit_seconds_left(at("2026-11-20T16:00:00Z")), 24 * 3600);
	assert_int_equal(day_limit_seconds_left(at("2026-11-20T15:59:59.999Z")), 1);
	assert_int_equal(
		day_limit_day(at("2026-11-20T15:59:59Z")) + 1, day_limit_day(at("2026-11-20T16:00:00Z")));
	assert_int_equal(day_limit_day(at("1970-01-01T00:00:00Z")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_day_ends_at_beijings_midnight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
