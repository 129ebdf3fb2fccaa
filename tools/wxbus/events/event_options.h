#ifndef TOOLS_WXBUS_EVENTS_EVENT_OPTIONS_H
#define TOOLS_WXBUS_EVENTS_EVENT_OPTIONS_H

#include "tools/wxbus/events/event_filter.h"

#include <argp.h>

/* The options by which commands choose events; the rest of a command's keys stay below 1000 or above. */
enum { EVENT_OPT_SINCE = 1000, EVENT_OPT_UNTIL };

/* Rows of an argp table; happened: "Received", "Given up". */
/* clang-format off */
#define EVENT_OPTIONS(happened) \
	{"account", 'a', "APPID", 0, "Of this account only", 0}, \
	{"component", 'c', "APPID", 0, "Of this platform only", 0}, \
	{"type", 't', "TYPE", 0, "Of this type only; '*' at the end stands for any tail: 'weixin.event.*'", 0}, \
	{"openid", 'o', "OPENID", 0, "Of this fan only", 0}, \
	{"since", EVENT_OPT_SINCE, "TIME", 0, \
		happened " from then on: 2026-12-31T20:00:00+08:00, or how long ago: 90s, 15m, 2h, 7d", 0}, \
	{"until", EVENT_OPT_UNTIL, "TIME", 0, happened " before then", 0}
/* clang-format on */

/* Take one of them into the filter; strings are borrowed. ARGP_ERR_UNKNOWN: it is none of them. At the end of
 * the command line (ARGP_KEY_END), which stays unknown: argp_error() unless the times are in their order. */
error_t event_option_parse(
	int key, char *arg, struct argp_state *state, struct event_filter *f, int64_t now_ms);

#endif
