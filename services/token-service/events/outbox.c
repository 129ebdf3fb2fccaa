#include "services/token-service/events/outbox.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/envelope.h"
#include "proto/trace.h"
#include "services/token-service/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BATCH          100
#define POLL_MS        200
#define AFTER_ERROR_MS 1000
#define STANDBY_MS     1000 /* how often another replica tries to take over */
#define LOG_EVERY_MS   10000

struct outbox {
	const struct store *store;
	struct producer *producer;
	char topics[N_TOPICS][TOPIC_NAME_MAX + 1];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool woken;
	bool ending;
	int64_t logged_ms; /* the publisher's own */
};

/* Stored by name, so that a row means the same to every release. */
static int topic_of(const char *name)
{
	for (int i = 0; i < N_TOPICS; i++) {
		if (strcmp(topic_table[i].name, name) == 0)
			return i;
	}
	return -1;
}

int outbox_add(struct pg *pg, const struct outbox_record *r, struct err *err)
{
	return PG_EXEC(pg,
		"INSERT INTO token_service.outbox (topic, component_appid, appid, event_id, type, time, "
		"value, traceparent)"
		" VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 > 0 THEN to_timestamp($6 / 1000.0) END, $7, $8)",
		NULL, err, pg_text(topic_table[r->topic].name), pg_text(r->component_appid),
		pg_text(r->appid), pg_text(r->event_id), pg_text(r->type), pg_int8(r->time_ms),
		pg_text(r->value), pg_text(trace_current()));
}

/* --- one batch ---------------------------------------------------------------------------------------------
 */

/* Handed over, not yet acknowledged: what the producer's thread and ours share. */
struct batch {
	pthread_mutex_t lock;
	pthread_cond_t done;
	int under_way;
	struct sent {
		struct batch *batch;
		bool acknowledged;
		char reason[sizeof(((struct err *)NULL)->text)];
	} sent[BATCH];
};

static void acknowledged(void *arg, const struct err *failure)
{
	struct sent *s = arg;
	struct batch *b = s->batch;

	pthread_mutex_lock(&b->lock);
	s->acknowledged = !failure;
	if (failure)
		(void)snprintf(s->reason, sizeof(s->reason), "%s", failure->text);
	b->under_way--;
	pthread_cond_signal(&b->done);
	pthread_mutex_unlock(&b->lock);
}

enum {
	COL_ID,
	COL_TOPIC,
	COL_COMPONENT,
	COL_APPID,
	COL_EVENT_ID,
	COL_TYPE,
	COL_TIME,
	COL_VALUE,
	COL_CREATED,
	COL_TRACEPARENT
};

static int send_row(struct outbox *o, const struct pg_result *rows, int i, struct arena *arena,
	struct sent *sent, struct err *err)
{
	const char *component_appid = pg_value(rows, i, COL_COMPONENT), *appid = pg_value(rows, i, COL_APPID);
	int topic = topic_of(pg_value(rows, i, COL_TOPIC));
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	char *key = arena_printf(arena, "%s/%s", component_appid, appid);
	struct envelope envelope = {
		.id = pg_value(rows, i, pg_is_null(rows, i, COL_EVENT_ID) ? COL_ID : COL_EVENT_ID),
		.type = pg_value(rows, i, COL_TYPE),
		.component_appid = component_appid,
		.appid = appid,
		.content_type = "application/json",
		.traceparent =
			pg_is_null(rows, i, COL_TRACEPARENT) ? NULL : pg_value(rows, i, COL_TRACEPARENT),
		.time_ms = pg_value_int(rows, i, COL_TIME),
		.received_ms = pg_value_int(rows, i, COL_CREATED),
	};
	struct kafka_record record = {
		.topic = topic < 0 ? "" : o->topics[topic],
		.partition = -1,
		.timestamp_ms = envelope.received_ms,
		.key = key,
		.key_len = strlen(key),
		.value = pg_value(rows, i, COL_VALUE),
		.value_len = strlen(pg_value(rows, i, COL_VALUE)),
		.headers = headers,
	};

	if (topic < 0)
		return err_set(
			err, ERR_REJECT, 0, "row %s names no topic of ours", pg_value(rows, i, COL_ID));
	record.n_headers = envelope_encode(&envelope, arena, headers);
	return producer_send(o->producer, &record, acknowledged, sent, err);
}

/* One account's records go out one after the other, so a batch ends before its second one: none can overtake
 * another when one of them has to be sent again. */
static bool account_is_in(const struct pg_result *rows, int i)
{
	for (int j = 0; j < i; j++) {
		if (strcmp(pg_value(rows, j, COL_COMPONENT), pg_value(rows, i, COL_COMPONENT)) == 0 &&
			strcmp(pg_value(rows, j, COL_APPID), pg_value(rows, i, COL_APPID)) == 0 &&
			strcmp(pg_value(rows, j, COL_TOPIC), pg_value(rows, i, COL_TOPIC)) == 0)
			return true;
	}
	return false;
}

static void log_at_times(struct outbox *o, const char *text)
{
	int64_t now_ms = clock_mono_ms();

	if (o->logged_ms && now_ms - o->logged_ms < LOG_EVERY_MS)
		return;
	o->logged_ms = now_ms;
	log_warn(NULL, "outbox: %s", text);
}

/* How many rows of the batch were handed over; all of those are settled when it returns. */
static int send_batch(struct outbox *o, const struct pg_result *rows, struct batch *b, struct err *err)
{
	struct arena arena = ARENA_INIT;
	int n = 0, rc = 0;

	while (n < pg_rows(rows) && !account_is_in(rows, n)) {
		b->sent[n].batch = b;
		pthread_mutex_lock(&b->lock);
		b->under_way++;
		pthread_mutex_unlock(&b->lock);
		rc = send_row(o, rows, n, &arena, &b->sent[n], err);
		if (rc != 0) {
			pthread_mutex_lock(&b->lock);
			b->under_way--;
			pthread_mutex_unlock(&b->lock);
			break;
		}
		n++;
	}
	pthread_mutex_lock(&b->lock);
	while (b->under_way > 0)
		pthread_cond_wait(&b->done, &b->lock);
	pthread_mutex_unlock(&b->lock);
	arena_release(&arena);
	if (rc < 0)
		log_at_times(o, err->text);
	return n;
}

static int delete_row(struct pg *pg, const struct pg_result *rows, int i, struct err *err)
{
	int rc = PG_EXEC(pg, "DELETE FROM token_service.outbox WHERE id = $1", NULL, err,
		pg_int8(pg_value_int(rows, i, COL_ID)));

	if (rc == 0)
		metric_add(&token_service_metrics[M_PUBLISHED], pg_value(rows, i, COL_TOPIC), 1);
	return rc;
}

/* 1: something was published; 0: nothing was there, or nothing could be. */
static int publish_rows(struct outbox *o, struct pg *pg, const struct pg_result *rows, struct err *err)
{
	struct batch b = {.under_way = 0};
	int n, done = 0, rc = 0;

	pthread_mutex_init(&b.lock, NULL);
	pthread_cond_init(&b.done, NULL);
	n = send_batch(o, rows, &b, err);
	for (int i = 0; i < n; i++) {
		if (!b.sent[i].acknowledged) {
			log_at_times(o, b.sent[i].reason);
		} else {
			done++;
			if (rc == 0)
				rc = delete_row(pg, rows, i, err);
		}
	}
	pthread_cond_destroy(&b.done);
	pthread_mutex_destroy(&b.lock);
	return rc < 0 ? rc : done > 0;
}

static int publish_some(struct outbox *o, struct pg *pg, struct err *err)
{
	struct pg_result *rows = NULL;
	int rc;

	rc = PG_EXEC(pg,
		"SELECT id, topic, component_appid, appid, event_id, type,"
		" (extract(epoch FROM time) * 1000)::bigint, value, (extract(epoch FROM created_at) * "
		"1000)::bigint, traceparent"
		" FROM token_service.outbox ORDER BY id LIMIT $1",
		&rows, err, pg_int8(BATCH));
	if (rc == 0) {
		metric_set(&token_service_metrics[M_OUTBOX], NULL, pg_rows(rows));
		rc = pg_rows(rows) > 0 ? publish_rows(o, pg, rows, err) : 0;
	}
	pg_result_free(&rows);
	return rc;
}

/* --- the thread --------------------------------------------------------------------------------------------
 */

/* True: told to end. */
static bool wait(struct outbox *o, int64_t ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + ms);
	bool ending;

	pthread_mutex_lock(&o->lock);
	while (!o->woken && !o->ending && pthread_cond_timedwait(&o->wake, &o->lock, &until) == 0)
		;
	o->woken = false;
	ending = o->ending;
	pthread_mutex_unlock(&o->lock);
	return ending;
}

/* The lock belongs to the connection: whoever loses that has lost it, and another replica goes on. 1: ours.
 */
static int become_publisher(struct pg *pg, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (pg_exec(pg, "SELECT pg_try_advisory_lock(hashtextextended('token_service.outbox', 0))", NULL, 0,
		    &res, err) < 0)
		return -1;
	rc = pg_value_bool(res, 0, 0);
	pg_result_free(&res);
	return rc;
}

static void stop_being_publisher(struct pg *pg)
{
	struct err ignored;

	(void)pg_exec(pg, "SELECT pg_advisory_unlock(hashtextextended('token_service.outbox', 0))", NULL, 0,
		NULL, &ignored);
}

static int publish_until_told(struct outbox *o, struct pg *pg, struct err *err)
{
	int rc;

	do {
		rc = publish_some(o, pg, err);
	} while (rc >= 0 && !wait(o, rc > 0 ? 0 : POLL_MS));
	return rc;
}

static void *run(void *arg)
{
	struct outbox *o = arg;
	int64_t pause_ms = 0;
	struct pg *pg = NULL;
	struct err err;
	int rc;

	while (!wait(o, pause_ms)) {
		pause_ms = AFTER_ERROR_MS;
		rc = pg_take(o->store->pool, AFTER_ERROR_MS, &pg, &err);
		if (rc == 0 && (rc = become_publisher(pg, &err)) == 1) {
			rc = publish_until_told(o, pg, &err);
			stop_being_publisher(pg);
		} else if (rc == 0) {
			pause_ms = STANDBY_MS;
		}
		if (rc < 0)
			log_at_times(o, err.text);
		pg_give(o->store->pool, &pg);
	}
	return NULL;
}

int outbox_new(struct outbox **out, const struct store *s, struct producer *producer,
	const char *topic_prefix, struct err *err)
{
	struct outbox *o = xcalloc(1, sizeof(*o));
	int rc = 0;

	o->store = s;
	o->producer = producer;
	for (int i = 0; rc == 0 && i < N_TOPICS; i++)
		rc = topic_name((enum topic)i, topic_prefix, o->topics[i], err);
	if (rc < 0) {
		free(o);
		return rc;
	}
	pthread_mutex_init(&o->lock, NULL);
	clock_cond_init(&o->wake);
	if (pthread_create(&o->thread, NULL, run, o) != 0) {
		free(o);
		return err_set(err, ERR_FATAL, 0, "no thread for the outbox");
	}
	*out = o;
	return 0;
}

void outbox_free(struct outbox **op)
{
	struct outbox *o = *op;

	*op = NULL;
	if (!o)
		return;
	pthread_mutex_lock(&o->lock);
	o->ending = true;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->thread, NULL);
	pthread_cond_destroy(&o->wake);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

void outbox_wake(struct outbox *o)
{
	pthread_mutex_lock(&o->lock);
	o->woken = true;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
}
