#include "services/api-proxy/callers/rate.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

#define SWEEP_AT 8192 /* names; full buckets are as good as none */

struct bucket {
	char *name;
	int64_t milli; /* thousandths of calls: what a rate gives in one millisecond is a whole number of them
			*/
	int64_t at_ms;
	int64_t per_s;
	int64_t turn_us; /* the last turn that was given */
	UT_hash_handle hh;
};

struct rate {
	pthread_mutex_t lock;
	struct bucket *buckets;
};

struct rate *rate_new(void)
{
	struct rate *r = xcalloc(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void drop(struct rate *r, struct bucket *b)
{
	HASH_DELETE(hh, r->buckets, b);
	free(b->name);
	free(b);
}

void rate_free(struct rate **rp)
{
	struct rate *r = *rp;
	struct bucket *b, *next;

	*rp = NULL;
	if (!r)
		return;
	HASH_ITER (hh, r->buckets, b, next)
		drop(r, b);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void fill(struct bucket *b, int64_t per_s, int64_t now)
{
	int64_t passed = now - b->at_ms < 1000 ? now - b->at_ms : 1000;

	b->per_s = per_s;
	b->milli += passed * per_s;
	if (b->milli > per_s * 1000)
		b->milli = per_s * 1000;
	b->at_ms = now;
}

static void sweep(struct rate *r, int64_t now)
{
	struct bucket *b, *next;

	HASH_ITER (hh, r->buckets, b, next) {
		fill(b, b->per_s, now);
		if (b->milli == b->per_s * 1000)
			drop(r, b);
	}
}

static struct bucket *bucket_of(struct rate *r, const struct rate_want *want, int64_t now)
{
	struct bucket *b;

	HASH_FIND_STR(r->buckets, want->name, b);
	if (!b) {
		b = xcalloc(1, sizeof(*b));
		b->name = xstrdup(want->name);
		b->milli = want->per_s * 1000;
		b->at_ms = now;
		HASH_ADD_KEYPTR(hh, r->buckets, b->name, strlen(b->name), b);
	}
	fill(b, want->per_s, now);
	return b;
}

static int64_t lock(struct rate *r)
{
	int64_t now = clock_mono_ms();

	pthread_mutex_lock(&r->lock);
	if (HASH_COUNT(r->buckets) >= SWEEP_AT)
		sweep(r, now);
	return now;
}

static void add(struct rate *r, const struct rate_want *wants, size_t n, int64_t milli, int64_t now)
{
	for (size_t i = 0; i < n; i++)
		if (wants[i].per_s > 0)
			bucket_of(r, &wants[i], now)->milli += milli;
}

/* Milliseconds until there is a call in it. */
static int64_t until_one(const struct bucket *b)
{
	return b->milli >= 1000 ? 0 : (1000 - b->milli + b->per_s - 1) / b->per_s;
}

int64_t rate_take(struct rate *r, const struct rate_want *wants, size_t n)
{
	int64_t now = lock(r), wait_ms = 0, one_ms;

	for (size_t i = 0; i < n; i++) {
		one_ms = wants[i].per_s > 0 ? until_one(bucket_of(r, &wants[i], now)) : 0;
		if (one_ms > wait_ms)
			wait_ms = one_ms;
	}
	if (wait_ms == 0)
		add(r, wants, n, -1000, now);
	pthread_mutex_unlock(&r->lock);
	return wait_ms;
}

/* Milliseconds until its turn in this bucket, which would be at *turn_us; 0: now. */
static int64_t turn_of(const struct bucket *b, int64_t now, bool waited, int64_t *turn_us_out)
{
	int64_t free_ms = until_one(b), turn_us;

	*turn_us_out = b->turn_us;

	if (free_ms == 0 && (waited || b->turn_us <= now * 1000))
		return 0;
	turn_us = b->turn_us + 1000000 / b->per_s;
	if (turn_us < (now + free_ms) * 1000)
		turn_us = (now + free_ms) * 1000;
	if (turn_us > (now + RATE_TURN_MAX_MS) * 1000)
		return RATE_TURN_MAX_MS; /* no turn yet */
	*turn_us_out = turn_us;
	return (turn_us + 999) / 1000 - now;
}

int64_t rate_turn(struct rate *r, const struct rate_want *wants, size_t n, bool waited)
{
	int64_t now = lock(r), wait_ms = 0, one_ms, turn_us, longest_us = 0;
	struct bucket *b, *longest = NULL;

	for (size_t i = 0; i < n; i++) {
		if (wants[i].per_s <= 0)
			continue;
		b = bucket_of(r, &wants[i], now);
		one_ms = turn_of(b, now, waited, &turn_us);
		if (one_ms > wait_ms) {
			wait_ms = one_ms;
			longest = b;
			longest_us = turn_us;
		}
	}
	/* Its turn in the others would pass unused, and those behind it would wait for nothing. */
	if (longest)
		longest->turn_us = longest_us;
	else
		add(r, wants, n, -1000, now);
	pthread_mutex_unlock(&r->lock);
	return wait_ms;
}

void rate_return(struct rate *r, const struct rate_want *wants, size_t n)
{
	int64_t now = lock(r);

	add(r, wants, n, 1000, now);
	pthread_mutex_unlock(&r->lock);
}
