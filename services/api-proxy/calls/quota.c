#include "services/api-proxy/calls/quota.h"

#include "common/base/alloc.h"
#include "proto/reaction.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

#define MINUTE_MS  (60 * (int64_t)1000)
#define DAY_MS     (24 * 60 * MINUTE_MS)
#define BEIJING_MS (8 * 60 * MINUTE_MS)

struct block {
	char *name; /* "component/appid/class" */
	int64_t errcode;
	int64_t until_wall_ms;
	UT_hash_handle hh;
};

struct quota {
	pthread_mutex_t lock;
	struct block *blocks;
};

struct quota *quota_new(void)
{
	struct quota *q = xcalloc(1, sizeof(*q));

	pthread_mutex_init(&q->lock, NULL);
	return q;
}

static void drop(struct quota *q, struct block *b)
{
	HASH_DELETE(hh, q->blocks, b);
	free(b->name);
	free(b);
}

void quota_free(struct quota **qp)
{
	struct quota *q = *qp;

	*qp = NULL;
	if (!q)
		return;
	while (q->blocks)
		drop(q, q->blocks);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

/* Until when does this errcode say that the account's number is used up? 0: it speaks of something else. */
static int64_t blocked_until(const struct api_row *row, int64_t errcode, int64_t now)
{
	int64_t next_minute = (now / MINUTE_MS + 1) * MINUTE_MS;

	switch (errcode) {
	case 45066: /* one message's clientmsgid */
	case 61039: /* one upload's privacy scan */
	case 91030: /* one person's registrations */
		return 0;
	case 45011:
		if (api_is(row, API_PERSONAL))
			return 0;
		break;
	case 45009:
		if (api_is(row, API_MINUTE))
			return next_minute;
		break;
	default:
		break;
	}
	switch (reaction_of(errcode)) {
	case REACTION_MINUTE:
		return next_minute;
	case REACTION_QUOTA:
		return ((now + BEIJING_MS) / DAY_MS + 1) * DAY_MS - BEIJING_MS;
	default:
		return 0;
	}
}

static char *name_of(
	const char *component_appid, const char *appid, const struct api_row *row, const char *path)
{
	return xasprintf("%s/%s/%s", component_appid, appid, row && row->quota ? row->quota : path);
}

static void drop_past(struct quota *q, int64_t now)
{
	struct block *b, *next;

	HASH_ITER (hh, q->blocks, b, next)
		if (b->until_wall_ms <= now)
			drop(q, b);
}

static struct block *find(struct quota *q, const char *name)
{
	struct block *b;

	HASH_FIND_STR(q->blocks, name, b);
	return b;
}

void quota_learn(struct quota *q, const char *component_appid, const char *appid, const struct api_row *row,
	const char *path, int64_t errcode, int64_t now)
{
	int64_t until = blocked_until(row, errcode, now);
	struct block *b;
	char *name;

	if (until == 0)
		return;
	name = name_of(component_appid, appid, row, path);
	pthread_mutex_lock(&q->lock);
	drop_past(q, now);
	b = find(q, name);
	if (!b) {
		b = xcalloc(1, sizeof(*b));
		b->name = xstrdup(name);
		HASH_ADD_KEYPTR(hh, q->blocks, b->name, strlen(b->name), b);
	}
	if (until > b->until_wall_ms) { /* this minute's end must not shorten the day's */
		b->until_wall_ms = until;
		b->errcode = errcode;
	}
	pthread_mutex_unlock(&q->lock);
	free(name);
}

void quota_clear(struct quota *q, const char *component_appid, const char *appid)
{
	char *prefix = xasprintf("%s/%s/", component_appid, appid);
	struct block *b, *next;

	pthread_mutex_lock(&q->lock);
	HASH_ITER (hh, q->blocks, b, next)
		if (strncmp(b->name, prefix, strlen(prefix)) == 0)
			drop(q, b);
	pthread_mutex_unlock(&q->lock);
	free(prefix);
}

bool quota_used_up(struct quota *q, const char *component_appid, const char *appid, const struct api_row *row,
	const char *path, int64_t now, struct quota_block *out)
{
	char *name = name_of(component_appid, appid, row, path);
	const struct block *b;
	bool blocked;

	pthread_mutex_lock(&q->lock);
	b = find(q, name);
	blocked = b && b->until_wall_ms > now;
	if (blocked)
		*out = (struct quota_block){b->errcode, b->until_wall_ms};
	pthread_mutex_unlock(&q->lock);
	free(name);
	return blocked;
}
