#ifndef TOOLS_WXBUS_DECISION_H
#define TOOLS_WXBUS_DECISION_H

#include "common/base/command.h"
#include "common/kafka/kafka_conf.h"

/* What the commands share by which an operator decides on a group's events, for the record. */
struct decision_settings {
	struct kafka_conf kafka;
	char *database_url;
};
extern const struct conf_item decision_items[];
extern const size_t n_decision_items; /* the last is the database's */

/* Strings are borrowed from the command line. */
struct decision {
	const char *group; /* NULL: it was not named */
	const char *by, *note;
	int rate; /* a second */
};
#define DECISION_PRESETS                                                                                     \
	{                                                                                                    \
		.note = "", .rate = 100                                                                      \
	}

/* Rows of an argp table; the rest of a command's keys stay below 1100 or above. */
enum { DECISION_OPT_BY = 1100, DECISION_OPT_NOTE, DECISION_OPT_RATE };
/* clang-format off */
#define DECISION_BY   {"by", DECISION_OPT_BY, "NAME", 0, "Who decides this, for the record (your user name)", 0}
#define DECISION_NOTE {"note", DECISION_OPT_NOTE, "TEXT", 0, "Why, for the record", 0}
#define DECISION_RATE {"rate", DECISION_OPT_RATE, "N", 0, "So many a second at most (100)", 0}
/* clang-format on */

/* Take one of them. ARGP_ERR_UNKNOWN: it is none of them. */
error_t decision_option_parse(int key, char *arg, struct argp_state *state, struct decision *d);
/* argp_error(), which exits, unless it is a group's name. */
void decision_take_group(struct argp_state *state, const char *word, struct decision *d);

#endif
