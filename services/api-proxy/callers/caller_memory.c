#include "services/api-proxy/callers/caller_memory.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "services/api-proxy/callers/rate.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

#define ALL_STRANGERS "" /* no origin is empty */

struct known {
	char *name;
	struct caller *caller; /* NULL in `nobody` */
	int64_t until_mono_ms;
	UT_hash_handle hh;
};

/* One thread asks the database for this name; the others who come with it wait for the answer. */
struct asking {
	char *name;
	char *origin;   /* among whose strangers it counts; NULL: it does not */
	int users;      /* threads that hold a pointer to it */
	unsigned as_of; /* `changes` when it began */
	bool over, failed;
	struct caller *caller;
	struct err why;
	UT_hash_handle hh;
};

struct caller_memory {
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct known *callers, *nobody; /* in the order in which they were learnt */
	struct asking *asking;
	unsigned changes; /* what was asked before the last of them may be out of date */
	struct rate *strangers;
};

struct caller_memory *caller_memory_new(void)
{
	struct caller_memory *m = xcalloc(1, sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	clock_cond_init(&m->answered);
	m->strangers = rate_new();
	return m;
}

static void drop(struct known **hash, struct known *k)
{
	HASH_DELETE(hh, *hash, k);
	caller_put(&k->caller);
	free(k->name);
	free(k);
}

static void drop_name(struct known **hash, const char *name)
{
	struct known *k;

	HASH_FIND_STR(*hash, name, k);
	if (k)
		drop(hash, k);
}

static void drop_all(struct known **hash)
{
	while (*hash)
		drop(hash, *hash);
}

static void asking_put(struct asking *a)
{
	if (--a->users > 0)
		return;
	caller_put(&a->caller);
	free(a->origin);
	free(a->name);
	free(a);
}

void caller_memory_free(struct caller_memory **mp)
{
	struct caller_memory *m = *mp;
	struct asking *a, *next;

	*mp = NULL;
	if (!m)
		return;
	HASH_ITER (hh, m->asking, a, next) {
		HASH_DELETE(hh, m->asking, a);
		asking_put(a);
	}
	drop_all(&m->callers);
	drop_all(&m->nobody);
	rate_free(&m->strangers);
	pthread_cond_destroy(&m->answered);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void wants_of(const char *origin, struct rate_want out[2])
{
	out[0] = (struct rate_want){origin, STRANGERS_OF_ONE_PER_S};
	out[1] = (struct rate_want){ALL_STRANGERS, STRANGERS_PER_S};
}

static bool recall(struct caller_memory *m, const char *name, struct caller **out)
{
	struct known *caller, *nobody;

	HASH_FIND_STR(m->callers, name, caller);
	HASH_FIND_STR(m->nobody, name, nobody);
	if (caller && caller->until_mono_ms > clock_mono_ms())
		*out = caller_hold(caller->caller);
	else if (!caller && nobody && nobody->until_mono_ms > clock_mono_ms())
		*out = NULL;
	else
		return false;
	return true;
}

/* MEMORY_ASK: what was asked is out of date, and nobody asks at this moment. */
static enum memory wait_for(struct caller_memory *m, struct asking *a, int64_t deadline_mono_ms,
	struct caller **out, struct err *err)
{
	struct timespec until = clock_mono_timespec(deadline_mono_ms);
	bool out_of_date = a->as_of != m->changes;
	enum memory found = MEMORY_FAILED;

	a->users++;
	while (!a->over && pthread_cond_timedwait(&m->answered, &m->lock, &until) == 0)
		;
	if (!a->over) {
		err_set(err, ERR_RETRY, 0, "no answer in time to another who asked for the same caller");
	} else if (out_of_date) {
		found = MEMORY_ASK;
	} else if (a->failed) {
		err_set(err, a->why.kind, a->why.code, "%s", a->why.text);
	} else {
		*out = caller_hold(a->caller);
		found = MEMORY_KNOWN;
	}
	asking_put(a);
	return found;
}

static enum memory begin(struct caller_memory *m, const char *name, const char *origin)
{
	struct rate_want wants[2];
	struct known *caller;
	struct asking *a;
	bool counts;

	HASH_FIND_STR(m->callers, name, caller);
	counts = origin && !caller;
	if (counts) {
		wants_of(origin, wants);
		if (rate_take(m->strangers, wants, 2) != 0)
			return MEMORY_BUSY;
	}
	a = xcalloc(1, sizeof(*a));
	a->name = xstrdup(name);
	a->origin = counts ? xstrdup(origin) : NULL;
	a->users = 1; /* who asks */
	a->as_of = m->changes;
	HASH_ADD_KEYPTR(hh, m->asking, a->name, strlen(a->name), a);
	return MEMORY_ASK;
}

enum memory caller_memory_find(struct caller_memory *m, const char *name, const char *origin,
	int64_t deadline_mono_ms, struct caller **out, struct err *err)
{
	enum memory found = MEMORY_ASK;
	struct asking *a;

	pthread_mutex_lock(&m->lock);
	for (;;) {
		if (recall(m, name, out)) {
			found = MEMORY_KNOWN;
			break;
		}
		HASH_FIND_STR(m->asking, name, a);
		if (!a) {
			found = begin(m, name, origin);
			break;
		}
		found = wait_for(m, a, deadline_mono_ms, out, err);
		if (found != MEMORY_ASK)
			break;
	}
	pthread_mutex_unlock(&m->lock);
	return found;
}

static void add(struct known **hash, const char *name, struct caller *caller, int64_t for_ms)
{
	struct known *k = xcalloc(1, sizeof(*k));

	if (HASH_COUNT(*hash) >= CALLER_MEMORY_MAX)
		drop(hash, *hash); /* the oldest */
	k->name = xstrdup(name);
	k->caller = caller_hold(caller);
	k->until_mono_ms = clock_mono_ms() + for_ms;
	HASH_ADD_KEYPTR(hh, *hash, k->name, strlen(k->name), k);
}

static void remember(struct caller_memory *m, const char *name, struct caller *caller)
{
	drop_name(&m->callers, name);
	drop_name(&m->nobody, name);
	if (caller)
		add(&m->callers, name, caller, CALLERS_CACHE_MS);
	else
		add(&m->nobody, name, NULL, CALLER_MEMORY_NONE_MS);
}

/* With the lock held. `counts`: it was a stranger. */
static void end(struct caller_memory *m, struct asking *a, bool counts)
{
	struct rate_want wants[2];

	if (a->origin && !counts) {
		wants_of(a->origin, wants);
		rate_return(m->strangers, wants, 2);
	}
	a->over = true;
	HASH_DELETE(hh, m->asking, a);
	asking_put(a);
	pthread_cond_broadcast(&m->answered);
}

void caller_memory_learn(struct caller_memory *m, const char *name, struct caller *caller)
{
	struct asking *a;

	pthread_mutex_lock(&m->lock);
	HASH_FIND_STR(m->asking, name, a);
	if (a->as_of == m->changes)
		remember(m, name, caller);
	a->caller = caller_hold(caller);
	end(m, a, caller == NULL);
	pthread_mutex_unlock(&m->lock);
}

void caller_memory_fail(struct caller_memory *m, const char *name, const struct err *why)
{
	struct asking *a;

	pthread_mutex_lock(&m->lock);
	HASH_FIND_STR(m->asking, name, a);
	a->failed = true;
	a->why = *why;
	end(m, a, false);
	pthread_mutex_unlock(&m->lock);
}

void caller_memory_expire(struct caller_memory *m)
{
	struct known *k;

	pthread_mutex_lock(&m->lock);
	for (k = m->callers; k; k = k->hh.next)
		k->until_mono_ms = 0;
	drop_all(&m->nobody);
	m->changes++;
	pthread_mutex_unlock(&m->lock);
}
