#include "tools/wxbus/events/event_mask.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define SHOWN_END 4 /* characters of an openid */

static const char *const harmless[] = {"AppId", "AuthorizerAppid", "CardId", "Count", "CreateTime",
	"ErrorCode", "ErrorCount", "ErrorStatus", "Event", "EventKey", "FilterCount", "Format", "Idx",
	"InfoType", "MenuId", "MsgDataId", "MsgID", "MsgId", "MsgType", "PopupScene", "ScanType", "SentCount",
	"Status", "SubscribeStatusString", "TemplateId", "ToUserName", "TotalCount", "added", "appid",
	"apply_status", "before", "beian_status", "component_appid", "errcode", "expired", "func_ids",
	"publish_id", "publish_status", "removed", "ret", "ret_code", "state", "status", "task_status",
	"version"};

static bool is_harmless(const char *name, const struct json *value)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (strcmp(harmless[i], name) == 0)
			/* A menu's link: its query may say anything. */
			return !json_str(value) || !strstr(json_str(value), "://");
	return false;
}

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static struct json *hidden(const struct json *value)
{
	char text[32] = "***";

	if (json_str(value) && json_str_len(value) == 0)
		return json_new_string("");
	if (json_str(value))
		(void)snprintf(text, sizeof(text), "*** (%zu)", characters(json_str(value)));
	return json_new_string(text);
}

/* `name`: of the member, or of the array that it is in. */
static struct json *masked(const char *name, const struct json *value)
{
	const struct json *member;
	struct json *out;
	const char *key;
	size_t it = 0;

	switch (json_kind(value)) {
	case JSON_OBJECT:
		out = json_new_object();
		while (json_next(value, &it, &key, &member))
			json_set(out, key, masked(key, member));
		return out;
	case JSON_ARRAY:
		out = json_new_array();
		for (size_t i = 0; i < json_len(value); i++)
			json_push(out, masked(name, json_at(value, i)));
		return out;
	case JSON_NULL:
		return json_new_null();
	default:
		return is_harmless(name, value) ? json_copy(value) : hidden(value);
	}
}

struct json *event_masked(const struct json *fields)
{
	return masked("", fields);
}

void event_mask_openid(const char *openid, char out[EVENT_OPENID_SHOWN])
{
	size_t len = strlen(openid);
	const char *end = len >= 4 * SHOWN_END ? openid + len - SHOWN_END : "";

	(void)snprintf(out, EVENT_OPENID_SHOWN, "%s%s", len ? "***" : "", end);
}
