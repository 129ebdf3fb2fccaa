#include "proto/trace.h"

#include "common/testing/testing.h"

#include <pthread.h>
#include <string.h>

#include "common/base/banned.h"

#define ID     "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN   "00f067aa0ba902b7"
#define PARENT "00-" ID "-" SPAN "-01"

static bool parses(const char *text)
{
	struct trace t;

	return trace_parse(text, strlen(text), &t);
}

static void a_traceparent_is_read(void **state)
{
	struct trace t;

	(void)state;
	assert_true(trace_parse(PARENT, strlen(PARENT), &t));
	assert_string_equal(t.id, ID);
	assert_string_equal(t.span, SPAN);
	assert_true(t.sampled);
	assert_true(trace_parse("00-" ID "-" SPAN "-00", TRACE_PARENT_LEN, &t));
	assert_false(t.sampled);
}

static void flags_that_are_not_known_do_not_matter(void **state)
{
	struct trace t;

	(void)state;
	assert_true(trace_parse("00-" ID "-" SPAN "-ff", TRACE_PARENT_LEN, &t));
	assert_true(t.sampled);
	assert_true(trace_parse("00-" ID "-" SPAN "-fe", TRACE_PARENT_LEN, &t));
	assert_false(t.sampled);
}

static void of_a_later_version_what_is_known_is_read(void **state)
{
	(void)state;
	assert_true(parses("cc-" ID "-" SPAN "-01"));
	assert_true(parses("cc-" ID "-" SPAN "-01-what-the-future-will-be-like"));
	assert_false(parses("cc-" ID "-" SPAN "-01.what-the-future-will-be-like"));
}

static void malformed_ones_are_refused(void **state)
{
	static const char *const malformed[] = {
		"",
		"00",
		"00-" ID "-" SPAN,
		"00-" ID "-" SPAN "-",
		"00-" ID "-" SPAN "-1",
		"00-" ID "-" SPAN "-01-",
		"00-" ID "-" SPAN "-01-more",
		"00-" ID "-" SPAN "-0x",
		"00-" ID "-" SPAN ".01",
		"00." ID "-" SPAN "-01",
		"00-" ID "." SPAN "-01",
		"ff-" ID "-" SPAN "-01",
		"0-" ID "-" SPAN "-01-",
		"0F-" ID "-" SPAN "-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
		"00-" ID "-00F067AA0BA902B7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473g-" SPAN "-01",
		"00-00000000000000000000000000000000-" SPAN "-01",
		"00-" ID "-0000000000000000-01",
		" " PARENT,
		PARENT " ",
		PARENT "," PARENT,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		if (parses(malformed[i]))
			fail_msg("\"%s\" was taken", malformed[i]);
}

static void nothing_behind_the_length_is_looked_at(void **state)
{
	struct trace t;

	(void)state;
	assert_true(trace_parse(PARENT "garbage", TRACE_PARENT_LEN, &t));
	assert_false(trace_parse(PARENT, TRACE_PARENT_LEN - 1, &t));
}

static struct trace entered(const char *traceparent)
{
	struct trace t;

	trace_enter(traceparent);
	assert_non_null(trace_current());
	assert_true(trace_parse(trace_current(), strlen(trace_current()), &t));
	return t;
}

static void a_trace_goes_on_under_an_id_of_our_own(void **state)
{
	struct trace t = entered(PARENT), again;

	(void)state;
	assert_string_equal(t.id, ID);
	assert_string_not_equal(t.span, SPAN);
	assert_true(t.sampled);
	again = entered(PARENT);
	assert_string_not_equal(again.span, t.span);
	t = entered("cc-" ID "-" SPAN "-00-later");
	assert_string_equal(t.id, ID);
	assert_false(t.sampled);
	trace_leave();
}

static void without_one_or_with_a_malformed_one_a_trace_begins(void **state)
{
	struct trace a = entered(NULL), b = entered("00-" ID "-" SPAN);

	(void)state;
	assert_string_not_equal(a.id, b.id);
	assert_string_not_equal(b.id, ID);
	assert_true(a.sampled && b.sampled);
	trace_leave();
	assert_null(trace_current());
}

static void a_record_says_whose_work_it_is(void **state)
{
	const struct kafka_header headers[] = {
		{"ce_id", "e1", 2}, {"ce_traceparent", PARENT "more", TRACE_PARENT_LEN}};
	struct kafka_record r = {.headers = headers, .n_headers = 2};

	(void)state;
	trace_enter_record(&r);
	assert_memory_equal(trace_current() + 3, ID, TRACE_ID_LEN);
	r.n_headers = 1;
	trace_enter_record(&r);
	assert_memory_not_equal(trace_current() + 3, ID, TRACE_ID_LEN);
	trace_leave();
}

static void *look(void *arg)
{
	*(bool *)arg = trace_current() == NULL;
	return NULL;
}

static void a_trace_is_its_threads_own(void **state)
{
	bool none = false;
	pthread_t t;

	(void)state;
	trace_enter(PARENT);
	assert_int_equal(pthread_create(&t, NULL, look, &none), 0);
	pthread_join(t, NULL);
	trace_leave();
	assert_true(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_traceparent_is_read),
		TESTING_CASE(flags_that_are_not_known_do_not_matter),
		TESTING_CASE(of_a_later_version_what_is_known_is_read),
		TESTING_CASE(malformed_ones_are_refused),
		TESTING_CASE(nothing_behind_the_length_is_looked_at),
		TESTING_CASE(a_trace_goes_on_under_an_id_of_our_own),
		TESTING_CASE(without_one_or_with_a_malformed_one_a_trace_begins),
		TESTING_CASE(a_record_says_whose_work_it_is),
		TESTING_CASE(a_trace_is_its_threads_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
