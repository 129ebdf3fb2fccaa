#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/testing/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALL_MS 1795162530125 /* 2026-11-20T08:15:30.125Z */

/* Standard error goes to a file meanwhile; what it holds at the end is in `out`. */
static int real_stderr, file;
static char out[64 * 1024];

static void redirect(enum log_format format, enum log_level level)
{
	file = open(testing_temp_file("", 0), O_RDWR | O_CLOEXEC);
	assert_true(file >= 0);
	fflush(stderr);
	real_stderr = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
	log_set_sink(NULL, NULL);
	clock_fake(WALL_MS, 0);
	log_init("ingress", format, level);
}

static const char *written(void)
{
	ssize_t n;

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	n = pread(file, out, sizeof(out) - 1, 0);
	assert_true(n >= 0);
	out[n] = '\0';
	close(file);
	return out;
}

static void log_text_lines_have_time_level_service_subject(void **state)
{
	(void)state;
	redirect(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_info("wx12", "ready in %d ms", 7);
	log_error(NULL, "no database");
	log_debug("wx12", "x");
	log_warn("wx12", "y");
	assert_string_equal(written(), "2026-11-20T08:15:30.125Z info  ingress [wx12] ready in 7 ms\n"
				       "2026-11-20T08:15:30.125Z error ingress no database\n"
				       "2026-11-20T08:15:30.125Z debug ingress [wx12] x\n"
				       "2026-11-20T08:15:30.125Z warn  ingress [wx12] y\n");
}

static void log_json_lines_are_objects(void **state)
{
	(void)state;
	redirect(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_info("wx12", "say \"hi\" \\ 微信");
	log_warn(NULL, "a\nb");
	assert_string_equal(written(), "{\"time\":\"2026-11-20T08:15:30.125Z\",\"level\":\"info\",\"svc\":"
				       "\"ingress\",\"subject\":\"wx12\","
				       "\"msg\":\"say \\\"hi\\\" \\\\ 微信\"}\n"
				       "{\"time\":\"2026-11-20T08:15:30.125Z\",\"level\":\"warn\",\"svc\":"
				       "\"ingress\",\"msg\":\"a\\\\nb\"}\n");
}

static void log_lines_carry_the_threads_trace(void **state)
{
	(void)state;
	redirect(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_set_trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
	log_info("wx12", "x");
	log_init("ingress", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_info(NULL, "y");
	log_set_trace(NULL, NULL);
	log_info(NULL, "z");
	assert_string_equal(written(),
		"2026-11-20T08:15:30.125Z info  ingress "
		"trace=4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7 "
		"[wx12] x\n"
		"{\"time\":\"2026-11-20T08:15:30.125Z\",\"level\":\"info\",\"svc\":\"ingress\","
		"\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"span_id\":\"00f067aa0ba902b7\",\"msg\":"
		"\"y\"}\n"
		"{\"time\":\"2026-11-20T08:15:30.125Z\",\"level\":\"info\",\"svc\":\"ingress\",\"msg\":\"z\"}"
		"\n");
}

static void log_input_cannot_forge_a_line(void **state)
{
	(void)state;
	redirect(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_info("wx\r\n1", "%s", "a\n2026 error forged\x1b[2J\xc2\x9b\xe2\x80\xa8\xff\xc3");
	assert_string_equal(written(),
		"2026-11-20T08:15:30.125Z info  ingress [wx\\u000d\\n1] a\\n2026 error forged"
		"\\u001b[2J\\u009b\\u2028\\xff\\xc3\n");
}

static void log_below_the_level_is_not_written(void **state)
{
	(void)state;
	redirect(LOG_FORMAT_TEXT, LOG_LEVEL_WARN);
	log_info(NULL, "not this");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn(NULL, "nor this");
	assert_string_equal(written(), "");
}

static void log_long_messages_are_cut_not_lost(void **state)
{
	char *text = malloc(100001);
	const char *line;

	(void)state;
	memset(text, '\n', 100000);
	text[100000] = '\0';
	redirect(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_info(text, "%s", text);
	line = written();
	assert_true(strlen(line) > 4096);
	assert_string_equal(line + strlen(line) - 4, "n\"}\n");
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	free(text);
}

static void log_leaves_errno_alone(void **state)
{
	(void)state;
	redirect(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	errno = ENOENT;
	log_info(NULL, "x");
	assert_int_equal(errno, ENOENT);
	written();
}

static void *write_many(void *arg)
{
	int i;

	for (i = 0; i < 200; i++)
		log_info(arg, "0123456789");
	return NULL;
}

static void log_lines_of_threads_do_not_mix(void **state)
{
	char first[] = "aa", second[] = "bb";
	pthread_t t[2];
	const char *p;
	int lines = 0;

	(void)state;
	redirect(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	pthread_create(&t[0], NULL, write_many, first);
	pthread_create(&t[1], NULL, write_many, second);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	for (p = written(); *p; p = strchr(p, '\n') + 1, lines++)
		assert_int_equal(
			strcspn(p, "\n"), strlen("2026-11-20T08:15:30.125Z info  ingress [aa] 0123456789"));
	assert_int_equal(lines, 400);
}

static void log_names_are_parsed(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_TEXT;

	(void)state;
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("loud", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_format_parse("json", &format), 0);
	assert_int_equal(format, LOG_FORMAT_JSON);
	assert_int_equal(log_format_parse("JSON", &format), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(log_text_lines_have_time_level_service_subject),
		TESTING_CASE(log_json_lines_are_objects),
		TESTING_CASE(log_lines_carry_the_threads_trace),
		TESTING_CASE(log_input_cannot_forge_a_line),
		TESTING_CASE(log_below_the_level_is_not_written),
		TESTING_CASE(log_long_messages_are_cut_not_lost),
		TESTING_CASE(log_leaves_errno_alone),
		TESTING_CASE(log_lines_of_threads_do_not_mix),
		TESTING_CASE(log_names_are_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
