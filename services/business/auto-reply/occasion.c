#include "services/business/auto-reply/occasion.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define MESSAGE   "weixin.message."
#define NEW_SCENE "qrscene_" /* before the scene of a QR code, for a fan who follows by it */

static const char *str_of_field(const struct json *fields, const char *name)
{
	const char *s = json_get_str(fields, name);

	return s ? s : "";
}

static void of_message(const char *kind, const struct json *fields, struct occasion *out)
{
	if (strcmp(kind, "text") == 0) {
		out->on = ON_KEYWORD;
		out->text = str_of_field(fields, "Content");
	} else if (strcmp(kind, "location") == 0) {
		out->on = ON_LOCATION;
	} else {
		out->on = ON_MEDIA;
		out->text = str_of_field(fields, "MsgType");
	}
}

bool occasion_of(const char *type, const struct json *fields, int64_t at_ms, struct occasion *out)
{
	static const struct {
		const char *type;
		enum rule_on on;
	} events[] = {
		{"weixin.event.subscribe", ON_SUBSCRIBE}, {"weixin.event.scan", ON_SCAN},
		{"weixin.event.click", ON_MENU},
		{"weixin.event.scancode_waitmsg",
			ON_MENU}, /* of a menu too; the fan is shown that it waits */
	};
	struct occasion o = {.text = "", .at_ms = at_ms};

	if (str_starts_with(type, MESSAGE)) {
		of_message(type + strlen(MESSAGE), fields, &o);
		*out = o;
		return true;
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(events[i].type, type) != 0)
			continue;
		o.on = events[i].on;
		o.text = str_of_field(fields, "EventKey");
		if (o.on == ON_SUBSCRIBE && str_starts_with(o.text, NEW_SCENE))
			o.text += strlen(NEW_SCENE);
		*out = o;
		return true;
	}
	return false;
}
