#include "proto/fields.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define DEPTH_MAX 32

int fields_parse(const void *value, size_t len, struct json **out, struct err *err)
{
	static const struct json_limits limits = {.max_bytes = FIELDS_MAX_BYTES, .max_depth = DEPTH_MAX};
	struct json *j = NULL;
	int rc;

	if ((rc = json_parse(value, len, &limits, &j, err)) < 0)
		return rc;
	if (json_kind(j) != JSON_OBJECT) {
		json_free(&j);
		return err_set(err, ERR_REJECT, 0, "the value is not an object");
	}
	*out = j;
	return 0;
}

static bool null_or_absent(const struct json *j)
{
	return json_kind(j) == JSON_ABSENT || json_kind(j) == JSON_NULL;
}

int fields_str(const struct json *o, const char *key, size_t max, char **out, struct err *err)
{
	const struct json *j = json_get(o, key);

	if (json_kind(j) != JSON_STRING || json_str_len(j) > max)
		return err_set(err, ERR_REJECT, 0, "%s must be a string of at most %zu bytes", key, max);
	*out = xmemdup(json_str(j), json_str_len(j));
	return 0;
}

int fields_str_or_null(const struct json *o, const char *key, size_t max, char **out, struct err *err)
{
	if (!null_or_absent(json_get(o, key)))
		return fields_str(o, key, max, out, err);
	*out = NULL;
	return 0;
}

int fields_appid(
	const struct json *o, const char *key, bool or_null, char out[APPID_MAX + 1], struct err *err)
{
	const struct json *j = json_get(o, key);
	size_t len = json_str_len(j);

	if (or_null && (null_or_absent(j) || (json_kind(j) == JSON_STRING && len == 0))) {
		out[0] = '\0';
		return 0;
	}
	if (!appid_ok(json_str(j), len))
		return err_set(err, ERR_REJECT, 0, "%s must be an appid", key);
	return str_ncopy(out, APPID_MAX + 1, json_str(j), len);
}

int fields_int(const struct json *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *err)
{
	int64_t v;

	if (json_get_int(o, key, &v) < 0 || v < min || v > max)
		return err_set(err, ERR_REJECT, 0, "%s must be a whole number from %lld to %lld", key,
			(long long)min, (long long)max);
	*out = v;
	return 0;
}

int fields_bool(const struct json *o, const char *key, bool *out, struct err *err)
{
	const struct json *j = json_get(o, key);

	if (json_kind(j) != JSON_BOOL)
		return err_set(err, ERR_REJECT, 0, "%s must be true or false", key);
	*out = json_bool(j, false);
	return 0;
}

int fields_time(const struct json *o, const char *key, int64_t *ms_out, struct err *err)
{
	const char *text = json_get_str(o, key);
	int64_t ms;

	if (!text || clock_rfc3339_parse(text, &ms) < 0 || ms < 0 || ms > TIME_MAX_MS)
		return err_set(
			err, ERR_REJECT, 0, "%s must be a time, as in \"2026-11-20T08:15:30.125Z\"", key);
	*ms_out = ms;
	return 0;
}

int fields_choice(const struct json *o, const char *key, const char *const *names, size_t n, const char *says,
	int *out, struct err *err)
{
	const char *text = json_get_str(o, key);
	size_t i;

	for (i = 0; text && i < n; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (int)i;
			return 0;
		}
	}
	return err_set(err, ERR_REJECT, 0, "%s must be %s", key, says);
}

int fields_object_or_null(const struct json *o, const char *key, const struct json **out, struct err *err)
{
	const struct json *j = json_get(o, key);

	if (!null_or_absent(j) && json_kind(j) != JSON_OBJECT)
		return err_set(err, ERR_REJECT, 0, "%s must be an object or null", key);
	*out = json_kind(j) == JSON_OBJECT ? j : NULL;
	return 0;
}

void fields_set_time(struct json *o, const char *key, int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];

	clock_rfc3339(ms, text);
	json_set_str(o, key, text);
}
