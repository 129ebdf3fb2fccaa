#include "common/testing/lateness.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/banned.h"

#define STOPPED_MS 200

/* Another process lets this one stand still. The status of that one. */
static int stop_us_for(int64_t ms)
{
	const struct timespec pause = {0, ms * 1000000};
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		kill(getppid(), SIGSTOP);
		nanosleep(&pause, NULL);
		kill(getppid(), SIGCONT);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* As by a machine that does not run it meanwhile. */
static void a_process_that_is_stopped_is_as_late_as_that(void **state)
{
	struct lateness *l = lateness_begin();
	int64_t begin_ms = clock_mono_ms(), late_ms, took_ms;

	(void)state;
	assert_int_equal(stop_us_for(STOPPED_MS), 0);
	late_ms = lateness_end(&l);
	took_ms = clock_mono_ms() - begin_ms;
	assert_null(l);
	assert_in_range(late_ms, STOPPED_MS - 10, took_ms + 1);
}

static int64_t late_while_sleeping_ms(int64_t ms)
{
	struct lateness *l = lateness_begin();

	clock_sleep_ms(ms);
	return lateness_end(&l);
}

/* A busy machine is given a while to have a better moment. */
static void a_wait_alone_is_not_late(void **state)
{
	int64_t least_ms = INT64_MAX;

	(void)state;
	for (int i = 0; i < 200 && least_ms > 10; i++) {
		int64_t late_ms = late_while_sleeping_ms(50);

		least_ms = late_ms < least_ms ? late_ms : least_ms;
	}
	assert_in_range(least_ms, 0, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_process_that_is_stopped_is_as_late_as_that),
		TESTING_CASE(a_wait_alone_is_not_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
