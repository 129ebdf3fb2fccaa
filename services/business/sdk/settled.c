#include "services/business/sdk/settled.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "common/base/banned.h"

struct row {
	UT_hash_handle hh;
	struct row *prev, *next; /* by age */
	char id[EVENT_ID_LEN + 1];
	int64_t expires_ms;
	bool has_verdict;
	enum verdict verdict;
	struct json *reply;
};

struct settled {
	pthread_mutex_t lock;
	struct row *by_id;
	struct row *by_age;
};

struct settled *settled_new(void)
{
	struct settled *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static void row_remove(struct settled *s, struct row *row)
{
	HASH_DEL(s->by_id, row);
	DL_DELETE(s->by_age, row);
	json_free(&row->reply);
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

	while (s->by_age && (s->by_age->expires_ms <= now || HASH_COUNT(s->by_id) >= SETTLED_MAX))
		row_remove(s, s->by_age);
}

void settled_add(struct settled *s, const char *event_id, bool has_verdict, enum verdict verdict,
	const struct json *reply)
{
	struct row *row;

	pthread_mutex_lock(&s->lock);
	purge(s);
	HASH_FIND_STR(s->by_id, event_id, row);
	if (!row) {
		row = xcalloc(1, sizeof(*row));
		str_copy(row->id, sizeof(row->id), event_id);
		row->expires_ms = clock_mono_ms() + SETTLED_KEEP_MS;
		row->has_verdict = has_verdict;
		row->verdict = verdict;
		row->reply = reply ? json_copy(reply) : NULL;
		HASH_ADD_STR(s->by_id, id, row);
		DL_APPEND(s->by_age, row);
	}
	pthread_mutex_unlock(&s->lock);
}

bool settled_find(struct settled *s, const char *event_id, bool *has_verdict_out, enum verdict *verdict_out,
	struct json **reply_out)
{
	struct row *row;

	pthread_mutex_lock(&s->lock);
	purge(s);
	HASH_FIND_STR(s->by_id, event_id, row);
	if (row) {
		*has_verdict_out = row->has_verdict;
		*verdict_out = row->verdict;
		*reply_out = row->reply ? json_copy(row->reply) : NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return row != NULL;
}
