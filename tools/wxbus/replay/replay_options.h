#ifndef TOOLS_WXBUS_REPLAY_REPLAY_OPTIONS_H
#define TOOLS_WXBUS_REPLAY_REPLAY_OPTIONS_H

#include "tools/wxbus/decision.h"
#include "tools/wxbus/events/event_filter.h"

#include <argp.h>
#include <stdbool.h>

/* The command lines of `wxbus replay`. Strings are borrowed from it. */
struct replay_options {
	struct decision decision;
	const char *id; /* status, pause, resume, cancel */
	struct event_filter filter;
	const char *topic;  /* "messages" or "messages.test" */
	bool missing, redo; /* run: exactly one of them; plan: `missing` or none */
	bool effects, json;
	const char *migrations; /* NULL: beside the program */
	int64_t now_ms;
};

/* Presets, for all of them. */
struct replay_options replay_options_new(void);

extern const struct argp_option replay_plan_options[], replay_run_options[], replay_status_options[],
	replay_feed_options[], replay_want_options[];

/* argp parsers whose input is a struct replay_options. */
error_t replay_plan_parse(int key, char *arg, struct argp_state *state);
error_t replay_run_parse(int key, char *arg, struct argp_state *state); /* refuses what is unscoped */
error_t replay_status_parse(int key, char *arg, struct argp_state *state);
error_t replay_id_parse(int key, char *arg, struct argp_state *state);

#endif
