#include "common/base/command.h"

#include "common/testing/testing.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

const char *argp_program_version = "tool 1";

static int taken; /* words that the command got beside its name */

static int take(int argc, char **argv)
{
	(void)argv;
	taken = argc - 1;
	return 0;
}

static const struct command commands[] = {
	{"fans", "list", "list fans", take},
	{"fans", "forget", "forget a fan", take},
	{"migrate", NULL, "bring up to date", take},
};

/* What a command line of these words prints on `fd` is in `out`; the exit status. */
static int run(int fd, char *out, size_t size, const char *first, const char *second)
{
	const char *argv[] = {"tool", first, second, NULL};
	int file = open(testing_temp_file("", 0), O_RDWR | O_CLOEXEC), kept = dup(fd), rc;
	ssize_t n;

	assert_true(file >= 0 && kept >= 0);
	(void)fflush(NULL);
	dup2(file, fd);
	rc = commands_main("tool", "For tests.", commands, sizeof(commands) / sizeof(commands[0]),
		second ? 3 : 2, (char **)(uintptr_t)argv);
	(void)fflush(NULL);
	dup2(kept, fd);
	n = pread(file, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	close(file);
	close(kept);
	return rc;
}

static void a_command_is_named_by_one_word_or_two(void **state)
{
	char out[1024];

	(void)state;
	taken = -1;
	assert_int_equal(run(STDOUT_FILENO, out, sizeof(out), "fans", "forget"), 0);
	assert_int_equal(taken, 0);
	assert_int_equal(run(STDOUT_FILENO, out, sizeof(out), "migrate", "now"), 0);
	assert_int_equal(taken, 1);
	assert_int_equal(run(STDOUT_FILENO, out, sizeof(out), "--version", NULL), 0);
	assert_string_equal(out, "tool 1\n");
}

static void help_is_of_all_commands_or_of_those_with_that_first_word(void **state)
{
	char out[1024];

	(void)state;
	assert_int_equal(run(STDOUT_FILENO, out, sizeof(out), "--help", NULL), 0);
	assert_non_null(strstr(out, "  fans list             list fans\n"));
	assert_non_null(strstr(out, "  migrate               bring up to date\n"));
	taken = -1;
	assert_int_equal(run(STDOUT_FILENO, out, sizeof(out), "fans", "--help"), 0);
	assert_non_null(strstr(out, "fans forget"));
	assert_null(strstr(out, "migrate"));
	assert_int_equal(taken, -1);
	assert_int_equal(run(STDOUT_FILENO, out, sizeof(out), "migrate", "--help"), 0);
	assert_int_equal(taken, 1); /* its own matter */
}

static void what_is_no_command_is_told_with_what_there_is(void **state)
{
	char out[1024];

	(void)state;
	assert_int_equal(run(STDERR_FILENO, out, sizeof(out), "nothing", "--help"), COMMAND_USAGE);
	assert_non_null(strstr(out, "migrate"));
	assert_int_equal(run(STDERR_FILENO, out, sizeof(out), "fans", "lists"), COMMAND_USAGE);
	assert_non_null(strstr(out, "fans list"));
	assert_null(strstr(out, "migrate"));
	assert_int_equal(run(STDERR_FILENO, out, sizeof(out), "fans", NULL), COMMAND_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_command_is_named_by_one_word_or_two),
		TESTING_CASE(help_is_of_all_commands_or_of_those_with_that_first_word),
		TESTING_CASE(what_is_no_command_is_told_with_what_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
