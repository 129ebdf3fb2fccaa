#include "services/token-service/accounts/fans.h"

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kafka/consumer.h"
#include "proto/envelope.h"
#include "proto/erasure.h"
#include "proto/topics.h"
#include "proto/trace.h"
#include "services/token-service/audit.h"
#include "services/token-service/accounts/fan_store.h"
#include "services/token-service/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GROUP        "token-service.fans"
#define UNSUBSCRIBE  "weixin.event.unsubscribe"
#define POLL_MS      200
#define CLOSE_MS     5000
#define LAG_EVERY_MS 5000
/* All of a busy platform's messages pass here, and days of them at the first start. */
#define PREFETCH_KBYTES 4096

struct fans {
	const struct kafka_conf *kafka;
	const struct store *store;
	struct outbox *outbox;
	char topics[2][TOPIC_NAME_MAX + 1];
	char group[TOPIC_NAME_MAX + 1];
	pthread_t thread;
	bool runs;
	atomic_bool ready;
	atomic_bool ending;
};

/* Nearly every record is something else: it costs a look at its headers, no more. */
static bool is_unsubscription(const struct kafka_record *r)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		const struct kafka_header *h = &r->headers[i];

		if (strcmp(h->name, "ce_type") == 0)
			return h->value_len == strlen(UNSUBSCRIBE) &&
			       memcmp(h->value, UNSUBSCRIBE, h->value_len) == 0;
	}
	return false;
}

static int forget_fan(struct fans *f, const struct kafka_record *r, struct arena *arena, struct err *err)
{
	struct forgetting work = {.why = "unsubscribed"};
	struct envelope e;

	if (envelope_decode(r, arena, &e, err) < 0 || !e.component_appid || !e.component_appid[0] ||
		!e.appid[0] || !e.subject || !openid_ok(e.subject)) {
		log_warn(NULL, "%s, partition %d, offset %lld: an unsubscription of nobody is passed over",
			r->topic, r->partition, (long long)r->offset);
		return 0;
	}
	work.component_appid = e.component_appid;
	work.appid = e.appid;
	work.openid = e.subject;
	work.before_ms = e.time_ms ? e.time_ms : e.received_ms;
	if (fan_forget(f->store, &work, err) < 0)
		return -1;
	outbox_wake(f->outbox);
	return 0;
}

/* 0: he is forgotten, or the record names nobody. */
static int forget(struct fans *f, const struct kafka_record *r, struct arena *arena, struct err *err)
{
	int rc;

	trace_enter_record(r);
	rc = forget_fan(f, r, arena, err);
	if (rc < 0)
		log_warn(NULL, "%s, partition %d, offset %lld: not forgotten yet: %s", r->topic, r->partition,
			(long long)r->offset, err->text);
	trace_leave();
	return rc;
}

static int settle(struct fans *f, struct consumer *consumer, const struct kafka_record *r,
	struct arena *arena, struct backoff *pause, struct err *err)
{
	if (is_unsubscription(r) && forget(f, r, arena, err) < 0) {
		clock_sleep_ms(backoff_next_ms(pause));
		return consumer_seek(consumer, r, err);
	}
	backoff_reset(pause);
	return consumer_store(consumer, r, err);
}

static void note_state(struct fans *f, struct consumer *consumer, int64_t *looked_ms)
{
	atomic_store(&f->ready, consumer_ready(consumer));
	if (clock_mono_ms() - *looked_ms < LAG_EVERY_MS)
		return;
	*looked_ms = clock_mono_ms();
	metric_set(&token_service_metrics[M_FANS_LAG], NULL, (double)consumer_lag(consumer));
}

/* Of the record in hand; NULL: there is none. */
static void note_age(const struct kafka_record *r)
{
	int64_t age_ms = r ? clock_wall_ms() - r->timestamp_ms : 0;

	metric_set(&token_service_metrics[M_OLDEST], "messages", age_ms > 0 ? (double)age_ms / 1000 : 0);
}

/* Until the end, or until this member of the group is dead (-1, ERR_FATAL). */
static int read_with(struct fans *f, struct consumer *consumer, struct err *err)
{
	struct backoff pause = BACKOFF_INIT(100, 2000);
	struct arena arena = ARENA_INIT;
	const struct kafka_record *r;
	int64_t looked_ms = 0;
	int rc = 0;

	while (!atomic_load(&f->ending)) {
		rc = consumer_poll(consumer, POLL_MS, &r, err);
		note_state(f, consumer, &looked_ms);
		note_age(rc == 0 ? r : NULL);
		if (rc == 0)
			rc = settle(f, consumer, r, &arena, &pause, err);
		arena_reset(&arena);
		if (rc < 0 && err->kind == ERR_FATAL)
			break;
		if (rc < 0)
			log_warn(NULL, "unsubscriptions: %s", err->text);
		rc = 0;
	}
	arena_release(&arena);
	return rc;
}

static int read_once(struct fans *f, struct err *err)
{
	const char *const topics[] = {f->topics[0], f->topics[1]};
	const struct consumer_options options = {
		.client_id = GROUP,
		.group = f->group,
		.topics = topics,
		.n_topics = 2,
		.from_beginning = true,
		.prefetch_kbytes = PREFETCH_KBYTES,
	};
	struct consumer *consumer = NULL;
	int rc = consumer_new(&consumer, f->kafka, &options, err);

	if (rc == 0)
		rc = read_with(f, consumer, err);
	atomic_store(&f->ready, false);
	consumer_free(&consumer, CLOSE_MS);
	return rc;
}

static void *run(void *arg)
{
	struct backoff pause = BACKOFF_INIT(500, 5000);
	struct fans *f = arg;
	struct err err;

	audit_as(AUDIT_WEIXIN);
	while (!atomic_load(&f->ending)) {
		if (read_once(f, &err) == 0)
			break;
		log_error(NULL, "unsubscriptions: reading begins anew: %s", err.text);
		clock_sleep_ms(backoff_next_ms(&pause));
	}
	return NULL;
}

int fans_new(struct fans **out, const struct kafka_conf *kafka, const struct store *s, struct outbox *outbox,
	struct err *err)
{
	struct fans *f = xcalloc(1, sizeof(*f));
	int rc;

	f->kafka = kafka;
	f->store = s;
	f->outbox = outbox;
	(void)snprintf(f->group, sizeof(f->group), "%s" GROUP, kafka->topic_prefix);
	rc = topic_name(TOPIC_MESSAGES, kafka->topic_prefix, f->topics[0], err);
	if (rc == 0)
		rc = topic_name(TOPIC_MESSAGES_TEST, kafka->topic_prefix, f->topics[1], err);
	if (rc == 0 && pthread_create(&f->thread, NULL, run, f) != 0)
		rc = err_set(err, ERR_FATAL, 0, "no thread for unsubscriptions");
	f->runs = rc == 0;
	if (rc < 0)
		fans_free(&f);
	else
		*out = f;
	return rc;
}

void fans_free(struct fans **fp)
{
	struct fans *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	atomic_store(&f->ending, true);
	if (f->runs)
		pthread_join(f->thread, NULL);
	free(f);
}

bool fans_ready(struct fans *f, char *detail, size_t size)
{
	bool ready = atomic_load(&f->ready);

	(void)snprintf(detail, size, "%s", ready ? "topics assigned" : "waiting for the group's partitions");
	return ready;
}
