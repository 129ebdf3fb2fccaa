#ifndef TOOLS_WXBUS_REPLAY_REPLAY_STORE_H
#define TOOLS_WXBUS_REPLAY_REPLAY_STORE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/kafka/spans.h"
#include "proto/topics.h"
#include "tools/wxbus/events/event_filter.h"

/* Replays as rows of the schema `wxbus`: what each is, how far it is, what is wanted of it. A process that
 * feeds one holds its target by a lock of its connection and by the row's fence, and notes about every second
 * how far it is. It writes nothing once its last note is REPLAY_LEASE_MS old; who takes a replay over that
 * nobody left waits until the last note is older than whatever was under way then. One thread. */
struct replay_store;

#define REPLAY_ID_SIZE  32
#define REPLAY_LEASE_MS 4000
/* How long a process tries to write a record. While a replica is dead or lags, what is written is not
 * acknowledged, and nobody can read it either: given up before the brokers do without that replica, it would
 * not be found and be written twice. They take broker.session.timeout.ms (9 s) for one that is dead, and one
 * and a half times replica.lag.time.max.ms (30 s; looked at every half of it) for one that lags.
 * https://kafka.apache.org/documentation/#brokerconfigs_replica.lag.time.max.ms */
#define REPLAY_DELIVERY_MS 50000

enum replay_state { REPLAY_RUNNING, REPLAY_PAUSED, REPLAY_CANCELLED, REPLAY_DONE };
const char *replay_state_name(enum replay_state state);

struct replay_part {
	struct kafka_span span; /* of the source */
	int64_t next;           /* those before it are decided */
	int64_t events;         /* of them, how many are on the target ... */
	int64_t lost;           /* ... and how many were deleted before they could be read */
};

/* Strings are in the arena of whoever asked, or borrowed from whoever adds it. */
struct replay {
	char id[REPLAY_ID_SIZE];
	const char *group;
	const char *source, *target; /* topics, whole */
	bool redo;
	bool effects;
	struct event_filter filter;
	int rate; /* a second */
	const char *by, *note;
	/* Not of one that is to be added. */
	enum replay_state state;
	const char *state_by, *error;      /* "": nobody, none */
	bool left;                         /* no process has it */
	int64_t fence;                     /* how many processes have had it */
	int64_t age_ms, noted_age_ms;      /* since its start, since its last note */
	const char *started_at, *ended_at; /* RFC 3339; "": not yet */
	struct replay_part *parts;
	size_t n_parts;
};

int replay_store_open(struct replay_store **out, const char *url, struct err *err);
void replay_store_free(struct replay_store **s);

/* ERR_REJECT: the group has another one that has not ended. */
int replay_store_add(struct replay_store *s, const struct replay *r, struct err *err);

/* ERR_REJECT: there is no such replay. */
int replay_store_find(
	struct replay_store *s, const char *id, struct arena *arena, struct replay *out, struct err *err);
/* The newest first, without their parts' places: `n` and sums only; called for each. */
int replay_store_list(struct replay_store *s, int limit, struct arena *arena,
	void (*row)(void *arg, const struct replay *r), void *arg, struct err *err);

/* Say what is wanted of a replay that has not ended; the process that has it learns it with its next note.
 * ERR_REJECT: it has ended, is cancelled, or is what it is to become; but one that is cancelled is ended by
 * being cancelled again, if nobody has it. */
int replay_store_want(
	struct replay_store *s, const char *id, enum replay_state state, const char *by, struct err *err);

/* Have it: nobody else feeds it until it is left, or this connection breaks. *wait_ms_out above 0: it was not
 * left, and may be taken after so long; ask again then. ERR_REJECT: somebody has it, or it is not running. */
int replay_store_take(struct replay_store *s, struct replay *r, int64_t *wait_ms_out, struct err *err);
/* Note parts' `next`, `events` and `lost`. *wanted_out: what is wanted of it now. ERR_REJECT: somebody else
 * has it.
 */
int replay_store_note(
	struct replay_store *s, const struct replay *r, enum replay_state *wanted_out, struct err *err);
/* This process feeds it no more. `done`: there is nothing left of it. `why` NULL: all went well. */
int replay_store_leave(
	struct replay_store *s, const struct replay *r, bool done, const char *why, struct err *err);

#endif
