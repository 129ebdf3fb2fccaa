#ifndef COMMON_KAFKA_ADMIN_H
#define COMMON_KAFKA_ADMIN_H

#include "common/kafka/kafka_conf.h"

#include <stdint.h>

struct kafka_topic_spec {
	const char *name; /* whole */
	int partitions;
	int replication;
	int64_t retention_ms; /* 0: leave it; compacted topics have none */
	int64_t segment_ms;   /* 0: leave it */
	int compacted;
};

struct kafka_topic_state {
	int exists;
	int partitions;
	int replication;
	int64_t retention_ms; /* -1: without limit; -2: not known */
	int64_t segment_ms;
};

/* All connect, ask and disconnect: for commands. */
int kafka_admin_describe(
	const struct kafka_conf *conf, const char *topic, struct kafka_topic_state *out, struct err *err);

enum kafka_topic_change { KAFKA_TOPIC_SAME, KAFKA_TOPIC_CREATED, KAFKA_TOPIC_CONFIGURED };

/* Create the topic if it is missing, else bring its retention and segment times (and compaction, where the
 * spec asks for it) to the spec and leave its other settings; never changes partitions. Safe in parallel. The
 * embedded broker has no topic administration: there the topic is only made, with its own number of
 * partitions. Returns once a broker that is asked answers with what was changed. ERR_REJECT: Kafka refuses
 * the spec or lacks the right. ERR_RETRY: no answer, or none with the change within 15 s. */
int kafka_admin_ensure(const struct kafka_conf *conf, const struct kafka_topic_spec *spec,
	enum kafka_topic_change *change_out, struct err *err);

/* How many brokers the cluster has; -1 with err. */
int kafka_admin_brokers(const struct kafka_conf *conf, struct err *err);

#endif
