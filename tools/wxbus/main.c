/* wxbus: the operator's command. */
#include "tools/wxbus/command.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

static const struct command commands[] = {
	{"migrate", NULL, "create and bring up to date topics, schemas and roles", migrate_main},
	{"accounts", "repliers", "say which groups may answer an account's messages", accounts_repliers_main},
	{"accounts", "channel", "send an account's messages to the released or to the tested businesses",
		accounts_channel_main},
	{"accounts", "show", "tell what is known of an account and how its token stands", accounts_show_main},
	{"accounts", "oauth", "say to which sites an account's visitors may be sent back",
		accounts_oauth_main},
	{"callers", "add", "add a caller to api-proxy and print its key", callers_add_main},
	{"callers", "list", "list a platform's callers, without keys", callers_list_main},
	{"callers", "revoke", "end a caller's key for good", callers_revoke_main},
	{"callers", "rotate", "give a caller a new key and print it", callers_rotate_main},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(FILE *out)
{
	char name[64];

	(void)fputs("Usage: wxbus COMMAND [OPTION...]\nThe operator's command of wxbus.\n\n", out);
	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)fprintf(out, "  %-20s %s\n", command_name(&commands[i], name, sizeof(name)),
			commands[i].summary);
	(void)fputs("\n`wxbus COMMAND --help` tells each one's options and settings.\n", out);
}

static bool is(const char *word, const char *expected)
{
	return word && strcmp(word, expected) == 0;
}

static int run(const struct command *c, int argc, char **argv)
{
	int words = c->second ? 2 : 1;
	char name[64], title[80];

	(void)snprintf(title, sizeof(title), "wxbus %s", command_name(c, name, sizeof(name)));
	argv[words] = title; /* argp names the program so */
	return c->run(argc - words, argv + words);
}

int main(int argc, char **argv)
{
	if (is(argv[1], "--help")) {
		help(stdout);
		return 0;
	}
	if (is(argv[1], "--version")) {
		(void)puts(argp_program_version);
		return 0;
	}
	for (size_t i = 0; argc > 1 && i < N_COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (is(argv[1], c->first) && (!c->second || is(argv[2], c->second)))
			return run(c, argc, argv);
	}
	help(stderr);
	return COMMAND_USAGE;
}
