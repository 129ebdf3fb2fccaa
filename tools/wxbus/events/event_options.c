#include "tools/wxbus/events/event_options.h"

#include "common/base/banned.h"

static int64_t take_time(struct argp_state *state, const char *option, const char *text, int64_t now_ms)
{
	int64_t ms = 0;

	if (!event_time(text, now_ms, &ms))
		argp_error(state, "%s takes a time as 2026-12-31T20:00:00+08:00, or as 90s, 15m, 2h, 7d ago",
			option);
	return ms;
}

error_t event_option_parse(
	int key, char *arg, struct argp_state *state, struct event_filter *f, int64_t now_ms)
{
	switch (key) {
	case 'a':
		f->appid = arg;
		return 0;
	case 'c':
		f->component_appid = arg;
		return 0;
	case 't':
		f->type = arg;
		return 0;
	case 'o':
		f->openid = arg;
		return 0;
	case EVENT_OPT_SINCE:
		f->since_ms = take_time(state, "--since", arg, now_ms);
		return 0;
	case EVENT_OPT_UNTIL:
		f->until_ms = take_time(state, "--until", arg, now_ms);
		return 0;
	case ARGP_KEY_END:
		if (f->since_ms && f->until_ms && f->until_ms <= f->since_ms)
			argp_error(state, "--until is not after --since");
		return ARGP_ERR_UNKNOWN;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}
