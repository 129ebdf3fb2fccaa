#include "tools/weixin-sim/load/load_http.h"

#include "common/testing/testing.h"

#include <string.h>

#define ANSWER "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nX: y\r\n\r\nsuccess"

static int read_text(const char *text, struct load_head *out)
{
	return load_head_read(text, strlen(text), 100, out);
}

static void a_head_is_read_once_it_is_whole(void **state)
{
	struct load_head head;

	(void)state;
	for (size_t n = 0; n < strlen(ANSWER) - 7; n++)
		assert_int_equal(load_head_read(ANSWER, n, 100, &head), 0);
	assert_int_equal(read_text(ANSWER, &head), 1);
	assert_int_equal(head.len, strlen(ANSWER) - 7);
	assert_int_equal(head.body, 7);
	assert_true(head.has_length && !head.close);
	assert_int_equal(load_head_status(ANSWER, strlen(ANSWER)), 200);
}

static void the_end_of_a_connection_is_seen(void **state)
{
	struct load_head head;

	(void)state;
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n", &head), 1);
	assert_true(head.close && !head.has_length);
	assert_int_equal(read_text("HTTP/1.0 200 OK\r\n\r\n", &head), 1);
	assert_true(head.close);
	assert_int_equal(read_text("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", &head), 1);
	assert_false(head.close);
}

static void lengths_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"};
	static const char *const no_answer[] = {
		"", "HTTP/1.1 20", "HTTP/1.1 999 X", "HTTP/2.0 200 OK", "200 OK      "};
	struct load_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_text(bad[i], &head), -1);
	for (size_t i = 0; i < sizeof(no_answer) / sizeof(no_answer[0]); i++)
		assert_int_equal(load_head_status(no_answer[i], strlen(no_answer[i])), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_head_is_read_once_it_is_whole),
		TESTING_CASE(the_end_of_a_connection_is_seen),
		TESTING_CASE(lengths_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
