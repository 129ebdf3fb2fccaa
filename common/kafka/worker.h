#ifndef COMMON_KAFKA_WORKER_H
#define COMMON_KAFKA_WORKER_H

#include "common/base/lanes.h"
#include "common/kafka/kafka_conf.h"
#include "common/kafka/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A member of a consumer group whose records are handled on many threads: records of one key one after the
 * other in their order, those of different keys side by side. Offsets are stored as the contiguous run of
 * settled records, so that a crash delivers again whatever was not. A partition that goes away begins no more
 * work here and waits for what is under way. */
struct worker;
struct worker_job; /* one record being handled */

#define WORKER_PATIENCE 10

struct worker_options {
	const char *client_id;
	const char *group;         /* whole Kafka group id, with the prefix */
	const char *const *topics; /* whole names */
	size_t n_topics;
	bool from_beginning;     /* a new group's start; otherwise the end */
	size_t n_from_beginning; /* the last so many of `topics` have no other start: the group's own */
	/* The last so many of `topics` give way: of their records, together, at most a quarter of the
	 * threads' number has begun (one at least), and one while the others' would fill the rest. A record
	 * of theirs is begun no earlier, so that others of its key wait behind a few and not behind all. */
	size_t n_background;
	/* Whether a record of another topic gives way with them, as one that was put aside by them. NULL:
	 * none does. At the end these are still handled, for others may be settled behind them. */
	bool (*gives_way)(void *arg, const struct kafka_record *r);
	int threads;
	int gather_ms; /* as in consumer.h */
	/* How much of one partition may be read and not settled; beyond any of these it is paused, unless
	 * half of that is settled within 10 ms, for which the other partitions wait, too. */
	size_t most_pending; /* records, those that gives_way() tells counted as one for each
				WORKER_PATIENCE; 0: 1000 */
	size_t most_bytes;   /* what they hold; 0: 64 MiB */
	size_t most_span;    /* records from the oldest of them on, settled ones too, for a crash brings them
				again; 0: 100,000 */
	/* So long after worker_stop() what was read is still begun; 0: until its deadline. What is left comes
	 * again, and with it what was settled behind it. */
	int64_t begin_ms;
	/* The part of the record that orders it, borrowed from the record; length 0: in no order. NULL: the
	 * whole key. Any thread of the worker's; so is `shares`. */
	size_t (*lane)(void *arg, const struct kafka_record *r, const char **lane_out);
	/* Whose threads the record uses: fills `out` and tells how many, so that one account cannot take all
	 * of them; borrowed from the record. NULL: nobody's. */
	size_t (*shares)(void *arg, const struct kafka_record *r, struct lanes_share out[LANES_SHARES_MAX]);
	/* The wall-clock time before which the record may not be handled; its partition is paused until then,
	 * so that what stands behind it waits too. 0: now. NULL: always now. */
	int64_t (*due_ms)(void *arg, const struct kafka_record *r);
	/* On one of the threads; the record is a copy that lives until it returns. True: settled, its effect
	 * is durable. False: it is not, because worker_may_go_on() said so: another process gets it. */
	bool (*handle)(void *arg, const struct kafka_record *r, struct worker_job *job);
	void *arg;
};

int worker_new(
	struct worker **out, const struct kafka_conf *conf, const struct worker_options *o, struct err *err);
/* Polls no more, handles what it has read until the deadline at most, commits and leaves
 * the group. */
void worker_stop(struct worker *w, int64_t deadline_mono_ms);
void worker_free(struct worker **w); /* stops it if nobody has */

/* Within handle(): false once the partition has gone to another process or this one is ending. Whoever waits
 * asks. */
bool worker_may_go_on(struct worker_job *job);
/* Sleep that ends early when worker_may_go_on() turns false; its value. */
bool worker_wait(struct worker_job *job, int64_t ms);
/* As handle()'s last act and value: the record is not settled, and is handled anew after about so long. Until
 * then it holds no thread and no share; what stands behind it in its lane waits. */
bool worker_put_back(struct worker_job *job, int64_t ms);
bool worker_was_put_back(const struct worker_job *job);

bool worker_ready(struct worker *w);  /* has its partitions; any thread */
int64_t worker_lag(struct worker *w); /* records behind; -1: not known */
/* How long the oldest record of this member's partitions waits to be settled, from its timestamp or from when
 * it was due, of those that give way from when it was read; 0: none does. The first of each partition is in
 * hand within moments of its arrival; while that cannot be told (no partitions yet, none any more, one that
 * does not answer or does not bring what it has), it is the time for which it cannot, and not less than it
 * was before. So it grows while a handler does not end or fails again and again, and while nothing is read.
 * Any thread. */
int64_t worker_oldest_ms(struct worker *w);

#endif
