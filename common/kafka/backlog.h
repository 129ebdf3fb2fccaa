#ifndef COMMON_KAFKA_BACKLOG_H
#define COMMON_KAFKA_BACKLOG_H

#include "common/kafka/kafka_conf.h"

/* How far a group is behind on a topic, seen from outside: nothing is joined or committed. One thread. */
struct backlog;

/* `group`: the whole Kafka group id, with the prefix. ERR_REJECT: there is no such topic. ERR_RETRY. */
int backlog_new(struct backlog **out, const struct kafka_conf *conf, const char *group, const char *topic,
	struct err *err);
void backlog_free(struct backlog **b);

/* Records on the topic that the group has not committed, rather too many than too few where it moves; all
 * that are kept, where it has committed none. Asks the brokers, at most 10 s. -1: ERR_RETRY. */
int backlog_ask(struct backlog *b, int64_t *records_out, struct err *err);

/* The offsets that the group has committed on partitions 0 to n - 1, below 0 where none. Otherwise as above.
 */
int backlog_committed(struct backlog *b, int64_t *offsets, int n, struct err *err);

#endif
