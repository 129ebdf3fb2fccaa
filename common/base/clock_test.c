#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <errno.h>
#include <stdio.h>

static void clock_writes_rfc3339(void **state)
{
	char s[CLOCK_RFC3339_SIZE];

	(void)state;
	clock_rfc3339(1795162530125, s);
	assert_string_equal(s, "2026-11-20T08:15:30.125Z");
	clock_rfc3339(0, s);
	assert_string_equal(s, "1970-01-01T00:00:00.000Z");
	clock_rfc3339(-1, s);
	assert_string_equal(s, "1969-12-31T23:59:59.999Z");
	clock_rfc3339(INT64_MAX, s);
	assert_string_equal(s, "9999-12-31T23:59:59.999Z");
	clock_rfc3339(INT64_MIN, s);
	assert_string_equal(s, "0000-01-01T00:00:00.000Z");
}

static void clock_reads_rfc3339(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{"2026-11-20T08:15:30.125Z", 1795162530125},
		{"2026-11-20T08:15:30Z", 1795162530000},
		{"2026-11-20T08:15:30.1Z", 1795162530100},
		{"2026-11-20T08:15:30.123456789Z", 1795162530123},
		{"2026-11-20T16:15:30.125+08:00", 1795162530125},
		{"2026-11-20T02:45:30.125-05:30", 1795162530125},
		{"2024-02-29T00:00:00Z", 1709164800000},
		{"1969-12-31T23:59:59.999Z", -1},
	};
	size_t i;
	int64_t ms;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(clock_rfc3339_parse(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
}

/* All days of the year, in leap years of each kind, from the year 0 to the year 9999. */
static void clock_reads_and_writes_dates_as_the_system_does(void **state)
{
	char text[64], written[CLOCK_RFC3339_SIZE];
	struct tm tm;
	int64_t ms;

	(void)state;
	for (time_t t = INT64_C(-62167219200); t < INT64_C(253402300800); t += 13 * 86400) {
		assert_non_null(gmtime_r(&t, &tm));
		snprintf(text, sizeof(text), "%04d-%02d-%02dT00:00:00.000Z", tm.tm_year + 1900, tm.tm_mon + 1,
			tm.tm_mday);
		assert_int_equal(clock_rfc3339_parse(text, &ms), 0);
		assert_int_equal(ms, t * 1000);
		clock_rfc3339(ms, written);
		assert_string_equal(written, text);
	}
}

static void clock_refuses_what_is_no_rfc3339(void **state)
{
	static const char *const wrong[] = {"", "2026", "2026-11-20", "2026-11-20 08:15:30Z",
		"2026-11-20T08:15:30", "2026-11-20T08:15:30.Z", "2026-11-20T08:15:30.1234567890Z",
		"2026-11-20T08:15:30Zx", "2026-11-20T24:00:00Z", "2026-11-20T08:60:00Z",
		"2026-11-20T08:15:60Z", "2026-13-20T08:15:30Z", "2026-00-20T08:15:30Z",
		"2026-11-31T08:15:30Z", "2025-02-29T08:15:30Z", "2026-11-00T08:15:30Z",
		"2026-11-20T08:15:30+8:00", "2026-11-20T08:15:30+0800", "2026-11-20T08:15:30+24:00",
		"2026-11-20T08:15:30+08:60", "26-11-20T08:15:30Z", "+026-11-20T08:15:30Z",
		" 2026-11-20T08:15:30Z", "2026-11-20T08:15:3"};
	size_t i;
	int64_t ms = 42;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(clock_rfc3339_parse(wrong[i], &ms), -1);
	assert_int_equal(ms, 42);
}

static void clock_fake_moves_only_by_hand_and_by_sleeping(void **state)
{
	(void)state;
	clock_fake(1000, 50);
	assert_int_equal(clock_wall_ms(), 1000);
	assert_int_equal(clock_mono_ms(), 50);
	clock_fake_advance(5);
	clock_sleep_ms(3600000);
	assert_int_equal(clock_wall_ms(), 3601005);
	assert_int_equal(clock_mono_ms(), 3600055);
	assert_int_equal(clock_mono_us(), 3600055000);
}

static void clock_sleep_is_never_short(void **state)
{
	int64_t start;

	(void)state;
	start = clock_mono_us();
	clock_sleep_ms(20);
	assert_true(clock_mono_us() - start >= 20000);
	clock_sleep_ms(-1);
}

static void clock_condition_times_out_on_the_monotonic_clock(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond;
	struct timespec until;
	int64_t start;

	(void)state;
	clock_cond_init(&cond);
	start = clock_mono_ms();
	until = clock_mono_timespec(start + 20);
	pthread_mutex_lock(&lock);
	assert_int_equal(pthread_cond_timedwait(&cond, &lock, &until), ETIMEDOUT);
	assert_true(clock_mono_ms() - start >= 20);

	/* A wait by a fake clock is neither over at once nor endless. */
	start = clock_mono_ms();
	clock_fake(1000, 5);
	until = clock_mono_timespec(25);
	assert_int_equal(pthread_cond_timedwait(&cond, &lock, &until), ETIMEDOUT);
	clock_real();
	assert_in_range(clock_mono_ms() - start, 19, 10000);
	pthread_mutex_unlock(&lock);
	pthread_cond_destroy(&cond);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(clock_writes_rfc3339),
		TESTING_CASE(clock_reads_rfc3339),
		TESTING_CASE(clock_reads_and_writes_dates_as_the_system_does),
		TESTING_CASE(clock_refuses_what_is_no_rfc3339),
		TESTING_CASE(clock_fake_moves_only_by_hand_and_by_sleeping),
		TESTING_CASE(clock_sleep_is_never_short),
		TESTING_CASE(clock_condition_times_out_on_the_monotonic_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
