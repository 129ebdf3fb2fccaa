/* Each event is looked up here and then noted, among as many as a busy business settles in ten minutes: what
 * that costs is the memory that the processor has not at hand. So a chain holds less than one row on average,
 * and a row is no larger than its key needs. All are kept for the same time, so the order in which they were
 * noted is that in which they go; one whose key is noted anew stays until then, found no more. */
#include "services/business/sdk/settled.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/lock.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

#define N_CHAINS 262144 /* a power of two, beyond SETTLED_MAX */

struct row {
	struct row *next; /* in its chain */
	struct row *younger;
	struct settled_verdict verdict;
	int64_t expires_ms;
	unsigned hash;
	enum settled_state state; /* SETTLED_UNKNOWN: in no chain any more */
	char key[];
};

struct settled {
	pthread_mutex_t lock;
	struct row *oldest, **end; /* by age; where the next one goes */
	size_t n;
	struct row *chains[N_CHAINS];
};

struct settled *settled_new(void)
{
	struct settled *s = xcalloc(1, sizeof(*s));

	lock_init(&s->lock);
	s->end = &s->oldest;
	return s;
}

/* What points to the row of this key, or to where it would be. */
static struct row **place_of(struct settled *s, unsigned hash, const char *key)
{
	struct row **at = &s->chains[hash % N_CHAINS];

	while (*at && ((*at)->hash != hash || strcmp((*at)->key, key) != 0))
		at = &(*at)->next;
	return at;
}

static void unchain(struct row **at)
{
	struct row *row = *at;

	if (!row)
		return;
	*at = row->next;
	row->state = SETTLED_UNKNOWN;
}

static void drop_oldest(struct settled *s)
{
	struct row *row = s->oldest;

	if (row->state != SETTLED_UNKNOWN)
		unchain(place_of(s, row->hash, row->key));
	s->oldest = row->younger;
	if (!s->oldest)
		s->end = &s->oldest;
	s->n--;
	json_free(&row->verdict.reply);
	free(row);
}

void settled_free(struct settled **sp)
{
	struct settled *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	while (s->oldest)
		drop_oldest(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void purge(struct settled *s, int64_t now)
{
	while (s->oldest && (s->oldest->expires_ms <= now || s->n >= SETTLED_MAX))
		drop_oldest(s);
}

static unsigned hash_of(const char *key, size_t len)
{
	unsigned hash;

	HASH_VALUE(key, len, hash);
	return hash;
}

static struct row *row_new(
	const char *key, size_t len, enum settled_state state, const struct settled_verdict *v)
{
	struct row *row = xmalloc(sizeof(*row) + len + 1);

	*row = (struct row){.verdict = *v, .hash = hash_of(key, len), .state = state};
	row->verdict.reply = v->reply ? json_copy(v->reply) : NULL;
	memcpy(row->key, key, len + 1);
	return row;
}

void settled_add(
	struct settled *s, const char *key, enum settled_state state, const struct settled_verdict *v)
{
	size_t len = strlen(key);
	struct row *row, **first;
	int64_t now;

	if (len > SETTLED_KEY_MAX)
		return;
	row = row_new(key, len, state, v);
	first = &s->chains[row->hash % N_CHAINS];
	pthread_mutex_lock(&s->lock);
	now = clock_mono_ms();
	purge(s, now);
	unchain(place_of(s, row->hash, key));
	row->expires_ms = now + SETTLED_KEEP_MS;
	row->next = *first;
	*first = row;
	*s->end = row;
	s->end = &row->younger;
	s->n++;
	pthread_mutex_unlock(&s->lock);
}

enum settled_state settled_find(struct settled *s, const char *key, struct settled_verdict *out)
{
	unsigned hash = hash_of(key, strlen(key));
	enum settled_state state = SETTLED_UNKNOWN;
	struct row *row;

	pthread_mutex_lock(&s->lock);
	purge(s, clock_mono_ms());
	row = *place_of(s, hash, key);
	if (row) {
		state = row->state;
		*out = row->verdict;
		out->reply = row->verdict.reply ? json_copy(row->verdict.reply) : NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return state;
}
