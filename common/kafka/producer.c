#include "common/kafka/producer_internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kafka/client.h"

#include <stdlib.h>
#include <string.h>
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
 * few instructions. */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PRESET_DELIVERY_MS 1500
#define LINGER_MS          "0.1" /* for those that come at once; those that come after are gathered */
#define PRESET_QUEUED      10000
#define PURGE_MS           500  /* for the reports of purged records; they take a few ms */
#define DESTROY_MS         500  /* beyond it the old client ends on its own thread */
#define REBUILD_PAUSE_MS   200  /* between two attempts to make a client */
#define PROBE_EVERY_MS     1000 /* asks whether the brokers are back while nothing is under way */
#define PROBE_MS           50
#define FULL_PAUSE_MS      1 /* until what the library had no room for is tried again */

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
void producer_begin(struct producer *p, struct delivery *d)
{
	DL_APPEND(p->under_way, d);
	p->n_under_way++;
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
		producer_settle_lane(p, d->lane);
	}
	pthread_mutex_unlock(&p->lock);
}

/* The thread's, like the next. */
void producer_report(struct delivery *d, const struct err *failure)
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
		producer_report(p->under_way, &lost);
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
		producer_report(m->_private, NULL);
		return;
	}
	err_set(&doubt, ERR_UNCERTAIN, 0, "acknowledged by a client in doubt");
	producer_report(m->_private, &doubt);
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
	producer_report(m->_private, &failure);
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

int producer_being_rebuilt(struct err *err)
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
rd_kafka_resp_err_t producer_hand_over(
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

int producer_not_accepted(struct err *err, rd_kafka_resp_err_t code)
{
	return kafka_err_set(err, is_rejected(code) ? ERR_REJECT : ERR_RETRY, code, "not accepted");
}

/* ---- making and ending the library's client ---- */

static int client_make(struct producer *p, rd_kafka_t **out, struct err *err)
{
	char timeout[24], queued[24], queued_kb[24];
	const struct kafka_property own[] = {
		{"enable.idempotence", "true"},
		{"acks", "all"},
		{"partitioner", "murmur2_random"},
		{"message.timeout.ms", timeout},
		{"linger.ms", LINGER_MS},
		{"queue.buffering.max.messages", queued},
		{"queue.buffering.max.kbytes", queued_kb},
		/* A request without an answer ends its connection after so long; the library's minute would
		 * keep a producer on a dead connection long after the broker is back. */
		{"socket.timeout.ms", "3000"},
		{"retry.backoff.ms", "50"},
	};
	rd_kafka_conf_t *rk_conf;

	snprintf(timeout, sizeof(timeout), "%lld", (long long)p->delivery_timeout_ms);
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

/* Nobody sends through `rk` any more. Every record under way is reported, and done() run, before this
 * returns. */
static void client_end(struct producer *p, rd_kafka_t *rk)
{
	int64_t until = clock_mono_ms() + PURGE_MS;

	tell_reported(p); /* what was acknowledged before does not wait for the purge */
	rd_kafka_purge(
		rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	while (rd_kafka_outq_len(rk) > 0 && clock_mono_ms() < until)
		rd_kafka_poll(rk, 10);
	producer_fail_gathered(p);
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

/* ---- the thread ---- */

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
	producer_warm_rebuilt(p, rk);
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
		all_served = producer_serve_due(p);
		producer_serve_held(p);
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
	d->lane = producer_lane_of(p, r);
	if (d->lane && (d->lane->under_way > 0 || d->lane->gathered)) {
		rc = producer_gather(p, r, headers, d) ? PRODUCER_GATHERED : PRODUCER_FULL;
	} else {
		producer_begin(p, d);
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
	code = producer_hand_over(p->rk, r, headers, d);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return 0;
	rd_kafka_headers_destroy(headers);
	delivery_end(d);
	free(d);
	return code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? PRODUCER_FULL : producer_not_accepted(err, code);
}

int producer_send(
	struct producer *p, const struct kafka_record *r, producer_done done, void *arg, struct err *err)
{
	int rc;

	pthread_rwlock_rdlock(&p->client_lock);
	rc = p->rk ? send_one(p, r, delivery_new(p, done, arg), err) : producer_being_rebuilt(err);
	pthread_rwlock_unlock(&p->client_lock);
	return rc;
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
