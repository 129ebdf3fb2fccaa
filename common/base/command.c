#include "common/base/command.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* The options that every command has, around its own. argp's own --help would fold the table of settings. */
struct shell {
	void *input; /* of the command's parser */
	bool words;  /* the command takes some */
	const struct conf_item *items;
	size_t n_items;
};

enum { OPT_HELP = '?', OPT_VERSION = 'V', OPT_USAGE = 2000 };

static const struct argp_option shell_options[] = {
	{"help", OPT_HELP, NULL, 0, "Give this help", -1},
	{"usage", OPT_USAGE, NULL, 0, "Give a short usage message", -1},
	{"version", OPT_VERSION, NULL, 0, "Print the version", -1},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_shell(int key, char *arg, struct argp_state *state)
{
	const struct shell *shell = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = shell->input;
		return 0;
	case ARGP_KEY_ARG:
		if (shell->words)
			return ARGP_ERR_UNKNOWN;
		argp_error(state, "'%s' is one word too many", arg);
		return 0;
	case OPT_HELP:
		argp_state_help(state, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC);
		(void)puts(
			"\nSettings, from the environment (X_FILE may name a file with the value of any X):");
		conf_help(shell->items, shell->n_items, stdout);
		exit(0);
	case OPT_USAGE:
		argp_state_help(state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
		return 0;
	case OPT_VERSION:
		(void)puts(argp_program_version);
		exit(0);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int command_parse(const struct argp *argp, int argc, char **argv, void *input, const struct conf_item *items,
	size_t n_items, void *settings, size_t conf_size)
{
	const struct argp own = {.options = argp->options, .parser = argp->parser};
	const struct argp_child children[] = {{&own, 0, NULL, 0}, {NULL, 0, NULL, 0}};
	const struct argp whole = {
		.options = shell_options,
		.parser = parse_shell,
		.args_doc = argp->args_doc,
		.doc = argp->doc,
		.children = children,
	};
	struct shell shell = {input, argp->args_doc != NULL, items, n_items};
	struct err err;

	argp_err_exit_status = COMMAND_USAGE;
	if (argp_parse(&whole, argc, argv, ARGP_NO_HELP, NULL, &shell) != 0)
		return COMMAND_USAGE;
	memset(settings, 0, conf_size);
	if (conf_load(items, n_items, settings, &err) == 0)
		return 0;
	(void)command_failed(&err);
	return COMMAND_USAGE;
}

int command_failed(const struct err *err)
{
	(void)fprintf(stderr, "%s: %s\n", program_invocation_short_name, err->text);
	return 1;
}

int command_number(const struct argp_state *state, const char *option, const char *text, int min, int max)
{
	int64_t n;

	if (str_to_int64(text, strlen(text), min, max, &n) < 0)
		argp_error(state, "%s takes a whole number from %d to %d", option, min, max);
	return (int)n;
}

/* --- the table
 * -----------------------------------------------------------------------------------------------
 */

/* "callers add" */
static const char *name_of(const struct command *c, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s%s", c->first, c->second ? " " : "", c->second ? c->second : "");
	return out;
}

static bool is(const char *word, const char *expected)
{
	return word && strcmp(word, expected) == 0;
}

/* `word` if commands begin with it; otherwise NULL. */
static const char *group_of(const struct command *table, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (is(word, table[i].first))
			return word;
	return NULL;
}

/* `group` NULL: all commands. */
static void help(FILE *out, const char *program, const char *summary, const struct command *table, size_t n,
	const char *group)
{
	char name[64];

	(void)fprintf(out, "Usage: %s COMMAND [OPTION...]\n%s\n\n", program, summary);
	for (size_t i = 0; i < n; i++)
		if (!group || is(group, table[i].first))
			(void)fprintf(out, "  %-20s  %s\n", name_of(&table[i], name, sizeof(name)),
				table[i].summary);
	(void)fprintf(out, "\n`%s COMMAND --help` tells each one's options and settings.\n", program);
}

static int run(const char *program, const struct command *c, int argc, char **argv)
{
	int words = c->second ? 2 : 1;
	char name[64], title[80];

	(void)snprintf(title, sizeof(title), "%s %s", program, name_of(c, name, sizeof(name)));
	argv[words] = title; /* argp names the program so */
	return c->run(argc - words, argv + words);
}

int commands_main(const char *program, const char *summary, const struct command *table, size_t n, int argc,
	char **argv)
{
	const char *group = group_of(table, n, argv[1]);

	if (is(argv[1], "--help")) {
		help(stdout, program, summary, table, n, NULL);
		return 0;
	}
	if (is(argv[1], "--version")) {
		(void)puts(argp_program_version);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < n; i++) {
		const struct command *c = &table[i];

		if (is(argv[1], c->first) && (!c->second || is(argv[2], c->second)))
			return run(program, c, argc, argv);
	}
	if (group && is(argv[2], "--help")) {
		help(stdout, program, summary, table, n, group);
		return 0;
	}
	help(stderr, program, summary, table, n, group);
	return COMMAND_USAGE;
}
