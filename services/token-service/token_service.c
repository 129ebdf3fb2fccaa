#include "services/token-service/token_service.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/producer.h"
#include "services/token-service/events/events.h"
#include "services/token-service/accounts/fans.h"
#include "services/token-service/tokens/keeper.h"
#include "services/token-service/metrics.h"
#include "services/token-service/web/public.h"
#include "services/token-service/accounts/sync.h"
#include "services/token-service/v1/v1.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/banned.h"

#define CLIENT_ID "token-service"
/* Nobody holds a connection while Weixin is called, so few serve many threads. */
#define POOL_SIZE 12
#define FLUSH_MS  1000

struct token_service {
	const struct token_service_conf *conf;
	struct keyring *keyring;
	struct pg_pool *pool;
	struct store store;
	struct weixin_api *weixin;
	struct credentials *credentials;
	struct exchange exchange;
	struct producer *producer;
	struct outbox *outbox;
	struct events *events;
	struct fans *fans;
	struct keeper *keeper;
	struct sync_worker *sync;
	struct v1 v1;
	struct httpd *server;
	struct public public;
	struct httpd *public_server;
};

/* --- what the shell asks -----------------------------------------------------------------------------------
 */

static bool database_ready(void *arg, char *detail, size_t size)
{
	struct token_service *t = arg;

	return keeper_database_ok(t->keeper, detail, size);
}

static bool tickets_well(void *arg, char *detail, size_t size)
{
	struct token_service *t = arg;

	return keeper_tickets_ok(t->keeper, detail, size);
}

static bool topics_ready(void *arg, char *detail, size_t size)
{
	struct token_service *t = arg;

	return events_ready(t->events, detail, size);
}

static bool messages_ready(void *arg, char *detail, size_t size)
{
	struct token_service *t = arg;

	return fans_ready(t->fans, detail, size);
}

static bool keys_ready(void *arg, char *detail, size_t size)
{
	struct token_service *t = arg;
	struct keys *keys = keyring_take(t->keyring);

	(void)snprintf(detail, size, "%zu platforms, %zu master keys, %zu event keys", keys->platforms->n,
		keys->master->n, keys->event->n);
	keyring_give(t->keyring, &keys);
	return true;
}

static void reload(void *arg)
{
	struct token_service *t = arg;

	keyring_reload(t->keyring);
}

static void drain(void *arg, int64_t deadline_mono_ms)
{
	struct token_service *t = arg;

	httpd_stop_accepting(t->public_server);
	httpd_stop_accepting(t->server);
	httpd_wait_idle(t->public_server, deadline_mono_ms);
	httpd_wait_idle(t->server, deadline_mono_ms);
}

/* --- life --------------------------------------------------------------------------------------------------
 */

static int connect_out(struct token_service *t, struct err *err)
{
	const struct token_service_conf *conf = t->conf;
	const struct producer_options options = {.client_id = CLIENT_ID};
	const struct keyring_files files = token_service_files(conf);
	int rc;

	if ((rc = keyring_new(&t->keyring, &files, err)) < 0 ||
		(rc = pg_pool_new(&t->pool, conf->database_url, POOL_SIZE, CLIENT_ID, err)) < 0 ||
		(rc = weixin_api_new(&t->weixin, conf->api_base, err)) < 0 ||
		(rc = producer_new(&t->producer, &conf->kafka, &options, err)) < 0)
		return rc;
	store_init(&t->store, t->pool, t->keyring);
	t->credentials = credentials_new(&t->store, t->weixin, (int)conf->refreshes_per_day);
	t->exchange = (struct exchange){&t->store, t->credentials, t->weixin};
	return 0;
}

static int start_work(struct token_service *t, struct err *err)
{
	const struct token_service_conf *conf = t->conf;
	int rc;

	if ((rc = outbox_new(&t->outbox, &t->store, t->producer, conf->kafka.topic_prefix, err)) < 0 ||
		(rc = events_new(
			 &t->events, &conf->kafka, &t->exchange, t->outbox, conf->sync_outage_s, err)) < 0 ||
		(rc = fans_new(&t->fans, &conf->kafka, &t->store, t->outbox, err)) < 0 ||
		(rc = keeper_new(&t->keeper, &t->store, t->credentials, t->weixin, conf, err)) < 0 ||
		(rc = sync_worker_new(&t->sync, &t->exchange, t->outbox, conf->sync_every_s, err)) < 0)
		return rc;
	return 0;
}

/* What is no HTTP, or comes too slowly. */
static void count_refusal(int status, const char *reason, void *arg)
{
	(void)status;
	(void)reason;
	(void)arg;
	public_count("refused");
}

static int start_serving(struct token_service *t, struct err *err)
{
	const struct httpd_options options = {
		.listen = t->conf->internal_listen,
		.threads = (int)t->conf->threads,
	};

	const struct httpd_options public_options = {
		.listen = t->conf->listen,
		.threads = (int)t->conf->public_threads,
		.refused = count_refusal,
	};

	t->v1 = (struct v1){&t->exchange, t->outbox};
	public_init(&t->public, &t->exchange, t->outbox, t->conf);
	if (httpd_new(&t->server, &options, v1_serve, &t->v1, err) < 0)
		return err_prefix(err, "WXBUS_INTERNAL_LISTEN");
	if (httpd_new(&t->public_server, &public_options, public_serve, &t->public, err) < 0)
		return err_prefix(err, "WXBUS_LISTEN");
	return 0;
}

int token_service_new(struct token_service **out, struct service *svc, const struct token_service_conf *conf,
	struct err *err)
{
	struct token_service *t = xcalloc(1, sizeof(*t));
	int rc;

	*out = t; /* released whole or half-built */
	t->conf = conf;
	metrics_register(token_service_metrics, N_TOKEN_SERVICE_METRICS);
	rc = connect_out(t, err);
	if (rc == 0)
		rc = start_work(t, err);
	if (rc == 0)
		rc = start_serving(t, err);
	if (rc < 0)
		return rc;
	service_add_check(svc, "keys", true, keys_ready, t);
	service_add_check(svc, "database", true, database_ready, t);
	service_add_check(svc, "tickets", false, tickets_well, t);
	service_add_check(svc, "topics", true, topics_ready, t);
	service_add_check(svc, "messages", true, messages_ready, t);
	service_on_reload(svc, reload, t);
	service_on_drain(svc, drain, t);
	return 0;
}

void token_service_free(struct token_service **tp)
{
	struct token_service *t = *tp;

	*tp = NULL;
	if (!t)
		return;
	httpd_free(&t->public_server);
	httpd_free(&t->server);
	public_release(&t->public);
	sync_worker_free(&t->sync);
	keeper_free(&t->keeper);
	fans_free(&t->fans);
	events_free(&t->events);
	outbox_free(&t->outbox);
	producer_free(&t->producer, FLUSH_MS);
	credentials_free(&t->credentials);
	weixin_api_free(&t->weixin);
	pg_pool_free(&t->pool);
	keyring_free(&t->keyring);
	free(t);
}
