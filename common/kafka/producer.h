#ifndef COMMON_KAFKA_PRODUCER_H
#define COMMON_KAFKA_PRODUCER_H

#include "common/kafka/kafka_conf.h"
#include "common/kafka/record.h"

/* An idempotent producer with acks=all that survives its own death: librdkafka ends an idempotent producer
 * with a fatal error after some disconnects, and can report lost records as written after a time-out; this
 * one then builds a new one behind the scenes, and what was unsure is reported as failed (the caller sends
 * again; consumers drop repeated ids). Any thread. */
struct producer;

struct producer_options {
	const char *client_id;
	int64_t delivery_timeout_ms; /* 0: 1500. How long the library itself tries before it reports a
				      * failure; a record may be held 200 ms before that */
	int max_queued;              /* records waiting in memory; 0: 10000 */
};

int producer_new(struct producer **out, const struct kafka_conf *conf, const struct producer_options *o,
	struct err *err);
void producer_free(struct producer **p, int64_t flush_ms); /* waits at most that long for what is under way */

/* Fetch the metadata of topics so that the first record is not a second late. 0: all known; -1 ERR_RETRY. */
int producer_warm(
	struct producer *p, const char *const *topics, size_t n, int64_t timeout_ms, struct err *err);

/* Called once for each accepted record, on the producer's own thread; must not block. failure NULL:
 * acknowledged by all in-sync replicas. */
typedef void (*producer_done)(void *arg, const struct err *failure);

/* Hand over a copy of the record. 0: done() will be called. PRODUCER_FULL: the queue is full, nothing
 * happened. -1: refused (ERR_RETRY: unknown topic at this moment, or the producer is being rebuilt;
 * ERR_REJECT: too large). Of a warm topic, a record whose partition has others under way is held until these
 * are reported, 200 ms at most; whether it is refused, done() is told. */
#define PRODUCER_FULL 1
int producer_send(
	struct producer *p, const struct kafka_record *r, producer_done done, void *arg, struct err *err);

/* Write one record and wait for the acknowledgement, trying again (queue full, missing topic, refused, fatal
 * error) until the deadline. 0: durable. -1, ERR_UNCERTAIN or ERR_RETRY: not known to be durable by the
 * deadline. Held by our own clock, whatever the library does; a late acknowledgement is forgotten safely. */
int producer_publish(
	struct producer *p, const struct kafka_record *r, int64_t deadline_mono_ms, struct err *err);

struct producer_stats {
	int64_t rebuilds;         /* clients replaced: after a fatal error, or one in doubt */
	int64_t queued;           /* records under way now */
	int64_t last_ack_mono_ms; /* 0: none yet */
	char last_error[160];     /* of the broker connection; "" when well */
};
void producer_get_stats(struct producer *p, struct producer_stats *out);

/* Tests: behave as if the library had reported a fatal error. */
void producer_test_fatal(struct producer *p);

#endif
