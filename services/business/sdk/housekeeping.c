#include "services/business/sdk/housekeeping.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "services/business/sdk/once.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define LOOK_EVERY_MS  1000
#define SWEEP_EVERY_MS 60000
#define TAKE_MS        2000
#define PAGE           10000
#define STRING_(x)     #x
#define DAYS(x)        STRING_(x)

/* By page, so that no answer is larger than memory allows. */
static const char sql_marks[] = "SELECT appid, openid, floor(extract(epoch FROM before) * 1000)::bigint, "
				"floor(extract(epoch FROM noted_at) * 1000)::bigint FROM sdk_erased "
				"WHERE (appid, openid) > ($1, $2) ORDER BY appid, openid LIMIT $3";
static const char sql_look[] = "SELECT 1 FROM sdk_once LIMIT 1";
static const char sql_forget[] =
	"DELETE FROM sdk_erased WHERE noted_at < now() - interval '" DAYS(ERASURE_KEPT_DAYS) " days'";

struct housekeeping {
	struct pg_pool *pool;
	struct marks *marks;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
	bool well;
	char trouble[160];
	atomic_bool marks_read;
	pthread_t thread;
	bool runs;
};

/* How many; the last one's names are copied to the arrays, for the next page. */
static int read_page(struct housekeeping *h, struct pg *pg, char appid[APPID_MAX + 1],
	char openid[OPENID_MAX + 1], struct err *err)
{
	struct pg_result *res = NULL;
	int n, rc = PG_EXEC(pg, sql_marks, &res, err, pg_text(appid), pg_text(openid), pg_int8(PAGE));

	if (rc < 0)
		return rc;
	n = pg_rows(res);
	for (int i = 0; i < n; i++)
		marks_note(h->marks, pg_value(res, i, 0), pg_value(res, i, 1), pg_value_int(res, i, 2),
			pg_value_int(res, i, 3));
	if (n > 0 && (str_copy(appid, APPID_MAX + 1, pg_value(res, n - 1, 0)) < 0 ||
			     str_copy(openid, OPENID_MAX + 1, pg_value(res, n - 1, 1)) < 0))
		n = err_set(err, ERR_REJECT, 0, "sdk_erased holds a name that is too long");
	pg_result_free(&res);
	return n;
}

static int read_marks(struct housekeeping *h, struct pg *pg, struct err *err)
{
	char appid[APPID_MAX + 1] = "", openid[OPENID_MAX + 1] = "";
	int n;

	do
		n = read_page(h, pg, appid, openid, err);
	while (n == PAGE);
	if (n < 0)
		return n;
	atomic_store(&h->marks_read, true);
	return 0;
}

static int look(struct housekeeping *h, struct err *err)
{
	struct pg *pg = NULL;
	int rc = pg_take(h->pool, TAKE_MS, &pg, err);

	if (rc == 0)
		rc = pg_exec(pg, sql_look, NULL, 0, NULL, err);
	if (rc == 0 && !atomic_load(&h->marks_read))
		rc = read_marks(h, pg, err);
	pg_give(h->pool, &pg);
	return rc;
}

static bool look_and_tell(struct housekeeping *h)
{
	struct err err = {.text = ""};
	bool well = look(h, &err) == 0, told;

	pthread_mutex_lock(&h->lock);
	told = !h->well && strcmp(h->trouble, err.text) == 0;
	h->well = well;
	snprintf(h->trouble, sizeof(h->trouble), "%.*s", (int)sizeof(h->trouble) - 1, err.text);
	pthread_mutex_unlock(&h->lock);
	if (!well && !told)
		log_warn(NULL, "the database cannot be used: %s", err.text);
	return well;
}

static void sweep(struct housekeeping *h)
{
	struct pg *pg = NULL;
	struct err err;
	int rc = once_sweep(h->pool, &err);

	if (rc == 0 && (rc = pg_take(h->pool, TAKE_MS, &pg, &err)) == 0)
		rc = pg_exec(pg, sql_forget, NULL, 0, NULL, &err);
	pg_give(h->pool, &pg);
	if (rc < 0)
		log_warn(NULL, "old rows stay for another minute: %s", err.text);
}

/* False: it is time to end. */
static bool wait_ms(struct housekeeping *h, int64_t ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + ms);
	bool on;

	pthread_mutex_lock(&h->lock);
	while (!h->stopping && pthread_cond_timedwait(&h->stop, &h->lock, &until) == 0)
		;
	on = !h->stopping;
	pthread_mutex_unlock(&h->lock);
	return on;
}

static void *run(void *arg)
{
	struct housekeeping *h = arg;
	int64_t sweep_at = clock_mono_ms() + SWEEP_EVERY_MS;

	do {
		if (look_and_tell(h) && clock_mono_ms() >= sweep_at) {
			sweep(h);
			sweep_at = clock_mono_ms() + SWEEP_EVERY_MS;
		}
	} while (wait_ms(h, LOOK_EVERY_MS));
	return NULL;
}

int housekeeping_new(struct housekeeping **out, struct pg_pool *pool, struct marks *marks, struct err *err)
{
	struct housekeeping *h = xcalloc(1, sizeof(*h));
	int rc;

	h->pool = pool;
	h->marks = marks;
	str_copy(h->trouble, sizeof(h->trouble), "not asked yet");
	pthread_mutex_init(&h->lock, NULL);
	clock_cond_init(&h->stop);
	rc = pthread_create(&h->thread, NULL, run, h);
	if (rc != 0) {
		housekeeping_free(&h);
		return err_set(err, ERR_FATAL, rc, "no thread can be made");
	}
	h->runs = true;
	*out = h;
	return 0;
}

void housekeeping_free(struct housekeeping **hp)
{
	struct housekeeping *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_signal(&h->stop);
	pthread_mutex_unlock(&h->lock);
	if (h->runs)
		pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->stop);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

bool housekeeping_marks_read(const struct housekeeping *h)
{
	return atomic_load(&h->marks_read);
}

bool housekeeping_database_well(struct housekeeping *h, char *detail, size_t size)
{
	bool well;

	pthread_mutex_lock(&h->lock);
	well = h->well;
	snprintf(detail, size, "%s", well ? "well" : h->trouble);
	pthread_mutex_unlock(&h->lock);
	return well;
}
