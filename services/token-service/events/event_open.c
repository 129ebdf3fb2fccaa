#include "services/token-service/events/event_open.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/message.h"

#include <string.h>

#include "common/base/banned.h"

static const struct json_limits limits = {.max_bytes = 2 * MESSAGE_MAX_BYTES, .max_depth = 32};

int event_parse(
	const void *json, size_t len, const char *component_appid, struct json **fields_out, struct err *err)
{
	struct json *fields = NULL;
	const char *appid;
	struct err why;

	if (json_parse(json, len, &limits, &fields, &why) < 0)
		return err_set(
			err, ERR_REJECT, EVENT_MALFORMED, "no JSON"); /* its text could quote the event */
	appid = json_get_str(fields, "AppId");
	if (json_kind(fields) != JSON_OBJECT || !json_get_str(fields, "InfoType") ||
		(appid && strcmp(appid, component_appid) != 0)) {
		json_free(&fields);
		return err_set(
			err, ERR_REJECT, EVENT_MALFORMED, "no object with an InfoType and the right AppId");
	}
	*fields_out = fields;
	return 0;
}

int event_open(const struct event_private_keys *keys, const char *component_appid, const char *event_id,
	const void *sealed, size_t len, struct json **fields_out, struct err *err)
{
	struct buf plain = BUF_INIT(2 * MESSAGE_MAX_BYTES);
	int rc;

	rc = crypto_box_open((const uint8_t(*)[32])keys->list, keys->n, event_id, strlen(event_id), sealed,
		len, &plain, err);
	if (rc < 0)
		err->code = EVENT_BAD_SEAL;
	else
		rc = event_parse(plain.data, plain.len, component_appid, fields_out, err);
	buf_wipe_release(&plain);
	return rc;
}

const char *event_field(const struct json *fields, const char *name, const char *other_name)
{
	const char *value = json_get_str(fields, name);

	if ((!value || !value[0]) && other_name)
		value = json_get_str(fields, other_name);
	return value ? value : "";
}

int64_t event_create_time_s(const struct json *fields)
{
	const struct json *value = json_get(fields, "CreateTime");
	int64_t seconds = 0;

	if (json_kind(value) == JSON_STRING) /* a JSON push keeps its types */
		(void)str_to_int64(json_str(value), json_str_len(value), 0, INT32_MAX * 4LL, &seconds);
	else if (json_int(value, &seconds) < 0 || seconds < 0)
		seconds = 0;
	return seconds;
}
