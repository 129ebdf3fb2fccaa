#include "tools/wxbus/letters/letters_options.h"

#include "tools/wxbus/events/event_options.h"

#include "common/base/banned.h"

enum {
	OPT_LIMIT = 'n',
	OPT_CLASS = 256,
	OPT_REASON,
	OPT_ALL,
	OPT_SUMMARY,
	OPT_REVEAL,
	OPT_JSON,
	OPT_DRY_RUN,
	OPT_FORCE,
	OPT_MAX_REDRIVES
};

/* clang-format off */
#define FILTER_OPTIONS \
	EVENT_OPTIONS("Given up"), \
	{"class", OPT_CLASS, "CLASS", 0, "Of this error class only: retry, reject, malformed, ...", 0}, \
	{"reason", OPT_REASON, "TEXT", 0, "With this reason only; '*' at the end stands for any tail", 0}, \
	{"limit", OPT_LIMIT, "N", 0, "The oldest so many (10000)", 0}, \
	{"json", OPT_JSON, NULL, 0, "JSON objects, one a line", 0}

#define DECISION_OPTIONS \
	{"dry-run", OPT_DRY_RUN, NULL, 0, "Only tell how many it would be, and why they were given up", 0}, \
	{"force", OPT_FORCE, NULL, 0, "Those too that were redriven too often, or of which nobody knows", 0}, \
	DECISION_BY, \
	DECISION_NOTE

const struct argp_option letters_list_options[] = {
	FILTER_OPTIONS,
	{"all", OPT_ALL, NULL, 0, "Those too that were redriven or dropped", 0},
	{"summary", OPT_SUMMARY, NULL, 0, "Only how many there are of each reason", 0},
	{"reveal", OPT_REVEAL, NULL, 0, "Show who the fans are", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option letters_show_options[] = {
	{"reveal", OPT_REVEAL, NULL, 0, "Show personal fields too: who it was, what he said, where he is", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option letters_redrive_options[] = {
	FILTER_OPTIONS,
	DECISION_OPTIONS,
	DECISION_RATE,
	{"max-redrives", OPT_MAX_REDRIVES, "N", 0, "Leave those that were redriven so often already (3)", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

const struct argp_option letters_drop_options[] = {
	FILTER_OPTIONS,
	DECISION_OPTIONS,
	{NULL, 0, NULL, 0, NULL, 0},
};
/* clang-format on */

static void take_word(struct argp_state *state, struct letters_options *o, const char *word)
{
	struct letter_filter *f = &o->filter;

	if (!o->decision.group) {
		decision_take_group(state, word, &o->decision);
	} else if (f->n_places == LETTER_PLACES_MAX) {
		argp_error(state, "more than %d letters by name: say which by a filter", LETTER_PLACES_MAX);
	} else if (!letter_place_parse(word, &f->places[f->n_places++])) {
		argp_error(state, "'%s' is no letter, as `list` names them: 3/17", word);
	}
}

static error_t parse_filter(int key, char *arg, struct argp_state *state)
{
	struct letters_options *o = state->input;

	switch (key) {
	case OPT_CLASS:
		o->filter.error_class = arg;
		return 0;
	case OPT_REASON:
		o->filter.reason = arg;
		return 0;
	case OPT_LIMIT:
		o->limit = (size_t)command_number(state, "--limit", arg, 1, LETTERS_LIMIT_MAX);
		return 0;
	default:
		return event_option_parse(key, arg, state, &o->filter.event, o->now_ms);
	}
}

static error_t parse_rest(int key, char *arg, struct argp_state *state)
{
	struct letters_options *o = state->input;

	switch (key) {
	case OPT_ALL:
		o->all = true;
		return 0;
	case OPT_SUMMARY:
		o->summary = true;
		return 0;
	case OPT_REVEAL:
		o->reveal = true;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_DRY_RUN:
		o->dry_run = true;
		return 0;
	case OPT_FORCE:
		o->force = true;
		return 0;
	case OPT_MAX_REDRIVES:
		o->max_redrives = command_number(state, "--max-redrives", arg, 1, 1000);
		return 0;
	case ARGP_KEY_ARG:
		take_word(state, o, arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->decision.group)
			argp_error(state, "which GROUP's letters?");
		return 0;
	default:
		return decision_option_parse(key, arg, state, &o->decision);
	}
}

error_t letters_parse(int key, char *arg, struct argp_state *state)
{
	error_t rc = parse_filter(key, arg, state);

	return rc == ARGP_ERR_UNKNOWN ? parse_rest(key, arg, state) : rc;
}
