#include "services/business/sdk/internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "services/business/sdk/housekeeping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define WARM_MS 2000
/* With Kafka away nothing can be settled, and leaving it takes its time too: all of it together within 20 s.
 */
#define DRAIN_MS  8000
#define ENDING_MS 1000
#define FLUSH_MS  2000

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

/* Of a business with a schema of its own. */
static const struct conf_item database_items[] = {
	CONF_SECRET("WXBUS_DATABASE_URL", database_url, NULL,
		"PostgreSQL as this business's own role, as a libpq connection URI; under the test channel "
		"as "
		"its role for that",
		"postgresql://wxbus_shop@127.0.0.1/wxbus"),
	CONF_INT("WXBUS_DATABASE_CONNECTIONS", database_connections, "16", 1, 512,
		"connections to PostgreSQL; handlers of events that take effect once wait for one"),
};
#define N_DATABASE_ITEMS (sizeof(database_items) / sizeof(database_items[0]))

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
	if (s->sdk.database_url && pg_check_url(s->sdk.database_url, err) < 0) /* NULL: it has none */
		return err_prefix(err, "WXBUS_DATABASE_URL");
	if (s->sdk.caller_keys_file[0] && caller_keys_read(s->sdk.caller_keys_file, &keys, err) < 0)
		return err_prefix(err, "WXBUS_CALLER_KEYS_FILE");
	caller_keys_free(&keys);
	return 0;
}

static struct conf_item *all_items(const struct business_def *def, size_t *n_out)
{
	struct conf_item *items = xcalloc(N_SDK_ITEMS + N_DATABASE_ITEMS + def->n_items, sizeof(*items));
	size_t n = N_SDK_ITEMS;

	memcpy(items, sdk_items, sizeof(sdk_items));
	if (def->database) {
		memcpy(items + n, database_items, sizeof(database_items));
		n += N_DATABASE_ITEMS;
	}
	for (size_t i = 0; i < def->n_items; i++, n++) {
		items[n] = def->items[i];
		items[n].offset += offsetof(struct settings, own);
	}
	*n_out = n;
	return items;
}

/* --- names -----------------------------------------------------------------------------------------------
 */

static bool on_test_channel(const struct business *b)
{
	return strcmp(b->conf->channel, "test") == 0;
}

static int name_retry_topics(struct business *b, const char *prefix, struct err *err)
{
	char what[sizeof("retry.") + sizeof(b->manifest.delays[0].name)];

	for (size_t i = 0; i < b->manifest.n_delays; i++) {
		snprintf(what, sizeof(what), "retry.%s", b->manifest.delays[i].name);
		if (topic_of_group(b->group, what, prefix, b->retry_topics[i], err) < 0)
			return -1;
	}
	return 0;
}

/* `wxbus replay --missing` goes by this word: an event without a row would be handled once more. */
static int check_once(const struct business *b, struct err *err)
{
	for (size_t i = 0; b->manifest.once && i < b->def->n_routes; i++)
		if (!b->def->routes[i].once)
			return err_set(err, ERR_REJECT, 0,
				"manifest.json: says \"once\", but the route for %s is not BUSINESS_ONCE",
				b->def->routes[i].type);
	return 0;
}

int sdk_name_things(struct business *b, const char *prefix, bool test, struct err *err)
{
	if (group_manifest_parse(b->def->manifest, b->def->name, &b->manifest, err) < 0 ||
		check_once(b, err) < 0)
		return -1;
	snprintf(b->group, sizeof(b->group), "%s%s", b->def->name, test ? ".test" : "");
	for (int t = 0; t < N_TOPICS; t++)
		if (topic_name((enum topic)t, prefix, b->topics[t], err) < 0)
			return -1;
	if (topic_of_group(b->group, "results", "", b->results_topic, err) < 0 ||
		topic_of_group(b->group, "results", prefix, b->own_results_topic, err) < 0 ||
		topic_of_group(b->group, "replay", prefix, b->replay_topic, err) < 0 ||
		topic_of_group(b->group, "dead-letter", prefix, b->dead_letter_topic, err) < 0)
		return -1;
	return name_retry_topics(b, prefix, err);
}

struct service *business_service(const struct business *b)
{
	return b->svc;
}

struct pg_pool *business_pool(const struct business *b)
{
	return b->pool;
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

/* A hand-over that Kafka does not take stops its partition: somebody has to look. */
static bool nothing_stopped(void *arg, char *detail, size_t size)
{
	struct business *b = arg;
	int n = atomic_load(&b->stopped);

	pthread_mutex_lock(&b->stopped_lock);
	if (n == 0)
		snprintf(detail, size, "nothing waits");
	else
		snprintf(detail, size, "%d waiting: %s", n, b->stopped_why);
	pthread_mutex_unlock(&b->stopped_lock);
	return n == 0;
}

static bool erasures_known(void *arg, char *detail, size_t size)
{
	struct business *b = arg;
	bool ready = sdk_marks_ready(b);

	snprintf(detail, size, "%s", ready ? "read" : "reading whom to forget");
	return ready;
}

static bool database_well(void *arg, char *detail, size_t size)
{
	struct business *b = arg;

	return housekeeping_database_well(b->housekeeping, detail, size);
}

static void tick(void *arg)
{
	struct business *b = arg;

	metric_set(&sdk_metrics[M_STOPPED], NULL, atomic_load(&b->stopped));
	metric_set(&sdk_metrics[M_LAG], NULL, (double)worker_lag(b->worker));
	metric_set(&sdk_metrics[M_OLDEST], NULL, (double)worker_oldest_ms(b->worker) / 1000);
}

static void drain(void *arg, int64_t deadline_mono_ms)
{
	struct business *b = arg;
	int64_t until = clock_mono_ms() + DRAIN_MS;

	atomic_store(&b->ending, true);
	worker_stop(b->worker, until < deadline_mono_ms ? until : deadline_mono_ms);
}

/* --- Kafka ------------------------------------------------------------------------------------------------
 */

static int publish(struct business *b, const struct kafka_record *r, struct err *err)
{
	int64_t wait_ms = atomic_load(&b->ending) ? ENDING_MS : HANDOVER_MS;

	return producer_publish(b->producer, r, clock_mono_ms() + wait_ms, err);
}

static void stop(struct business *b, const struct err *why)
{
	service_fail(b->svc, why);
}

static const struct sdk_reach kafka_reach = {publish, worker_wait, stop};

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

/* The topics to read, the group's own last, and of these the replay; returns how many. */
static size_t list_topics(const struct business *b, const char **out, size_t *n_own_out)
{
	const char *live = b->topics[TOPIC_MESSAGES], *test = b->topics[TOPIC_MESSAGES_TEST];
	size_t n = 0, n_shared;

	if (!on_test_channel(b))
		out[n++] = live;
	if (strcmp(b->conf->channel, "live") != 0)
		out[n++] = test;
	out[n++] = b->topics[TOPIC_PLATFORM_NOTICES];
	n_shared = n;
	for (size_t i = 0; i < b->manifest.n_delays; i++)
		out[n++] = b->retry_topics[i];
	if (b->manifest.has_results)
		out[n++] = b->own_results_topic;
	if (b->manifest.has_replay)
		out[n++] = b->replay_topic;
	*n_own_out = n - n_shared;
	return n;
}

static int start_worker(struct business *b, struct err *err)
{
	const char *topics[3 + DELAYS_MAX + 2];
	char group[TOPIC_NAME_MAX + 1];
	struct worker_options options = {
		.client_id = b->def->name,
		.group = group,
		.topics = topics,
		.from_beginning = strcmp(b->conf->start, "beginning") == 0,
		.n_background = b->manifest.has_replay ? 1 : 0, /* the last of them */
		.gives_way = sdk_gives_way,
		.threads = (int)b->conf->threads,
		.due_ms = sdk_due_ms,
		.handle = sdk_deliver,
		.arg = b,
	};

	options.n_topics = list_topics(b, topics, &options.n_from_beginning);
	snprintf(group, sizeof(group), "%s%s", b->conf->kafka.topic_prefix, b->group);
	return worker_new(&b->worker, &b->conf->kafka, &options, err);
}

static int start_notice_reader(struct business *b, struct err *err)
{
	const struct reader_options options = {
		.client_id = b->def->name,
		.topic = b->topics[TOPIC_PLATFORM_NOTICES],
		.back_ms = READER_FROM_BEGINNING,
		.record = sdk_read_notice,
		.arg = b,
	};

	return reader_new(&b->notices, &b->conf->kafka, &options, err);
}

static int start_late_reader(struct business *b, struct err *err)
{
	const struct reader_options options = {
		.client_id = b->def->name,
		.topic = b->topics[TOPIC_REPLIES],
		/* All that there is: nobody else keeps a late reply, and asking twice for its call is
		   harmless. */
		.back_ms = topic_table[TOPIC_REPLIES].kept_ms,
		.record = sdk_read_late,
		.arg = b,
	};

	return reader_new(&b->replies, &b->conf->kafka, &options, err);
}

static int open_database(struct business *b, struct err *err)
{
	char schema[GROUP_NAME_MAX + sizeof("_test")];
	int rc;

	snprintf(schema, sizeof(schema), "%s%s", b->def->name, on_test_channel(b) ? "_test" : "");
	for (char *c = schema; *c; c++)
		if (*c == '-' || *c == '.')
			*c = '_';
	rc = pg_pool_new(
		&b->pool, b->conf->database_url, (int)b->conf->database_connections, b->def->name, err);
	if (rc < 0)
		return err_prefix(err, "WXBUS_DATABASE_URL");
	pg_pool_use_schema(b->pool, schema);
	return housekeeping_new(&b->housekeeping, b->pool, b->marks, err);
}

static int open_outside(struct business *b, struct err *err)
{
	const struct producer_options producer = {.client_id = b->def->name};
	int rc;

	if ((rc = producer_new(&b->producer, &b->conf->kafka, &producer, err)) < 0)
		return rc;
	if (b->conf->caller_keys_file[0] &&
		(rc = caller_keys_read(b->conf->caller_keys_file, &b->callers, err)) < 0)
		return rc;
	return b->def->database ? open_database(b, err) : 0;
}

static void add_checks(struct business *b)
{
	service_add_check(b->svc, "partitions", true, has_partitions, b);
	service_add_check(b->svc, "hand_over", true, nothing_stopped, b);
	service_add_check(b->svc, "erasures", true, erasures_known, b);
	if (b->housekeeping)
		service_add_check(b->svc, "database", true, database_well, b);
}

static int business_init(struct business *b, const struct settings *settings, struct err *err)
{
	int rc;

	b->conf = &settings->sdk;
	b->reach = &kafka_reach;
	b->settled = settled_new();
	b->marks = marks_new();
	if ((rc = sdk_name_things(b, b->conf->kafka.topic_prefix, on_test_channel(b), err)) < 0 ||
		(rc = open_outside(b, err)) < 0)
		return rc;
	if (b->def->init && (rc = b->def->init(b, settings->own, &b->arg, err)) < 0)
		return rc;
	metrics_register(sdk_metrics, N_SDK_METRICS);
	warm_topics(b);
	if ((rc = start_notice_reader(b, err)) < 0 || (rc = start_worker(b, err)) < 0 ||
		(rc = start_late_reader(b, err)) < 0)
		return rc;
	add_checks(b);
	service_on_tick(b->svc, tick, b);
	service_on_drain(b->svc, drain, b);
	return 0;
}

static void business_release(struct business *b)
{
	worker_free(&b->worker);
	reader_free(&b->replies);
	reader_free(&b->notices);
	producer_free(&b->producer, FLUSH_MS);
	if (b->def->release)
		b->def->release(b->arg);
	housekeeping_free(&b->housekeeping);
	pg_pool_free(&b->pool);
	caller_keys_free(&b->callers);
	settled_free(&b->settled);
	marks_free(&b->marks);
	pthread_mutex_destroy(&b->stopped_lock);
}

int business_main(const struct business_def *def, int argc, char **argv)
{
	size_t n_items;
	struct conf_item *items = all_items(def, &n_items);
	const struct service_def shell = {
		.name = def->name,
		.summary = def->summary,
		.items = items,
		.n_items = n_items,
		.conf_size = sizeof(struct settings) + def->conf_size,
		.admin_listen = def->admin_listen,
		.check = check_settings,
		.print = kafka_conf_print,
	};
	struct settings *settings = xcalloc(1, shell.conf_size);
	struct business b = {.def = def, .stopped_lock = PTHREAD_MUTEX_INITIALIZER};
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
