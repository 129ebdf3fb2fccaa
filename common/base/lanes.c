/* As many threads are woken as there are lanes for them, but few at once: whoever gets up wakes the next
 * before it begins a job. Where jobs are quick, those that are up have done all before many others are; where
 * they take long, each that gets up is followed by more. Under load nobody sleeps and nobody is woken. */
#include "common/base/lanes.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/lock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "common/base/banned.h"

#define WAKE_MS      5
#define WAKE_AT_ONCE 2

struct job {
	void *what;
	struct job *prev, *next;
};

struct lane;

/* Exists while a lane, or a share within it, holds it. */
struct share {
	char *key;
	size_t key_len;
	int most, running;
	size_t held;
	struct share *outer, *within; /* NULL: none */
	struct lane *parked;          /* found it full */
	struct share *prev, *next;    /* in `crowded` */
	UT_hash_handle hh;
};

struct lane {
	size_t key_len; /* 0: not in the hash */
	struct job *jobs;
	struct share *share;      /* the innermost; NULL: none */
	bool unparked;            /* and not looked at since */
	int64_t due_ms;           /* in `asleep` */
	struct lane *prev, *next; /* in `ready`, or in a share's `parked` */
	UT_hash_handle hh;
	char key[];
};

struct lanes {
	pthread_mutex_t lock;
	pthread_cond_t work_or_stop;
	struct lanes_work work;
	struct lane *by_key;
	struct share *shares;  /* the outermost */
	struct share *crowded; /* have lanes parked; the first is next */
	struct lane *ready;    /* have jobs, none of them running; the first is next */
	size_t n_ready;
	struct lane **asleep; /* their first job is not due yet; a heap, the earliest on top */
	size_t n_asleep, asleep_size;
	uint64_t unparked;
	int idle;   /* threads that sleep */
	int waking; /* those of them that have been told to get up ... */
	int64_t waking_since_ms;
	bool stopping;
	pthread_t *threads;
	int n_threads;
	int running; /* threads that run a job */
};

static void share_put(struct lanes *l, struct share *s)
{
	struct share *outer;

	for (; s && --s->held == 0; s = outer) {
		outer = s->outer;
		if (outer)
			HASH_DELETE(hh, outer->within, s);
		else
			HASH_DELETE(hh, l->shares, s);
		free(s->key);
		free(s);
	}
}

static void lane_free(struct lanes *l, struct lane *lane)
{
	share_put(l, lane->share);
	if (lane->key_len > 0)
		HASH_DELETE(hh, l->by_key, lane);
	free(lane);
}

static void make_ready(struct lanes *l, struct lane *lane)
{
	DL_APPEND(l->ready, lane);
	l->n_ready++;
}

static void unready(struct lanes *l, struct lane *lane)
{
	DL_DELETE(l->ready, lane);
	l->n_ready--;
}

/* How many threads the caller is to wake once it has let go of the lock. Who was told to get up and is not up
 * after a while, be it for want of a processor, is not counted on. */
static int must_wake(struct lanes *l)
{
	int most = l->n_ready < (size_t)l->idle ? (int)l->n_ready : l->idle, n;
	int64_t now;

	if (most == 0)
		return 0;
	if (most > WAKE_AT_ONCE)
		most = WAKE_AT_ONCE;
	now = clock_mono_ms();
	if (now - l->waking_since_ms > WAKE_MS)
		l->waking = 0;
	if (l->waking == 0)
		l->waking_since_ms = now;
	n = most > l->waking ? most - l->waking : 0;
	l->waking += n;
	return n;
}

static void unlock_and_wake(struct lanes *l)
{
	int n = must_wake(l);

	pthread_mutex_unlock(&l->lock);
	for (; n > 0; n--)
		pthread_cond_signal(&l->work_or_stop);
}

static struct job *take(struct lane *lane)
{
	struct job *job = lane->jobs;

	DL_DELETE(lane->jobs, job);
	return job;
}

static int most_of(const struct lanes *l, const struct share *s)
{
	int left = l->n_threads - l->running;

	if (s->outer)
		left = (most_of(l, s->outer) - s->outer->running + 1) / 2;
	return left < s->most ? left : s->most;
}

/* The outermost share of these in which there is no room for one more; NULL: none is full. */
static struct share *full_share(const struct lanes *l, struct share *s)
{
	struct share *full = s ? full_share(l, s->outer) : NULL;

	return full || !s || s->running < most_of(l, s) ? full : s;
}

static void park(struct lanes *l, struct lane *lane, struct share *full)
{
	if (!full->parked)
		DL_APPEND(l->crowded, full);
	DL_APPEND(full->parked, lane);
}

/* The first lane at this share; the share goes behind the others. */
static struct lane *leave_park(struct lanes *l, struct share *s)
{
	struct lane *lane = s->parked;

	DL_DELETE(s->parked, lane);
	DL_DELETE(l->crowded, s);
	if (s->parked)
		DL_APPEND(l->crowded, s);
	return lane;
}

/* Is there room for the first lane at this share? Those of a share within that is full wait there instead,
 * for they would hold up the others here. */
static bool lets_one_go(struct lanes *l, struct share *s)
{
	struct share *full;

	while (s->parked) {
		full = full_share(l, s->parked->share);
		if (!full)
			return true;
		if (full == s || full == s->outer)
			return false;
		park(l, leave_park(l, s), full);
	}
	return false;
}

/* Where there is room for one more, the lane that has waited longest goes; the shares take turns. What may go
 * besides is looked for when that lane begins, or cannot any more. On one of the threads, which looks for a
 * lane next. */
static void unpark_one(struct lanes *l)
{
	struct share *s, *next;
	struct lane *lane;

	DL_FOREACH_SAFE (l->crowded, s, next) {
		if (!lets_one_go(l, s))
			continue;
		lane = leave_park(l, s);
		lane->unparked = true;
		make_ready(l, lane);
		l->unparked++;
		return;
	}
}

/* False: a share is full, and the lane waits for jobs to end. */
static bool enter_shares(struct lanes *l, struct lane *lane)
{
	struct share *s, *full = full_share(l, lane->share);

	if (full) {
		park(l, lane, full);
		return false;
	}
	for (s = lane->share; s; s = s->outer)
		s->running++;
	l->running++;
	return true;
}

static void leave_shares(struct lanes *l, struct lane *lane)
{
	for (struct share *s = lane->share; s; s = s->outer)
		s->running--;
	l->running--;
	unpark_one(l);
}

/* The next lane, if it may run now. */
static struct lane *next_lane(struct lanes *l)
{
	struct lane *lane = l->ready;
	bool unparked = lane->unparked, entered;

	unready(l, lane);
	lane->unparked = false;
	entered = enter_shares(l, lane);
	if (unparked)
		unpark_one(l);
	return entered ? lane : NULL;
}

/* --- lanes whose first job is to run again later ---------------------------------------------------------
 */

static void swap(struct lane **a, struct lane **b)
{
	struct lane *lane = *a;

	*a = *b;
	*b = lane;
}

static void fall_asleep(struct lanes *l, struct lane *lane, int64_t due_ms)
{
	size_t i = l->n_asleep++;

	if (l->n_asleep > l->asleep_size) {
		l->asleep_size = l->asleep_size ? l->asleep_size * 2 : 64;
		l->asleep = xrealloc(l->asleep, l->asleep_size * sizeof(struct lane *));
	}
	lane->due_ms = due_ms;
	l->asleep[i] = lane;
	for (; i > 0 && l->asleep[(i - 1) / 2]->due_ms > due_ms; i = (i - 1) / 2)
		swap(&l->asleep[i], &l->asleep[(i - 1) / 2]);
}

static struct lane *wake_first(struct lanes *l)
{
	struct lane *first = l->asleep[0];
	size_t i = 0, child;

	l->asleep[0] = l->asleep[--l->n_asleep];
	for (; (child = 2 * i + 1) < l->n_asleep; i = child) {
		if (child + 1 < l->n_asleep && l->asleep[child + 1]->due_ms < l->asleep[child]->due_ms)
			child++;
		if (l->asleep[i]->due_ms <= l->asleep[child]->due_ms)
			break;
		swap(&l->asleep[i], &l->asleep[child]);
	}
	return first;
}

void lanes_resume(struct lanes *l, int64_t now_mono_ms)
{
	struct lane *lane;

	pthread_mutex_lock(&l->lock);
	while (l->n_asleep > 0 && l->asleep[0]->due_ms <= now_mono_ms) {
		lane = wake_first(l);
		make_ready(l, lane);
	}
	unlock_and_wake(l);
}

/* --- the threads -----------------------------------------------------------------------------------------
 */

static void end_job(struct lanes *l, struct lane *lane, struct job *job, int64_t again_ms)
{
	if (again_ms > 0) {
		DL_PREPEND(lane->jobs, job);
		fall_asleep(l, lane, again_ms);
		return;
	}
	free(job);
	if (lane->jobs)
		make_ready(l, lane);
	else
		lane_free(l, lane);
}

static void *worker(void *arg)
{
	struct lanes *l = arg;
	struct lane *lane;
	struct job *job;
	int64_t again_ms;

	pthread_mutex_lock(&l->lock);
	while (!l->stopping) {
		if (!l->ready) {
			l->idle++;
			pthread_cond_wait(&l->work_or_stop, &l->lock);
			l->idle--;
			if (l->waking > 0)
				l->waking--;
			continue;
		}
		if ((lane = next_lane(l)) == NULL)
			continue;
		job = take(lane);
		unlock_and_wake(l);
		again_ms = l->work.run(l->work.arg, job->what);
		pthread_mutex_lock(&l->lock);
		leave_shares(l, lane);
		end_job(l, lane, job, again_ms);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int lanes_new(struct lanes **out, int threads, const struct lanes_work *work, struct err *err)
{
	struct lanes *l = xcalloc(1, sizeof(*l));
	int rc;

	lock_init(&l->lock);
	pthread_cond_init(&l->work_or_stop, NULL);
	l->work = *work;
	l->threads = xcalloc((size_t)threads, sizeof(*l->threads));
	for (; l->n_threads < threads; l->n_threads++) {
		rc = pthread_create(&l->threads[l->n_threads], NULL, worker, l);
		if (rc != 0) {
			lanes_free(&l);
			return err_set(err, ERR_FATAL, rc, "starting a thread: %s", strerror(rc));
		}
	}
	*out = l;
	return 0;
}

static void lane_drop(struct lanes *l, struct lane *lane)
{
	struct job *job;

	unready(l, lane);
	while (lane->jobs) {
		job = take(lane);
		l->work.drop(l->work.arg, job->what);
		free(job);
	}
	lane_free(l, lane);
}

uint64_t lanes_unparked(struct lanes *l)
{
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	n = l->unparked;
	pthread_mutex_unlock(&l->lock);
	return n;
}

static void unpark_all(struct lanes *l)
{
	struct lane *lane;

	while (l->crowded) {
		lane = leave_park(l, l->crowded);
		make_ready(l, lane);
	}
}

void lanes_free(struct lanes **lp)
{
	struct lanes *l = *lp;
	int i;

	*lp = NULL;
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_cond_broadcast(&l->work_or_stop);
	pthread_mutex_unlock(&l->lock);
	for (i = 0; i < l->n_threads; i++)
		pthread_join(l->threads[i], NULL);
	unpark_all(l);
	lanes_resume(l, INT64_MAX);
	while (l->ready)
		lane_drop(l, l->ready);
	pthread_cond_destroy(&l->work_or_stop);
	pthread_mutex_destroy(&l->lock);
	free(l->threads);
	free(l->asleep);
	free(l);
}

static struct share *share_hold(struct lanes *l, struct share *outer, const struct lanes_share *wanted)
{
	struct share **among = outer ? &outer->within : &l->shares, *s;

	HASH_FIND(hh, *among, wanted->key, wanted->key_len, s);
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->key = xmemdup(wanted->key, wanted->key_len);
		s->key_len = wanted->key_len;
		s->most = wanted->most;
		s->outer = outer;
		HASH_ADD_KEYPTR(hh, *among, s->key, s->key_len, s);
		if (outer)
			outer->held++;
	}
	return s;
}

static struct lane *lane_new(struct lanes *l, const struct lanes_entry *e)
{
	struct lane *lane = xcalloc(1, sizeof(*lane) + e->key_len);

	if (e->key_len > 0) {
		memcpy(lane->key, e->key, e->key_len);
		lane->key_len = e->key_len;
		HASH_ADD(hh, l->by_key, key, lane->key_len, lane);
	}
	for (size_t i = 0; i < e->n_shares; i++)
		lane->share = share_hold(l, lane->share, &e->shares[i]);
	if (lane->share)
		lane->share->held++;
	return lane;
}

static void add(struct lanes *l, const struct lanes_entry *e, struct job *job)
{
	struct lane *lane = NULL;

	if (e->key_len > 0)
		HASH_FIND(hh, l->by_key, e->key, e->key_len, lane);
	if (!lane) {
		lane = lane_new(l, e);
		make_ready(l, lane);
	}
	DL_APPEND(lane->jobs, job);
}

void lanes_add(struct lanes *l, const void *key, size_t key_len, void *what)
{
	const struct lanes_entry e = {.key = key, .key_len = key_len, .job = what};

	lanes_add_all(l, &e, 1);
}

void lanes_add_shared(struct lanes *l, const void *key, size_t key_len, const struct lanes_share *shares,
	size_t n_shares, void *what)
{
	struct lanes_entry e = {.key = key, .key_len = key_len, .job = what, .n_shares = n_shares};

	for (size_t i = 0; i < n_shares; i++)
		e.shares[i] = shares[i];
	lanes_add_all(l, &e, 1);
}

void lanes_add_all(struct lanes *l, const struct lanes_entry *entries, size_t n)
{
	struct job *jobs = NULL, *job;

	for (size_t i = 0; i < n; i++) {
		job = xmalloc(sizeof(*job));
		job->what = entries[i].job;
		DL_APPEND(jobs, job);
	}
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < n; i++) {
		job = jobs;
		DL_DELETE(jobs, job);
		add(l, &entries[i], job);
	}
	unlock_and_wake(l);
}
