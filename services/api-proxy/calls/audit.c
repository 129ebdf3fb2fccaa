#include "services/api-proxy/calls/audit.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/json/json.h"
#include "services/api-proxy/metrics.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GATHER_MS      200 /* rows of this long go into one statement */
#define AGAIN_MS       1000
#define BATCH_MAX      500
#define BATCH_BYTES    ((size_t)BATCH_MAX * 2048)
#define SWEEP_EVERY_MS (60 * 60 * 1000)
#define POOL_WAIT_MS   2000

static const char sql_add[] =
	"INSERT INTO api_proxy.calls (at, component_appid, caller_id, appid, door, method, path, outcome, "
	"refusal, errcode, http_status, attempts, ms) "
	"SELECT to_timestamp(at_ms / 1000.0), component_appid, caller_id, appid, door, method, path, "
	"outcome, "
	"refusal, errcode, http_status, attempts, ms FROM json_to_recordset($1::json) AS r(at_ms bigint, "
	"component_appid text, caller_id text, appid text, door text, method text, path text, outcome text, "
	"refusal text, errcode bigint, http_status int, attempts int, ms bigint)";
static const char sql_sweep[] = "DELETE FROM api_proxy.calls WHERE at < now() - $1 * interval '1 day'";

struct audit {
	struct pg_pool *pool;
	int64_t keep_days;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	struct json *waiting[AUDIT_WAITING_MAX]; /* a ring */
	size_t first, n;
	bool stopping;
	pthread_t thread;
	bool runs;
};

void audit_add(struct audit *a, const struct audit_entry *e)
{
	struct json *row = json_new_object();
	bool room;

	json_set_int(row, "at_ms", e->began_wall_ms);
	json_set_str(row, "component_appid", e->component_appid);
	json_set_str(row, "caller_id", e->caller_id);
	json_set_str(row, "appid", e->appid);
	json_set_str(row, "door", e->door);
	json_set_str(row, "method", e->method);
	json_set_str(row, "path", e->path);
	json_set_str(row, "outcome", e->outcome);
	json_set_str(row, "refusal", e->refusal);
	json_set_int(row, "errcode", e->errcode);
	json_set_int(row, "http_status", e->http_status);
	json_set_int(row, "attempts", e->attempts);
	json_set_int(row, "ms", e->took_ms);
	pthread_mutex_lock(&a->lock);
	room = a->n < AUDIT_WAITING_MAX;
	if (room)
		a->waiting[(a->first + a->n++) % AUDIT_WAITING_MAX] = row;
	pthread_mutex_unlock(&a->lock);
	if (!room) {
		json_free(&row);
		metric_add(&api_proxy_metrics[M_AUDIT_LOST], NULL, 1);
	}
}

/* Up to BATCH_MAX rows, no longer waiting. NULL: none. */
static struct json *take_batch(struct audit *a)
{
	struct json *batch = NULL;
	size_t i;

	pthread_mutex_lock(&a->lock);
	if (a->n > 0)
		batch = json_new_array();
	for (i = 0; i < BATCH_MAX && a->n > 0; i++, a->n--) {
		json_push(batch, a->waiting[a->first]);
		a->first = (a->first + 1) % AUDIT_WAITING_MAX;
	}
	pthread_mutex_unlock(&a->lock);
	return batch;
}

static int execute(struct audit *a, const char *sql, struct pg_param param, struct err *err)
{
	struct pg *pg = NULL;
	int rc = pg_take(a->pool, POOL_WAIT_MS, &pg, err);

	if (rc == 0)
		rc = pg_exec(pg, sql, &param, 1, NULL, err);
	pg_give(a->pool, &pg);
	return rc;
}

/* False: it is time to end. */
static bool wait_ms(struct audit *a, int64_t ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + ms);
	bool on;

	pthread_mutex_lock(&a->lock);
	while (!a->stopping && pthread_cond_timedwait(&a->stop, &a->lock, &until) == 0)
		;
	on = !a->stopping;
	pthread_mutex_unlock(&a->lock);
	return on;
}

/* Tried until it is written, or until the end. An unsure one is not tried again: a row twice would be a call
 * that was never made. */
static int write_batch(struct audit *a, const struct json *batch)
{
	struct buf text = BUF_INIT(BATCH_BYTES);
	struct err err = {.kind = ERR_REJECT, .text = "a batch of calls is too long"};
	bool on = true;
	int rc = -1;

	json_write(batch, &text);
	while (!text.overflow && on) {
		rc = execute(a, sql_add, pg_text_len(text.data, text.len), &err);
		if (rc == 0 || err.kind != ERR_RETRY)
			break;
		on = wait_ms(a, AGAIN_MS);
	}
	if (rc < 0) {
		log_warn(NULL, "%zu calls are not in the table `calls`: %s", json_len(batch), err.text);
		metric_add(&api_proxy_metrics[M_AUDIT_LOST], NULL, (double)json_len(batch));
	}
	buf_release(&text);
	return rc;
}

static void write_waiting(struct audit *a)
{
	struct json *batch;
	int rc = 0;

	while (rc == 0 && (batch = take_batch(a)) != NULL) {
		rc = write_batch(a, batch);
		json_free(&batch);
	}
}

static void sweep(struct audit *a)
{
	struct err err;

	if (execute(a, sql_sweep, pg_int8(a->keep_days), &err) < 0)
		log_warn(NULL, "old rows of the table `calls` stay until the next hour: %s", err.text);
}

static void *run(void *arg)
{
	struct audit *a = arg;
	int64_t sweep_at = 0;
	bool on;

	do {
		if (clock_mono_ms() >= sweep_at) {
			sweep(a);
			sweep_at = clock_mono_ms() + SWEEP_EVERY_MS;
		}
		on = wait_ms(a, GATHER_MS);
		write_waiting(a);
	} while (on);
	return NULL;
}

int audit_new(struct audit **out, struct pg_pool *pool, int64_t keep_days, struct err *err)
{
	struct audit *a = xcalloc(1, sizeof(*a));
	int rc;

	a->pool = pool;
	a->keep_days = keep_days;
	pthread_mutex_init(&a->lock, NULL);
	clock_cond_init(&a->stop);
	rc = pthread_create(&a->thread, NULL, run, a);
	if (rc != 0) {
		audit_free(&a);
		return err_set(err, ERR_FATAL, rc, "starting a thread: %s", strerror(rc));
	}
	a->runs = true;
	*out = a;
	return 0;
}

void audit_free(struct audit **ap)
{
	struct audit *a = *ap;

	*ap = NULL;
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_signal(&a->stop);
	pthread_mutex_unlock(&a->lock);
	if (a->runs)
		pthread_join(a->thread, NULL);
	for (; a->n > 0; a->n--) {
		json_free(&a->waiting[a->first]);
		a->first = (a->first + 1) % AUDIT_WAITING_MAX;
	}
	pthread_cond_destroy(&a->stop);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
