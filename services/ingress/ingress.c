#include "services/ingress/ingress.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kafka/producer.h"
#include "common/kafka/reader.h"
#include "proto/keyfiles.h"
#include "proto/reply_record.h"
#include "proto/trace.h"
#include "services/ingress/handler.h"
#include "services/ingress/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define CLIENT_ID       "ingress"
#define REPLIES_BACK_MS 20000 /* as long as the desk remembers */
#define WARM_TIMEOUT_MS 2000
#define FLUSH_MS        1000

struct ingress {
	const struct ingress_conf *conf;
	struct handler handler;
	struct platform_set *platforms;
	struct directory *directory;
	struct desk *desk;
	struct producer *producer;
	struct reader *accounts;
	struct reader *replies;
	struct httpd *server;
	atomic_bool warm;
	pthread_t warmer;
	bool warmer_runs;
	atomic_bool ending;
};

/* --- what the topics bring -------------------------------------------------------------------------------
 */

static void read_account(void *arg, const struct kafka_record *r)
{
	struct ingress *in = arg;
	struct err err;

	if (directory_apply(in->directory, r, &err) == 0)
		return;
	metric_add(&ingress_metrics[M_RECORDS_REFUSED], "accounts", 1);
	log_warn(NULL, "accounts, partition %d, offset %lld: passed over: %s", r->partition,
		(long long)r->offset, err.text);
}

static void read_verdict(void *arg, const struct kafka_record *r)
{
	static const char *const names[] = {"reply", "none", "empty", "chosen", "late"};
	struct ingress *in = arg;
	struct reply_verdict v;
	struct err err;

	if (reply_verdict_parse(r->value, r->value_len, &v, &err) < 0) {
		metric_add(&ingress_metrics[M_RECORDS_REFUSED], "replies", 1);
		log_warn(NULL, "replies, partition %d, offset %lld: passed over: %s", r->partition,
			(long long)r->offset, err.text);
		return;
	}
	metric_add(&ingress_metrics[M_VERDICTS], names[v.verdict], 1);
	desk_verdict(in->desk, &v);
	reply_verdict_release(&v);
}

/* --- what the desk says ----------------------------------------------------------------------------------
 */

/* A `chosen` that is lost costs little: the other ingresses then apply the rule to the verdicts. */
static void verdict_written(void *arg, const struct err *failure)
{
	(void)arg;
	if (failure)
		log_warn(NULL, "a verdict was not written: %s", failure->text);
}

static void write_verdict(void *arg, const struct reply_verdict *v, const struct desk_address *from)
{
	struct ingress *in = arg;
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	struct buf value = BUF_INIT(MESSAGE_MAX_BYTES);
	const struct reply_record about = {
		from->component_appid, from->appid, from->openid, clock_wall_ms(), from->traceparent};
	bool reading = !trace_current(); /* a late one: not on its request's thread */
	struct kafka_record r;
	struct err err;
	int rc;

	if (reading)
		trace_enter(from->traceparent);
	reply_record(v, &about, in->handler.topics[TOPIC_REPLIES], &arena, headers, &value, &r);
	rc = producer_send(in->producer, &r, verdict_written, NULL, &err);
	if (rc != 0)
		log_warn(v->event_id, "a verdict was not written: %s",
			rc < 0 ? err.text : "the queue is full");
	if (reading)
		trace_leave();
	buf_release(&value);
	arena_release(&arena);
}

/* --- readiness -------------------------------------------------------------------------------------------
 */

static bool accounts_read(void *arg, char *detail, size_t size)
{
	struct ingress *in = arg;

	reader_detail(in->accounts, detail, size);
	return reader_caught_up(in->accounts);
}

static bool replies_read(void *arg, char *detail, size_t size)
{
	struct ingress *in = arg;

	reader_detail(in->replies, detail, size);
	return reader_caught_up(in->replies);
}

static bool topics_warm(void *arg, char *detail, size_t size)
{
	struct ingress *in = arg;
	bool warm = atomic_load(&in->warm);

	snprintf(detail, size, "%s", warm ? "known" : "waiting for Kafka to name them");
	return warm;
}

/* Later the state of Kafka is a detail: taking every ingress out of the balancer at once helps nobody. */
static bool kafka_well(void *arg, char *detail, size_t size)
{
	struct ingress *in = arg;
	struct producer_stats stats;

	producer_get_stats(in->producer, &stats);
	snprintf(detail, size, "%s", stats.last_error[0] ? stats.last_error : "well");
	return !stats.last_error[0];
}

static bool is_ready(void *arg)
{
	struct ingress *in = arg;

	return atomic_load(&in->warm) && reader_caught_up(in->accounts) && reader_caught_up(in->replies);
}

/* The process starts with Kafka away and listens; this thread asks until the topics are known. */
static void *warm_topics(void *arg)
{
	static const enum topic topics[] = {
		TOPIC_PLATFORM_EVENTS, TOPIC_MESSAGES, TOPIC_MESSAGES_TEST, TOPIC_REPLIES};
	enum { N = sizeof(topics) / sizeof(topics[0]) };
	struct ingress *in = arg;
	const char *names[N];
	bool told = false;

	for (size_t i = 0; i < N; i++)
		names[i] = in->handler.topics[topics[i]];
	while (!atomic_load(&in->ending)) {
		struct err err;

		if (producer_warm(in->producer, names, N, WARM_TIMEOUT_MS, &err) == 0) {
			atomic_store(&in->warm, true);
			return NULL;
		}
		if (!told)
			log_warn(NULL, "waiting for Kafka: %s", err.text);
		told = true;
		clock_sleep_ms(200);
	}
	return NULL;
}

/* --- the main thread's part ------------------------------------------------------------------------------
 */

static void tick(void *arg)
{
	struct ingress *in = arg;
	struct producer_stats producer;
	struct desk_stats desk;

	desk_get_stats(in->desk, &desk);
	producer_get_stats(in->producer, &producer);
	metric_set(&ingress_metrics[M_WAITING], NULL, desk.waiting);
	metric_set(&ingress_metrics[M_REPLYING], NULL, desk.replying);
	metric_set(&ingress_metrics[M_PASSED_OVER], NULL, desk.passed_over);
	metric_set(&ingress_metrics[M_MISSED], NULL, (double)desk.missed);
	metric_set(&ingress_metrics[M_REBUILDS], NULL, (double)producer.rebuilds);
	metric_set(&ingress_metrics[M_DIRECTORY_ACCOUNTS], NULL, (double)directory_count(in->directory));
}

static void reload(void *arg)
{
	struct ingress *in = arg;
	struct err err;

	if (platform_set_reload(in->platforms, &err) < 0)
		log_error(NULL, "WXBUS_PLATFORMS_FILE: the old platforms stay: %s", err.text);
	else
		log_info(NULL, "platforms read again");
}

/* No new connections; every push that is here is answered within its own limits. */
static void drain(void *arg, int64_t deadline_mono_ms)
{
	struct ingress *in = arg;

	httpd_stop_accepting(in->server);
	httpd_wait_idle(in->server, deadline_mono_ms);
}

/* --- putting it together ---------------------------------------------------------------------------------
 */

static int name_topics(struct ingress *in, struct err *err)
{
	for (int t = 0; t < N_TOPICS; t++) {
		int rc = topic_name((enum topic)t, in->conf->kafka.topic_prefix, in->handler.topics[t], err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int start_kafka(struct ingress *in, struct err *err)
{
	const struct producer_options producer = {.client_id = CLIENT_ID};
	const struct reader_options accounts = {
		.client_id = CLIENT_ID,
		.topic = in->handler.topics[TOPIC_ACCOUNTS],
		.back_ms = READER_FROM_BEGINNING,
		.record = read_account,
		.arg = in,
	};
	const struct reader_options replies = {
		.client_id = CLIENT_ID,
		.topic = in->handler.topics[TOPIC_REPLIES],
		.back_ms = REPLIES_BACK_MS,
		.record = read_verdict,
		.arg = in,
	};
	int rc;

	if ((rc = producer_new(&in->producer, &in->conf->kafka, &producer, err)) < 0 ||
		(rc = reader_new(&in->accounts, &in->conf->kafka, &accounts, err)) < 0 ||
		(rc = reader_new(&in->replies, &in->conf->kafka, &replies, err)) < 0)
		return rc;
	in->warmer_runs = pthread_create(&in->warmer, NULL, warm_topics, in) == 0;
	return in->warmer_runs ? 0 : err_set(err, ERR_FATAL, 0, "no thread can be made");
}

static void fill_handler(struct ingress *in)
{
	in->handler.platforms = in->platforms;
	in->handler.directory = in->directory;
	in->handler.desk = in->desk;
	in->handler.producer = in->producer;
	in->handler.ready = is_ready;
	in->handler.ready_arg = in;
	in->handler.release_check_accounts = in->conf->release_check_accounts;
	in->handler.push_window_s = in->conf->push_window_s;
}

/* Bytes that are no HTTP, or a header past its limit: refused before there was a request to handle. */
static void refused_early(int status, const char *reason, void *arg)
{
	(void)status;
	(void)arg;
	metric_add(&ingress_metrics[M_REFUSED], reason, 1);
}

static int start_server(struct ingress *in, struct err *err)
{
	const struct httpd_options options = {
		.listen = in->conf->listen,
		.threads = (int)in->conf->threads,
		.refused = refused_early,
	};

	if (httpd_new(&in->server, &options, handler_serve, &in->handler, err) < 0)
		return err_prefix(err, "WXBUS_LISTEN");
	log_info(NULL, "pushes come in on port %d", httpd_port(in->server));
	return 0;
}

static void join_shell(struct ingress *in, struct service *svc)
{
	metrics_register(ingress_metrics, N_INGRESS_METRICS);
	service_add_check(svc, "topics", true, topics_warm, in);
	service_add_check(svc, "accounts", true, accounts_read, in);
	service_add_check(svc, "replies", true, replies_read, in);
	service_add_check(svc, "kafka", false, kafka_well, in);
	service_on_tick(svc, tick, in);
	service_on_reload(svc, reload, in);
	service_on_drain(svc, drain, in);
}

int ingress_new(struct ingress **out, struct service *svc, const struct ingress_conf *conf, struct err *err)
{
	struct ingress *in = xcalloc(1, sizeof(*in));
	int rc;

	*out = in;
	in->conf = conf;
	in->directory = directory_new();
	in->desk = desk_new((int)conf->waiters, write_verdict, in);
	if ((rc = name_topics(in, err)) < 0 ||
		(rc = event_public_key_read(conf->event_key_file, in->handler.event_key, err)) < 0 ||
		(rc = platform_set_new(&in->platforms, conf->platforms_file, err)) < 0 ||
		(rc = start_kafka(in, err)) < 0)
		return rc;
	fill_handler(in);
	join_shell(in, svc);
	return start_server(in, err);
}

void ingress_free(struct ingress **inp)
{
	struct ingress *in = *inp;

	*inp = NULL;
	if (!in)
		return;
	httpd_free(&in->server);
	atomic_store(&in->ending, true);
	if (in->warmer_runs)
		pthread_join(in->warmer, NULL);
	reader_free(&in->replies);
	reader_free(&in->accounts);
	producer_free(&in->producer, FLUSH_MS);
	desk_free(&in->desk);
	directory_free(&in->directory);
	platform_set_free(&in->platforms);
	free(in);
}
