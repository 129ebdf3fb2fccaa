#ifndef COMMON_KAFKA_CONSUMER_H
#define COMMON_KAFKA_CONSUMER_H

#include "common/kafka/kafka_conf.h"
#include "common/kafka/record.h"

#include <stdbool.h>

/* A member of a consumer group. Offsets are stored by the caller, only after the effect, and committed in the
 * background; nothing is committed that was not stored. One thread polls; that thread runs the callbacks. */
struct consumer;

struct consumer_options {
	const char *client_id;
	const char *group;         /* whole Kafka group id, with the prefix */
	const char *const *topics; /* whole names */
	size_t n_topics;
	/* A new group's start; otherwise the end, committed on assignment. What this member finds without an
	 * offset on a topic that it has read before (made again, or grown) is read from its beginning. */
	bool from_beginning;
	size_t n_from_beginning;    /* the last so many of `topics` have no other start */
	int64_t session_timeout_ms; /* 0: 6000 */
	/* How much is read ahead while the caller is busy, about; at least 1024. 0: the library's own, 64
	 * MiB, which a backlog of any size fills. */
	int prefetch_kbytes;
	/* Whoever need not have each record at once lets the broker gather them for so long: under load one
	 * request instead of dozens, of which the broker's own processor time is most. 0: it does not. */
	int gather_ms;
	/* Rebalance, on the polling thread; the partitions are gone for others once revoked returns.
	 * consumer_free() tells of revocations too, while it waits. May be NULL. */
	void (*assigned)(void *arg, const char *topic, int32_t partition);
	void (*revoked)(void *arg, const char *topic, int32_t partition);
	void *arg;
};

int consumer_new(struct consumer **out, const struct kafka_conf *conf, const struct consumer_options *o,
	struct err *err);

/* Commits what is stored and leaves the group, at most close_ms (the library would block for the session
 * time-out with brokers away); the partitions are given back in any case. Past it the rest is left to a
 * thread of its own or to the process's end, and what was stored in the last second may be delivered again to
 * the next member. No callback comes after it. */
void consumer_free(struct consumer **c, int64_t close_ms);

/* 0: *out is the next record (borrowed until the next poll). CONSUMER_NONE: nothing within timeout_ms. -1:
 * ERR_RETRY for the log (brokers away ...; go on polling), ERR_FATAL: this member is dead, make a new one. */
#define CONSUMER_NONE 1
int consumer_poll(struct consumer *c, int64_t timeout_ms, const struct kafka_record **out, struct err *err);

/* The record's effect is durable: its offset (and all before it in its partition) may be committed. It will
 * be within about a second, by the library. -1 ERR_RETRY: the partition is no longer this member's; another
 * gets the record. */
int consumer_store(struct consumer *c, const struct kafka_record *r, struct err *err);
/* The same by numbers; `offset` is that of the next record to be delivered. */
int consumer_store_offset(
	struct consumer *c, const char *topic, int32_t partition, int64_t offset, struct err *err);
int consumer_commit(struct consumer *c, struct err *err); /* what is stored, now and synchronously */

/* Deliver this record again (and what follows it in its partition) at the next polls. */
int consumer_seek(struct consumer *c, const struct kafka_record *r, struct err *err);
int consumer_pause(struct consumer *c, const char *topic, int32_t partition, struct err *err);
int consumer_resume(struct consumer *c, const char *topic, int32_t partition, struct err *err);

/* Any thread: all topics exist, the group has given its assignment (which is empty for more members than
 * partitions), and where it starts is committed. Stays true through later rebalances. */
bool consumer_ready(const struct consumer *c);

/* Any thread: records that are not stored yet, over the assigned partitions, as of their last fetch; -1: not
 * known. */
int64_t consumer_lag(struct consumer *c);

/* The polling thread: since when (wall clock) there may be records of this member's that it has not been
 * given. Without partitions, and until each has answered, since it had others or was made; of a partition
 * that is not paused, has more and does not bring it, since that was first seen here. 0: there are none. */
int64_t consumer_unread_since(struct consumer *c);

#endif
