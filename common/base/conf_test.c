#include "common/base/conf.h"
#include "common/base/secret.h"
#include "common/testing/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_conf {
	char *prefix;
	char *secret;
	int64_t window_s;
	bool verbose;
	char *listen;
	char *base;
	char *format;
	char *file;
	char *dir;
};

#define CONF_STRUCT struct test_conf
static const struct conf_item items[] = {
	CONF_STR("WXBUS_T_PREFIX", prefix, "wx.", "put before names", NULL),
	CONF_SECRET("WXBUS_T_SECRET", secret, "", "opens doors", NULL),
	CONF_INT("WXBUS_T_WINDOW_S", window_s, "5", 1, 60, "how long, in seconds"),
	CONF_BOOL("WXBUS_T_VERBOSE", verbose, "false", "say more"),
	CONF_LISTEN("WXBUS_T_LISTEN", listen, ":8080", "where to listen"),
	CONF_URL("WXBUS_T_BASE", base, "https://api.example.com", "where to call", NULL),
	CONF_ENUM("WXBUS_T_FORMAT", format, "text", "text|json", "form of the log"),
	CONF_PATH("WXBUS_T_KEYS_FILE", file, "", "keys", "/etc/wxbus/keys"),
	CONF_ROW(CONF_TYPE_PATH, "WXBUS_T_DIR", dir, "/tmp", 0, 0, "dir", "spool", NULL),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

static const struct conf_item required[] = {
	CONF_STR("WXBUS_T_MUST", prefix, NULL, "needed", "broker:9092"),
};

static void forget_variables(void)
{
	char name[64];
	size_t i;

	unsetenv("WXBUS_T_MUST");
	for (i = 0; i < N_ITEMS; i++) {
		unsetenv(items[i].name);
		snprintf(name, sizeof(name), "%s_FILE", items[i].name);
		unsetenv(name);
	}
}

static int setup(void **state)
{
	forget_variables();
	return testing_setup(state);
}

static int teardown(void **state)
{
	forget_variables();
	return testing_teardown(state);
}

#define CONF_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Load with one variable set; the error's text, or "" if all went well. */
static const char *load_with(const char *name, const char *value)
{
	static struct err err;
	struct test_conf c = {0};
	int rc;

	memset(&err, 0, sizeof(err));
	setenv(name, value, 1);
	rc = conf_load(items, N_ITEMS, &c, &err);
	unsetenv(name);
	assert_int_equal(rc, err.text[0] ? -1 : 0);
	if (rc < 0)
		assert_int_equal(err.kind, ERR_FATAL);
	conf_release(items, N_ITEMS, &c);
	return err.text;
}

static void conf_presets_stand_where_nothing_is_set(void **state)
{
	struct test_conf c = {0};
	struct err err;

	(void)state;
	setenv("WXBUS_T_FORMAT", "", 1); /* empty counts as not set */
	assert_int_equal(conf_load(items, N_ITEMS, &c, &err), 0);
	assert_string_equal(c.prefix, "wx.");
	assert_string_equal(c.secret, "");
	assert_int_equal(c.window_s, 5);
	assert_false(c.verbose);
	assert_string_equal(c.listen, ":8080");
	assert_string_equal(c.format, "text");
	assert_string_equal(c.file, "");
	conf_release(items, N_ITEMS, &c);
	assert_null(c.prefix);
	conf_release(items, N_ITEMS, &c);
}

static void conf_variables_win(void **state)
{
	struct test_conf c = {0};
	struct err err;

	(void)state;
	setenv("WXBUS_T_PREFIX", "eu.", 1);
	setenv("WXBUS_T_WINDOW_S", "60", 1);
	setenv("WXBUS_T_VERBOSE", "1", 1);
	setenv("WXBUS_T_LISTEN", "[::1]:0", 1);
	setenv("WXBUS_T_BASE", "http://127.0.0.1:8443", 1);
	setenv("WXBUS_T_FORMAT", "json", 1);
	setenv("WXBUS_T_KEYS_FILE", "/etc/passwd", 1);
	assert_int_equal(conf_load(items, N_ITEMS, &c, &err), 0);
	assert_string_equal(c.prefix, "eu.");
	assert_int_equal(c.window_s, 60);
	assert_true(c.verbose);
	assert_string_equal(c.listen, "[::1]:0");
	assert_string_equal(c.base, "http://127.0.0.1:8443");
	assert_string_equal(c.format, "json");
	assert_string_equal(c.file, "/etc/passwd");
	conf_release(items, N_ITEMS, &c);
}

static void conf_errors_name_the_variable_the_fault_and_an_example(void **state)
{
	struct test_conf c = {0};
	struct err err = {0};

	(void)state;
	assert_string_equal(load_with("WXBUS_T_WINDOW_S", "abc"),
		"WXBUS_T_WINDOW_S: must be a number from 1 to 60, not "
		"\"abc\"; for example WXBUS_T_WINDOW_S=5");
	assert_string_equal(load_with("WXBUS_T_FORMAT", "xml"),
		"WXBUS_T_FORMAT: must be one of text|json, not \"xml\"; for example WXBUS_T_FORMAT=text");
	assert_string_equal(load_with("WXBUS_T_VERBOSE", "yes"),
		"WXBUS_T_VERBOSE: must be true or false, not \"yes\"; for example WXBUS_T_VERBOSE=true");
	assert_string_equal(load_with("WXBUS_T_KEYS_FILE", "/nowhere"),
		"WXBUS_T_KEYS_FILE: must be an existing file, not \"/nowhere\"; for example "
		"WXBUS_T_KEYS_FILE=/etc/wxbus/keys");
	assert_int_equal(conf_load(required, 1, &c, &err), -1);
	assert_string_equal(err.text, "WXBUS_T_MUST: must be set; for example WXBUS_T_MUST=broker:9092");
}

static void conf_errors_are_one_short_line(void **state)
{
	char value[500];
	const char *text;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	memcpy(value, "a\nb", 3);
	text = load_with("WXBUS_T_WINDOW_S", value);
	assert_null(strchr(text, '\n'));
	assert_non_null(strstr(text, "\"...; for example WXBUS_T_WINDOW_S=5"));
}

static void conf_ranges_and_forms_are_checked(void **state)
{
	static const struct {
		const char *name;
		const char *wrong[12];
	} rows[] = {
		{"WXBUS_T_WINDOW_S", {"0", "61", "-1", "5 ", "0x5", "5.0", "99999999999999999999"}},
		{"WXBUS_T_LISTEN", {"8080", "host", "host:", "host:x", "host:65536", ":-1", "a b:1",
					   "::1:80x", "[::1]", "http://x:1", "x:1/"}},
		{"WXBUS_T_BASE", {"api.example.com", "ftp://x", "https://", "https://x/", "https://x/p",
					 "https://x?q", "https://x#f", "https://u@x", "https://x:0",
					 "https://x:99999", "https://x:", "https://x y"}},
		{"WXBUS_T_FORMAT", {"tex", "textt", "|", "text|json", "TEXT"}},
		{"WXBUS_T_VERBOSE", {"TRUE", "2", "on"}},
		{"WXBUS_T_KEYS_FILE", {"/tmp", "/nowhere/x"}},
		{"WXBUS_T_DIR", {"/etc/passwd", "/nowhere"}},
		{"WXBUS_T_PREFIX", {"\xff"}},
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (k = 0; k < 12 && rows[i].wrong[k]; k++)
			assert_non_null(strstr(load_with(rows[i].name, rows[i].wrong[k]), rows[i].name));
	assert_string_equal(load_with("WXBUS_T_LISTEN", "0.0.0.0:8080"), "");
	assert_string_equal(load_with("WXBUS_T_BASE", "https://[::1]:8443"), "");
}

static void conf_file_holds_the_value(void **state)
{
	static const struct {
		const char *content, *value;
	} rows[] = {{"s3cret", "s3cret"}, {"s3cret\n", "s3cret"}, {"s3cret\r\n", "s3cret"},
		{"a\nb\n\n", "a\nb\n"}};
	struct test_conf c = {0};
	struct err err;
	size_t i;
	const char *path;

	(void)state;
	for (i = 0; i < 4; i++) {
		path = testing_temp_file(rows[i].content, strlen(rows[i].content));
		setenv("WXBUS_T_SECRET_FILE", path, 1);
		assert_int_equal(conf_load(items, N_ITEMS, &c, &err), 0);
		assert_string_equal(c.secret, rows[i].value);
		conf_release(items, N_ITEMS, &c);
	}
}

static void conf_file_faults_are_named(void **state)
{
	const char *path;

	(void)state;
	assert_string_equal(load_with("WXBUS_T_SECRET_FILE", "/nowhere"),
		"WXBUS_T_SECRET_FILE: cannot open /nowhere: No such file or directory");
	path = testing_temp_file("\n", 1);
	assert_non_null(strstr(load_with("WXBUS_T_SECRET_FILE", path), "must not be an empty file"));
	path = testing_temp_file("a\0b", 3);
	assert_non_null(strstr(load_with("WXBUS_T_SECRET_FILE", path), "contains a NUL byte"));
	path = testing_temp_file("7\n", 2);
	assert_string_equal(load_with("WXBUS_T_WINDOW_S_FILE", path), "");
	setenv("WXBUS_T_WINDOW_S", "5", 1);
	assert_non_null(
		strstr(load_with("WXBUS_T_WINDOW_S_FILE", path), "must not be set together with its _FILE"));
}

static void conf_read_file_stops_at_its_limit(void **state)
{
	const char *path = testing_temp_file("12345", 5);
	char *text = NULL;
	struct err err;
	size_t len = 0;

	(void)state;
	assert_int_equal(conf_read_file(path, 5, &text, &len, &err), 0);
	assert_string_equal(text, "12345");
	assert_int_equal(len, 5);
	secret_free(&text);
	assert_int_equal(conf_read_file(path, 4, &text, &len, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_null(text);
	assert_int_equal(conf_read_file("/tmp", 4, &text, &len, &err), -1);
}

static void print_to(char *out, size_t size, bool help, const struct test_conf *c)
{
	FILE *f = fmemopen(out, size, "w");

	if (help)
		conf_help(items, N_ITEMS, f);
	else
		conf_print(items, N_ITEMS, c, f);
	fclose(f);
}

static void conf_print_hides_secrets(void **state)
{
	struct test_conf c = {0};
	struct err err;
	char out[2000] = "";

	(void)state;
	setenv("WXBUS_T_SECRET", "hunter2", 1);
	assert_int_equal(conf_load(items, N_ITEMS, &c, &err), 0);
	print_to(out, sizeof(out), false, &c);
	assert_null(strstr(out, "hunter2"));
	assert_non_null(strstr(out, "WXBUS_T_SECRET=(hidden)\n"));
	assert_non_null(strstr(out, "WXBUS_T_WINDOW_S=5\n"));
	assert_non_null(strstr(out, "WXBUS_T_VERBOSE=false\n"));
	assert_non_null(strstr(out, "WXBUS_T_KEYS_FILE=\n"));
	conf_release(items, N_ITEMS, &c);
}

static void conf_help_is_aligned_and_complete(void **state)
{
	char out[4000] = "";

	(void)state;
	print_to(out, sizeof(out), true, NULL);
	assert_non_null(strstr(out, "  WXBUS_T_PREFIX     put before names (default wx.)\n"));
	assert_non_null(strstr(out, "  WXBUS_T_WINDOW_S   how long, in seconds (default 5; 1 to 60)\n"));
	assert_non_null(strstr(out, "  WXBUS_T_KEYS_FILE  keys (default none)\n"));
	assert_non_null(strstr(out, "  WXBUS_T_FORMAT     form of the log (default text; text|json)\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONF_CASE(conf_presets_stand_where_nothing_is_set),
		CONF_CASE(conf_variables_win),
		CONF_CASE(conf_errors_name_the_variable_the_fault_and_an_example),
		CONF_CASE(conf_errors_are_one_short_line),
		CONF_CASE(conf_ranges_and_forms_are_checked),
		CONF_CASE(conf_file_holds_the_value),
		CONF_CASE(conf_file_faults_are_named),
		CONF_CASE(conf_read_file_stops_at_its_limit),
		CONF_CASE(conf_print_hides_secrets),
		CONF_CASE(conf_help_is_aligned_and_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
