#include "common/testing/testing.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

static void nothing(void **state)
{
	(void)state;
}

/* Teardown is what fails a test: its answer is looked at here. */
static void an_undeclared_warning_fails_the_test(void **state)
{
	testing_setup(state);
	log_warn("wx1", "something odd");
	assert_int_equal(testing_teardown(state), -1);
}

static void a_declared_line_passes_once(void **state)
{
	testing_setup(state);
	testing_expect_log(LOG_LEVEL_ERROR, "odd");
	log_error("wx1", "something odd");
	assert_int_equal(testing_teardown(state), 0);

	testing_setup(state);
	testing_expect_log(LOG_LEVEL_ERROR, "odd");
	log_error("wx1", "something odd");
	log_error("wx1", "something odd");
	assert_int_equal(testing_teardown(state), -1);
}

static void a_declared_line_that_never_came_fails_the_test(void **state)
{
	testing_setup(state);
	testing_expect_log(LOG_LEVEL_WARN, "odd");
	log_error("wx1", "nothing like it");
	assert_int_equal(testing_teardown(state), -1);
}

static void info_lines_need_no_declaration_and_are_seen(void **state)
{
	testing_setup(state);
	log_info("wx1", "all %s", "well");
	assert_true(testing_logged("all well"));
	assert_true(testing_logged("wx1"));
	assert_false(testing_logged("secret"));
	assert_int_equal(testing_teardown(state), 0);
}

static void the_clock_is_real_after_a_test(void **state)
{
	testing_setup(state);
	clock_fake(1000, 1000);
	assert_int_equal(testing_teardown(state), 0);
	assert_true(clock_wall_ms() > 1000000);
}

static void what_a_test_keeps_for_a_while_is_below_tmpdir_and_gone_after_it(void **state)
{
	char *before = getenv("TMPDIR") ? xstrdup(getenv("TMPDIR")) : NULL, *root, *file, *inside;

	testing_setup(state);
	root = xstrdup(testing_temp_folder());
	setenv("TMPDIR", root, 1);
	file = xstrdup(testing_temp_file("text", 4));
	inside = xasprintf("%s/f", testing_temp_folder());
	assert_int_equal(symlink(file, inside), 0);
	assert_memory_equal(file, root, strlen(root));
	assert_memory_equal(inside, root, strlen(root));
	assert_int_equal(access(inside, R_OK), 0);
	if (before)
		setenv("TMPDIR", before, 1);
	else
		unsetenv("TMPDIR");
	assert_int_equal(testing_teardown(state), 0);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(access(root, F_OK), -1);
	free(inside);
	free(file);
	free(root);
	free(before);
}

static void a_failing_teardown_fails_the_run(void **state)
{
	(void)state;
	log_warn(NULL, "undeclared");
}

static int inner_run(void)
{
	const struct CMUnitTest inner[] = {
		TESTING_CASE(a_failing_teardown_fails_the_run), TESTING_CASE(nothing)};

	return cmocka_run_group_tests_name("inner, meant to fail", inner, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_undeclared_warning_fails_the_test),
		cmocka_unit_test(a_declared_line_passes_once),
		cmocka_unit_test(a_declared_line_that_never_came_fails_the_test),
		cmocka_unit_test(info_lines_need_no_declaration_and_are_seen),
		cmocka_unit_test(the_clock_is_real_after_a_test),
		cmocka_unit_test(what_a_test_keeps_for_a_while_is_below_tmpdir_and_gone_after_it),
	};

	if (inner_run() == 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
