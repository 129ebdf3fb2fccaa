#include "services/api-proxy/callers/day_limit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

#define BEIJING_MS   (8 * INT64_C(3600000))
#define DAY_MS       (24 * INT64_C(3600000))
#define BLOCK_MAX    100
#define POOL_WAIT_MS 2000

static const char sql_take[] =
	"INSERT INTO api_proxy.day_used AS u (component_appid, caller_id, appid, day, used, given) "
	"VALUES ($1, $2, $3, date '1970-01-01' + $4::int, $5, $5) "
	"ON CONFLICT (component_appid, caller_id, appid, day) DO UPDATE "
	"SET given = LEAST($5, $6 - u.used), used = u.used + LEAST($5, $6 - u.used) WHERE u.used < $6 "
	"RETURNING given";
static const char sql_sweep[] =
	"DELETE FROM api_proxy.day_used WHERE day < date '1970-01-01' + ($1::int - 1)";

struct block {
	char *name;
	int64_t day, per_day; /* what the numbers below are for */
	int64_t left;
	bool over;
	UT_hash_handle hh;
};

struct day_limit {
	struct pg_pool *pool;
	pthread_mutex_t lock;
	struct block *blocks;
	int64_t day;
};

int64_t day_limit_day(int64_t now_wall_ms)
{
	return (now_wall_ms + BEIJING_MS) / DAY_MS;
}

int64_t day_limit_seconds_left(int64_t now_wall_ms)
{
	return (DAY_MS - (now_wall_ms + BEIJING_MS) % DAY_MS + 999) / 1000;
}

struct day_limit *day_limit_new(struct pg_pool *pool)
{
	struct day_limit *d = xcalloc(1, sizeof(*d));

	d->pool = pool;
	pthread_mutex_init(&d->lock, NULL);
	return d;
}

static void forget_all(struct day_limit *d)
{
	struct block *b, *next;

	HASH_ITER (hh, d->blocks, b, next) {
		HASH_DELETE(hh, d->blocks, b);
		free(b->name);
		free(b);
	}
}

void day_limit_free(struct day_limit **dp)
{
	struct day_limit *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	forget_all(d);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* With the lock held. A limit that was changed begins anew: the row knows what was used. */
static struct block *block_of(struct day_limit *d, const char *name, int64_t day, int64_t per_day)
{
	struct block *b;

	if (d->day != day)
		forget_all(d);
	d->day = day;
	HASH_FIND_STR(d->blocks, name, b);
	if (!b) {
		b = xcalloc(1, sizeof(*b));
		b->name = xstrdup(name);
		HASH_ADD_KEYPTR(hh, d->blocks, b->name, strlen(b->name), b);
	}
	if (b->per_day != per_day)
		b->over = false;
	b->per_day = per_day;
	return b;
}

/* From memory. -1: the row must be asked. */
static int take_here(struct day_limit *d, const char *name, int64_t day, int64_t per_day)
{
	struct block *b;
	int rc = -1;

	pthread_mutex_lock(&d->lock);
	b = block_of(d, name, day, per_day);
	if (b->left > 0) {
		b->left--;
		rc = 0;
	} else if (b->over) {
		rc = DAY_LIMIT_OVER;
	}
	pthread_mutex_unlock(&d->lock);
	return rc;
}

static int ask(
	struct day_limit *d, const struct pg_param *params, size_t n, int64_t *given_out, struct err *err)
{
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(d->pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = pg_exec(pg, sql_take, params, n, &res, err);
	if (rc == 0)
		*given_out = pg_rows(res) == 1 ? pg_value_int(res, 0, 0) : 0;
	pg_result_free(&res);
	pg_give(d->pool, &pg);
	return rc;
}

static int64_t block_size(int64_t per_day)
{
	int64_t size = per_day / 100;

	return size < 1 ? 1 : size > BLOCK_MAX ? BLOCK_MAX : size;
}

int day_limit_take(struct day_limit *d, const char *component_appid, const char *caller_id, const char *appid,
	int64_t per_day, struct err *err)
{
	int64_t day = day_limit_day(clock_wall_ms()), given = 0;
	char *name = xasprintf("%s/%s/%s", component_appid, caller_id, appid);
	const struct pg_param params[] = {pg_text(component_appid), pg_text(caller_id), pg_text(appid),
		pg_int8(day), pg_int8(block_size(per_day)), pg_int8(per_day)};
	int rc = take_here(d, name, day, per_day);
	struct block *b;

	if (rc < 0 && (rc = ask(d, params, sizeof(params) / sizeof(params[0]), &given, err)) == 0) {
		pthread_mutex_lock(&d->lock);
		b = block_of(d, name, day, per_day);
		b->left += given > 0 ? given - 1 : 0; /* one is this call's */
		b->over = given == 0;
		pthread_mutex_unlock(&d->lock);
		rc = given > 0 ? 0 : DAY_LIMIT_OVER;
	}
	free(name);
	return rc;
}

void day_limit_return(struct day_limit *d, const char *component_appid, const char *caller_id,
	const char *appid, int64_t per_day)
{
	char *name = xasprintf("%s/%s/%s", component_appid, caller_id, appid);

	pthread_mutex_lock(&d->lock);
	block_of(d, name, day_limit_day(clock_wall_ms()), per_day)->left++;
	pthread_mutex_unlock(&d->lock);
	free(name);
}

int64_t day_limit_sweep(struct pg_pool *pool, struct err *err)
{
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	int64_t n = -1;

	if (pg_take(pool, POOL_WAIT_MS, &pg, err) < 0)
		return -1;
	if (PG_EXEC(pg, sql_sweep, &res, err, pg_int8(day_limit_day(clock_wall_ms()))) == 0)
		n = pg_affected(res);
	pg_result_free(&res);
	pg_give(pool, &pg);
	return n;
}
