#ifndef COMMON_TESTING_TESTING_H
#define COMMON_TESTING_TESTING_H

#include "common/base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Unit tests on cmocka. A test written as TESTING_CASE(f) has its log lines captured, of every level and
 * thread: a line of level warn or error that the test did not declare fails it, and so does a declared one
 * that never came. The clocks are real again after it. */
#define TESTING_CASE(f) cmocka_unit_test_setup_teardown(f, testing_setup, testing_teardown)

/* For tests with fixtures of their own: call these first in the setup and last in the teardown, and pass on
 * what they return. They leave *state alone. */
int testing_setup(void **state);
int testing_teardown(void **state);

/* Declare one log line of this level whose message or subject contains `part` (borrowed until the test's
 * end). */
void testing_expect_log(enum log_level level, const char *part);

/* Whether a line of any level containing `part` has been logged in this test: to wait for one, or to see that
 * a secret is in none. */
bool testing_logged(const char *part);

/* A new file with these bytes, a new folder: below $TMPDIR (P_tmpdir without). Removed at the test's end with
 * what is in it, unless the test has; the path is borrowed until then. */
const char *testing_temp_file(const void *bytes, size_t len);
const char *testing_temp_folder(void);

/* A file below tests/fixtures, NUL-terminated; the caller frees it. Fails the test if it cannot be read.
 * len_out may be NULL. */
#define testing_fixture(name, len_out) testing_read_file(WXBUS_FIXTURES "/" name, len_out)
char *testing_read_file(const char *path, size_t *len_out);

#endif
