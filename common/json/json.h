#ifndef COMMON_JSON_JSON_H
#define COMMON_JSON_JSON_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* JSON values (json-c behind it, seen by nobody else). A value is owned by whoever made or parsed it until it
 * is put into a parent, which takes it over. One thread at a time per tree. Getters accept NULL and answer
 * "absent". Numbers keep their text (a 64-bit MsgId or 1.10 survives unchanged through parse and write). */
struct json;

enum json_kind {
	JSON_ABSENT,
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,
	JSON_DOUBLE,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_limits {
	size_t max_bytes;
	int max_depth;  /* at most 32 */
	int max_values; /* of any kind, containers too: each costs memory, an empty object most; 0: no limit
			   of its own */
};

/* Strict JSON (RFC 8259), valid UTF-8, one value, no trailing bytes, no NUL in strings, no key twice in one
 * object. An escaped half of a surrogate pair (a text cut within an emoji) becomes U+FFFD. A number that no
 * 64-bit integer holds is a JSON_DOUBLE. ERR_REJECT says what and where, and quotes nothing of the input;
 * err.code is the byte's number, from 0 (and 0 if the bytes are too many or not UTF-8). */
int json_parse(
	const void *bytes, size_t len, const struct json_limits *limits, struct json **out, struct err *err);
void json_free(struct json **j);

/* Texts are UTF-8. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *s);
struct json *json_new_string_len(const char *s, size_t len);
struct json *json_new_int(int64_t v);
struct json *json_new_bool(bool v);
struct json *json_new_null(void);
struct json *json_copy(const struct json *j); /* deep */

enum json_kind json_kind(const struct json *j); /* NULL pointer: JSON_ABSENT */
/* Borrowed from the tree; NULL when absent (or j is no object). */
const struct json *json_get(const struct json *j, const char *key);
struct json *json_get_mutable(struct json *j, const char *key);
const char *json_str(const struct json *j); /* NULL unless a string */
size_t json_str_len(const struct json *j);  /* bytes; 0 unless a string */
int json_int(const struct json *j,
	int64_t *out); /* -1 unless a whole number in range (1e3 is one); a string is not a number */
bool json_bool(const struct json *j, bool fallback);
const char *json_get_str(const struct json *j, const char *key); /* NULL unless a string */
int json_get_int(const struct json *j, const char *key, int64_t *out);
bool json_get_bool(const struct json *j, const char *key, bool fallback);

size_t json_len(const struct json *j); /* of an array or object; 0 otherwise */
const struct json *json_at(const struct json *j, size_t i);

/* Members in their order. `*it` starts at zero and is opaque after that; the object must not change
 * meanwhile. False at the end. */
bool json_next(const struct json *object, size_t *it, const char **key_out, const struct json **value_out);

void json_set(struct json *object, const char *key, struct json *value); /* takes value over; replaces */
void json_set_str(struct json *object, const char *key, const char *s);  /* NULL becomes null */
void json_set_int(struct json *object, const char *key, int64_t v);
void json_set_bool(struct json *object, const char *key, bool v);
void json_del(struct json *object, const char *key);
void json_push(struct json *array, struct json *value); /* takes value over */

/* Compact, members in order, "/" not escaped, UTF-8 as it is. */
void json_write(const struct json *j, struct buf *out);

#endif
