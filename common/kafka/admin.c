#include "common/kafka/admin.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/kafka/client.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define ASK_MS     10000 /* one request; also for the brokers to be found */
#define SHOW_MS    15000 /* until the brokers' answers know what was created or changed */
#define DESTROY_MS 1000
#define PAUSE_MS   100

#define TOPIC_MISSING 1

/* ---- the connection of one command ---- */

static int admin_open(rd_kafka_t **out, const struct kafka_conf *conf, bool create_by_asking, struct err *err)
{
	const struct kafka_property own[] = {
		{"socket.timeout.ms", "10000"},
		/* Only the embedded broker is asked this way: see create_by_metadata(). */
		{"allow.auto.create.topics", create_by_asking ? "true" : "false"},
	};
	rd_kafka_conf_t *rk_conf = kafka_client_conf(conf, "wxbus-admin", own, ARRAY_LEN(own), err);

	return rk_conf ? kafka_client_new(out, RD_KAFKA_PRODUCER, rk_conf, err) : -1;
}

static void admin_close(rd_kafka_t **rk)
{
	kafka_client_destroy(rk, 0, DESTROY_MS);
}

/* A request with its options and the queue for its answer. */
struct question {
	rd_kafka_AdminOptions_t *options;
	rd_kafka_queue_t *queue;
};

static struct question question_new(rd_kafka_t *rk, rd_kafka_admin_op_t op)
{
	struct question q = {rd_kafka_AdminOptions_new(rk, op), rd_kafka_queue_new(rk)};
	char text[100];

	rd_kafka_AdminOptions_set_request_timeout(q.options, ASK_MS, text, sizeof(text));
	return q;
}

static void question_release(struct question *q)
{
	rd_kafka_queue_destroy(q->queue);
	rd_kafka_AdminOptions_destroy(q->options);
}

/* NULL with err: no answer, or an error as the answer. The caller destroys the event. */
static rd_kafka_event_t *answer_wait(struct question *q, const char *what, struct err *err)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(q->queue, ASK_MS + 1000);

	if (!event) {
		err_set(err, ERR_RETRY, RD_KAFKA_RESP_ERR__TIMED_OUT, "%s: no answer", what);
		return NULL;
	}
	if (rd_kafka_event_error(event)) {
		kafka_err_set(err, ERR_RETRY, rd_kafka_event_error(event), what);
		rd_kafka_event_destroy(event);
		return NULL;
	}
	return event;
}

static int topic_error(rd_kafka_resp_err_t code, const char *text, const char *what, struct err *err)
{
	enum err_kind kind = ERR_REJECT;

	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return 0;
	case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
		kind = ERR_RETRY;
		break;
	default:
		break;
	}
	return err_set(err, kind, code, "%s: %s", what, text ? text : rd_kafka_err2str(code));
}

/* The embedded broker has no topic administration and lets every such request time out. Its cluster's name
 * tells. */
static bool is_embedded(rd_kafka_t *rk)
{
	char *id = rd_kafka_clusterid(rk, ASK_MS);
	bool embedded = id && str_starts_with(id, "mockCluster");

	if (id)
		rd_kafka_mem_free(rk, id);
	return embedded;
}

/* ---- asking ---- */

/* 0, TOPIC_MISSING or -1. */
static int ask_metadata(rd_kafka_t *rk, const char *topic, struct kafka_topic_state *out, struct err *err)
{
	const struct rd_kafka_metadata *md = NULL;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	const rd_kafka_metadata_topic_t *t;
	rd_kafka_resp_err_t code;
	int rc = 0;

	if (!rkt)
		return kafka_err_set(err, ERR_REJECT, rd_kafka_last_error(), "topic");
	code = rd_kafka_metadata(rk, 0, rkt, &md, ASK_MS);
	rd_kafka_topic_destroy(rkt);
	if (code)
		return kafka_err_set(err, ERR_RETRY, code, "no metadata");
	t = md->topic_cnt == 1 ? &md->topics[0] : NULL;
	if (!t || t->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
		rc = TOPIC_MISSING;
	} else if (t->err && t->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
		rc = kafka_err_set(err, ERR_REJECT, t->err, "topic");
	} else {
		out->exists = 1;
		out->partitions = t->partition_cnt;
		out->replication = t->partition_cnt ? t->partitions[0].replica_cnt : 0;
	}
	rd_kafka_metadata_destroy(md);
	return rc;
}

/* The topic's settings. NULL with err: no answer, or none for this topic. The caller destroys the event, in
 * which *entries_out lives. */
static rd_kafka_event_t *ask_config(rd_kafka_t *rk, const char *topic,
	const rd_kafka_ConfigEntry_t ***entries_out, size_t *n_out, struct err *err)
{
	rd_kafka_ConfigResource_t *which = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	struct question q = question_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	const rd_kafka_ConfigResource_t **found;
	rd_kafka_event_t *event;
	size_t n = 0;

	rd_kafka_DescribeConfigs(rk, &which, 1, q.options, q.queue);
	event = answer_wait(&q, "settings of the topic", err);
	question_release(&q);
	rd_kafka_ConfigResource_destroy(which);
	if (!event)
		return NULL;
	found = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
	if (n == 1 &&
		topic_error(rd_kafka_ConfigResource_error(found[0]),
			rd_kafka_ConfigResource_error_string(found[0]), "settings of the topic", err) == 0) {
		*entries_out = rd_kafka_ConfigResource_configs(found[0], n_out);
		return event;
	}
	rd_kafka_event_destroy(event);
	return NULL;
}

static const char *entry_value(const rd_kafka_ConfigEntry_t **entries, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0)
			return rd_kafka_ConfigEntry_value(entries[i]);
	return NULL;
}

static int64_t entry_number(const rd_kafka_ConfigEntry_t **entries, size_t n, const char *name)
{
	const char *value = entry_value(entries, n, name);
	int64_t number;

	return value && str_to_int64(value, strlen(value), -1, INT64_MAX, &number) == 0 ? number : -2;
}

int kafka_admin_describe(
	const struct kafka_conf *conf, const char *topic, struct kafka_topic_state *out, struct err *err)
{
	struct kafka_topic_state state = {.retention_ms = -2, .segment_ms = -2};
	const rd_kafka_ConfigEntry_t **entries;
	rd_kafka_event_t *event;
	rd_kafka_t *rk = NULL;
	struct err ignored;
	size_t n = 0;
	int rc;

	if (admin_open(&rk, conf, false, err) < 0)
		return -1;
	rc = ask_metadata(rk, topic, &state, err);
	/* Without the right to see settings they are not known either. */
	if (rc == 0 && !is_embedded(rk) && (event = ask_config(rk, topic, &entries, &n, &ignored))) {
		state.retention_ms = entry_number(entries, n, "retention.ms");
		state.segment_ms = entry_number(entries, n, "segment.ms");
		rd_kafka_event_destroy(event);
	}
	admin_close(&rk);
	if (rc < 0)
		return rc;
	*out = state;
	return 0;
}

int kafka_admin_brokers(const struct kafka_conf *conf, struct err *err)
{
	const struct rd_kafka_metadata *md = NULL;
	rd_kafka_resp_err_t code;
	rd_kafka_t *rk = NULL;
	int n;

	if (admin_open(&rk, conf, false, err) < 0)
		return -1;
	code = rd_kafka_metadata(rk, 0, NULL, &md, ASK_MS);
	n = code ? kafka_err_set(err, ERR_RETRY, code, "no metadata") : md->broker_cnt;
	if (md)
		rd_kafka_metadata_destroy(md);
	admin_close(&rk);
	return n;
}

/* ---- changing ---- */

/* What a spec asks for, as Kafka's settings. */
struct wanted {
	struct kafka_property set[3];
	size_t n;
	char retention[24], segment[24];
};

static void wanted_init(struct wanted *w, const struct kafka_topic_spec *spec)
{
	w->n = 0;
	if (spec->compacted)
		w->set[w->n++] = (struct kafka_property){"cleanup.policy", "compact"};
	if (spec->retention_ms && !spec->compacted) {
		snprintf(w->retention, sizeof(w->retention), "%lld", (long long)spec->retention_ms);
		w->set[w->n++] = (struct kafka_property){"retention.ms", w->retention};
	}
	if (spec->segment_ms) {
		snprintf(w->segment, sizeof(w->segment), "%lld", (long long)spec->segment_ms);
		w->set[w->n++] = (struct kafka_property){"segment.ms", w->segment};
	}
}

static const char *wanted_value(const struct wanted *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (strcmp(w->set[i].name, name) == 0)
			return w->set[i].value;
	return NULL;
}

/* What the embedded broker has instead: a topic that somebody asks for is there, with partitions of its
 * choice. */
static int create_by_metadata(const struct kafka_conf *conf, const char *topic, struct err *err)
{
	struct kafka_topic_state state = {0};
	rd_kafka_t *rk = NULL;
	int rc;

	if (admin_open(&rk, conf, true, err) < 0)
		return -1;
	rc = ask_metadata(rk, topic, &state, err);
	admin_close(&rk);
	if (rc == TOPIC_MISSING)
		return err_set(err, ERR_REJECT, 0, "this broker cannot create topics");
	return rc;
}

/* 0: created, or somebody else just did. */
static int create_topic(
	rd_kafka_t *rk, const struct kafka_topic_spec *spec, const struct wanted *w, struct err *err)
{
	struct question q = question_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	const rd_kafka_topic_result_t **results;
	rd_kafka_NewTopic_t *topic;
	rd_kafka_event_t *event;
	char text[160] = "";
	size_t n = 0, i;
	int rc = -1;

	topic = rd_kafka_NewTopic_new(
		spec->name, spec->partitions, spec->replication ? spec->replication : -1, text, sizeof(text));
	if (!topic) {
		question_release(&q);
		return err_set(err, ERR_REJECT, 0, "%s", text);
	}
	for (i = 0; i < w->n; i++)
		rd_kafka_NewTopic_set_config(topic, w->set[i].name, w->set[i].value);
	rd_kafka_AdminOptions_set_operation_timeout(q.options, ASK_MS - 1000, text, sizeof(text));
	rd_kafka_CreateTopics(rk, &topic, 1, q.options, q.queue);
	rd_kafka_NewTopic_destroy(topic);
	event = answer_wait(&q, "creating the topic", err);
	question_release(&q);
	if (!event)
		return -1;
	results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
	if (n == 1 && rd_kafka_topic_result_error(results[0]) == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		rc = 0;
	else if (n == 1)
		rc = topic_error(rd_kafka_topic_result_error(results[0]),
			rd_kafka_topic_result_error_string(results[0]), "creating the topic", err);
	rd_kafka_event_destroy(event);
	return rc;
}

/* A new topic takes a moment until every broker knows it. */
static int wait_visible(rd_kafka_t *rk, const char *topic, struct kafka_topic_state *state, struct err *err)
{
	int64_t until = clock_mono_ms() + SHOW_MS;
	int rc;

	while ((rc = ask_metadata(rk, topic, state, err)) == TOPIC_MISSING ||
		(rc == 0 && state->partitions == 0)) {
		if (clock_mono_ms() >= until)
			return err_set(err, ERR_RETRY, 0, "the new topic does not show");
		clock_sleep_ms(PAUSE_MS);
	}
	return rc;
}

static bool differs(const struct wanted *w, const rd_kafka_ConfigEntry_t **entries, size_t n)
{
	const char *value;
	size_t i;

	for (i = 0; i < w->n; i++) {
		value = entry_value(entries, n, w->set[i].name);
		if (!value || strcmp(value, w->set[i].value) != 0)
			return true;
	}
	return false;
}

/* The call replaces all of a topic's own settings, so those that are not ours go along as they are. (Changing
 * single ones needs librdkafka 2.2; Debian 12 has 2.0.) Two of these at once write the same, so both may win.
 */
static int alter_topic(rd_kafka_t *rk, const char *topic, const struct wanted *w,
	const rd_kafka_ConfigEntry_t **entries, size_t n, struct err *err)
{
	rd_kafka_ConfigResource_t *which = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	struct question q = question_new(rk, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
	const rd_kafka_ConfigResource_t **results;
	rd_kafka_event_t *event;
	size_t i, n_results = 0;
	int rc = -1;

	for (i = 0; i < n; i++)
		if (rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG &&
			!wanted_value(w, rd_kafka_ConfigEntry_name(entries[i])))
			rd_kafka_ConfigResource_set_config(which, rd_kafka_ConfigEntry_name(entries[i]),
				rd_kafka_ConfigEntry_value(entries[i]));
	for (i = 0; i < w->n; i++)
		rd_kafka_ConfigResource_set_config(which, w->set[i].name, w->set[i].value);
	rd_kafka_AlterConfigs(rk, &which, 1, q.options, q.queue);
	event = answer_wait(&q, "changing the topic", err);
	question_release(&q);
	rd_kafka_ConfigResource_destroy(which);
	if (!event)
		return -1;
	results =
		rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &n_results);
	if (n_results == 1)
		rc = topic_error(rd_kafka_ConfigResource_error(results[0]),
			rd_kafka_ConfigResource_error_string(results[0]), "changing the topic", err);
	rd_kafka_event_destroy(event);
	return rc;
}

/* What the controller took a broker answers with a moment later. Who would change the topic in between would
 * write the old settings back: see alter_topic(). */
static int wait_configured(rd_kafka_t *rk, const char *topic, const struct wanted *w, struct err *err)
{
	int64_t until = clock_mono_ms() + SHOW_MS;
	const rd_kafka_ConfigEntry_t **entries;
	rd_kafka_event_t *event;
	size_t n = 0;
	bool shown;

	for (;;) {
		if (!(event = ask_config(rk, topic, &entries, &n, err)))
			return -1;
		shown = !differs(w, entries, n);
		rd_kafka_event_destroy(event);
		if (shown)
			return 0;
		if (clock_mono_ms() >= until)
			return err_set(err, ERR_RETRY, 0, "the topic's new settings do not show");
		clock_sleep_ms(PAUSE_MS);
	}
}

/* The topic exists: bring its settings to what is wanted. */
static int configure(rd_kafka_t *rk, const char *topic, const struct wanted *w,
	enum kafka_topic_change *change, struct err *err)
{
	const rd_kafka_ConfigEntry_t **entries;
	rd_kafka_event_t *event;
	size_t n = 0;
	bool change_it;
	int rc = 0;

	*change = KAFKA_TOPIC_SAME;
	if (w->n == 0 || is_embedded(rk))
		return 0;
	if (!(event = ask_config(rk, topic, &entries, &n, err)))
		return -1;
	if ((change_it = differs(w, entries, n)))
		rc = alter_topic(rk, topic, w, entries, n, err);
	rd_kafka_event_destroy(event);
	if (rc < 0 || !change_it)
		return rc;
	*change = KAFKA_TOPIC_CONFIGURED;
	return wait_configured(rk, topic, w, err);
}

static int create(rd_kafka_t *rk, const struct kafka_conf *conf, const struct kafka_topic_spec *spec,
	const struct wanted *w, struct err *err)
{
	struct kafka_topic_state state = {0};
	int rc;

	rc = is_embedded(rk) ? create_by_metadata(conf, spec->name, err) : create_topic(rk, spec, w, err);
	if (rc < 0)
		return rc;
	return wait_visible(rk, spec->name, &state, err);
}

int kafka_admin_ensure(const struct kafka_conf *conf, const struct kafka_topic_spec *spec,
	enum kafka_topic_change *change_out, struct err *err)
{
	struct kafka_topic_state state = {0};
	enum kafka_topic_change change = KAFKA_TOPIC_CREATED;
	struct wanted wanted;
	rd_kafka_t *rk = NULL;
	struct err trouble;
	int rc;

	wanted_init(&wanted, spec);
	if (admin_open(&rk, conf, false, err) < 0)
		return -1;
	rc = ask_metadata(rk, spec->name, &state, &trouble);
	if (rc == TOPIC_MISSING)
		rc = create(rk, conf, spec, &wanted, &trouble);
	else if (rc == 0)
		rc = configure(rk, spec->name, &wanted, &change, &trouble);
	admin_close(&rk);
	if (rc < 0) {
		if (err)
			*err = trouble;
		return rc;
	}
	*change_out = change;
	return 0;
}
