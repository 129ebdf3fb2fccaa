#include "services/token-service/events/events.h"

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kafka/consumer.h"
#include "proto/envelope.h"
#include "proto/reaction.h"
#include "proto/topics.h"
#include "proto/trace.h"
#include "services/token-service/audit.h"
#include "services/token-service/events/event_handle.h"
#include "services/token-service/events/event_open.h"
#include "services/token-service/key_watch.h"
#include "services/token-service/metrics.h"
#include "services/token-service/tokens/schedule.h"
#include "services/token-service/tokens/ticket_store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GROUP        "token-service"
#define WORKERS      4
#define POLL_MS      200
#define IDLE_MS      500 /* how often the rows are looked at for those whose time has come */
#define CLOSE_MS     5000
#define LAG_EVERY_MS 5000
#define KEY_EVERY_MS 60000 /* how often the use of one event key is noted */

struct events {
	const struct kafka_conf *kafka;
	struct exchange x;
	struct outbox *outbox;
	int64_t outage_s;
	char topic[TOPIC_NAME_MAX + 1];
	char group[TOPIC_NAME_MAX + 1];
	pthread_t reader;
	pthread_t workers[WORKERS];
	int n_threads; /* the reader first */
	atomic_bool ready;
	atomic_bool ending;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* a row came, or the end */
	uint64_t rows;       /* stored by this process so far; under the lock */
	/* The reader's own: the event key whose use was noted last, and when. */
	uint8_t key_noted[CRYPTO_BOX_KEY_ID_LEN];
	int64_t key_noted_ms;
};

/* --- the reader --------------------------------------------------------------------------------------------
 */

static void wake_workers(struct events *e)
{
	pthread_mutex_lock(&e->lock);
	e->rows++;
	pthread_cond_broadcast(&e->wake);
	pthread_mutex_unlock(&e->lock);
}

static int take_ticket(
	struct events *e, const struct envelope *envelope, const struct json *fields, struct err *err)
{
	const char *ticket = event_field(fields, "ComponentVerifyTicket", NULL);
	int64_t time_s = event_create_time_s(fields);
	int rc;

	if (!ticket[0] || strlen(ticket) > 1024) {
		log_warn(envelope->component_appid, "a ticket push without a ticket");
		metric_add(&token_service_metrics[M_INTAKE], "ticket_empty", 1);
		return 0;
	}
	rc = ticket_put(e->x.store, envelope->component_appid, ticket,
		time_s ? time_s : envelope->received_ms / 1000, e->outage_s, err);
	if (rc < 0)
		return rc;
	metric_add(&token_service_metrics[M_INTAKE], rc == TICKET_OLD ? "ticket_old" : "ticket", 1);
	log_info(envelope->component_appid, "ticket %s",
		rc == TICKET_OLD ? "older than the stored one" : "stored");
	if (rc == TICKET_AFTER_GAP)
		log_warn(envelope->component_appid,
			"the first ticket after more than %lld s: pushes may have been lost, the accounts "
			"are "
			"compared with Weixin's list",
			(long long)e->outage_s);
	wake_workers(e);
	return 0;
}

static int take_event(
	struct events *e, const struct envelope *envelope, const struct kafka_record *r, struct err *err)
{
	int rc = event_put(e->x.store, envelope->component_appid, envelope->id, envelope->appid,
		envelope->type, r->value, r->value_len, envelope->received_ms, err);

	if (rc < 0)
		return rc;
	metric_add(&token_service_metrics[M_INTAKE], rc == EVENT_REPEATED ? "repeated" : "stored", 1);
	wake_workers(e);
	return 0;
}

/* A record that opened. Where it cannot be noted another one will be: an ingress in use seals every few
 * minutes. */
static void note_key(struct events *e, const struct kafka_record *r)
{
	struct err err;

	if (e->key_noted_ms && clock_mono_ms() - e->key_noted_ms < KEY_EVERY_MS &&
		memcmp(e->key_noted, r->value, sizeof(e->key_noted)) == 0)
		return;
	if (key_watch_note_event(e->x.store, r->value, r->timestamp_ms, &err) < 0) {
		log_debug(NULL, "the use of an event key is not noted: %s", err.text);
		return;
	}
	memcpy(e->key_noted, r->value, sizeof(e->key_noted));
	e->key_noted_ms = clock_mono_ms();
}

/* 0: durable, its offset may be committed. ERR_REJECT: it can never work. */
static int take_in(struct events *e, const struct kafka_record *r, struct arena *arena, struct err *err)
{
	struct json *fields = NULL;
	struct envelope envelope;
	struct keys *keys;
	int rc;

	if (envelope_decode(r, arena, &envelope, err) < 0)
		return -1;
	if (!envelope.component_appid || !envelope.component_appid[0])
		return err_set(err, ERR_REJECT, EVENT_MALFORMED, "no ce_componentappid");
	keys = keyring_take(e->x.store->keyring);
	rc = event_open(
		keys->event, envelope.component_appid, envelope.id, r->value, r->value_len, &fields, err);
	keyring_give(e->x.store->keyring, &keys);
	if (rc < 0)
		return rc;
	note_key(e, r);
	if (strcmp(event_field(fields, "InfoType", NULL), "component_verify_ticket") == 0)
		rc = take_ticket(e, &envelope, fields, err);
	else
		rc = take_event(e, &envelope, r, err);
	json_free(&fields);
	return rc;
}

/* The topic itself keeps what is passed over here, for as long as it keeps anything. */
static void pass_over(const struct kafka_record *r, const struct err *why)
{
	metric_add(
		&token_service_metrics[M_INTAKE], why->code == EVENT_BAD_SEAL ? "bad_seal" : "malformed", 1);
	log_error(NULL, "%s, partition %d, offset %lld: can never work, passed over: %s", r->topic,
		r->partition, (long long)r->offset, why->text);
}

/* False: not now. */
static bool take_in_or_pass_over(
	struct events *e, const struct kafka_record *r, struct arena *arena, struct err *err)
{
	int rc;

	trace_enter_record(r);
	rc = take_in(e, r, arena, err);
	if (rc < 0 && err->kind == ERR_REJECT)
		pass_over(r, err);
	else if (rc < 0)
		log_warn(NULL, "%s, partition %d, offset %lld: not stored yet: %s", r->topic, r->partition,
			(long long)r->offset, err->text);
	trace_leave();
	return rc == 0 || err->kind == ERR_REJECT;
}

/* Waiting here is short enough for the group to keep this member, and long enough to let a database come
 * back. */
static int settle_record(struct events *e, struct consumer *consumer, const struct kafka_record *r,
	struct arena *arena, struct backoff *pause, struct err *err)
{
	bool stored = take_in_or_pass_over(e, r, arena, err);

	if (!stored) {
		int rc = consumer_seek(consumer, r, err);

		clock_sleep_ms(backoff_next_ms(pause));
		return rc;
	}
	backoff_reset(pause);
	return consumer_store(consumer, r, err);
}

static void note_state(struct events *e, struct consumer *consumer, int64_t *looked_ms)
{
	atomic_store(&e->ready, consumer_ready(consumer));
	if (clock_mono_ms() - *looked_ms < LAG_EVERY_MS)
		return;
	*looked_ms = clock_mono_ms();
	metric_set(&token_service_metrics[M_LAG], NULL, (double)consumer_lag(consumer));
}

/* Of the record in hand; NULL: there is none. */
static void note_age(const struct kafka_record *r)
{
	int64_t age_ms = r ? clock_wall_ms() - r->timestamp_ms : 0;

	metric_set(
		&token_service_metrics[M_OLDEST], "platform-events", age_ms > 0 ? (double)age_ms / 1000 : 0);
}

/* Until the end, or until this member of the group is dead (-1, ERR_FATAL). */
static int read_with(struct events *e, struct consumer *consumer, struct err *err)
{
	struct backoff pause = BACKOFF_INIT(100, 2000);
	struct arena arena = ARENA_INIT;
	const struct kafka_record *r;
	int64_t looked_ms = 0;
	int rc = 0;

	while (!atomic_load(&e->ending)) {
		rc = consumer_poll(consumer, POLL_MS, &r, err);
		note_state(e, consumer, &looked_ms);
		note_age(rc == 0 ? r : NULL);
		if (rc == 0)
			rc = settle_record(e, consumer, r, &arena, &pause, err);
		arena_reset(&arena);
		if (rc < 0 && err->kind == ERR_FATAL)
			break;
		if (rc < 0)
			log_warn(NULL, "%s: %s", e->topic, err->text);
		rc = 0;
	}
	arena_release(&arena);
	return rc;
}

static int read_once(struct events *e, struct err *err)
{
	const char *const topics[] = {e->topic};
	const struct consumer_options options = {
		.client_id = GROUP,
		.group = e->group,
		.topics = topics,
		.n_topics = 1,
		.from_beginning = true, /* what came before our first start must not be lost */
	};
	struct consumer *consumer = NULL;
	int rc = consumer_new(&consumer, e->kafka, &options, err);

	if (rc == 0)
		rc = read_with(e, consumer, err);
	atomic_store(&e->ready, false);
	consumer_free(&consumer, CLOSE_MS);
	return rc;
}

static void *run_reader(void *arg)
{
	struct backoff pause = BACKOFF_INIT(500, 5000);
	struct events *e = arg;
	struct err err;

	while (!atomic_load(&e->ending)) {
		if (read_once(e, &err) == 0)
			break;
		log_error(NULL, "%s: reading begins anew: %s", e->topic, err.text);
		clock_sleep_ms(backoff_next_ms(&pause));
	}
	return NULL;
}

/* --- the workers -------------------------------------------------------------------------------------------
 */

static void put_off(struct events *e, const struct event *event, const struct err *why)
{
	bool slow = why->kind == ERR_REJECT && reaction_of(why->code) != REACTION_TICKET;
	int64_t retry_ms = schedule_retry_ms(event->attempts, slow);
	struct err err;

	metric_add(&token_service_metrics[M_RETRIED], NULL, 1);
	log_warn(event->appid, "%s: attempt %d, next in %lld s: %s", event->type, event->attempts,
		(long long)((retry_ms + 999) / 1000), why->text);
	if (event_retry(e->x.store, event, retry_ms, &err) < 0)
		log_warn(event->appid, "the attempt could not be recorded, next when its lease ends: %s",
			err.text);
}

/* 1: there was one; 0: there is none now. */
static int work(struct events *e, struct err *err)
{
	struct event event;
	int rc = event_claim(e->x.store, &event, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	trace_enter(event.traceparent);
	if (event_handle(&e->x, &event, err) == 0) {
		log_debug(event.event_id, "%s is settled", event.type);
		outbox_wake(e->outbox);
		wake_workers(e); /* the next of its key, and what it may have led to */
	} else {
		put_off(e, &event, err);
	}
	trace_leave();
	event_release(&event);
	return 1;
}

/* Until more rows have been stored than `seen`, or IDLE_MS. */
static uint64_t wait_for_rows(struct events *e, uint64_t seen)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + IDLE_MS);

	pthread_mutex_lock(&e->lock);
	while (e->rows == seen && !atomic_load(&e->ending) &&
		pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0)
		;
	seen = e->rows;
	pthread_mutex_unlock(&e->lock);
	return seen;
}

static void *run_worker(void *arg)
{
	struct backoff pause = BACKOFF_INIT(500, 5000);
	struct events *e = arg;
	uint64_t seen = 0;
	struct err err;
	int rc;

	audit_as(AUDIT_WEIXIN);
	while (!atomic_load(&e->ending)) {
		rc = work(e, &err);
		if (rc < 0) {
			log_debug(NULL, "events cannot be taken up: %s",
				err.text); /* the keeper tells it once */
			clock_sleep_ms(backoff_next_ms(&pause));
			continue;
		}
		backoff_reset(&pause);
		if (rc == 0)
			seen = wait_for_rows(e, seen);
	}
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------------------
 */

static int start(struct events *e, struct err *err)
{
	if (pthread_create(&e->reader, NULL, run_reader, e) != 0)
		return err_set(err, ERR_FATAL, 0, "no thread for %s", e->topic);
	e->n_threads = 1;
	for (int i = 0; i < WORKERS; i++) {
		if (pthread_create(&e->workers[i], NULL, run_worker, e) != 0)
			return err_set(err, ERR_FATAL, 0, "no thread for events");
		e->n_threads++;
	}
	return 0;
}

int events_new(struct events **out, const struct kafka_conf *kafka, const struct exchange *x,
	struct outbox *outbox, int64_t outage_s, struct err *err)
{
	struct events *e = xcalloc(1, sizeof(*e));
	int rc;

	e->kafka = kafka;
	e->x = *x;
	e->outbox = outbox;
	e->outage_s = outage_s;
	pthread_mutex_init(&e->lock, NULL);
	clock_cond_init(&e->wake);
	rc = topic_name(TOPIC_PLATFORM_EVENTS, kafka->topic_prefix, e->topic, err);
	(void)snprintf(e->group, sizeof(e->group), "%s" GROUP, kafka->topic_prefix);
	if (rc == 0)
		rc = start(e, err);
	if (rc < 0)
		events_free(&e);
	else
		*out = e;
	return rc;
}

void events_stop(struct events *e)
{
	pthread_mutex_lock(&e->lock);
	atomic_store(&e->ending, true);
	pthread_cond_broadcast(&e->wake);
	pthread_mutex_unlock(&e->lock);
	for (int i = 1; i < e->n_threads; i++)
		pthread_join(e->workers[i - 1], NULL);
	if (e->n_threads > 0)
		pthread_join(e->reader, NULL);
	e->n_threads = 0;
}

void events_free(struct events **ep)
{
	struct events *e = *ep;

	*ep = NULL;
	if (!e)
		return;
	events_stop(e);
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

bool events_ready(struct events *e, char *detail, size_t size)
{
	bool ready = atomic_load(&e->ready);

	(void)snprintf(detail, size, "%s", ready ? "topic assigned" : "waiting for the group's partitions");
	return ready;
}
