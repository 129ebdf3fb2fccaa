#ifndef COMMON_KAFKA_MOCK_H
#define COMMON_KAFKA_MOCK_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* librdkafka's mock cluster: a broker in memory on a loopback port, for unit tests and the first demo. It has
 * no look-up by time and no topic administration. Any thread. */
struct kafka_mock;

int kafka_mock_new(struct kafka_mock **out, int brokers, struct err *err);
void kafka_mock_free(struct kafka_mock **m);
const char *kafka_mock_bootstrap(const struct kafka_mock *m);
int kafka_mock_create_topic(struct kafka_mock *m, const char *topic, int partitions, struct err *err);

/* Tests. Down: every connection is closed and new ones are refused; the records stay. */
void kafka_mock_set_down(struct kafka_mock *m, bool down);
/* Tests. Missing: clients are told that there is no such topic (the mock would otherwise make any topic that
 * is asked for); not missing: it is there, with the partitions it had. */
void kafka_mock_set_missing(struct kafka_mock *m, const char *topic, bool missing);
/* Tests. A partition without a leader: nobody reads or writes it, and its records stay. */
void kafka_mock_set_leaderless(struct kafka_mock *m, const char *topic, int32_t partition, bool leaderless);
/* Tests. Every answer from now on comes so much later. */
void kafka_mock_set_latency(struct kafka_mock *m, int ms);

#endif
