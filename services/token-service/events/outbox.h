#ifndef SERVICES_TOKEN_SERVICE_EVENTS_OUTBOX_H
#define SERVICES_TOKEN_SERVICE_EVENTS_OUTBOX_H

#include "common/kafka/producer.h"
#include "proto/topics.h"
#include "services/token-service/store.h"

/* Records that are published exactly if their transaction commits, with the trace of the thread that added
 * them. Written with outbox_add() within it, by whoever has locked the account's row first, so that ids rise
 * in the order of an account's changes; published in that order by one process at a time; deleted once all
 * in-sync replicas have them. A crash in between publishes some again: `accounts` has versions, notices have
 * ids. */
struct outbox_record {
	enum topic topic;
	const char *component_appid;
	const char *appid;    /* "": the platform's own */
	const char *event_id; /* ce_id; NULL: the row's id */
	const char *type;     /* ce_type */
	int64_t time_ms;      /* ce_time; 0: none */
	const char *value;    /* JSON */
};
int outbox_add(struct pg *pg, const struct outbox_record *r, struct err *err);

struct outbox; /* the publisher, a thread of its own */

int outbox_new(struct outbox **out, const struct store *s, struct producer *producer,
	const char *topic_prefix, struct err *err);
void outbox_free(struct outbox **o); /* after what is being published */

/* A transaction with records has committed: do not wait for the next look. */
void outbox_wake(struct outbox *o);

#endif
