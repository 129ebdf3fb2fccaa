#include "services/business/sdk/internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define LATE_BACK_MS 60000 /* a restart looks this far back; asking twice is harmless */
#define WARM_MS      2000
#define FLUSH_MS     2000

#define CONF_STRUCT struct sdk_conf
static const struct conf_item sdk_items[] = {
	KAFKA_CONF_ROWS(kafka),
	CONF_ENUM("WXBUS_CHANNEL", channel, "both", "live|test|both",
		"which accounts' messages: live (messages), test (messages.test, as group <group>.test), or "
		"both"),
	CONF_ENUM("WXBUS_START", start, "end", "end|beginning", "where a new group begins"),
	CONF_STR("WXBUS_CALLER_KEYS_FILE", caller_keys_file, "",
		"lines \"component-appid caller-id key\", for calls to Weixin; empty: this business makes "
		"none",
		"/etc/wxbus/caller-keys"),
	CONF_INT("WXBUS_HANDLER_THREADS", threads, "16", 1, 512, "handlers that run at once"),
};
#define N_SDK_ITEMS (sizeof(sdk_items) / sizeof(sdk_items[0]))

/* The SDK's settings and the business's own stand in one block: the SDK's first. */
struct settings {
	struct sdk_conf sdk;
	_Alignas(16) char own[];
};

static int check_settings(const void *conf, struct err *err)
{
	const struct settings *s = conf;
	struct caller_keys *keys = NULL;

	if (kafka_conf_check(&s->sdk.kafka, err) < 0)
		return -1;
	if (s->sdk.caller_keys_file[0] && caller_keys_read(s->sdk.caller_keys_file, &keys, err) < 0)
		return err_prefix(err, "WXBUS_CALLER_KEYS_FILE");
	caller_keys_free(&keys);
	return 0;
}

static struct conf_item *all_items(const struct business_def *def)
{
	struct conf_item *items = xcalloc(N_SDK_ITEMS + def->n_items, sizeof(*items));

	memcpy(items, sdk_items, sizeof(sdk_items));
	for (size_t i = 0; i < def->n_items; i++) {
		items[N_SDK_ITEMS + i] = def->items[i];
		items[N_SDK_ITEMS + i].offset += offsetof(struct settings, own);
	}
	return items;
}

/* --- names -----------------------------------------------------------------------------------------------
 */

static bool on_test_channel(const struct business *b)
{
	return strcmp(b->conf->channel, "test") == 0;
}

static int name_things(struct business *b, struct err *err)
{
	const char *prefix = b->conf->kafka.topic_prefix;

	snprintf(b->group, sizeof(b->group), "%s%s", b->def->name, on_test_channel(b) ? ".test" : "");
	for (int t = 0; t < N_TOPICS; t++)
		if (topic_name((enum topic)t, prefix, b->topics[t], err) < 0)
			return -1;
	if (topic_of_group(b->group, "results", "", b->results_topic, err) < 0)
		return -1;
	return topic_of_group(b->group, "dead-letter", prefix, b->dead_letter_topic, err);
}

/* --- readiness and metrics -------------------------------------------------------------------------------
 */

static bool has_partitions(void *arg, char *detail, size_t size)
{
	struct business *b = arg;
	bool ready = worker_ready(b->worker);

	snprintf(detail, size, "%s", ready ? "assigned" : "waiting for partitions");
	return ready;
}

static void tick(void *arg)
{
	struct business *b = arg;

	metric_set(&sdk_metrics[M_LAG], NULL, (double)worker_lag(b->worker));
}

static void drain(void *arg, int64_t deadline_mono_ms)
{
	struct business *b = arg;

	atomic_store(&b->ending, true);
	worker_stop(b->worker, deadline_mono_ms);
}

/* --- Kafka ------------------------------------------------------------------------------------------------
 */

static int publish(struct business *b, const struct kafka_record *r, struct err *err)
{
	return producer_publish(b->producer, r, clock_mono_ms() + HANDOVER_MS, err);
}

static const struct sdk_reach kafka_reach = {publish, worker_wait};

int sdk_publish(struct business *b, const struct kafka_record *r, struct err *err)
{
	int rc = b->reach->publish(b, r, err);

	if (rc < 0 && err->kind == ERR_UNCERTAIN)
		err->kind = ERR_RETRY;
	return rc;
}

/* The first verdict and the first call are not to wait for Kafka to name their topics. With Kafka away the
 * process starts all the same. */
static void warm_topics(struct business *b)
{
	const char *const names[] = {b->topics[TOPIC_REPLIES], b->topics[TOPIC_API_REQUESTS]};
	struct err err;

	if (producer_warm(b->producer, names, b->callers ? 2 : 1, WARM_MS, &err) < 0)
		log_warn(NULL, "Kafka does not name the topics yet: %s", err.text);
}

/* --- putting it together ---------------------------------------------------------------------------------
 */

static int start_worker(struct business *b, struct err *err)
{
	const char *live = b->topics[TOPIC_MESSAGES], *test = b->topics[TOPIC_MESSAGES_TEST];
	const char *const topics[] = {on_test_channel(b) ? test : live, test};
	char group[TOPIC_NAME_MAX + 1];
	struct worker_options options = {
		.client_id = b->def->name,
		.group = group,
		.topics = topics,
		.n_topics = strcmp(b->conf->channel, "both") == 0 ? 2 : 1,
		.from_beginning = strcmp(b->conf->start, "beginning") == 0,
		.threads = (int)b->conf->threads,
		.handle = sdk_deliver,
		.arg = b,
	};

	snprintf(group, sizeof(group), "%s%s", b->conf->kafka.topic_prefix, b->group);
	return worker_new(&b->worker, &b->conf->kafka, &options, err);
}

static int start_late_reader(struct business *b, struct err *err)
{
	const struct reader_options options = {
		.client_id = b->def->name,
		.topic = b->topics[TOPIC_REPLIES],
		.back_ms = LATE_BACK_MS,
		.record = sdk_read_late,
		.arg = b,
	};

	return reader_new(&b->replies, &b->conf->kafka, &options, err);
}

static int business_init(struct business *b, const struct settings *settings, struct err *err)
{
	const struct producer_options producer = {.client_id = b->def->name};
	int rc;

	b->conf = &settings->sdk;
	b->reach = &kafka_reach;
	b->settled = settled_new();
	if ((rc = name_things(b, err)) < 0 ||
		(rc = producer_new(&b->producer, &b->conf->kafka, &producer, err)) < 0)
		return rc;
	if (b->conf->caller_keys_file[0] &&
		(rc = caller_keys_read(b->conf->caller_keys_file, &b->callers, err)) < 0)
		return rc;
	if (b->def->init && (rc = b->def->init(settings->own, b->svc, &b->arg, err)) < 0)
		return rc;
	metrics_register(sdk_metrics, N_SDK_METRICS);
	warm_topics(b);
	if ((rc = start_worker(b, err)) < 0 || (rc = start_late_reader(b, err)) < 0)
		return rc;
	service_add_check(b->svc, "partitions", true, has_partitions, b);
	service_on_tick(b->svc, tick, b);
	service_on_drain(b->svc, drain, b);
	return 0;
}

static void business_release(struct business *b)
{
	worker_free(&b->worker);
	reader_free(&b->replies);
	producer_free(&b->producer, FLUSH_MS);
	if (b->def->release)
		b->def->release(b->arg);
	caller_keys_free(&b->callers);
	settled_free(&b->settled);
}

int business_main(const struct business_def *def, int argc, char **argv)
{
	struct conf_item *items = all_items(def);
	const struct service_def shell = {
		.name = def->name,
		.summary = def->summary,
		.items = items,
		.n_items = N_SDK_ITEMS + def->n_items,
		.conf_size = sizeof(struct settings) + def->conf_size,
		.admin_listen = def->admin_listen,
		.check = check_settings,
		.print = kafka_conf_print,
	};
	struct settings *settings = xcalloc(1, shell.conf_size);
	struct business b = {.def = def};
	struct err err;
	int status, rc;

	rc = service_start(&b.svc, &shell, argc, argv, settings, &err);
	if (rc == 0)
		rc = business_init(&b, settings, &err);
	if (rc == 0)
		rc = service_run(b.svc, &err);
	business_release(&b);
	status = service_stop(&b.svc, rc, &err);
	free(settings);
	free(items);
	return status;
}
