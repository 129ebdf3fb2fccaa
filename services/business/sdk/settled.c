#include "services/business/sdk/settled.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/lock.h"
#include "common/base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/base/banned.h"

struct row {
	UT_hash_handle hh;
	struct row *prev, *next; /* by age */
	char key[SETTLED_KEY_MAX + 1];
	int64_t expires_ms;
	enum settled_state state;
	struct settled_verdict verdict;
};

struct settled {
	pthread_mutex_t lock;
	struct row *by_key;
	struct row *by_age;
};

struct settled *settled_new(void)
{
	struct settled *s = xcalloc(1, sizeof(*s));

	lock_init(&s->lock);
	return s;
}

static void row_remove(struct settled *s, struct row *row)
{
	HASH_DEL(s->by_key, row);
	DL_DELETE(s->by_age, row);
	json_free(&row->verdict.reply);
	free(row);
}

void settled_free(struct settled **sp)
{
	struct settled *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	while (s->by_age)
		row_remove(s, s->by_age);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void purge(struct settled *s)
{
	int64_t now = clock_mono_ms();

	while (s->by_age && (s->by_age->expires_ms <= now || HASH_COUNT(s->by_key) >= SETTLED_MAX))
		row_remove(s, s->by_age);
}

void settled_add(
	struct settled *s, const char *key, enum settled_state state, const struct settled_verdict *v)
{
	struct row *row;

	if (strlen(key) > SETTLED_KEY_MAX)
		return;
	pthread_mutex_lock(&s->lock);
	HASH_FIND_STR(s->by_key, key, row);
	if (row)
		row_remove(s, row);
	purge(s);
	row = xcalloc(1, sizeof(*row));
	str_copy(row->key, sizeof(row->key), key);
	row->expires_ms = clock_mono_ms() + SETTLED_KEEP_MS;
	row->state = state;
	row->verdict = *v;
	row->verdict.reply = v->reply ? json_copy(v->reply) : NULL;
	HASH_ADD_STR(s->by_key, key, row);
	DL_APPEND(s->by_age, row);
	pthread_mutex_unlock(&s->lock);
}

enum settled_state settled_find(struct settled *s, const char *key, struct settled_verdict *out)
{
	enum settled_state state = SETTLED_UNKNOWN;
	struct row *row;

	pthread_mutex_lock(&s->lock);
	purge(s);
	HASH_FIND_STR(s->by_key, key, row);
	if (row) {
		state = row->state;
		*out = row->verdict;
		out->reply = row->verdict.reply ? json_copy(row->verdict.reply) : NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return state;
}
