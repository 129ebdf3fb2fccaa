#ifndef SERVICES_BUSINESS_AUTO_REPLY_PLACE_H
#define SERVICES_BUSINESS_AUTO_REPLY_PLACE_H

#include "common/base/err.h"

#include <stddef.h>

/* Where a reader of a JSON text is, so that what it refuses can be found by the person who wrote it: a path
 * ("rules[3].active[0].from"), and the line and column at which it stands in the file. */
#define PLACE_DEPTH_MAX 12

struct place_step {
	const char *key; /* NULL: an element of an array */
	size_t index;
};

struct place {
	const char *text; /* borrowed; valid JSON wherever a path is asked for */
	size_t len;
	size_t first_line; /* the text's own within its file, from 1 */
	struct place_step steps[PLACE_DEPTH_MAX];
	size_t depth;
};

void place_enter(struct place *p, const char *key); /* the key is borrowed */
void place_enter_at(struct place *p, size_t index);
void place_leave(struct place *p);

/* ERR_REJECT, "line 12, column 7, rules[3].name: <what>". Columns count characters. Returns -1. */
int place_refuse(const struct place *p, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* After json_parse() failed on the text: its "... at byte 17" becomes "line 1, column 18: ...". Returns -1.
 */
int place_refuse_syntax(const struct place *p, struct err *err);

#endif
