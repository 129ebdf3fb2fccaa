#ifndef COMMON_KAFKA_PRODUCER_INTERNAL_H
#define COMMON_KAFKA_PRODUCER_INTERNAL_H

#include "common/kafka/producer.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shared by the files of the producer only. */

#define QUEUED_MAX_KB 131072
#define POLL_MS       100

struct delivery {
	struct delivery *prev, *next;
	struct producer *producer;
	struct lane *lane; /* NULL: none */
	producer_done done;
	void *arg;
	struct err *failure; /* once reported; NULL: acknowledged. Ours */
};

/* A copy of a record that waits to be handed over. */
struct gathered {
	struct gathered *prev, *next;
	struct delivery *delivery;
	int64_t since_mono_ms;
	struct kafka_record record; /* without headers */
	rd_kafka_headers_t *headers;
	char bytes[]; /* topic and NUL, key, value */
};

/* A partition of a warm topic, by the number of partitions that it had then: with more of them two share a
 * lane, which costs time and no more. */
struct lane {
	int under_way; /* with the library */
	struct gathered *gathered;
	bool due; /* in the list of those with something gathered and nothing under way */
	struct lane *next_due;
};

struct warm_topic {
	char *name;
	struct lane *lanes; /* NULL: the number of partitions is not known yet */
	int n_lanes;
};

struct topic_list {
	struct warm_topic **topics;
	size_t n;
};

struct producer {
	struct kafka_conf conf; /* copies of its strings */
	char *client_id;
	int64_t delivery_timeout_ms;
	int max_queued;

	/* Senders hold it for reading while they use rk; the thread holds it for writing to change rk. */
	pthread_rwlock_t client_lock;
	rd_kafka_t *rk; /* NULL: being rebuilt */

	pthread_mutex_t lock; /* over what follows */
	struct delivery *under_way;
	int64_t n_under_way;
	struct lane *due;
	size_t gathered_bytes;
	struct topic_list warmed;
	char last_error[160];

	atomic_bool has_error; /* last_error says something: an acknowledgement takes no lock otherwise */
	atomic_int_fast64_t rebuilds;
	atomic_int_fast64_t last_ack_mono_ms;
	atomic_bool stopping;
	int64_t flush_until_ms;    /* set before stopping */
	int64_t probed_ms;         /* the thread's own */
	int64_t looked_mono_ms;    /* the thread's own: for what is held too long */
	bool in_doubt;             /* the thread's own: what rk acknowledges is not believed */
	struct delivery *reported; /* the thread's own: whose done() is to be run */
	pthread_t thread;
};

/* Of records under way (producer.c). Begin: under the lock. Report: on the thread; done() is run later. */
void producer_begin(struct producer *p, struct delivery *d);
void producer_report(struct delivery *d, const struct err *failure);
rd_kafka_resp_err_t producer_hand_over(
	rd_kafka_t *rk, const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d);
int producer_not_accepted(struct err *err, rd_kafka_resp_err_t code);
int producer_being_rebuilt(struct err *err);

/* Of what waits for its turn (producer_lanes.c). The first three under the lock. */
struct lane *producer_lane_of(const struct producer *p, const struct kafka_record *r);
bool producer_gather(
	struct producer *p, const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d);
void producer_settle_lane(struct producer *p, struct lane *lane);
bool producer_serve_due(struct producer *p);
void producer_serve_held(struct producer *p);
void producer_fail_gathered(struct producer *p);

/* Of topics (producer_topics.c). */
void producer_warm_rebuilt(struct producer *p, rd_kafka_t *rk);

#endif
