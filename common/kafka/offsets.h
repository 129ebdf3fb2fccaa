#ifndef COMMON_KAFKA_OFFSETS_H
#define COMMON_KAFKA_OFFSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which records of partitions are settled; a partition is any number that its user gives it. Records of one
 * partition are worked on by many threads and end in any order; what may be stored is only the contiguous run
 * of settled ones, so that a crash delivers again whatever was not. A partition that goes away is closed
 * first: no work on it begins any more. Any thread. */
struct offsets;

struct offsets *offsets_new(void);
void offsets_free(struct offsets **o);

/* The partition is ours (again): a new generation, with nothing pending. */
void offsets_open(struct offsets *o, int32_t partition);
/* Its records are no longer begun; waits at most wait_ms for those under way. */
void offsets_close(struct offsets *o, int32_t partition, int64_t wait_ms);

struct offset_ticket {
	int32_t partition;
	int64_t offset;
	uint64_t generation;
};

struct offset_record {
	int64_t offset;   /* those of one partition rise */
	size_t bytes;     /* held of it */
	int64_t since_ms; /* wall clock: it waits since then */
	bool patient;     /* it gives way to others of its partition */
};
/* A record was read. False: the partition is not open. */
bool offsets_add(
	struct offsets *o, int32_t partition, const struct offset_record *r, struct offset_ticket *out);
/* Work on it begins. False: its partition was closed meanwhile; it is another process's now. */
bool offsets_begin(struct offsets *o, const struct offset_ticket *t);
/* May this work, between its steps, go on? */
bool offsets_current(struct offsets *o, const struct offset_ticket *t);
/* Work on it ended. `settled`: its effect is durable. */
void offsets_end(struct offsets *o, const struct offset_ticket *t, bool settled);

/* The last record of the settled run, if it has grown since the last call. */
bool offsets_advanced(struct offsets *o, int32_t partition, int64_t *offset_out);

struct offsets_load {
	size_t pending; /* records read and not settled ... */
	size_t patient; /* ... how many of them are patient ... */
	size_t bytes;   /* ... and what they hold */
	size_t span; /* records read from the oldest of them on, settled or not: what a crash brings again */
};
struct offsets_load offsets_load(struct offsets *o, int32_t partition);

/* Since when the first unsettled record of any open partition waits, the earliest of them. False: none waits.
 */
bool offsets_oldest(struct offsets *o, int64_t *since_ms_out);

#endif
