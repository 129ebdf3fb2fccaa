#ifndef TOOLS_WXBUS_LETTERS_LETTER_H
#define TOOLS_WXBUS_LETTERS_LETTER_H

#include "common/base/arena.h"
#include "common/json/json.h"
#include "proto/envelope.h"
#include "proto/origin.h"
#include "tools/wxbus/events/event_filter.h"

/* A dead letter: an event that a group of businesses gave up, with why. Its record's timestamp is when. */
struct letter {
	struct kafka_record record; /* as it lies on <group>.dead-letter */
	struct envelope envelope;   /* of what is no event, all is "" or 0 */
	struct origin origin;
	const char *error_class, *reason, *version; /* of the handler; "" where absent */
	int redrives;                               /* how often it was handled again already */
};

/* Borrows the record; strings are in the arena. */
void letter_read(const struct kafka_record *r, struct arena *arena, struct letter *out);
/* The same with a copy of the record in the arena. */
void letter_copy(const struct letter *l, struct arena *arena, struct letter *out);
size_t letter_bytes(const struct letter *l); /* what a copy takes, about */

/* Where a letter lies: what "3/17", the 17th offset of partition 3, says. */
struct letter_place {
	int32_t partition;
	int64_t offset;
};
bool letter_place_parse(const char *text, struct letter_place *out);

#define LETTER_PLACES_MAX 200
struct letter_filter {
	struct event_filter event; /* its times are those at which letters died */
	const char *error_class;
	const char *reason;                            /* or its beginning with '*' at the end */
	struct letter_place places[LETTER_PLACES_MAX]; /* these only; none: whichever */
	size_t n_places;
};
bool letter_wanted(const struct letter_filter *f, const struct letter *l);

/* The value of ORIGIN_LETTER: partition/offset/timestamp. */
#define LETTER_NAME_SIZE 64
void letter_name(const struct kafka_record *r, char out[LETTER_NAME_SIZE]);

/* The record with which the letter is handled once more: the original event for `topic`, its attempts counted
 * anew, its run and origin kept, its redrives one more. Borrows the letter; the rest is in the arena. */
void letter_redriven(const struct letter *l, const char *topic, int64_t now_ms, struct arena *arena,
	struct kafka_record *out);

/* As an operator sees it; the caller's. The fan is masked unless `reveal`; `fields`: Weixin's, too, masked
 * likewise. */
struct json *letter_json(const struct letter *l, bool reveal, bool fields);

#endif
