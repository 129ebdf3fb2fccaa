#include "common/httpd/query.h"
#include "common/testing/testing.h"

#include <string.h>

static struct arena arena = ARENA_INIT;

static enum query_outcome parse(const char *s, struct query *out)
{
	return query_parse(s, strlen(s), &arena, out);
}

static void query_parse_decodes_names_and_values(void **state)
{
	struct query q;

	(void)state;
	assert_int_equal(
		parse("signature=ab12&nonce=a%2Fb%3d+c&flag&empty=&%E5%BE%AE=%e4%bf%a1", &q), QUERY_OK);
	assert_int_equal(q.n, 5);
	assert_string_equal(query_get(&q, "signature"), "ab12");
	assert_string_equal(query_get(&q, "nonce"), "a/b= c");
	assert_string_equal(query_get(&q, "flag"), "");
	assert_string_equal(query_get(&q, "empty"), "");
	assert_string_equal(query_get(&q, "\xe5\xbe\xae"), "\xe4\xbf\xa1");
	assert_null(query_get(&q, "Signature"));
	arena_release(&arena);
}

static void query_parse_takes_nothing_for_no_parameters(void **state)
{
	struct query q;

	(void)state;
	assert_int_equal(query_parse(NULL, 0, &arena, &q), QUERY_OK);
	assert_int_equal(q.n, 0);
	assert_int_equal(parse("&&", &q), QUERY_OK);
	assert_int_equal(q.n, 0);
	assert_int_equal(parse("a=1&&b=2&", &q), QUERY_OK);
	assert_int_equal(q.n, 2);
	arena_release(&arena);
}

static void query_parse_keeps_further_equals_signs_in_the_value(void **state)
{
	struct query q;

	(void)state;
	assert_int_equal(parse("echostr=Zg==", &q), QUERY_OK);
	assert_string_equal(query_get(&q, "echostr"), "Zg==");
	arena_release(&arena);
}

static void query_parse_refuses_what_is_malformed(void **state)
{
	static const char *const bad[] = {"a=%", "a=%1", "a=%zz", "a=%0", "a=%00", "a=x%00y", "%00=a",
		"a=%0a", "a=\n", "a=%7f", "=1", "=", "%=1", "a=%ff", "a=%c0%af", "a=%ed%a0%80", "a=\xff",
		"a=1&b=%", "+%1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct query q = {.n = 77};

		assert_int_equal(parse(bad[i], &q), QUERY_MALFORMED);
		assert_int_equal(q.n, 77);
	}
	arena_release(&arena);
}

static void query_parse_refuses_a_raw_nul(void **state)
{
	struct query q;

	(void)state;
	assert_int_equal(query_parse("a=1\0b", 5, &arena, &q), QUERY_MALFORMED);
	arena_release(&arena);
}

static void query_parse_names_a_duplicate(void **state)
{
	struct query q;

	(void)state;
	assert_int_equal(parse("timestamp=1&nonce=2&timestamp=3", &q), QUERY_DUPLICATE);
	assert_int_equal(parse("timestamp=1&time%73tamp=1", &q), QUERY_DUPLICATE);
	arena_release(&arena);
}

static void query_parse_bounds_the_number_of_parameters(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct query q;

	(void)state;
	for (int i = 0; i < QUERY_PARAMS_MAX; i++)
		buf_addf(&b, "p%d=%d&", i, i);
	assert_int_equal(parse(buf_cstr(&b), &q), QUERY_OK);
	assert_string_equal(query_get(&q, "p31"), "31");
	buf_add_str(&b, "more=1");
	assert_int_equal(parse(buf_cstr(&b), &q), QUERY_TOO_MANY);
	buf_release(&b);
	arena_release(&arena);
}

static void query_encode_keeps_only_the_unreserved(void **state)
{
	struct buf b = BUF_INIT(1000);

	(void)state;
	query_encode(&b, "aZ09-._~ /?&=%+\xe5", 16);
	assert_string_equal(buf_cstr(&b), "aZ09-._~%20%2F%3F%26%3D%25%2B%E5");
	buf_reset(&b);
	query_encode(&b, "a\0b", 3);
	assert_string_equal(buf_cstr(&b), "a%00b");
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(query_parse_decodes_names_and_values),
		TESTING_CASE(query_parse_takes_nothing_for_no_parameters),
		TESTING_CASE(query_parse_keeps_further_equals_signs_in_the_value),
		TESTING_CASE(query_parse_refuses_what_is_malformed),
		TESTING_CASE(query_parse_refuses_a_raw_nul),
		TESTING_CASE(query_parse_names_a_duplicate),
		TESTING_CASE(query_parse_bounds_the_number_of_parameters),
		TESTING_CASE(query_encode_keeps_only_the_unreserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
