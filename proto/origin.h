#ifndef PROTO_ORIGIN_H
#define PROTO_ORIGIN_H

#include "common/base/arena.h"
#include "common/kafka/record.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a record that was handed over (to a retry topic, the dead letters, a replay) came from: headers
 * beside the original ones, kept over every further hand-over. The record's timestamp on its new topic is the
 * time of the hand-over, because topics count "kept" from it; ce_receivedtime stays what it was. */
#define ORIGIN_TOPIC     "wxbus-origin-topic" /* whole, with the prefix */
#define ORIGIN_PARTITION "wxbus-origin-partition"
#define ORIGIN_OFFSET    "wxbus-origin-offset"
#define ORIGIN_TIME      "wxbus-origin-time"     /* the original's timestamp, RFC 3339 */
#define ORIGIN_ATTEMPTS  "wxbus-attempts"        /* handlings that failed, all told */
#define ORIGIN_FIRST     "wxbus-first-failed-at" /* RFC 3339; the times below too */
#define ORIGIN_DUE       "wxbus-due-at"          /* retry: not to be handled before */
#define ORIGIN_DEAD      "wxbus-dead-at"         /* dead letter */
#define ORIGIN_REASON    "wxbus-reason"          /* of the last failure: one line, no secret */
#define ORIGIN_CLASS     "wxbus-error-class"     /* one word: retry, reject, uncertain, malformed, ... */
#define ORIGIN_VERSION   "wxbus-handler-version"
#define ORIGIN_RUN       "wxbus-run" /* of a replay that handles events once more: part of their identity */
#define ORIGIN_EFFECTS   "wxbus-effects" /* "off": replies and calls are left out */
#define ORIGIN_REPLAY                                                                                        \
	"wxbus-replay" /* which replay wrote it, in either mode; kept over further hand-overs                \
			*/
#define ORIGIN_ANSWERED                                                                                      \
	"wxbus-answered" /* a handler that failed later has replied, in this run: not again                  \
			  */
/* Of a dead letter that `wxbus dead-letters redrive` had handled again; kept over further hand-overs. */
#define ORIGIN_REDRIVES "wxbus-redrives" /* how often so far */
#define ORIGIN_LETTER   "wxbus-letter" /* which letter the last redrive was of: partition/offset/timestamp */

struct origin {
	bool handed_over; /* it comes from a topic of the group's own */
	const char *topic;
	const char *partition, *offset; /* decimal */
	int64_t time_ms;
	int attempts;
	int64_t first_failed_ms; /* 0: none yet */
	int64_t due_ms;          /* 0: now */
	const char *run;         /* "": live */
	bool effects;
	bool answered;
	bool again; /* origin_again() */
};

/* Strings are in the arena. A record without these headers is its own origin. */
void origin_read(const struct kafka_record *r, struct arena *arena, struct origin *out);
int64_t origin_due_ms(const struct kafka_record *r);
/* An operator has it handled once more: a replay has written it, or the redrive of a dead letter; or it is a
 * retry of such. */
bool origin_again(const struct kafka_record *r);

/* What becomes of it now. */
struct handover {
	const char *reason, *error_class, *version;
	int attempts;
	int64_t now_ms;
	int64_t due_ms; /* 0: a dead letter */
	bool answered;  /* the origin's counts too */
};

/* The record's headers with these: `out` has room for r->n_headers + ORIGIN_HEADERS_MAX. Returns how many. */
#define ORIGIN_HEADERS_MAX 14
size_t origin_write(const struct kafka_record *r, const struct origin *o, const struct handover *h,
	struct arena *arena, struct kafka_header *out);

/* What a replay says of itself on each record. */
struct origin_replay {
	const char *id;
	bool redo;    /* handled once more, in a run of the replay's own; otherwise only where it never was */
	bool effects; /* replies and calls are not left out */
};

/* The headers with which a replay hands `r`, a record of the stream, over to one group: `out` has room for
 * r->n_headers + ORIGIN_REPLAY_HEADERS_MAX. Returns how many. Strings are in the arena. */
#define ORIGIN_REPLAY_HEADERS_MAX 7
size_t origin_write_replay(const struct kafka_record *r, const struct origin_replay *of, struct arena *arena,
	struct kafka_header *out);

#endif
