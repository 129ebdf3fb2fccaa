#ifndef COMMON_BASE_COMMAND_H
#define COMMON_BASE_COMMAND_H

#include "common/base/conf.h"
#include "common/base/err.h"

#include <argp.h>
#include <stddef.h>

/* The shell of commands: words from a table, options by argp, settings by the environment, one --help for
 * both. The program sets argp_program_version. */
struct command {
	const char *first;  /* "callers" */
	const char *second; /* "add"; NULL: the command is one word */
	const char *summary;
	int (*run)(int argc,
		char **argv); /* argv[0] is the program as the help should name it; the exit status */
};

/* Exit statuses: 0, 1 for a failure, COMMAND_USAGE for a wrong command line or setting. */
#define COMMAND_USAGE 2

/* Run the one that argv[1] (and [2]) name; --help, also after the first word of several; --version; otherwise
 * the list of them, or of those that begin with this word. The exit status. `program` is how the help names
 * it, `summary` one sentence. */
int commands_main(const char *program, const char *summary, const struct command *table, size_t n, int argc,
	char **argv);

/* Parse `argv` with `argp` into `input`, and load `items` into `settings` (conf_size bytes, zeroed here;
 * released with conf_release()). --help prints the settings after the options. An argp without
 * args_doc takes no words. Exits by itself on --help,
 * --version and a wrong command line. 0, or COMMAND_USAGE after a line on standard error. */
int command_parse(const struct argp *argp, int argc, char **argv, void *input, const struct conf_item *items,
	size_t n_items, void *settings, size_t conf_size);

/* "<program>: <text>" on standard error; 1. */
int command_failed(const struct err *err);

/* Whole number from an option's argument within [min, max], else argp_error(), which exits. */
int command_number(const struct argp_state *state, const char *option, const char *text, int min, int max);

#endif
