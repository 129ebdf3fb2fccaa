#include "common/kafka/client.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/base/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PREFIX          "WXBUS_KAFKA_"
#define BOOTSTRAP       "WXBUS_KAFKA_BOOTSTRAP_SERVERS"
#define SUFFIX_FILE     "_FILE"
#define VALUE_MAX_BYTES ((size_t)64 * 1024) /* a chain of certificates fits */

/* Properties that an operator cannot set, because something that wxbus promises rests on them. Aliases of one
 * property have a row each. */
static const struct refusal {
	const char *property;
	const char *fixed; /* what wxbus uses */
	const char *why;
} refusals[] = {
	{"acks", "all", "a push is answered only once every in-sync replica has it"},
	{"request.required.acks", "all", "a push is answered only once every in-sync replica has it"},
	{"enable.idempotence", "true", "the library's own retries must not write twice or out of order"},
	{"max.in.flight", "5", "more would break the order that idempotence keeps"},
	{"max.in.flight.requests.per.connection", "5", "more would break the order that idempotence keeps"},
	{"enable.gapless.guarantee", "false", "a lost connection would end the producer"},
	{"delivery.report.only.error", "false", "an acknowledgement is what a push waits for"},
	{"retries", "as often as the delivery time allows", "time bounds the attempts, not their number"},
	{"message.send.max.retries", "as often as the delivery time allows",
		"time bounds the attempts, not their number"},
	{"delivery.timeout.ms", "by each service", "a push is answered within 4.5 s"},
	{"message.timeout.ms", "by each service", "a push is answered within 4.5 s"},
	{"request.timeout.ms", "by each service", "a push is answered within 4.5 s"},
	{"transactional.id", "none", "wxbus uses no transactions"},
	{"transaction.timeout.ms", "none", "wxbus uses no transactions"},
	{"partitioner", "murmur2_random", "the same key must go to the same partition whoever writes it"},
	{"queuing.strategy", "fifo", "records of one key stay in order"},
	{"group.id", "the prefix and the group's name", "offsets belong to the group"},
	{"group.instance.id", "none", "replicas with one name would throw each other out of the group"},
	{"group.protocol", "classic", "the rebalance of wxbus is written for it"},
	{"group.protocol.type", "consumer", "the rebalance of wxbus is written for it"},
	{"group.remote.assignor", "none", "the rebalance of wxbus is written for the classic protocol"},
	{"partition.assignment.strategy", "range",
		"members of a group must agree, and others hang in older libraries"},
	{"enable.auto.commit", "true",
		"only what was handled is stored, and what is stored is committed every second"},
	{"auto.commit.enable", "true",
		"only what was handled is stored, and what is stored is committed every second"},
	{"auto.commit.interval.ms", "1000",
		"only what was handled is stored, and what is stored is committed every second"},
	{"enable.auto.offset.store", "false", "an offset is stored only after its effect"},
	{"offset.store.method", "broker", "offsets live in Kafka"},
	{"offset.store.path", "none", "offsets live in Kafka"},
	{"offset.store.sync.interval.ms", "none", "offsets live in Kafka"},
	{"auto.offset.reset", "earliest",
		"WXBUS_START says where a new group starts; nothing else may skip records"},
	{"enable.partition.eof", "by each service", "it is how a reader knows that it has caught up"},
	{"allow.auto.create.topics", "false",
		"topics are made by wxbus migrate, with the right partitions and times"},
	{"metadata.broker.list", "by " BOOTSTRAP, "the brokers are named in one place"},
	{"client.id", "the service's name", "logs and quotas of the brokers go by it"},
	{"log.queue", "false", "the library's log goes to the service's log"},
	{"test.mock.num.brokers", "0", "a broker in memory would lose every push"},
	{"test.mock.broker.rtt", "0", "a broker in memory would lose every push"},
};

/* One WXBUS_KAFKA_* of the environment. */
struct setting {
	char *variable; /* without _FILE */
	char *property;
	char *value;
};

#define SETTING_NONE 1

static void setting_release(struct setting *s)
{
	free(s->variable);
	free(s->property);
	secret_free(&s->value);
	*s = (struct setting){0};
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), n = strlen(end);

	return len > n && strcmp(s + len - n, end) == 0;
}

/* Also whatever may contain one: an OAuth configuration, a private key, a command line. */
static bool is_secret(const char *property)
{
	static const char *const parts[] = {
		"password", "secret", "key.pem", "oauthbearer.config", "kinit.cmd"};
	size_t i;

	for (i = 0; i < ARRAY_LEN(parts); i++)
		if (strstr(property, parts[i]))
			return true;
	return false;
}

/* SASL_USERNAME -> sasl.username. Of the properties that can be set as text only log_level has an underscore.
 */
static char *property_of(const char *suffix)
{
	char *p = xstrdup(suffix), *at;

	for (at = p; *at; at++)
		*at = *at == '_' ? '.' : (char)tolower((unsigned char)*at);
	if (strcmp(p, "log.level") == 0)
		p[3] = '_';
	return p;
}

static int read_value_file(const char *variable, const char *path, char **value_out, struct err *err)
{
	size_t len;

	if (conf_read_file(path, VALUE_MAX_BYTES, value_out, &len, err) < 0) {
		if (err)
			err->kind = ERR_FATAL;
		return err_prefix(err, "%s" SUFFIX_FILE, variable);
	}
	if (len && (*value_out)[len - 1] == '\n')
		(*value_out)[--len] = '\0';
	if (len && (*value_out)[len - 1] == '\r')
		(*value_out)[--len] = '\0';
	return 0;
}

/* `entry` is NAME=value. SETTING_NONE: not one of ours, or empty (compose files pass empty ones on). */
static int setting_read(struct setting *s, const char *entry, struct err *err)
{
	const char *equals = strchr(entry, '=');
	bool in_file;

	*s = (struct setting){0};
	if (!equals || equals[1] == '\0' || !str_starts_with(entry, PREFIX))
		return SETTING_NONE;
	s->variable = xstrndup(entry, (size_t)(equals - entry));
	in_file = ends_with(s->variable, SUFFIX_FILE);
	if (in_file)
		s->variable[strlen(s->variable) - strlen(SUFFIX_FILE)] = '\0';
	if (strcmp(s->variable, BOOTSTRAP) == 0) {
		setting_release(s);
		return SETTING_NONE;
	}
	s->property = property_of(s->variable + strlen(PREFIX));
	if (!in_file) {
		s->value = xstrdup(equals + 1);
		return 0;
	}
	if (getenv(s->variable) && getenv(s->variable)[0])
		return err_set(err, ERR_FATAL, 0, "%s: must not be set together with its _FILE", s->variable);
	return read_value_file(s->variable, equals + 1, &s->value, err);
}

static int refuse_fixed(const struct setting *s, struct err *err)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(refusals); i++)
		if (strcmp(refusals[i].property, s->property) == 0)
			return err_set(err, ERR_FATAL, 0, "%s: is fixed by wxbus (%s), because %s; remove it",
				s->variable, refusals[i].fixed, refusals[i].why);
	return 0;
}

/* The library's own preset of the property, as an example of what is right. */
static void add_example(const struct setting *s, struct err *err)
{
	rd_kafka_conf_t *fresh = rd_kafka_conf_new();
	char value[48] = "";
	size_t size = sizeof(value), len;

	if (err && rd_kafka_conf_get(fresh, s->property, value, &size) == RD_KAFKA_CONF_OK && value[0]) {
		len = strlen(err->text);
		snprintf(err->text + len, sizeof(err->text) - len, "; for example %s=%s", s->variable, value);
	}
	rd_kafka_conf_destroy(fresh);
}

static int setting_apply(const struct setting *s, rd_kafka_conf_t *rk_conf, struct err *err)
{
	char text[120] = "";

	if (refuse_fixed(s, err) < 0)
		return -1;
	switch (rd_kafka_conf_set(rk_conf, s->property, s->value, text, sizeof(text))) {
	case RD_KAFKA_CONF_OK:
		return 0;
	case RD_KAFKA_CONF_UNKNOWN:
		return err_set(err, ERR_FATAL, 0,
			"%s: librdkafka %s has no property \"%.60s\"; for example "
			"WXBUS_KAFKA_SASL_USERNAME=wxbus",
			s->variable, rd_kafka_version_str(), s->property);
	default:
		err_set(err, ERR_FATAL, 0, "%s: %s", s->variable,
			is_secret(s->property) ? "is malformed" : text);
		add_example(s, err);
		return -1;
	}
}

int kafka_conf_apply(rd_kafka_conf_t *rk_conf, struct err *err)
{
	struct setting s;
	char **entry;
	int rc = 0;

	for (entry = environ; *entry && rc >= 0; entry++) {
		rc = setting_read(&s, *entry, err);
		if (rc == 0)
			rc = setting_apply(&s, rk_conf, err);
		setting_release(&s);
	}
	return rc < 0 ? rc : 0;
}

/* host:port, where host has no blank, slash or quote and port is 1 to 65535. */
static bool is_broker(struct str one)
{
	const char *colon = memrchr(one.p, ':', one.len);
	size_t host = colon ? (size_t)(colon - one.p) : 0, i;
	int64_t port;

	if (host == 0 || str_to_int64(colon + 1, one.len - host - 1, 1, 65535, &port) < 0)
		return false;
	for (i = 0; i < host; i++)
		if (!isalnum((unsigned char)one.p[i]) && !strchr(".-_:[]", one.p[i]))
			return false;
	return true;
}

static int check_bootstrap(const char *list, struct err *err)
{
	const char *at = list;
	size_t len;

	for (;; at += len + 1) {
		len = strcspn(at, ",");
		if (!is_broker(str_trim((struct str){at, len})))
			return err_set(err, ERR_FATAL, 0,
				BOOTSTRAP ": must be host:port,...; for example " BOOTSTRAP
					  "=kafka-1:9092,kafka-2:9092");
		if (at[len] == '\0')
			return 0;
	}
}

/* Kafka's alphabet for topics; 249 is its limit for a whole name, which the longest of ours must fit. */
static int check_prefix(const char *prefix, struct err *err)
{
	size_t len = strlen(prefix), i;

	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)prefix[i]) && !strchr("._-", prefix[i]))
			break;
	if (i < len || len > 100)
		return err_set(err, ERR_FATAL, 0,
			"WXBUS_TOPIC_PREFIX: must be up to 100 of A-Z a-z 0-9 . _ -; for example "
			"WXBUS_TOPIC_PREFIX=wx.");
	return 0;
}

/* Some faults show only when a client is made: a certificate that cannot be read, a mechanism without a user.
 * Without brokers it connects to nothing. */
static int try_client(const struct kafka_conf *conf, rd_kafka_type_t type, struct err *err)
{
	static const struct kafka_property own[] = {{"bootstrap.servers", ""}, {"group.id", "wxbus-check"}};
	rd_kafka_conf_t *rk_conf = kafka_client_conf(conf, "wxbus-check", own, ARRAY_LEN(own), err);
	rd_kafka_t *rk = NULL;

	if (!rk_conf)
		return -1;
	rd_kafka_conf_set_log_cb(rk_conf, NULL); /* the operator gets one line */
	if (kafka_client_new(&rk, type, rk_conf, err) < 0)
		return err_prefix(err, "WXBUS_KAFKA_*");
	kafka_client_destroy(&rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE, 2000);
	return 0;
}

int kafka_conf_check(const struct kafka_conf *conf, struct err *err)
{
	if (check_bootstrap(conf->bootstrap_servers, err) < 0 || check_prefix(conf->topic_prefix, err) < 0 ||
		try_client(conf, RD_KAFKA_PRODUCER, err) < 0 || try_client(conf, RD_KAFKA_CONSUMER, err) < 0)
		return -1;
	return 0;
}

void kafka_conf_print(FILE *out)
{
	struct setting s;
	char **entry;

	for (entry = environ; *entry; entry++) {
		if (setting_read(&s, *entry, NULL) == 0)
			fprintf(out, "%s=%s\n", s.variable, is_secret(s.property) ? "(hidden)" : s.value);
		setting_release(&s);
	}
}
