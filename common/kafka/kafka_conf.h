#ifndef COMMON_KAFKA_KAFKA_CONF_H
#define COMMON_KAFKA_KAFKA_CONF_H

#include "common/base/conf.h"
#include "common/base/err.h"

#include <stddef.h>

/* The settings that every user of Kafka has; embed it in the service's settings and put
 * KAFKA_CONF_ROWS(field) into its table. */
struct kafka_conf {
	char *bootstrap_servers;
	char *topic_prefix;
};

#define KAFKA_CONF_ROWS(field)                                                                               \
	CONF_STR("WXBUS_KAFKA_BOOTSTRAP_SERVERS", field.bootstrap_servers, NULL,                             \
		"Kafka's brokers, host:port,...; any other librdkafka property comes as "                    \
		"WXBUS_KAFKA_<PROPERTY>, dots as underscores",                                               \
		"127.0.0.1:9092"),                                                                           \
		CONF_STR("WXBUS_TOPIC_PREFIX", field.topic_prefix, "wx.",                                    \
			"put before the name of every topic and group", "wx.")

/* Any other librdkafka property comes as WXBUS_KAFKA_<PROPERTY> (dots as underscores). Checks all of the
 * environment at once: unknown properties, malformed values, and those that would break a promise (acks,
 * idempotence, auto-commit, offset store, group id, delivery time-outs) are refused. */
int kafka_conf_check(const struct kafka_conf *conf, struct err *err);

/* Rows of the environment that kafka_conf_check() accepts, for --check's print-out; secrets hidden. */
void kafka_conf_print(FILE *out);

#endif
