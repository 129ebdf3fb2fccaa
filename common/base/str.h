#ifndef COMMON_BASE_STR_H
#define COMMON_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of somebody else's bytes; not NUL-terminated. */
struct str {
	const char *p;
	size_t len;
};

#define STR_LIT(s) ((struct str){(s), sizeof(s) - 1})

struct str str_of(const char *s); /* NULL: empty */
bool str_eq(struct str a, struct str b);
bool str_eq_cstr(struct str a, const char *b);
bool str_starts_with(const char *s, const char *prefix);
struct str str_trim(struct str s); /* white space as XML means it: space, tab, CR, LF */

/* Copy into a fixed field, always NUL-terminated. -1: too long (dst is then ""). */
int str_copy(char *dst, size_t size, const char *src);
int str_ncopy(char *dst, size_t size, const char *src, size_t n);

void str_lower_ascii(char *s);

/* Whole-string decimal number within [min, max]. -1: anything else (empty, sign where min >= 0, blanks,
 * tail). */
int str_to_int64(const char *s, size_t len, int64_t min, int64_t max, int64_t *out);

bool str_is_utf8(const char *s, size_t len); /* strict: no surrogates, no overlong forms */

/* Bytes of the UTF-8 character at s (1 to 4), by the same rules; 0: none there. cp_out may be NULL. */
size_t str_utf8_char(const char *s, size_t len, uint32_t *cp_out);

/* "lower-case hex"; out has 2 * n + 1 bytes. */
void str_hex(const void *bytes, size_t n, char *out);

#endif
