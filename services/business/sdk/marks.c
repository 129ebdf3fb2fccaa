#include "services/business/sdk/marks.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/lock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "common/base/banned.h"

#define KEPT_MS     (ERASURE_KEPT_DAYS * INT64_C(86400000))
#define SWEEP_EVERY 10000 /* marks noted between two sweeps */

struct row {
	UT_hash_handle hh;
	int64_t before_ms, noted_ms;
	char key[APPID_MAX + 1 + OPENID_MAX + 1];
};

struct marks {
	pthread_mutex_t lock;
	struct row *rows;
	int noted;
};

struct marks *marks_new(void)
{
	struct marks *m = xcalloc(1, sizeof(*m));

	lock_init(&m->lock);
	return m;
}

static void drop_noted_before(struct marks *m, int64_t noted_ms)
{
	struct row *row, *next;

	HASH_ITER (hh, m->rows, row, next) {
		if (row->noted_ms < noted_ms) {
			HASH_DEL(m->rows, row);
			free(row);
		}
	}
}

void marks_free(struct marks **mp)
{
	struct marks *m = *mp;

	*mp = NULL;
	if (!m)
		return;
	drop_noted_before(m, INT64_MAX);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static bool make_key(char *out, size_t size, const char *appid, const char *openid)
{
	return snprintf(out, size, "%s/%s", appid, openid) < (int)size;
}

void marks_note(struct marks *m, const char *appid, const char *openid, int64_t before_ms, int64_t noted_ms)
{
	char key[sizeof(((struct row *)NULL)->key)];
	struct row *row;

	if (!make_key(key, sizeof(key), appid, openid))
		return;
	pthread_mutex_lock(&m->lock);
	HASH_FIND_STR(m->rows, key, row);
	if (!row) {
		row = xcalloc(1, sizeof(*row));
		memcpy(row->key, key, sizeof(key));
		HASH_ADD_STR(m->rows, key, row);
	}
	if (before_ms > row->before_ms)
		row->before_ms = before_ms;
	if (noted_ms > row->noted_ms)
		row->noted_ms = noted_ms;
	if (++m->noted % SWEEP_EVERY == 0)
		drop_noted_before(m, clock_wall_ms() - KEPT_MS);
	pthread_mutex_unlock(&m->lock);
}

bool marks_cover(struct marks *m, const char *appid, const char *openid, int64_t time_ms, int64_t now_ms)
{
	char key[sizeof(((struct row *)NULL)->key)];
	struct row *row = NULL;
	bool covered;

	if (!make_key(key, sizeof(key), appid, openid))
		return false;
	pthread_mutex_lock(&m->lock);
	HASH_FIND_STR(m->rows, key, row);
	covered = row && time_ms < row->before_ms && now_ms < row->noted_ms + KEPT_MS;
	pthread_mutex_unlock(&m->lock);
	return covered;
}
