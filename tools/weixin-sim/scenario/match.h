#ifndef WEIXIN_SIM_SCENARIO_MATCH_H
#define WEIXIN_SIM_SCENARIO_MATCH_H

#include "common/base/buf.h"
#include "common/json/json.h"

#include <stdbool.h>

/* What a scenario says of values: which part of an answer it expects, and what its variables stand for. */

/* Whether `actual` is as expected: an object has at least the expected members, an array as many values,
 * anything else is equal. An object with one of these members alone stands for more than one value:
 * {"$contains":"text"}, {"$at_least":N}, {"$at_most":N}, {"$any":true} (there, whatever it is). False: `why`
 * (empty) says where and how it differs. */
bool match(const struct json *expected, const struct json *actual, struct buf *why);

/* The first member of `expected` that begins with "$" and is none of these: nothing could ever match it, and
 * who expects that nothing does would not notice. NULL: none. `expected` may still have its "${name}". */
const char *match_flaw(const struct json *expected);

/* The value at "a.b.0"; NULL: there is none. "" is `j` itself. */
const struct json *match_at(const struct json *j, const char *path);

/* A copy of `j` in which "${name}" in each text is what the member of `variables` is: of its own kind where
 * it is the whole text, else as text. The caller frees. A name that is no member stays as it is. */
struct json *match_fill(const struct json *j, const struct json *variables);

/* Calls `found` with each name that the texts of `j` ask for; ends with the first -1. */
int match_names(const struct json *j, int (*found)(const char *name, void *arg), void *arg);

#endif
