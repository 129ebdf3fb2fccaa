#ifndef COMMON_KAFKA_CLIENT_H
#define COMMON_KAFKA_CLIENT_H

#include "common/kafka/kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What producer, consumer, reader, admin and mock share. Only common/kafka includes this header. */

struct kafka_property {
	const char *name;
	const char *value;
};

/* fetch.wait.max.ms of whoever reads: a broker with nothing new answers after so long, one with something at
 * once. It is how long a partition that may be read again can wait for the request that is under way without
 * it. At 10 a Kafka with nothing to do but answer five services at rest used 42 % of a core, at 100 18 %, at
 * 500 11 %. librdkafka's mock cluster answers after the whole time even if something came: whoever uses it
 * sets 10. */
#define KAFKA_FETCH_WAIT_MS "100"

/* Our presets for every client, then those of this kind of client, then the operator's. NULL with err:
 * ERR_FATAL, a bad setting. The caller adds its callbacks and gives the result to kafka_client_new(). */
rd_kafka_conf_t *kafka_client_conf(const struct kafka_conf *conf, const char *client_id,
	const struct kafka_property *own, size_t n, struct err *err);

/* Takes `rk_conf` in every case. -1: ERR_FATAL. */
int kafka_client_new(rd_kafka_t **out, rd_kafka_type_t type, rd_kafka_conf_t *rk_conf, struct err *err);

/* End the handle and leave NULL. Waits at most within_ms: a thread of the library can hang in a name look-up
 * or in a connection; then it ends on a thread of its own, or with the process. `flags` of
 * rd_kafka_destroy_flags(). */
void kafka_client_destroy(rd_kafka_t **rk, int flags, int64_t within_ms);

/* A thread with all signals blocked: they belong to the process's main thread. */
int kafka_thread_start(pthread_t *out, void *(*fn)(void *), void *arg, struct err *err);

/* err_set() with the library's words for `code`. Returns -1. */
int kafka_err_set(struct err *err, enum err_kind kind, rd_kafka_resp_err_t code, const char *what);

/* How many partitions the topic has; waits at most ms. ERR_REJECT: there is no such topic; ERR_RETRY. */
int kafka_client_partitions(rd_kafka_t *rk, const char *topic, int ms, struct err *err);

/* Put the operator's WXBUS_KAFKA_* of the environment into rk_conf. -1, ERR_FATAL: one line for the operator.
 */
int kafka_conf_apply(rd_kafka_conf_t *rk_conf, struct err *err);

/* A dead broker makes the library complain several times a second. True if a line of this class may be logged
 * now: at most 3 in 10 s. *suppressed_out: how many were held back since the last one that was allowed. Any
 * thread. */
bool kafka_log_allowed(const char *class_name, unsigned *suppressed_out);

#endif
