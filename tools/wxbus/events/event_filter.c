#include "tools/wxbus/events/event_filter.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

static bool is(const char *wanted, const char *value)
{
	return !wanted || (value && strcmp(wanted, value) == 0);
}

bool event_text_fits(const char *wanted, const char *text)
{
	size_t len = wanted ? strlen(wanted) : 0;

	if (len > 0 && wanted[len - 1] == '*')
		return strncmp(wanted, text, len - 1) == 0;
	return is(wanted, text);
}

bool event_wanted(const struct event_filter *f, const struct kafka_record *r, const struct envelope *e)
{
	return (!f->since_ms || r->timestamp_ms >= f->since_ms) &&
	       (!f->until_ms || r->timestamp_ms < f->until_ms) &&
	       is(f->component_appid, e->component_appid) && is(f->appid, e->appid) &&
	       is(f->openid, e->subject) && event_text_fits(f->type, e->type);
}

bool event_time(const char *text, int64_t now_ms, int64_t *ms_out)
{
	static const char letters[] = "smhd";
	static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
	size_t len = strlen(text);
	const char *unit = len > 1 ? strchr(letters, text[len - 1]) : NULL;
	int64_t n;

	if (unit && str_to_int64(text, len - 1, 0, 100000, &n) == 0) {
		*ms_out = now_ms - n * unit_ms[unit - letters];
		return *ms_out > 0;
	}
	return clock_rfc3339_parse(text, ms_out) == 0 && *ms_out > 0;
}
