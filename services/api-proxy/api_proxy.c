#include "services/api-proxy/api_proxy.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/httpd/httpd.h"
#include "common/kafka/producer.h"
#include "common/kafka/reader.h"
#include "common/pg/pg.h"
#include "proto/topics.h"
#include "services/api-proxy/allowance/allowance_feed.h"
#include "services/api-proxy/allowance/erasures.h"
#include "services/api-proxy/callers/callers.h"
#include "services/api-proxy/calls/account_sets.h"
#include "services/api-proxy/calls/audit.h"
#include "services/api-proxy/calls/call.h"
#include "services/api-proxy/calls/quota.h"
#include "services/api-proxy/calls/tokens.h"
#include "services/api-proxy/keeper.h"
#include "services/api-proxy/key_watch.h"
#include "services/api-proxy/metrics.h"
#include "services/api-proxy/topic/topic_door.h"
#include "services/api-proxy/web/http_door.h"
#include "services/api-proxy/web/v1.h"

#include <stdlib.h>

#include "common/base/banned.h"

#define CLIENT_ID        "api-proxy"
#define FLUSH_MS         2000
#define NOTE_KEYS_MS     60000
#define INTERNAL_THREADS 4
#define BODY_TIMEOUT_MS  10000 /* callers are near; their bodies are small */

struct api_proxy {
	struct service *svc;
	const struct api_proxy_conf *conf;
	struct keyring *keys;
	struct pg_pool *pool;
	struct callers *callers;
	struct admission *admission;
	struct httpc *to_weixin;
	struct httpc *to_token_service;
	struct tokens *tokens;
	struct quota *quota;
	struct account_sets *sets;
	struct reader *accounts;
	struct audit *audit;
	struct caller_of_weixin weixin;
	struct producer *producer;
	struct topic_work work;
	struct topic_door *topic_door;
	struct http_door http_door;
	struct httpd *http;
	struct v1 v1;
	struct httpd *internal;
	struct keeper *keeper;
	struct allowance_feed *feed;
	struct erasures *erasures;
	int64_t keys_noted_mono_ms; /* the keeper's thread's own */
};

/* --- what the process shell asks ----------------------------------------------------------------- */

static bool database_well(void *arg, char *detail, size_t size)
{
	struct api_proxy *p = arg;

	return keeper_database_well(p->keeper, detail, size);
}

static bool topic_assigned(void *arg, char *detail, size_t size)
{
	struct api_proxy *p = arg;

	return topic_door_ready(p->topic_door, detail, size);
}

static bool feed_assigned(void *arg, char *detail, size_t size)
{
	struct api_proxy *p = arg;

	return allowance_feed_ready(p->feed, detail, size);
}

static bool notices_assigned(void *arg, char *detail, size_t size)
{
	struct api_proxy *p = arg;

	return erasures_ready(p->erasures, detail, size);
}

static void reload(void *arg)
{
	struct api_proxy *p = arg;

	keyring_reload(p->keys);
}

static void each_second(void *arg)
{
	struct api_proxy *p = arg;
	struct err err;

	allowance_feed_tell(p->feed);
	if (p->keys_noted_mono_ms && clock_mono_ms() - p->keys_noted_mono_ms < NOTE_KEYS_MS)
		return;
	p->keys_noted_mono_ms = clock_mono_ms();
	if (key_watch_note(p->pool, p->keys, &err) < 0)
		log_warn(NULL, "the keys in use are not noted: %s", err.text);
}

static void tick(void *arg)
{
	struct api_proxy *p = arg;

	topic_door_tick(p->topic_door);
	allowance_feed_tick(p->feed);
	erasures_tick(p->erasures);
}

/* New requests are refused or left on the topic; calls under way end. */
static void drain(void *arg, int64_t deadline_mono_ms)
{
	struct api_proxy *p = arg;

	httpd_stop_accepting(p->http);
	httpd_stop_accepting(p->internal);
	topic_door_drain(p->topic_door, deadline_mono_ms);
	allowance_feed_drain(p->feed, deadline_mono_ms);
	erasures_drain(p->erasures, deadline_mono_ms);
	httpd_wait_idle(p->http, deadline_mono_ms);
	httpd_wait_idle(p->internal, deadline_mono_ms);
}

/* --- putting it together -------------------------------------------------------------------------- */

static int open_database(struct api_proxy *p, struct err *err)
{
	/* Topic threads hold a connection for a moment at each end of a call; HTTP threads rarely, callers
	 * being remembered. */
	int size = (int)p->conf->topic_threads / 8 + 4;
	const struct admission_most most = {.account = (size_t)p->conf->account_in_flight,
		.caller = (size_t)p->conf->caller_in_flight,
		.person = (size_t)p->conf->person_in_flight,
		.person_per_s = p->conf->person_rate};

	if (pg_pool_new(&p->pool, p->conf->database_url, size, CLIENT_ID, err) < 0)
		return err_prefix(err, "WXBUS_DATABASE_URL");
	p->callers = callers_new(p->pool, p->keys);
	p->admission = admission_new(p->pool, &most);
	return audit_new(&p->audit, p->pool, p->conf->audit_days, err);
}

static int open_doors(struct api_proxy *p, struct err *err)
{
	const struct httpd_options http = {.listen = p->conf->listen,
		.threads = (int)p->conf->http_threads,
		.request_timeout_ms = BODY_TIMEOUT_MS,
		.allow_chunked = true,
		.keep_alive_timeout_ms = 5000};
	const struct httpd_options internal = {
		.listen = p->conf->internal_listen, .threads = INTERNAL_THREADS};

	p->http_door = (struct http_door){.callers = p->callers,
		.weixin = &p->weixin,
		.weixin_door = {p->callers, p->keys},
		.admission = p->admission,
		.jssdk = {p->pool, p->keys, &p->weixin},
		.spool_dir = p->conf->spool_dir,
		.call_timeout_ms = p->conf->call_timeout_ms,
		.transfer_timeout_ms = p->conf->transfer_timeout_ms};
	p->v1 = (struct v1){p->callers, p->keys, p->pool};
	if (httpd_new(&p->internal, &internal, v1_serve, &p->v1, err) < 0)
		return err_prefix(err, "WXBUS_INTERNAL_LISTEN");
	if (httpd_new(&p->http, &http, http_door_serve, &p->http_door, err) < 0)
		return err_prefix(err, "WXBUS_LISTEN");
	log_info(NULL, "calls come in on port %d, /v1 on port %d", httpd_port(p->http),
		httpd_port(p->internal));
	return 0;
}

static int open_clients(struct api_proxy *p, struct err *err)
{
	const struct httpc_options weixin = {.total_timeout_ms = (long)p->conf->call_timeout_ms,
		.allow_http = str_starts_with(p->conf->api_base, "http://"),
		.proxy = p->conf->egress_proxy};
	const struct httpc_options ours = {.connect_timeout_ms = 1000, .allow_http = true};
	struct tokens_options tokens = {.url = p->conf->token_service_url};
	struct account_sets_options sets = {.url = p->conf->token_service_url};

	if (httpc_new(&p->to_weixin, &weixin, err) < 0 || httpc_new(&p->to_token_service, &ours, err) < 0)
		return -1;
	tokens.http = p->to_token_service;
	tokens.keys = p->keys;
	p->tokens = tokens_new(&tokens);
	sets.http = tokens.http;
	sets.keys = p->keys;
	p->sets = account_sets_new(&sets);
	p->quota = quota_new();
	p->weixin = (struct caller_of_weixin){.http = p->to_weixin,
		.tokens = p->tokens,
		.quota = p->quota,
		.sets = p->sets,
		.audit = p->audit,
		.pool = p->pool,
		.api_base = p->conf->api_base};
	return 0;
}

static void take_account(void *arg, const struct kafka_record *r)
{
	struct api_proxy *p = arg;
	struct err err;

	if (account_sets_apply(p->sets, r, &err) < 0)
		log_warn(NULL, "a record of the topic `accounts` is passed over: %s", err.text);
}

static int read_accounts(struct api_proxy *p, struct err *err)
{
	char topic[TOPIC_NAME_MAX + 1];
	const struct reader_options options = {.client_id = CLIENT_ID,
		.topic = topic,
		.back_ms = READER_FROM_BEGINNING,
		.record = take_account,
		.arg = p};

	if (topic_name(TOPIC_ACCOUNTS, p->conf->kafka.topic_prefix, topic, err) < 0)
		return -1;
	return reader_new(&p->accounts, &p->conf->kafka, &options, err);
}

static int open_topic(struct api_proxy *p, struct err *err)
{
	const struct producer_options producer = {.client_id = CLIENT_ID};
	int rc;

	if ((rc = producer_new(&p->producer, &p->conf->kafka, &producer, err)) < 0)
		return rc;
	p->work = (struct topic_work){.pool = p->pool,
		.callers = p->callers,
		.admission = p->admission,
		.producer = p->producer,
		.weixin = &p->weixin,
		.topic_prefix = p->conf->kafka.topic_prefix,
		.call_timeout_ms = p->conf->call_timeout_ms,
		.known = known_topics_new()};
	return topic_door_new(&p->topic_door, &p->conf->kafka, &p->work, (int)p->conf->topic_threads, err);
}

static void join_shell(struct api_proxy *p)
{
	metrics_register(api_proxy_metrics, N_API_PROXY_METRICS);
	call_begin_metrics();
	service_add_check(p->svc, "database", true, database_well, p);
	service_add_check(p->svc, "api-requests", true, topic_assigned, p);
	service_add_check(p->svc, "messages", true, feed_assigned, p);
	service_add_check(p->svc, "platform-notices", true, notices_assigned, p);
	service_on_reload(p->svc, reload, p);
	service_on_tick(p->svc, tick, p);
	service_on_drain(p->svc, drain, p);
}

int api_proxy_new(
	struct api_proxy **out, struct service *svc, const struct api_proxy_conf *conf, struct err *err)
{
	const struct keyring_files files = api_proxy_files(conf);
	struct api_proxy *p = xcalloc(1, sizeof(*p));
	int rc;

	p->svc = svc;
	p->conf = conf;
	*out = p;
	if ((rc = keyring_new(&p->keys, &files, err)) < 0 || (rc = open_database(p, err)) < 0 ||
		(rc = allowance_feed_new(&p->feed, &p->conf->kafka, p->pool, err)) < 0 ||
		(rc = erasures_new(&p->erasures, &p->conf->kafka, p->pool, err)) < 0 ||
		(rc = open_clients(p, err)) < 0 || (rc = read_accounts(p, err)) < 0 ||
		(rc = open_topic(p, err)) < 0 || (rc = open_doors(p, err)) < 0 ||
		(rc = keeper_new(&p->keeper, p->pool, each_second, p, err)) < 0)
		return rc;
	join_shell(p);
	return 0;
}

void api_proxy_free(struct api_proxy **pp)
{
	struct api_proxy *p = *pp;

	*pp = NULL;
	if (!p)
		return;
	keeper_free(&p->keeper);
	httpd_free(&p->http);
	httpd_free(&p->internal);
	topic_door_free(&p->topic_door);
	allowance_feed_free(&p->feed);
	erasures_free(&p->erasures);
	known_topics_free(&p->work.known);
	producer_free(&p->producer, FLUSH_MS);
	reader_free(&p->accounts);
	account_sets_free(&p->sets);
	quota_free(&p->quota);
	tokens_free(&p->tokens);
	httpc_free(&p->to_token_service);
	httpc_free(&p->to_weixin);
	admission_free(&p->admission);
	callers_free(&p->callers);
	audit_free(&p->audit);
	pg_pool_free(&p->pool);
	keyring_free(&p->keys);
	free(p);
}
