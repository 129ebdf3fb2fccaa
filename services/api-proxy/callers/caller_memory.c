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

struct caller_memory {
	pthread_mutex_t lock;
	struct known *callers, *nobody; /* in the order in which they were learnt */
	struct rate *strangers;
};

struct caller_memory *caller_memory_new(void)
{
	struct caller_memory *m = xcalloc(1, sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
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

void caller_memory_free(struct caller_memory **mp)
{
	struct caller_memory *m = *mp;

	*mp = NULL;
	if (!m)
		return;
	drop_all(&m->callers);
	drop_all(&m->nobody);
	rate_free(&m->strangers);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static void wants_of(const char *origin, struct rate_want out[2])
{
	out[0] = (struct rate_want){origin, STRANGERS_OF_ONE_PER_S};
	out[1] = (struct rate_want){ALL_STRANGERS, STRANGERS_PER_S};
}

enum memory caller_memory_find(
	struct caller_memory *m, const char *name, const char *origin, struct caller **out)
{
	struct known *caller, *nobody;
	struct rate_want wants[2];
	enum memory found = MEMORY_ASK;

	pthread_mutex_lock(&m->lock);
	HASH_FIND_STR(m->callers, name, caller);
	HASH_FIND_STR(m->nobody, name, nobody);
	if (caller && caller->until_mono_ms > clock_mono_ms()) {
		*out = caller_hold(caller->caller);
		found = MEMORY_KNOWN;
	} else if (!caller && nobody && nobody->until_mono_ms > clock_mono_ms()) {
		*out = NULL;
		found = MEMORY_KNOWN;
	}
	pthread_mutex_unlock(&m->lock);
	if (found == MEMORY_KNOWN || caller || !origin)
		return found;
	wants_of(origin, wants);
	return rate_take(m->strangers, wants, 2) == 0 ? MEMORY_ASK : MEMORY_BUSY;
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

void caller_memory_learn(struct caller_memory *m, const char *name, const char *origin, struct caller *caller)
{
	pthread_mutex_lock(&m->lock);
	drop_name(&m->callers, name);
	drop_name(&m->nobody, name);
	if (caller)
		add(&m->callers, name, caller, CALLERS_CACHE_MS);
	else
		add(&m->nobody, name, NULL, CALLER_MEMORY_NONE_MS);
	pthread_mutex_unlock(&m->lock);
	if (caller)
		caller_memory_give_back(m, origin); /* it was no stranger */
}

/* Also what was not taken, for a caller who is asked for anew: a bucket that is full stays so. */
void caller_memory_give_back(struct caller_memory *m, const char *origin)
{
	struct rate_want wants[2];

	if (!origin)
		return;
	wants_of(origin, wants);
	rate_return(m->strangers, wants, 2);
}

void caller_memory_expire(struct caller_memory *m)
{
	struct known *k;

	pthread_mutex_lock(&m->lock);
	for (k = m->callers; k; k = k->hh.next)
		k->until_mono_ms = 0;
	drop_all(&m->nobody);
	pthread_mutex_unlock(&m->lock);
}
