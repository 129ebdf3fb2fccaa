#ifndef SERVICES_BUSINESS_SDK_INTERNAL_H
#define SERVICES_BUSINESS_SDK_INTERNAL_H

#include "common/kafka/producer.h"
#include "common/kafka/reader.h"
#include "common/kafka/worker.h"
#include "common/service/metrics.h"
#include "proto/envelope.h"
#include "proto/keyfiles.h"
#include "proto/reply.h"
#include "proto/topics.h"
#include "services/business/sdk/sdk.h"
#include "services/business/sdk/settled.h"

#include <stdatomic.h>

/* What the SDK's own files share; no business includes it. */

struct sdk_conf {
	struct kafka_conf kafka;
	char *channel;
	char *start;
	char *caller_keys_file;
	int64_t threads;
};

/* How the SDK reaches Kafka; its unit tests put something else in its place. */
struct sdk_reach {
	/* Write one record and wait for the acknowledgement, at most HANDOVER_MS. */
	int (*publish)(struct business *b, const struct kafka_record *r, struct err *err);
	/* Sleep. False: another process has the partition now, or this one ends. */
	bool (*wait)(struct worker_job *job, int64_t ms);
};

struct business {
	const struct business_def *def;
	const struct sdk_reach *reach;
	const struct sdk_conf *conf;
	struct service *svc;
	void *arg; /* of the handlers */
	char group[GROUP_NAME_MAX +
		   1]; /* with ".test" under the test channel: names the Kafka group and topics */
	char topics[N_TOPICS][TOPIC_NAME_MAX + 1];
	char results_topic[TOPIC_NAME_MAX + 1];     /* without the prefix, as ce_replyto says it */
	char dead_letter_topic[TOPIC_NAME_MAX + 1]; /* whole */
	struct caller_keys *callers;                /* NULL: none */
	struct producer *producer;
	struct worker *worker;
	struct reader *replies; /* for `late` verdicts */
	struct settled *settled;
	atomic_bool ending;
};

/* A verdict that a handler gave, or that an earlier delivery of the event got. */
struct event_work {
	bool verdict_given;
	enum verdict verdict;
	struct json *reply; /* owned; NULL: none */
	int calls;
	bool kafka_away; /* something could not be handed over in this try */
};

#define HANDOVER_MS                                                                                          \
	10000 /* how long a handler's reply or call waits for Kafka before the event is tried again */

/* Whatever the SDK writes carries an id that is the same in each try, so an uncertain end is tried again like
 * a sure failure: ERR_UNCERTAIN becomes ERR_RETRY. */
int sdk_publish(struct business *b, const struct kafka_record *r, struct err *err);

/* Write this event's verdict to `replies` and wait for the acknowledgement. */
int sdk_write_verdict(struct business *b, const struct event *e, enum verdict verdict,
	const struct json *reply, struct err *err);

/* Hand a call over to `api-requests` under this request id. */
int sdk_request(struct business *b, const struct envelope *about, const char *request_id,
	const struct call *call, const char *lane, struct err *err);

/* A `late` verdict of this group, read from `replies`: becomes a customer-service message. */
void sdk_read_late(void *arg, const struct kafka_record *r);

/* Copy a record to the group's dead-letter topic, with where it came from and why, and wait for the
 * acknowledgement. */
int sdk_dead_letter(
	struct business *b, const struct kafka_record *r, const char *reason, int attempts, struct err *err);

enum { M_EVENTS, M_HANDLE_SECONDS, M_RETRIES, M_VERDICTS, M_CALLS, M_LATE, M_LAG, N_SDK_METRICS };
extern struct metric sdk_metrics[N_SDK_METRICS];

/* A worker's handle(): runs one record to its settlement. */
bool sdk_deliver(void *arg, const struct kafka_record *r, struct worker_job *job);

#endif
