#ifndef TOOLS_WXBUS_REPLAY_REPLAY_FEED_H
#define TOOLS_WXBUS_REPLAY_REPLAY_FEED_H

#include "common/kafka/kafka_conf.h"
#include "tools/wxbus/replay/replay_store.h"

/* Hands the events of a replay to its group, through the topic of the group's own. Each is written once,
 * however often a process is killed: an event's place on the source goes with it, so that whoever goes on
 * finds what was written after the last note. Exception: a producer that has to be rebuilt may write a record
 * twice. */

#define REPLAY_AHEAD_MAX 10000 /* records on the target that the group has not committed */

struct feed_progress {
	int64_t events;       /* of the replay, on the target so far */
	int64_t records;      /* of its parts, decided so far ... */
	int64_t records_all;  /* ... of so many */
	int64_t lost;         /* of those decided: deleted before they were read */
	int64_t ahead;        /* on the target, not committed by the group; -1: not known */
	bool waits_for_group; /* that many are on it as may be */
	bool last;            /* there comes no other */
};

struct feed_options {
	const struct kafka_conf *kafka;
	const char *group; /* whole Kafka group id */
	/* Called often, on the caller's thread. */
	void (*progress)(void *arg, const struct feed_progress *p);
	/* True: end in order. */
	bool (*stop)(void *arg);
	void *arg;
};

/* Feeds `r` to its end, through troubles of Kafka's and the database's that last less than two minutes; one
 * that other processes have fed is gone on with. 0, and r->state says why it has ended: done; paused or
 * cancelled, which somebody wanted; running: stop() was true, and it can be resumed. -1: it can be resumed,
 * but for ERR_REJECT: somebody else has it, it is not running, or there is no such topic. */
int replay_feed(struct replay_store *s, struct replay *r, const struct feed_options *o, struct err *err);

#endif
