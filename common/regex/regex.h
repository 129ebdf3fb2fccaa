#ifndef COMMON_REGEX_REGEX_H
#define COMMON_REGEX_REGEX_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Regular expressions that people of no concern to us have written (PCRE2 behind it, seen by nobody else):
 * Perl's syntax (https://www.pcre.org/current/doc/html/pcre2pattern.html) on UTF-8, \w and \b by Unicode. A
 * search has limits on its steps, its depth and its memory, so that an expression which would backtrack for
 * hours is given up within milliseconds. */
struct regex;

#define REGEX_PATTERN_MAX 512 /* bytes */

/* ERR_REJECT: not an expression, or one that is too large once compiled; the text says what and at which
 * character (counted from 1), and quotes nothing. */
int regex_new(struct regex **out, const char *pattern, bool ignore_case, struct err *err);
void regex_free(struct regex **r);

enum regex_result { REGEX_NOT_FOUND, REGEX_FOUND, REGEX_GAVE_UP };

/* Is there a match anywhere in `text` (UTF-8)? What it takes is subtracted from *steps; out of them it gives
 * up, as it does past the other limits. One budget may serve several searches. Any thread, several at once.
 */
enum regex_result regex_search(const struct regex *r, const char *text, size_t len, uint32_t *steps);

/* A budget for one text: some milliseconds at the worst. */
#define REGEX_STEPS UINT32_C(50000)

#endif
