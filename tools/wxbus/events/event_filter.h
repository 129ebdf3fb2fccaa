#ifndef TOOLS_WXBUS_EVENTS_EVENT_FILTER_H
#define TOOLS_WXBUS_EVENTS_EVENT_FILTER_H

#include "common/kafka/record.h"
#include "proto/envelope.h"

#include <stdbool.h>
#include <stdint.h>

/* Which events an operator asks for. NULL and 0: whatever it is. */
struct event_filter {
	const char *component_appid, *appid, *openid;
	const char *type;           /* ce_type, or its beginning with '*' at the end */
	int64_t since_ms, until_ms; /* received; until is not included */
};

bool event_wanted(const struct event_filter *f, const struct kafka_record *r, const struct envelope *e);

/* Is `text` what is wanted, or does it begin with it, where it has '*' at its end? NULL: whatever it is. */
bool event_text_fits(const char *wanted, const char *text);

/* A moment: "2026-12-31T20:00:00+08:00", or how long ago: "90s", "15m", "2h", "7d". False: neither. */
bool event_time(const char *text, int64_t now_ms, int64_t *ms_out);

#endif
