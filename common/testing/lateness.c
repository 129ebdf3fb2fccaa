#include "common/testing/lateness.h"

#include "common/base/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "common/testing/testing.h"

#include "common/base/banned.h"

#define SLEEP_US 2000

struct lateness {
	pthread_t thread;
	int64_t begin_us;
	_Atomic int64_t end_us; /* INT64_MAX: not yet */
	int64_t longest_us;     /* the thread's until it is joined */
};

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void sleep_until(int64_t us)
{
	const struct timespec t = {us / 1000000, us % 1000000 * 1000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* That this thread begins late counts, too; its last sleep does until the span's end. */
static void *sleep_and_look(void *arg)
{
	struct lateness *l = arg;
	int64_t due_us = l->begin_us, woken_us, end_us;

	do {
		sleep_until(due_us);
		woken_us = now_us();
		end_us = atomic_load(&l->end_us);
		if (woken_us > end_us)
			woken_us = end_us;
		if (woken_us - due_us > l->longest_us)
			l->longest_us = woken_us - due_us;
		due_us = woken_us + SLEEP_US;
	} while (end_us == INT64_MAX);
	return NULL;
}

struct lateness *lateness_begin(void)
{
	struct lateness *l = xcalloc(1, sizeof(*l));

	l->begin_us = now_us();
	atomic_init(&l->end_us, INT64_MAX);
	assert_int_equal(pthread_create(&l->thread, NULL, sleep_and_look, l), 0);
	return l;
}

int64_t lateness_end(struct lateness **lp)
{
	struct lateness *l = *lp;
	int64_t longest_us;

	*lp = NULL;
	atomic_store(&l->end_us, now_us());
	assert_int_equal(pthread_join(l->thread, NULL), 0);
	longest_us = l->longest_us;
	free(l);
	return (longest_us + 999) / 1000;
}
