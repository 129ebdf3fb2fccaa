#include "services/token-service/tokens/schedule.h"

#include "common/testing/testing.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define MINUTE_MS ((int64_t)60 * 1000)

#define LIFE_S     7200
#define N_ACCOUNTS 100000
#define CYCLE_S    (LIFE_S / 12 * 10)
#define NOW_MS     ((int64_t)1763640000123)

static void name(char appid[32], int i)
{
	(void)snprintf(appid, 32, "wx%016x", (unsigned int)i);
}

static void a_refresh_lies_ten_to_a_hundred_and_ten_minutes_after_the_token_came(void **state)
{
	char appid[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t wait_ms;

		name(appid, i);
		wait_ms = schedule_refresh_ms(LIFE_S, NOW_MS + i * 7919, "wxcomponent", appid);
		assert_in_range(wait_ms, 10 * MINUTE_MS, 110 * MINUTE_MS);
		assert_true(wait_ms == schedule_refresh_ms(LIFE_S, NOW_MS + i * 7919, "wxcomponent", appid));
	}
}

static void a_token_refreshed_in_its_time_is_next_refreshed_a_cycle_later(void **state)
{
	int64_t now_ms = NOW_MS;

	(void)state;
	now_ms += schedule_refresh_ms(LIFE_S, now_ms, "wxc", "wxa");
	for (int round = 0; round < 20; round++) {
		int64_t wait_ms = schedule_refresh_ms(LIFE_S, now_ms + 250, "wxc", "wxa");

		assert_true(wait_ms == CYCLE_S * (int64_t)1000 - 250);
		now_ms += wait_ms + 250;
	}
}

/* How busy the busiest second is when every account is refreshed as scheduled, from *at_ms on. */
static int busiest_second(int64_t *at_ms, int64_t start_ms)
{
	static int per_second[2 * LIFE_S];
	char appid[32];
	int most = 0;

	memset(per_second, 0, sizeof(per_second));
	for (int i = 0; i < N_ACCOUNTS; i++) {
		int *second;

		name(appid, i);
		at_ms[i] += schedule_refresh_ms(LIFE_S, at_ms[i], "wxc", appid);
		second = &per_second[(at_ms[i] - start_ms) / 1000 % (2 * LIFE_S)];
		if (++*second > most)
			most = *second;
	}
	return most;
}

static void no_second_is_busier_than_three_times_the_mean_though_all_tokens_came_at_once(void **state)
{
	const int mean = N_ACCOUNTS / CYCLE_S;
	static int64_t at_ms[N_ACCOUNTS];

	(void)state;
	for (int i = 0; i < N_ACCOUNTS; i++)
		at_ms[i] = NOW_MS;
	for (int round = 0; round < 3; round++)
		assert_in_range(busiest_second(at_ms, NOW_MS), mean, 3 * mean);
}

static void a_short_life_has_a_short_cycle(void **state)
{
	(void)state;
	assert_in_range(schedule_refresh_ms(60, NOW_MS, "wxc", "wxa"), 5000, 55000);
	assert_in_range(schedule_refresh_ms(1, NOW_MS, "wxc", ""), 80, 920);
	assert_true(schedule_refresh_ms(0, NOW_MS, "wxc", "") == 0);
}

static void attempts_become_rarer_up_to_a_bound(void **state)
{
	(void)state;
	for (int failures = 0; failures < 40; failures++) {
		int64_t most_ms = failures > 10 ? 10 * MINUTE_MS : (int64_t)1000 << failures;

		assert_in_range(schedule_retry_ms(failures, false), 500, most_ms > 1000 ? most_ms : 1000);
		assert_in_range(schedule_retry_ms(failures, true), MINUTE_MS / 2, 60 * MINUTE_MS);
	}
	assert_true(schedule_retry_ms(1000000, false) >= 5 * MINUTE_MS);
	assert_true(schedule_retry_ms(1000000, true) >= 30 * MINUTE_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_refresh_lies_ten_to_a_hundred_and_ten_minutes_after_the_token_came),
		TESTING_CASE(a_token_refreshed_in_its_time_is_next_refreshed_a_cycle_later),
		TESTING_CASE(no_second_is_busier_than_three_times_the_mean_though_all_tokens_came_at_once),
		TESTING_CASE(a_short_life_has_a_short_cycle),
		TESTING_CASE(attempts_become_rarer_up_to_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
