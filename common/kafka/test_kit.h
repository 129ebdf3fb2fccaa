#ifndef COMMON_KAFKA_TEST_KIT_H
#define COMMON_KAFKA_TEST_KIT_H

#include "common/kafka/kafka_conf.h"
#include "common/kafka/mock.h"
#include "common/kafka/producer.h"
#include "common/kafka/worker.h"
#include "common/testing/testing.h"

/* What the tests of this folder share: a mock broker with one topic, and brokers that misbehave. Log lines
 * are counted and not declared: how often the library complains about a dead broker is a matter of timing. */
struct kit {
	struct kafka_mock *mock;
	struct kafka_conf conf;
};

#define KIT_TOPIC      "wx.messages"
#define KIT_PARTITIONS 5
#define KIT_CASE(f)    cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

int kit_setup(void **state); /* *state is the struct kit; KIT_TOPIC has KIT_PARTITIONS */
int kit_teardown(void **state);
int kit_warnings(void); /* lines of level warn and error since the test began */

/* An address that refuses connections; or, with `listening`, accepts them and never answers. The socket is
 * returned, to be closed. */
int kit_dead_broker(bool listening, char *bootstrap, size_t size);

struct producer *kit_producer(const struct kafka_conf *conf, const struct producer_options *o);
/* A producer with presets that has seen KIT_TOPIC. */
struct producer *kit_warm_producer(const struct kit *kit);

struct kafka_record kit_record(const char *topic, const char *key, const char *value);
void kit_publish(struct producer *p, const struct kafka_record *r);

/* Until it has its partitions, and what a member before it had left would have come. */
void kit_wait_worker(struct worker *w);

#endif
