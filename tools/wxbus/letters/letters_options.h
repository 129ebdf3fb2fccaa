#ifndef TOOLS_WXBUS_LETTERS_LETTERS_OPTIONS_H
#define TOOLS_WXBUS_LETTERS_LETTERS_OPTIONS_H

#include "tools/wxbus/decision.h"
#include "tools/wxbus/letters/letter.h"

#include <argp.h>

#define LETTERS_LIMIT_MAX 1000000

/* The command lines of `wxbus dead-letters`. Strings are borrowed from it. */
struct letters_options {
	struct decision decision; /* of list and show, the group alone */
	struct letter_filter filter;
	size_t limit;
	bool all, json, summary, reveal; /* list, show */
	bool dry_run, force;
	int max_redrives;
	int64_t now_ms;
};

extern const struct argp_option letters_list_options[], letters_show_options[], letters_redrive_options[],
	letters_drop_options[];

/* An argp parser whose input is a struct letters_options with its presets and now_ms. */
error_t letters_parse(int key, char *arg, struct argp_state *state);

#endif
