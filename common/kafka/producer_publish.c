#include "common/kafka/producer.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/banned.h"

#define PUBLISH_PAUSE_MS 20 /* between two attempts when the queue is full or the topic is missing */

/* One attempt of a publish, shared by the one who waits and the report; the last of them frees it. A
 * semaphore, and no lock: who is woken must not at once wait again for the one that woke him. */
struct attempt {
	sem_t reported;
	atomic_int refs;
	struct err failure; /* complete once `outcome` says so */
	_Atomic enum { UNKNOWN, ACKNOWLEDGED, FAILED } outcome;
};

static struct attempt *attempt_new(void)
{
	struct attempt *a = xmalloc(sizeof(*a));

	sem_init(&a->reported, 0, 0);
	atomic_init(&a->refs, 2);
	atomic_init(&a->outcome, UNKNOWN);
	return a;
}

static void attempt_unref(struct attempt *a, int n)
{
	if (atomic_fetch_sub(&a->refs, n) > n)
		return;
	sem_destroy(&a->reported);
	free(a);
}

static void attempt_reported(void *arg, const struct err *failure)
{
	struct attempt *a = arg;

	if (failure)
		a->failure = *failure;
	atomic_store(&a->outcome, failure ? FAILED : ACKNOWLEDGED);
	sem_post(&a->reported);
	attempt_unref(a, 1);
}

/* 0: acknowledged. -1: the library's failure, or ERR_UNCERTAIN at the deadline. Gives one reference back. */
static int attempt_wait(struct attempt *a, int64_t deadline_mono_ms, struct err *err)
{
	struct timespec until = clock_mono_timespec(deadline_mono_ms);
	int rc = 0;

	while (sem_clockwait(&a->reported, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
		;
	switch (atomic_load(&a->outcome)) {
	case UNKNOWN:
		rc = err_set(err, ERR_UNCERTAIN, 0, "no acknowledgement by the deadline");
		break;
	case FAILED:
		*err = a->failure;
		rc = -1;
		break;
	case ACKNOWLEDGED:
		break;
	}
	attempt_unref(a, 1);
	return rc;
}

/* One record sent and waited for. */
static int attempt_publish(
	struct producer *p, const struct kafka_record *r, int64_t deadline_mono_ms, struct err *err)
{
	struct attempt *a = attempt_new();
	int rc = producer_send(p, r, attempt_reported, a, err);

	if (rc == 0)
		return attempt_wait(a, deadline_mono_ms, err);
	attempt_unref(a, 2); /* no report will come */
	if (rc == PRODUCER_FULL)
		return err_set(err, ERR_RETRY, 0, "the queue towards Kafka is full");
	return rc;
}

int producer_publish(
	struct producer *p, const struct kafka_record *r, int64_t deadline_mono_ms, struct err *err)
{
	struct err last;
	bool unsure = false; /* an earlier attempt may have been written */
	int64_t left;

	for (;;) {
		if (attempt_publish(p, r, deadline_mono_ms, &last) == 0)
			return 0;
		unsure |= last.kind == ERR_UNCERTAIN;
		left = deadline_mono_ms - clock_mono_ms();
		if (last.kind == ERR_REJECT || left <= 0)
			break;
		clock_sleep_ms(left < PUBLISH_PAUSE_MS ? left : PUBLISH_PAUSE_MS);
	}
	if (unsure)
		last.kind = ERR_UNCERTAIN;
	if (err)
		*err = last;
	return -1;
}
