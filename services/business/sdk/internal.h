#ifndef SERVICES_BUSINESS_SDK_INTERNAL_H
#define SERVICES_BUSINESS_SDK_INTERNAL_H

#include "common/kafka/producer.h"
#include "common/kafka/reader.h"
#include "common/kafka/worker.h"
#include "common/service/metrics.h"
#include "proto/envelope.h"
#include "proto/keyfiles.h"
#include "proto/origin.h"
#include "proto/reply.h"
#include "proto/topics.h"
#include "services/business/sdk/group_manifest.h"
#include "services/business/sdk/marks.h"
#include "services/business/sdk/sdk.h"
#include "services/business/sdk/settled.h"

#include <pthread.h>
#include <stdatomic.h>

/* What the SDK's own files share; no business includes it. */

struct sdk_conf {
	struct kafka_conf kafka;
	char *channel;
	char *start;
	char *caller_keys_file;
	int64_t threads;
	char *database_url; /* NULL: the business has none */
	int64_t database_connections;
};

/* How the SDK reaches Kafka; its unit tests and the test kit put something else in its place. */
struct sdk_reach {
	/* Write one record and wait for the acknowledgement, at most HANDOVER_MS. */
	int (*publish)(struct business *b, const struct kafka_record *r, struct err *err);
	/* Sleep. False: another process has the partition now, or this one ends. */
	bool (*wait)(struct worker_job *job, int64_t ms);
	/* A handler asked for the process's end. */
	void (*stop)(struct business *b, const struct err *why);
};

struct business {
	const struct business_def *def;
	const struct sdk_reach *reach;
	const struct sdk_conf *conf;
	struct service *svc;
	void *arg; /* of the handlers */
	char group[GROUP_NAME_MAX +
		   1]; /* with ".test" under the test channel: names the Kafka group and topics */
	struct group_manifest manifest;
	char topics[N_TOPICS][TOPIC_NAME_MAX + 1];
	char results_topic[TOPIC_NAME_MAX + 1]; /* without the prefix, as ce_replyto says it */
	char own_results_topic[TOPIC_NAME_MAX + 1];
	char replay_topic[TOPIC_NAME_MAX + 1];
	char dead_letter_topic[TOPIC_NAME_MAX + 1]; /* whole; the others too */
	char retry_topics[DELAYS_MAX][TOPIC_NAME_MAX + 1];
	struct caller_keys *callers; /* NULL: none */
	struct pg_pool *pool;        /* NULL: none */
	struct producer *producer;
	struct worker *worker;
	struct reader *replies; /* for `late` verdicts */
	struct reader *notices; /* for erasures; NULL: none are awaited (tests) */
	struct settled *settled;
	struct marks *marks;
	struct housekeeping *housekeeping; /* NULL: no database */
	atomic_int stopped;                /* records whose hand-over Kafka does not take: they wait */
	pthread_mutex_t stopped_lock;      /* over stopped_why */
	char stopped_why[512];
	atomic_bool ending;
};

/* What the handling of one event is made of, beside what the handler sees. */
struct event_work {
	bool again;   /* an operator has it handled once more */
	bool moved;   /* not the first delivery: nobody waits for a verdict any more */
	bool alone;   /* no other group was asked */
	bool effects; /* false: replies and calls are left out */
	bool unsaid; /* an earlier delivery has yet to say what this one may not: not to be dropped as settled
		      */
	bool answered; /* what the handler replies has been given on its way, now or in an earlier delivery */
	bool deferred; /* they are kept until the transaction's commit */
	struct settled_verdict
		verdict;     /* given by the handler, or in an earlier delivery; its reply is owned */
	struct json *outbox; /* deferred calls; NULL: none */
	int calls;
	bool away; /* Kafka or the database were, in this try: the event is none the worse for it */
	char reason[200], error_class[32];
};

#define HANDOVER_MS                                                                                          \
	10000 /* how long a handler's reply or call waits for Kafka before the event is tried again */

/* Names of topics and groups. */
int sdk_name_things(struct business *b, const char *prefix, bool test, struct err *err);

/* Whatever the SDK writes carries an id that is the same in each try, so an uncertain end is tried again like
 * a sure failure: ERR_UNCERTAIN becomes ERR_RETRY. */
int sdk_publish(struct business *b, const struct kafka_record *r, struct err *err);

/* Let this event's verdict reach the fan: written to `replies`, or, of a later delivery, as a
 * customer-service message. */
int sdk_give_verdict(struct event *e, enum verdict verdict, const struct json *reply, struct err *err);
/* Write it to `replies` and wait for the acknowledgement. */
int sdk_write_verdict(struct business *b, const struct event *e, enum verdict verdict,
	const struct json *reply, struct err *err);

/* Hand a call over to `api-requests` under this request id. The body is borrowed. */
int sdk_request(struct business *b, const struct envelope *about, const char *request_id,
	const struct call *call, const char *lane, struct err *err);
/* The deferred calls of an event, as call_weixin() has kept them. */
int sdk_send_calls(struct event *e, const struct json *outbox, struct err *err);
/* A reply as a customer-service message. ERR_REJECT: there is no such message. */
int sdk_send_late(struct business *b, const struct envelope *about, const char *request_id,
	const struct json *reply, struct err *err);

/* A `late` verdict of this group, read from `replies`: becomes a customer-service message. */
void sdk_read_late(void *arg, const struct kafka_record *r);

/* Copy a record to a topic of the group's own, with where it came from and why, and wait for the
 * acknowledgement. */
int sdk_hand_over(struct business *b, const struct kafka_record *r, const struct origin *o, const char *topic,
	const struct handover *h, struct err *err);

/* A notice of erasure: the route for it, and the reader that tells this process. */
extern const struct business_route sdk_erasure_route;
void sdk_read_notice(void *arg, const struct kafka_record *r);
bool sdk_marks_ready(const struct business *b);

enum {
	M_EVENTS,
	M_AGAIN,
	M_HANDLE_SECONDS,
	M_RETRIES,
	M_VERDICTS,
	M_CALLS,
	M_RESULTS,
	M_LATE,
	M_LAG,
	M_OLDEST,
	M_STOPPED,
	N_SDK_METRICS
};
extern struct metric sdk_metrics[N_SDK_METRICS];

/* A worker's handle(): runs one record to its settlement. */
bool sdk_deliver(void *arg, const struct kafka_record *r, struct worker_job *job);
/* A worker's due_ms(). */
int64_t sdk_due_ms(void *arg, const struct kafka_record *r);
/* A worker's gives_way(): of a retry topic. */
bool sdk_gives_way(void *arg, const struct kafka_record *r);

#endif
