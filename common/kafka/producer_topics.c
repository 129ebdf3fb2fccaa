#include "common/kafka/producer_internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/client.h"

#include <string.h>

#include "common/base/banned.h"

/* Warm topics are only ever added, and each stays where it is. */

#define WARM_SLICE_MS 500 /* one request for metadata; a rebuild never waits longer for a warm-up */
#define TRY_PAUSE_MS  20  /* between two attempts */

static size_t n_warmed(struct producer *p)
{
	size_t n;

	pthread_mutex_lock(&p->lock);
	n = p->warmed.n;
	pthread_mutex_unlock(&p->lock);
	return n;
}

static struct warm_topic *warmed_at(struct producer *p, size_t i)
{
	struct warm_topic *t;

	pthread_mutex_lock(&p->lock);
	t = p->warmed.topics[i];
	pthread_mutex_unlock(&p->lock);
	return t;
}

static struct warm_topic *remember_topic(struct producer *p, const char *topic)
{
	struct warm_topic *t = NULL;
	size_t i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->warmed.n && !t; i++)
		if (strcmp(p->warmed.topics[i]->name, topic) == 0)
			t = p->warmed.topics[i];
	if (!t) {
		t = xcalloc(1, sizeof(*t));
		t->name = xstrdup(topic);
		p->warmed.topics = xrealloc(p->warmed.topics, (i + 1) * sizeof(t));
		p->warmed.topics[p->warmed.n++] = t;
	}
	pthread_mutex_unlock(&p->lock);
	return t;
}

static void make_lanes(struct producer *p, struct warm_topic *t, int partitions)
{
	pthread_mutex_lock(&p->lock);
	if (!t->lanes) {
		t->lanes = xcalloc((size_t)partitions, sizeof(*t->lanes));
		t->n_lanes = partitions;
	}
	pthread_mutex_unlock(&p->lock);
}

static int check_metadata(const struct rd_kafka_metadata *md, struct err *err)
{
	const rd_kafka_metadata_topic_t *t = &md->topics[0];
	int i;

	if (md->topic_cnt != 1)
		return err_set(err, ERR_RETRY, 0, "the broker does not know the topic");
	if (t->err)
		return kafka_err_set(err, ERR_RETRY, t->err, "topic");
	if (t->partition_cnt == 0)
		return err_set(err, ERR_RETRY, 0, "the topic has no partitions yet");
	for (i = 0; i < t->partition_cnt; i++)
		if (t->partitions[i].leader < 0)
			return err_set(err, ERR_RETRY, 0, "partition %d has no leader", t->partitions[i].id);
	return 0;
}

/* One request; the library keeps what it learns. */
static int learn_topic(
	struct producer *p, rd_kafka_t *rk, struct warm_topic *topic, int timeout_ms, struct err *err)
{
	const struct rd_kafka_metadata *md = NULL;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic->name, NULL);
	rd_kafka_resp_err_t code;
	int rc;

	if (!rkt)
		return kafka_err_set(err, ERR_RETRY, rd_kafka_last_error(), "topic");
	code = rd_kafka_metadata(rk, 0, rkt, &md, timeout_ms);
	if (code)
		rc = kafka_err_set(err, ERR_RETRY, code, "no metadata");
	else
		rc = check_metadata(md, err);
	if (rc == 0)
		make_lanes(p, topic, md->topics[0].partition_cnt);
	if (md)
		rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
	return rc;
}

static int warm_topic(struct producer *p, struct warm_topic *topic, int64_t until_ms, struct err *err)
{
	int64_t left;
	int rc;

	for (;;) {
		left = until_ms - clock_mono_ms();
		if (left > WARM_SLICE_MS)
			left = WARM_SLICE_MS;
		pthread_rwlock_rdlock(&p->client_lock);
		rc = p->rk ? learn_topic(p, p->rk, topic, left > 0 ? (int)left : 0, err)
			   : producer_being_rebuilt(err);
		pthread_rwlock_unlock(&p->client_lock);
		if (rc == 0)
			return 0;
		left = until_ms - clock_mono_ms();
		if (left <= 0)
			return err_prefix(err, "%s", topic->name);
		clock_sleep_ms(left < TRY_PAUSE_MS ? left : TRY_PAUSE_MS);
	}
}

int producer_warm(
	struct producer *p, const char *const *topics, size_t n, int64_t timeout_ms, struct err *err)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	size_t i;

	for (i = 0; i < n; i++)
		if (warm_topic(p, remember_topic(p, topics[i]), until, err) < 0)
			return -1;
	return 0;
}

/* The topics of before, so that the first records after a rebuild are not a second late either. */
void producer_warm_rebuilt(struct producer *p, rd_kafka_t *rk)
{
	int64_t until = clock_mono_ms() + WARM_SLICE_MS, left;
	size_t i, n;

	n = n_warmed(p);
	for (i = 0; i < n && (left = until - clock_mono_ms()) > 0; i++)
		learn_topic(p, rk, warmed_at(p, i), (int)left, NULL);
}
