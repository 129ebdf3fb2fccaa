#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

#include "common/base/err.h"
#include "common/json/json.h"
#include "proto/platforms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strict reading of the JSON records that our processes and their callers write: a field of the wrong type,
 * length or value is ERR_REJECT, and the error names it, never its value. Names that are not asked for are
 * passed over, so that a newer writer does not stop an older reader. Outputs are not touched on failure. */

#define FIELDS_MAX_BYTES (1024 * 1024) /* Kafka's own default for a record */

/* The record's value, which must be an object. */
int fields_parse(const void *value, size_t len, struct json **out, struct err *err);

/* A string of at most max bytes, copied; the caller frees it. Empty is allowed. */
int fields_str(const struct json *o, const char *key, size_t max, char **out, struct err *err);
int fields_str_or_null(
	const struct json *o, const char *key, size_t max, char **out, struct err *err); /* NULL */

/* `or_null`: null, absent and "" are allowed and give "". */
int fields_appid(
	const struct json *o, const char *key, bool or_null, char out[APPID_MAX + 1], struct err *err);

int fields_int(
	const struct json *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *err);
int fields_bool(const struct json *o, const char *key, bool *out, struct err *err);

/* RFC 3339, of the years 1970 to 9999: what we can write again. */
#define TIME_MAX_MS INT64_C(253402300799999)
int fields_time(const struct json *o, const char *key, int64_t *ms_out, struct err *err);

/* One of n names; *out is its place. `says` lists them for the error: "live or test". */
int fields_choice(const struct json *o, const char *key, const char *const *names, size_t n, const char *says,
	int *out, struct err *err);

/* An object, borrowed; NULL for null and absent. */
int fields_object_or_null(const struct json *o, const char *key, const struct json **out, struct err *err);

void fields_set_time(struct json *o, const char *key, int64_t ms);

#endif
