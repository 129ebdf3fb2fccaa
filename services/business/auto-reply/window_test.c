#include "services/business/auto-reply/window.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include "common/base/banned.h"

static bool holds(const struct window *w, const char *time, int offset_min)
{
	int64_t ms;

	assert_int_equal(clock_rfc3339_parse(time, &ms), 0);
	return window_holds(w, ms, offset_min);
}

#define WORKDAYS 0x3e

static void a_window_holds_from_its_beginning_to_before_its_end(void **state)
{
	struct window w = {.days = WORKDAYS, .from_min = 9 * 60, .to_min = 18 * 60};

	(void)state;
	/* 2026-11-20 was a Friday; 01:00 UTC is 09:00 in Beijing. */
	assert_false(holds(&w, "2026-11-20T00:59:59.999Z", WINDOW_BEIJING_MIN));
	assert_true(holds(&w, "2026-11-20T01:00:00Z", WINDOW_BEIJING_MIN));
	assert_true(holds(&w, "2026-11-20T09:59:59Z", WINDOW_BEIJING_MIN));
	assert_false(holds(&w, "2026-11-20T10:00:00Z", WINDOW_BEIJING_MIN));
	assert_false(holds(&w, "2026-11-21T02:00:00Z", WINDOW_BEIJING_MIN));
	assert_true(holds(&w, "2026-11-20T17:00:00Z", 0));
	assert_false(holds(&w, "2026-11-20T01:00:00Z", -5 * 60));
}

static void the_day_is_that_of_the_zone(void **state)
{
	struct window sunday = {.days = 1, .from_min = 0, .to_min = WINDOW_DAY_MIN};

	(void)state;
	assert_true(holds(&sunday, "2026-11-21T16:00:00Z", WINDOW_BEIJING_MIN));
	assert_false(holds(&sunday, "2026-11-21T15:59:59Z", WINDOW_BEIJING_MIN));
	assert_false(holds(&sunday, "2026-11-21T16:00:00Z", 0));
}

static void a_window_over_midnight_belongs_to_the_day_on_which_it_opens(void **state)
{
	struct window friday_night = {.days = 1 << 5, .from_min = 22 * 60, .to_min = 6 * 60};

	(void)state;
	assert_true(holds(&friday_night, "2026-11-20T22:00:00Z", 0));
	assert_true(holds(&friday_night, "2026-11-21T05:59:59Z", 0));
	assert_false(holds(&friday_night, "2026-11-21T06:00:00Z", 0));
	assert_false(holds(&friday_night, "2026-11-21T23:00:00Z", 0));
	assert_false(holds(&friday_night, "2026-11-20T05:00:00Z", 0));
}

static void dates_bound_a_window_and_are_included(void **state)
{
	struct window w = {
		.days = WINDOW_ALL_DAYS, .to_min = WINDOW_DAY_MIN, .since = 20261224, .until = 20270101};

	(void)state;
	assert_false(holds(&w, "2026-12-23T23:59:59Z", 0));
	assert_true(holds(&w, "2026-12-24T00:00:00Z", 0));
	assert_true(holds(&w, "2027-01-01T23:59:59Z", 0));
	assert_false(holds(&w, "2027-01-02T00:00:00Z", 0));
}

static void only_days_times_dates_and_zones_of_the_form_are_read(void **state)
{
	static const char *const no_times[] = {
		"", "9:00", "09:60", "24:01", "25:00", "09:00 ", "09.00", "-1:00"};
	static const char *const no_dates[] = {"", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-10",
		"1969-12-31", "2026-12-311", "2026/12/31"};
	static const char *const no_zones[] = {
		"", "+9:00", "09:00", "Europe/Berlin", "+15:00", "+09:00x", "GMT"};
	uint8_t bit = 0;
	int value = -1;

	(void)state;
	assert_true(window_time("24:00", &value) && value == WINDOW_DAY_MIN);
	assert_true(window_time("09:30", &value) && value == 570);
	assert_true(window_date("2028-02-29", &value) && value == 20280229);
	assert_true(window_day("sat", &bit) && bit == 1 << 6);
	assert_false(window_day("Sat", &bit) || window_day("", &bit) || window_day("satx", &bit));
	assert_true(window_zone("Asia/Shanghai", &value) && value == 480);
	assert_true(window_zone("UTC", &value) && value == 0);
	assert_true(window_zone("-03:30", &value) && value == -210);
	for (size_t i = 0; i < sizeof(no_times) / sizeof(no_times[0]); i++)
		assert_false(window_time(no_times[i], &value));
	for (size_t i = 0; i < sizeof(no_dates) / sizeof(no_dates[0]); i++)
		assert_false(window_date(no_dates[i], &value));
	for (size_t i = 0; i < sizeof(no_zones) / sizeof(no_zones[0]); i++)
		assert_false(window_zone(no_zones[i], &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_window_holds_from_its_beginning_to_before_its_end),
		TESTING_CASE(the_day_is_that_of_the_zone),
		TESTING_CASE(a_window_over_midnight_belongs_to_the_day_on_which_it_opens),
		TESTING_CASE(dates_bound_a_window_and_are_included),
		TESTING_CASE(only_days_times_dates_and_zones_of_the_form_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
