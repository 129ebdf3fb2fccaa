#include "services/business/sdk/settled.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/lock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

/* No larger than its key needs: what a look-up costs is the memory that the processor has not at hand. */
struct row {
	UT_hash_handle hh;
	int64_t expires_ms;
	enum settled_state state;
	struct settled_verdict verdict;
	char key[];
};

struct settled {
	pthread_mutex_t lock;
	struct row *rows; /* the oldest first: uthash keeps them in the order in which they were added */
};

struct settled *settled_new(void)
{
	struct settled *s = xcalloc(1, sizeof(*s));

	lock_init(&s->lock);
	return s;
}

static void row_remove(struct settled *s, struct row *row)
{
	HASH_DEL(s->rows, row);
	json_free(&row->verdict.reply);
	free(row);
}

void settled_free(struct settled **sp)
{
	struct settled *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	while (s->rows)
		row_remove(s, s->rows);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void purge(struct settled *s)
{
	int64_t now = clock_mono_ms();

	while (s->rows && (s->rows->expires_ms <= now || HASH_COUNT(s->rows) >= SETTLED_MAX))
		row_remove(s, s->rows);
}

void settled_add(
	struct settled *s, const char *key, enum settled_state state, const struct settled_verdict *v)
{
	size_t len = strlen(key);
	struct row *row;

	if (len > SETTLED_KEY_MAX)
		return;
	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->rows, key, len, row);
	if (row)
		row_remove(s, row);
	purge(s);
	row = xcalloc(1, sizeof(*row) + len + 1);
	memcpy(row->key, key, len);
	row->expires_ms = clock_mono_ms() + SETTLED_KEEP_MS;
	row->state = state;
	row->verdict = *v;
	row->verdict.reply = v->reply ? json_copy(v->reply) : NULL;
	HASH_ADD_KEYPTR(hh, s->rows, row->key, len, row);
	pthread_mutex_unlock(&s->lock);
}

enum settled_state settled_find(struct settled *s, const char *key, struct settled_verdict *out)
{
	enum settled_state state = SETTLED_UNKNOWN;
	struct row *row;

	pthread_mutex_lock(&s->lock);
	purge(s);
	HASH_FIND_STR(s->rows, key, row);
	if (row) {
		state = row->state;
		*out = row->verdict;
		out->reply = row->verdict.reply ? json_copy(row->verdict.reply) : NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return state;
}
