#ifndef COMMON_KAFKA_MESSAGE_H
#define COMMON_KAFKA_MESSAGE_H

#include "common/kafka/record.h"

#include <librdkafka/rdkafka.h>

/* A message of the library seen as a record. One for each consumer or reader, used again for every message:
 * the array of headers grows to the largest. Only common/kafka includes this header. */
struct kafka_message {
	rd_kafka_message_t *raw; /* NULL: none */
	struct kafka_record record;
	struct kafka_header *headers;
	size_t n_room;
};

/* Takes `raw`, which has no error; the one before is given back. */
void kafka_message_take(struct kafka_message *m, rd_kafka_message_t *raw);
void kafka_message_drop(struct kafka_message *m); /* gives the message back; the array stays */
void kafka_message_release(struct kafka_message *m);

#endif
