#include "common/kafka/producer.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kafka/client.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "common/base/banned.h"

/* How it survives: one thread of ours polls the library, runs every done() and watches for a fatal error, or
 * for a client in doubt (below). Then it takes the client away from the senders, fails whatever is under way,
 * makes a new client, and gives that to them.
 *
 * A client is in doubt once a record of it timed out that may have been written: from then on the library's
 * sequence numbers and the broker's need not agree, and it has been seen to report records as written that
 * were not (https://github.com/confluentinc/librdkafka/issues/4134, open). Nothing it acknowledges after that
 * is believed, nor an acknowledgement without an offset.
 *
 * Every record under way is a `delivery` in a list of ours. The library reports each exactly once while its
 * client is polled; whatever it has not reported when the client goes is failed from the list. So done() is
 * called once for each record in every case. Drawback: a lock around each send and each report, held for a
 * few instructions.
 *
 * What a partition has under way is one batch: what comes for it meanwhile is gathered here, and handed over
 * once that batch is reported. The library would let such records wait too (with idempotence it has no more
 * than five of a partition under way), but its thread asks the kernel for news in a loop as long as one of
 * them is older than linger.ms: 22 poll() for each record were counted. And what is gathered makes fewer and
 * larger requests the longer the broker takes. What was gathered HOLD_MS ago is handed over in any case, so
 * that the time in which a record is reported stays the library's own and this. Drawback: a copy of each
 * record that has to wait. */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PRESET_DELIVERY_MS 1500
#define PRESET_LINGER_MS   1
#define PRESET_QUEUED      10000
#define QUEUED_MAX_KB      131072
#define POLL_MS            100
#define PURGE_MS           500  /* for the reports of purged records; they take a few ms */
#define DESTROY_MS         500  /* beyond it the old client ends on its own thread */
#define REBUILD_PAUSE_MS   200  /* between two attempts to make a client */
#define WARM_SLICE_MS      500  /* one request for metadata; a rebuild never waits longer for a warm-up */
#define PUBLISH_PAUSE_MS   20   /* between two attempts when the queue is full or the topic is missing */
#define PROBE_EVERY_MS     1000 /* asks whether the brokers are back while nothing is under way */
#define PROBE_MS           50
#define FULL_PAUSE_MS      1   /* until what the library had no room for is tried again */
#define HOLD_MS            100 /* looked at every POLL_MS, so a record is held for twice that at most */

struct delivery {
	struct delivery *prev, *next;
	struct producer *producer;
	struct lane *lane; /* NULL: none */
	producer_done done;
	void *arg;
	struct err *failure; /* once reported; NULL: acknowledged. Ours */
};

/* A copy of a record that waits to be handed over. */
struct gathered {
	struct gathered *prev, *next;
	struct delivery *delivery;
	int64_t since_mono_ms;
	struct kafka_record record; /* without headers */
	rd_kafka_headers_t *headers;
	char bytes[]; /* topic and NUL, key, value */
};

/* A partition of a warm topic, by the number of partitions that it had then: with more of them two share a
 * lane, which costs time and no more. */
struct lane {
	int under_way; /* with the library */
	struct gathered *gathered;
	bool due; /* in the list of those with something gathered and nothing under way */
	struct lane *next_due;
};

struct warm_topic {
	char *name;
	struct lane *lanes; /* NULL: the number of partitions is not known yet */
	int n_lanes;
};

struct topic_list {
	struct warm_topic **topics;
	size_t n;
};

struct producer {
	struct kafka_conf conf; /* copies of its strings */
	char *client_id;
	int64_t delivery_timeout_ms;
	int linger_ms;
	int max_queued;

	/* Senders hold it for reading while they use rk; the thread holds it for writing to change rk. */
	pthread_rwlock_t client_lock;
	rd_kafka_t *rk; /* NULL: being rebuilt */

	pthread_mutex_t lock; /* over what follows */
	struct delivery *under_way;
	int64_t n_under_way;
	struct lane *due;
	size_t gathered_bytes;
	struct topic_list warmed;
	char last_error[160];

	atomic_bool has_error; /* last_error says something: an acknowledgement takes no lock otherwise */
	atomic_int_fast64_t rebuilds;
	atomic_int_fast64_t last_ack_mono_ms;
	atomic_bool stopping;
	int64_t flush_until_ms;    /* set before stopping */
	int64_t probed_ms;         /* the thread's own */
	int64_t looked_mono_ms;    /* the thread's own: for what is held too long */
	bool in_doubt;             /* the thread's own: what rk acknowledges is not believed */
	struct delivery *reported; /* the thread's own: whose done() is to be run */
	pthread_t thread;
};

/* ---- records under way ---- */

static struct delivery *delivery_new(struct producer *p, producer_done done, void *arg)
{
	struct delivery *d = xmalloc(sizeof(*d));

	d->producer = p;
	d->done = done;
	d->arg = arg;
	return d;
}

/* Under the lock. */
static void delivery_begin(struct producer *p, struct delivery *d)
{
	DL_APPEND(p->under_way, d);
	p->n_under_way++;
}

/* Under the lock. */
static void lane_settle(struct producer *p, struct lane *lane)
{
	if (lane->under_way > 0 || !lane->gathered || lane->due)
		return;
	lane->due = true;
	LL_PREPEND2(p->due, lane, next_due);
}

/* It is no longer under way. */
static void delivery_end(struct delivery *d)
{
	struct producer *p = d->producer;

	pthread_mutex_lock(&p->lock);
	DL_DELETE(p->under_way, d);
	p->n_under_way--;
	if (d->lane) {
		d->lane->under_way--;
		lane_settle(p, d->lane);
	}
	pthread_mutex_unlock(&p->lock);
}

/* The thread's, like the next. */
static void delivery_report(struct delivery *d, const struct err *failure)
{
	struct producer *p = d->producer;

	delivery_end(d);
	d->failure = NULL;
	if (failure) {
		d->failure = xmalloc(sizeof(*failure));
		*d->failure = *failure;
	}
	DL_APPEND(p->reported, d);
}

/* Apart from the reports: to wake those who wait takes longer than to hand over what is next. */
static void tell_reported(struct producer *p)
{
	struct delivery *all = p->reported, *d, *next;

	p->reported = NULL;
	DL_FOREACH_SAFE (all, d, next) {
		d->done(d->arg, d->failure);
		free(d->failure);
		free(d);
	}
}

/* Once the library can no longer report them. */
static void fail_under_way(struct producer *p)
{
	struct err lost;

	err_set(&lost, ERR_UNCERTAIN, 0, "the producer ended before the record was acknowledged");
	while (p->under_way)
		delivery_report(p->under_way, &lost);
}

/* ---- what the library calls, on our thread ---- */

static bool is_rejected(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR__INVALID_ARG:
		return true;
	default:
		return false;
	}
}

static void forget_error(struct producer *p)
{
	pthread_mutex_lock(&p->lock);
	p->last_error[0] = '\0';
	atomic_store(&p->has_error, false);
	pthread_mutex_unlock(&p->lock);
}

static void note_ack(struct producer *p)
{
	atomic_store(&p->last_ack_mono_ms, clock_mono_ms());
	if (atomic_load(&p->has_error))
		forget_error(p);
}

static void on_success(struct producer *p, const rd_kafka_message_t *m)
{
	struct err doubt;

	if (m->offset < 0)
		p->in_doubt = true;
	if (!p->in_doubt) {
		note_ack(p);
		delivery_report(m->_private, NULL);
		return;
	}
	err_set(&doubt, ERR_UNCERTAIN, 0, "acknowledged by a client in doubt");
	delivery_report(m->_private, &doubt);
}

static void on_failure(struct producer *p, const rd_kafka_message_t *m)
{
	struct err failure;
	enum err_kind kind = ERR_RETRY;

	if (is_rejected(m->err))
		kind = ERR_REJECT;
	else if (rd_kafka_message_status(m) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED) {
		kind = ERR_UNCERTAIN;
		p->in_doubt = true;
	}
	kafka_err_set(&failure, kind, m->err, "not acknowledged");
	delivery_report(m->_private, &failure);
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	(void)rk;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		on_success(opaque, m);
	else
		on_failure(opaque, m);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct producer *p = opaque;

	(void)rk;
	pthread_mutex_lock(&p->lock);
	snprintf(p->last_error, sizeof(p->last_error), "%s: %s", rd_kafka_err2name((rd_kafka_resp_err_t)code),
		reason);
	atomic_store(&p->has_error, true);
	pthread_mutex_unlock(&p->lock);
}

/* ---- handing over to the library ---- */

static int being_rebuilt(struct err *err)
{
	return err_set(err, ERR_RETRY, 0, "the producer is being rebuilt");
}

static rd_kafka_headers_t *make_headers(const struct kafka_record *r)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new(r->n_headers);
	size_t i;

	for (i = 0; i < r->n_headers; i++)
		rd_kafka_header_add(headers, r->headers[i].name, -1, r->headers[i].value,
			(ssize_t)r->headers[i].value_len);
	return headers;
}

/* rd_kafka_producev() and not rd_kafka_produceva(), which frees headers twice if the partition does not exist
 * (before 2.12). Its macros take pointers without const; with F_COPY nothing is written through them. The
 * headers are the library's once it has taken the record. */
static rd_kafka_resp_err_t hand_over(
	rd_kafka_t *rk, const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d)
{
	union {
		const void *in;
		void *out;
	} key = {.in = r->key}, value = {.in = r->value};

	return rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(r->topic), RD_KAFKA_V_PARTITION(r->partition),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.out, r->key_len),
		RD_KAFKA_V_VALUE(value.out, r->value_len), RD_KAFKA_V_TIMESTAMP(r->timestamp_ms),
		RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(d), RD_KAFKA_V_END);
}

static int not_accepted(struct err *err, rd_kafka_resp_err_t code)
{
	return kafka_err_set(err, is_rejected(code) ? ERR_REJECT : ERR_RETRY, code, "not accepted");
}

/* ---- warm topics: only ever added, each stays where it is ---- */

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

/* ---- gathering ---- */

/* Under the lock. NULL: the record has none, and is handed over as it comes. */
static struct lane *lane_of(const struct producer *p, const struct kafka_record *r)
{
	const struct warm_topic *t = NULL;
	size_t i;

	for (i = 0; i < p->warmed.n && !t; i++)
		if (strcmp(p->warmed.topics[i]->name, r->topic) == 0)
			t = p->warmed.topics[i];
	if (!t || !t->lanes || !r->key || r->partition >= t->n_lanes)
		return NULL;
	if (r->partition >= 0)
		return &t->lanes[r->partition];
	return &t->lanes[rd_kafka_msg_partitioner_murmur2_random(
		NULL, r->key, r->key_len, t->n_lanes, NULL, NULL)];
}

static const void *copy_to(char **w, const void *bytes, size_t len)
{
	void *at = *w;

	if (!bytes)
		return NULL;
	memcpy(at, bytes, len);
	*w += len;
	return at;
}

static struct gathered *gathered_new(
	const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d)
{
	size_t topic_len = strlen(r->topic) + 1;
	struct gathered *g = xmalloc(sizeof(*g) + topic_len + r->key_len + r->value_len);
	char *w = g->bytes;

	g->delivery = d;
	g->since_mono_ms = clock_mono_ms();
	g->headers = headers;
	g->record = *r;
	g->record.topic = copy_to(&w, r->topic, topic_len);
	g->record.key = copy_to(&w, r->key, r->key_len);
	g->record.value = copy_to(&w, r->value, r->value_len);
	return g;
}

static size_t gathered_bytes(const struct kafka_record *r)
{
	return r->key_len + r->value_len;
}

/* Under the lock. False: there is no room. */
static bool gather(
	struct producer *p, const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d)
{
	struct gathered *g;

	if (p->n_under_way >= p->max_queued ||
		p->gathered_bytes + gathered_bytes(r) > (size_t)QUEUED_MAX_KB * 1024)
		return false;
	g = gathered_new(r, headers, d);
	DL_APPEND(d->lane->gathered, g);
	p->gathered_bytes += gathered_bytes(r);
	delivery_begin(p, d);
	return true;
}

/* All of it, which counts as under way from now on: what comes later stays behind it. */
static struct gathered *take_gathered(struct producer *p, struct lane *lane)
{
	struct gathered *all, *g;

	pthread_mutex_lock(&p->lock);
	all = lane->gathered;
	lane->gathered = NULL;
	if (lane->due)
		LL_DELETE2(p->due, lane, next_due);
	lane->due = false;
	DL_FOREACH (all, g) {
		lane->under_way++;
		p->gathered_bytes -= gathered_bytes(&g->record);
	}
	pthread_mutex_unlock(&p->lock);
	return all;
}

static void put_back(struct producer *p, struct lane *lane, struct gathered *rest)
{
	struct gathered *g;

	pthread_mutex_lock(&p->lock);
	DL_FOREACH (rest, g) {
		lane->under_way--;
		p->gathered_bytes += gathered_bytes(&g->record);
	}
	DL_CONCAT(rest, lane->gathered);
	lane->gathered = rest;
	lane_settle(p, lane);
	pthread_mutex_unlock(&p->lock);
}

static void gathered_fail(struct gathered *g, const struct err *failure)
{
	rd_kafka_headers_destroy(g->headers);
	delivery_report(g->delivery, failure);
	free(g);
}

/* The rest: what the library's queue has no room for. */
static struct gathered *hand_over_all(rd_kafka_t *rk, struct gathered *all)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	struct gathered *g, *next;
	struct err refused;

	DL_FOREACH_SAFE (all, g, next) {
		code = hand_over(rk, &g->record, g->headers, g->delivery);
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		DL_DELETE(all, g);
		if (code) {
			not_accepted(&refused, code);
			gathered_fail(g, &refused);
		} else {
			free(g);
		}
	}
	return all;
}

/* False: the library has no room for what is left. */
static bool serve_lane(struct producer *p, struct lane *lane)
{
	struct gathered *rest = hand_over_all(p->rk, take_gathered(p, lane));

	if (rest)
		put_back(p, lane, rest);
	return !rest;
}

static struct lane *first_due(struct producer *p)
{
	struct lane *lane;

	pthread_mutex_lock(&p->lock);
	lane = p->due;
	pthread_mutex_unlock(&p->lock);
	return lane;
}

/* Under the lock. */
static bool is_held_since(const struct lane *lane, int64_t mono_ms)
{
	return lane->gathered && lane->gathered->since_mono_ms <= mono_ms;
}

/* Any lane of which something was gathered then or before. */
static struct lane *held_since(struct producer *p, int64_t mono_ms)
{
	struct lane *found = NULL;
	struct warm_topic *t;
	size_t i;
	int l;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->warmed.n && !found; i++)
		for (t = p->warmed.topics[i], l = 0; l < t->n_lanes && !found; l++)
			if (is_held_since(&t->lanes[l], mono_ms))
				found = &t->lanes[l];
	pthread_mutex_unlock(&p->lock);
	return found;
}

/* The thread's, like the next. False: the library has no room for what is left. */
static bool serve_due(struct producer *p)
{
	struct lane *lane;

	while ((lane = first_due(p)) != NULL)
		if (!serve_lane(p, lane))
			return false;
	return true;
}

static void serve_held(struct producer *p)
{
	int64_t now = clock_mono_ms();
	struct lane *lane;

	if (now - p->looked_mono_ms < POLL_MS)
		return;
	p->looked_mono_ms = now;
	while ((lane = held_since(p, now - HOLD_MS)) != NULL)
		if (!serve_lane(p, lane))
			return;
}

static void fail_lane(struct producer *p, struct lane *lane)
{
	struct gathered *all = take_gathered(p, lane), *g, *next;
	struct err gone;

	being_rebuilt(&gone);
	DL_FOREACH_SAFE (all, g, next)
		gathered_fail(g, &gone);
}

/* The library's client is about to go, and nobody sends. */
static void fail_gathered(struct producer *p)
{
	struct lane *lane;

	while ((lane = held_since(p, INT64_MAX)) != NULL)
		fail_lane(p, lane);
}

/* ---- making and ending the library's client ---- */

static int client_make(struct producer *p, rd_kafka_t **out, struct err *err)
{
	char timeout[24], linger[24], queued[24], queued_kb[24];
	const struct kafka_property own[] = {
		{"enable.idempotence", "true"},
		{"acks", "all"},
		{"partitioner", "murmur2_random"},
		{"message.timeout.ms", timeout},
		{"linger.ms", linger},
		{"queue.buffering.max.messages", queued},
		{"queue.buffering.max.kbytes", queued_kb},
		/* A request without an answer ends its connection after so long; the library's minute would
		 * keep a producer on a dead connection long after the broker is back. */
		{"socket.timeout.ms", "3000"},
		{"retry.backoff.ms", "50"},
	};
	rd_kafka_conf_t *rk_conf;

	snprintf(timeout, sizeof(timeout), "%lld", (long long)p->delivery_timeout_ms);
	snprintf(linger, sizeof(linger), "%d", p->linger_ms);
	snprintf(queued, sizeof(queued), "%d", p->max_queued);
	snprintf(queued_kb, sizeof(queued_kb), "%d", QUEUED_MAX_KB);
	rk_conf = kafka_client_conf(&p->conf, p->client_id, own, ARRAY_LEN(own), err);
	if (!rk_conf)
		return -1;
	rd_kafka_conf_set_opaque(rk_conf, p);
	rd_kafka_conf_set_dr_msg_cb(rk_conf, on_report);
	rd_kafka_conf_set_error_cb(rk_conf, on_error);
	return kafka_client_new(out, RD_KAFKA_PRODUCER, rk_conf, err);
}

/* Nobody sends through `rk` any more. Every record under way is reported before this returns. */
static void client_end(struct producer *p, rd_kafka_t *rk)
{
	int64_t until = clock_mono_ms() + PURGE_MS;

	rd_kafka_purge(
		rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	while (rd_kafka_outq_len(rk) > 0 && clock_mono_ms() < until)
		rd_kafka_poll(rk, 10);
	fail_gathered(p);
	fail_under_way(p);
	tell_reported(p);
	/* Nothing of it is waited for any more; senders wait for the next one. */
	kafka_client_destroy(&rk, 0, atomic_load(&p->stopping) ? DESTROY_MS : 0);
}

static rd_kafka_t *client_take(struct producer *p)
{
	rd_kafka_t *rk;

	pthread_rwlock_wrlock(&p->client_lock);
	rk = p->rk;
	p->rk = NULL;
	pthread_rwlock_unlock(&p->client_lock);
	return rk;
}

static void client_give(struct producer *p, rd_kafka_t *rk)
{
	pthread_rwlock_wrlock(&p->client_lock);
	p->rk = rk;
	pthread_rwlock_unlock(&p->client_lock);
}

/* ---- topics ---- */

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
		rc = p->rk ? learn_topic(p, p->rk, topic, left > 0 ? (int)left : 0, err) : being_rebuilt(err);
		pthread_rwlock_unlock(&p->client_lock);
		if (rc == 0)
			return 0;
		left = until_ms - clock_mono_ms();
		if (left <= 0)
			return err_prefix(err, "%s", topic->name);
		clock_sleep_ms(left < PUBLISH_PAUSE_MS ? left : PUBLISH_PAUSE_MS);
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

/* ---- the thread ---- */

/* The topics of before, so that the first records after a rebuild are not a second late either. */
static void warm_rebuilt(struct producer *p, rd_kafka_t *rk)
{
	int64_t until = clock_mono_ms() + WARM_SLICE_MS, left;
	size_t i, n;

	n = n_warmed(p);
	for (i = 0; i < n && (left = until - clock_mono_ms()) > 0; i++)
		learn_topic(p, rk, warmed_at(p, i), (int)left, NULL);
}

static void rebuild(struct producer *p)
{
	rd_kafka_t *rk = client_take(p);
	char reason[160] = "a record that may have been written timed out";
	struct err err;

	rd_kafka_fatal_error(rk, reason, sizeof(reason)); /* leaves it as it is if there was none */
	log_warn("kafka", "the producer ended (%s); making a new one", reason);
	client_end(p, rk);
	p->in_doubt = false;
	for (rk = NULL; !rk && !atomic_load(&p->stopping);)
		if (client_make(p, &rk, &err) < 0) {
			log_warn("kafka", "no new producer yet: %s", err.text);
			clock_sleep_ms(REBUILD_PAUSE_MS);
			rk = NULL;
		}
	if (!rk)
		return;
	warm_rebuilt(p, rk);
	atomic_fetch_add(&p->rebuilds, 1);
	client_give(p, rk);
}

/* An acknowledgement shows that the brokers are well; with nothing under way only a question does. */
static void probe(struct producer *p)
{
	const struct rd_kafka_metadata *md = NULL;
	int64_t now = clock_mono_ms();
	bool ask;

	if (now - p->probed_ms < PROBE_EVERY_MS)
		return;
	p->probed_ms = now;
	pthread_mutex_lock(&p->lock);
	ask = p->last_error[0] && p->n_under_way == 0;
	pthread_mutex_unlock(&p->lock);
	if (!ask || rd_kafka_metadata(p->rk, 0, NULL, &md, PROBE_MS))
		return;
	rd_kafka_metadata_destroy(md);
	forget_error(p);
}

static bool flushed(struct producer *p)
{
	bool empty;

	if (!atomic_load(&p->stopping))
		return false;
	pthread_mutex_lock(&p->lock);
	empty = p->n_under_way == 0;
	pthread_mutex_unlock(&p->lock);
	return empty || clock_mono_ms() >= p->flush_until_ms;
}

/* Only this thread changes p->rk, so it reads it without the lock. */
static void *run(void *arg)
{
	struct producer *p = arg;
	bool all_served = true;

	while (p->rk && !flushed(p)) {
		bool stopping = atomic_load(&p->stopping);

		rd_kafka_poll(p->rk, !all_served ? FULL_PAUSE_MS : stopping ? 10 : POLL_MS);
		/* A client in doubt may still write what is left to be written. */
		if ((p->in_doubt && !stopping) || rd_kafka_fatal_error(p->rk, NULL, 0)) {
			rebuild(p);
			continue;
		}
		all_served = serve_due(p);
		serve_held(p);
		tell_reported(p);
		probe(p);
	}
	if (p->rk)
		client_end(p, client_take(p));
	return NULL;
}

/* ---- life ---- */

static void release(struct producer *p)
{
	size_t i;

	for (i = 0; i < p->warmed.n; i++) {
		free(p->warmed.topics[i]->name);
		free(p->warmed.topics[i]->lanes);
		free(p->warmed.topics[i]);
	}
	free(p->warmed.topics);
	pthread_rwlock_destroy(&p->client_lock);
	pthread_mutex_destroy(&p->lock);
	free(p->conf.bootstrap_servers);
	free(p->client_id);
	free(p);
}

/* The thread waits for senders to let go of a dead client; new senders must not overtake it for ever. */
static void init_client_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attr);
	pthread_rwlockattr_destroy(&attr);
}

int producer_new(struct producer **out, const struct kafka_conf *conf, const struct producer_options *o,
	struct err *err)
{
	struct producer *p = xcalloc(1, sizeof(*p));

	p->conf.bootstrap_servers = xstrdup(conf->bootstrap_servers);
	p->client_id = xstrdup(o->client_id ? o->client_id : "wxbus");
	p->delivery_timeout_ms = o->delivery_timeout_ms ? o->delivery_timeout_ms : PRESET_DELIVERY_MS;
	p->linger_ms = o->linger_ms ? o->linger_ms : PRESET_LINGER_MS;
	p->max_queued = o->max_queued ? o->max_queued : PRESET_QUEUED;
	init_client_lock(&p->client_lock);
	pthread_mutex_init(&p->lock, NULL);
	if (client_make(p, &p->rk, err) < 0) {
		release(p);
		return -1;
	}
	if (kafka_thread_start(&p->thread, run, p, err) < 0) {
		kafka_client_destroy(&p->rk, 0, DESTROY_MS);
		release(p);
		return -1;
	}
	*out = p;
	return 0;
}

void producer_free(struct producer **pp, int64_t flush_ms)
{
	struct producer *p = *pp;

	*pp = NULL;
	if (!p)
		return;
	p->flush_until_ms = clock_mono_ms() + flush_ms;
	atomic_store(&p->stopping, true);
	pthread_join(p->thread, NULL);
	release(p);
}

/* ---- sending ---- */

/* The record waits in its lane, as a copy. */
#define PRODUCER_GATHERED 2

static int admit(
	struct producer *p, const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d)
{
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	d->lane = lane_of(p, r);
	if (d->lane && (d->lane->under_way > 0 || d->lane->gathered)) {
		rc = gather(p, r, headers, d) ? PRODUCER_GATHERED : PRODUCER_FULL;
	} else {
		delivery_begin(p, d);
		if (d->lane)
			d->lane->under_way++;
	}
	pthread_mutex_unlock(&p->lock);
	return rc;
}

static int send_one(struct producer *p, const struct kafka_record *r, struct delivery *d, struct err *err)
{
	rd_kafka_headers_t *headers = make_headers(r);
	int rc = admit(p, r, headers, d);
	rd_kafka_resp_err_t code;

	if (rc == PRODUCER_GATHERED)
		return 0;
	if (rc == PRODUCER_FULL) {
		rd_kafka_headers_destroy(headers);
		free(d);
		return rc;
	}
	code = hand_over(p->rk, r, headers, d);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	rd_kafka_headers_destroy(headers);
	delivery_end(d);
	free(d);
	return code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? PRODUCER_FULL : not_accepted(err, code);
}

int producer_send(
	struct producer *p, const struct kafka_record *r, producer_done done, void *arg, struct err *err)
{
	int rc;

	pthread_rwlock_rdlock(&p->client_lock);
	rc = p->rk ? send_one(p, r, delivery_new(p, done, arg), err) : being_rebuilt(err);
	pthread_rwlock_unlock(&p->client_lock);
	return rc;
}

/* One attempt of a publish, shared by the one who waits and the report; the last of them frees it. A
 * semaphore, and no lock: who is woken must not at once wait again for the one that woke him. */
struct attempt {
	sem_t reported;
	atomic_int refs;
	struct err failure; /* complete once `outcome` says so */
	_Atomic enum { UNKNOWN, ACKNOWLEDGED, FAILED } outcome;
};

static struct attempt *attempt_new(void)
{
	struct attempt *a = xmalloc(sizeof(*a));

	sem_init(&a->reported, 0, 0);
	atomic_init(&a->refs, 2);
	atomic_init(&a->outcome, UNKNOWN);
	return a;
}

static void attempt_unref(struct attempt *a, int n)
{
	if (atomic_fetch_sub(&a->refs, n) > n)
		return;
	sem_destroy(&a->reported);
	free(a);
}

static void attempt_reported(void *arg, const struct err *failure)
{
	struct attempt *a = arg;

	if (failure)
		a->failure = *failure;
	atomic_store(&a->outcome, failure ? FAILED : ACKNOWLEDGED);
	sem_post(&a->reported);
	attempt_unref(a, 1);
}

/* 0: acknowledged. -1: the library's failure, or ERR_UNCERTAIN at the deadline. Gives one reference back. */
static int attempt_wait(struct attempt *a, int64_t deadline_mono_ms, struct err *err)
{
	struct timespec until = clock_mono_timespec(deadline_mono_ms);
	int rc = 0;

	while (sem_clockwait(&a->reported, CLOCK_MONOTONIC, &until) < 0 && errno == EINTR)
		;
	switch (atomic_load(&a->outcome)) {
	case UNKNOWN:
		rc = err_set(err, ERR_UNCERTAIN, 0, "no acknowledgement by the deadline");
		break;
	case FAILED:
		*err = a->failure;
		rc = -1;
		break;
	case ACKNOWLEDGED:
		break;
	}
	attempt_unref(a, 1);
	return rc;
}

/* One record sent and waited for. */
static int attempt_publish(
	struct producer *p, const struct kafka_record *r, int64_t deadline_mono_ms, struct err *err)
{
	struct attempt *a = attempt_new();
	int rc = producer_send(p, r, attempt_reported, a, err);

	if (rc == 0)
		return attempt_wait(a, deadline_mono_ms, err);
	attempt_unref(a, 2); /* no report will come */
	if (rc == PRODUCER_FULL)
		return err_set(err, ERR_RETRY, 0, "the queue towards Kafka is full");
	return rc;
}

int producer_publish(
	struct producer *p, const struct kafka_record *r, int64_t deadline_mono_ms, struct err *err)
{
	struct err last;
	bool unsure = false; /* an earlier attempt may have been written */
	int64_t left;

	for (;;) {
		if (attempt_publish(p, r, deadline_mono_ms, &last) == 0)
			return 0;
		unsure |= last.kind == ERR_UNCERTAIN;
		left = deadline_mono_ms - clock_mono_ms();
		if (last.kind == ERR_REJECT || left <= 0)
			break;
		clock_sleep_ms(left < PUBLISH_PAUSE_MS ? left : PUBLISH_PAUSE_MS);
	}
	if (unsure)
		last.kind = ERR_UNCERTAIN;
	if (err)
		*err = last;
	return -1;
}

void producer_get_stats(struct producer *p, struct producer_stats *out)
{
	out->rebuilds = atomic_load(&p->rebuilds);
	out->last_ack_mono_ms = atomic_load(&p->last_ack_mono_ms);
	pthread_mutex_lock(&p->lock);
	out->queued = p->n_under_way;
	memcpy(out->last_error, p->last_error, sizeof(out->last_error));
	pthread_mutex_unlock(&p->lock);
}

void producer_test_fatal(struct producer *p)
{
	pthread_rwlock_rdlock(&p->client_lock);
	if (p->rk)
		rd_kafka_test_fatal_error(
			p->rk, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "asked for by a test");
	pthread_rwlock_unlock(&p->client_lock);
}
