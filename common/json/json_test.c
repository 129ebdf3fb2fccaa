#include "common/base/alloc.h"
#include "common/json/json.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

static const struct json_limits limits = {.max_bytes = 1 << 20, .max_depth = 32};

static struct json *parse(const char *text)
{
	struct json *j = NULL;
	struct err err = {0};

	if (json_parse(text, strlen(text), &limits, &j, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return j;
}

/* The heap copy has exactly the text's size: a read past its end is seen by AddressSanitizer. */
static int refused(const char *text, size_t len, struct err *err)
{
	char *copy = malloc(len ? len : 1);
	struct json *j = NULL;
	int rc;

	memcpy(copy, text, len);
	memset(err, 0, sizeof(*err));
	rc = json_parse(copy, len, &limits, &j, err);
	free(copy);
	json_free(&j);
	return rc == -1 && err->kind == ERR_REJECT && err->text[0];
}

static void assert_writes(const struct json *j, const char *expected)
{
	struct buf out = BUF_INIT(1 << 20);

	json_write(j, &out);
	assert_int_equal(out.overflow, 0);
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
}

static void assert_becomes(const char *text, const char *expected)
{
	struct json *j = parse(text);

	assert_writes(j, expected);
	json_free(&j);
}

static void json_parse_reads_every_kind(void **state)
{
	struct json *j =
		parse(" {\"s\":\"a\",\"i\":-7,\"d\":1.5,\"t\":true,\"f\":false,\"n\":null,\"a\":[1,[]],"
		      "\"o\":{}}\r\n\t ");
	int64_t v = 0;

	(void)state;
	assert_int_equal(json_kind(j), JSON_OBJECT);
	assert_int_equal(json_len(j), 8);
	assert_string_equal(json_get_str(j, "s"), "a");
	assert_int_equal(json_str_len(json_get(j, "s")), 1);
	assert_int_equal(json_get_int(j, "i", &v), 0);
	assert_int_equal(v, -7);
	assert_int_equal(json_kind(json_get(j, "d")), JSON_DOUBLE);
	assert_true(json_get_bool(j, "t", false));
	assert_false(json_get_bool(j, "f", true));
	assert_int_equal(json_kind(json_get(j, "n")), JSON_NULL);
	assert_int_equal(json_len(json_get(j, "a")), 2);
	assert_int_equal(json_kind(json_at(json_get(j, "a"), 1)), JSON_ARRAY);
	assert_null(json_at(json_get(j, "a"), 2));
	assert_int_equal(json_kind(json_get(j, "o")), JSON_OBJECT);
	json_free(&j);
	assert_null(j);
	json_free(&j);
}

static void json_parse_accepts_a_scalar_as_the_document(void **state)
{
	static const char *const texts[] = {"null", "true", "false", "0", "-1", "\"\"", "[]", "{}", "1.5"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_becomes(texts[i], texts[i]);
}

static void json_getters_answer_absent_for_what_is_not_there(void **state)
{
	struct json *j = parse("{\"s\":\"12\",\"i\":1,\"n\":null}");
	int64_t v = 42;

	(void)state;
	assert_int_equal(json_kind(NULL), JSON_ABSENT);
	assert_null(json_get(NULL, "x"));
	assert_null(json_get(j, "x"));
	assert_null(json_get(json_get(j, "n"), "x"));
	assert_null(json_get(json_get(j, "s"), "x"));
	assert_null(json_get_str(j, "i"));
	assert_null(json_get_str(j, "n"));
	assert_int_equal(json_str_len(NULL), 0);
	assert_int_equal(json_get_int(j, "s", &v), -1);
	assert_int_equal(json_get_int(j, "n", &v), -1);
	assert_int_equal(json_get_int(j, "x", &v), -1);
	assert_int_equal(v, 42);
	assert_true(json_get_bool(j, "i", true));
	assert_false(json_get_bool(j, "x", false));
	assert_int_equal(json_len(NULL), 0);
	assert_int_equal(json_len(json_get(j, "s")), 0);
	assert_null(json_at(j, 0));
	assert_null(json_copy(NULL));
	json_free(&j);
}

static void json_numbers_keep_their_text(void **state)
{
	static const char *const texts[] = {"1.10", "0.0", "-0", "-0.0", "1e3", "1E+3", "1e-7", "0.1",
		"1e999", "-1e999", "6054768590064713728", "9223372036854775807", "-9223372036854775808",
		"9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775809",
		"123456789012345678901234567890", "3.141592653589793238462643383279"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct json *j = parse(texts[i]);
		struct json *copy = json_copy(j);

		assert_writes(j, texts[i]);
		assert_writes(copy, texts[i]);
		json_free(&j);
		json_free(&copy);
	}
}

static void json_int_takes_whole_numbers_in_range_only(void **state)
{
	static const struct {
		const char *text;
		int rc;
		int64_t v;
	} rows[] = {
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"1e3", 0, 1000},
		{"5.0", 0, 5},
		{"-0", 0, 0},
		{"9223372036854775808", -1, 42},
		{"18446744073709551615", -1, 42},
		{"18446744073709551616", -1, 42},
		{"-9223372036854775809", -1, 42},
		{"1.5", -1, 42},
		{"1e18", -1, 42},
		{"1e999", -1, 42},
		{"\"5\"", -1, 42},
		{"true", -1, 42},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json *j = parse(rows[i].text);
		int64_t v = 42;

		assert_int_equal(json_int(j, &v), rows[i].rc);
		assert_true(v == rows[i].v);
		json_free(&j);
	}
}

static void json_strings_are_unescaped_and_escaped(void **state)
{
	(void)state;
	assert_becomes("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
	assert_becomes("\"\\u0041\\u00e4\\u5FAE\\u4fe1\"", "\"Aä微信\"");
	assert_becomes("\"\\ud83d\\ude00 \\uD83D\\uDE00\"", "\"😀 😀\"");
	assert_becomes("\"\\u001f\\u007f\"", "\"\\u001f\x7f\"");
	assert_becomes("\"https://wx.example.com/a\"", "\"https://wx.example.com/a\"");
	assert_becomes("{\"a\\nb\":1}", "{\"a\\nb\":1}");
	assert_becomes("\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\"");
}

static void json_half_a_surrogate_pair_becomes_the_replacement(void **state)
{
	(void)state;
	assert_becomes("\"a\\ud83d\"", "\"a\xef\xbf\xbd\"");
	assert_becomes("\"\\ude00b\"", "\"\xef\xbf\xbd"
				       "b\"");
	assert_becomes("\"\\ud83d\\ud83d\\ude00\"", "\"\xef\xbf\xbd😀\"");
	assert_becomes("\"\\ud83d\\n\"", "\"\xef\xbf\xbd\\n\"");
	assert_becomes("\"\\ud83d\\u0041\"", "\"\xef\xbf\xbd"
					     "A\"");
}

static void json_parse_refuses_what_rfc_8259_does_not_know(void **state)
{
	static const char *const texts[] = {"", " ", "nul", "nulll", "Null", "TRUE", "True", "NaN",
		"Infinity", "-Infinity", "-", "+1", "01", "-01", "1.", ".5", "-.5", "1e", "1e+", "1.e1",
		"0x10", "1_000", "1 2", "--1", "1a", "\"", "\"a", "'a'", "\"\\x\"", "\"\\u12\"",
		"\"\\u12g4\"", "\"\\u\"", "\"\\\"", "\"\\ud83d\\u\"", "\"\\ud83d\\u12\"", "\"a\nb\"",
		"\"a\tb\"", "\"\x01\"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1;2]", "{", "}",
		"{]", "[}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}",
		"{'a':1}", "{1:1}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{\"a\":1}}", "{}{}",
		"[][]", "[]x", "null null", "// c\n1", "/* c */ 1", "[1]/**/", "\xef\xbb\xbf{}", "\v1", "\f1",
		"1\v", "\xe3\x80\x80[]", "{\"a\":}", "{:1}", "[nul]", "[\"\\ud83d]"};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!refused(texts[i], strlen(texts[i]), &err))
			fail_msg("accepted: %s", texts[i]);
}

static void json_parse_refuses_bytes_that_are_no_text(void **state)
{
	static const char *const texts[] = {"\"\xff\"", "\"\xc3\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
		"\"\xf4\x90\x80\x80\"", "{\"\xe5\xbe\":1}", "\"\xd6\xd0\""};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_true(refused(texts[i], strlen(texts[i]), &err));
	assert_true(refused("\"a\0b\"", 5, &err));
	assert_true(refused("1\0", 2, &err));
	assert_true(refused("\0", 1, &err));
	assert_true(refused("\"\\u0000\"", 8, &err));
	assert_string_equal(err.text, "a NUL character at byte 3");
	assert_true(refused("{\"a\\u0000b\":1}", 14, &err));
}

static void json_parse_refuses_a_key_twice_in_one_object(void **state)
{
	struct err err;

	(void)state;
	assert_true(refused("{\"a\":1,\"b\":{},\"a\":2}", 20, &err));
	assert_string_equal(err.text, "a key for the second time at byte 17");
	assert_true(refused("{\"a\":1,\"\\u0061\":2}", 18, &err));
	assert_true(refused("{\"\":1,\"\":2}", 11, &err));
	assert_true(refused("[{\"x\":{\"a\":null,\"a\":null}}]", 27, &err));
	assert_becomes("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
		"{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}");
}

static void json_errors_quote_nothing_of_the_input(void **state)
{
	static const char text[] = "{\"ticket\":\"hunter2\",\"hunter2\":x";
	struct err err;

	(void)state;
	assert_true(refused(text, strlen(text), &err));
	assert_null(strstr(err.text, "hunter2"));
	assert_string_equal(err.text, "no JSON value at byte 30");
}

static char *nested(int depth)
{
	char *text = xmalloc((size_t)depth * 2 + 1);

	memset(text, '[', (size_t)depth);
	memset(text + depth, ']', (size_t)depth);
	text[depth * 2] = '\0';
	return text;
}

static void json_parse_stops_at_its_depth(void **state)
{
	struct json_limits two = {.max_bytes = 100, .max_depth = 2};
	struct json *j = NULL;
	struct err err;
	char *text;

	(void)state;
	text = nested(32);
	assert_becomes(text, text);
	free(text);
	text = nested(33);
	assert_true(refused(text, strlen(text), &err));
	assert_string_equal(err.text, "too deep nesting at byte 32");
	free(text);
	text = nested(400000);
	assert_true(refused(text, strlen(text), &err));
	free(text);
	assert_int_equal(json_parse("{\"a\":[1]}", 9, &two, &j, &err), 0);
	json_free(&j);
	assert_int_equal(json_parse("{\"a\":[{}]}", 10, &two, &j, &err), -1);
	/* siblings do not add up */
	assert_int_equal(json_parse("[[],[],[],[]]", 13, &two, &j, &err), 0);
	json_free(&j);
}

static void json_parse_stops_at_its_size(void **state)
{
	struct json_limits four = {.max_bytes = 4, .max_depth = 2};
	struct json *j = NULL;
	struct err err;

	(void)state;
	assert_int_equal(json_parse("1234", 4, &four, &j, &err), 0);
	json_free(&j);
	assert_int_equal(json_parse("12345", 5, &four, &j, &err), -1);
	assert_string_equal(err.text, "more than 4 bytes");
	assert_null(j);
}

static void json_setters_build_a_tree_in_order(void **state)
{
	struct json *j = json_new_object(), *a = json_new_array();

	(void)state;
	json_push(a, json_new_int(INT64_MIN));
	json_push(a, json_new_bool(true));
	json_push(a, json_new_null());
	json_push(a, json_new_string_len("abc", 2));
	json_set_str(j, "z", "last name first");
	json_set_str(j, "none", NULL);
	json_set_int(j, "i", 5);
	json_set_bool(j, "b", false);
	json_set(j, "a", a);
	json_set(j, "n", json_new_null());
	json_set_int(j, "gone", 1);
	json_del(j, "gone");
	json_del(j, "never there");
	json_set_int(j, "i", 6);
	assert_writes(j, "{\"z\":\"last name first\",\"none\":null,\"i\":6,\"b\":false,"
			 "\"a\":[-9223372036854775808,true,null,\"ab\"],\"n\":null}");
	json_free(&j);
}

static void json_get_mutable_changes_the_tree(void **state)
{
	struct json *j = parse("{\"o\":{\"a\":1}}");

	(void)state;
	json_set_int(json_get_mutable(j, "o"), "a", 2);
	assert_null(json_get_mutable(j, "x"));
	assert_writes(j, "{\"o\":{\"a\":2}}");
	json_free(&j);
}

static void json_copy_is_a_tree_of_its_own(void **state)
{
	struct json *j = parse("{\"o\":{\"a\":[1.10,null]}}"), *copy = json_copy(j);
	struct json *null = json_new_null(), *null_copy = json_copy(null);

	(void)state;
	json_set_int(json_get_mutable(copy, "o"), "a", 2);
	assert_writes(j, "{\"o\":{\"a\":[1.10,null]}}");
	assert_writes(copy, "{\"o\":{\"a\":2}}");
	assert_int_equal(json_kind(null_copy), JSON_NULL);
	json_free(&j);
	json_free(&copy);
	json_free(&null);
	json_free(&null_copy);
}

static void json_next_visits_members_in_order(void **state)
{
	struct json *j = parse("{\"b\":1,\"a\":null,\"c\":\"x\"}"), *empty = json_new_object();
	const struct json *value;
	const char *key;
	char keys[8] = "";
	size_t it = 0, n = 0;

	(void)state;
	while (json_next(j, &it, &key, &value)) {
		keys[n++] = key[0];
		assert_int_not_equal(json_kind(value), JSON_ABSENT);
	}
	assert_string_equal(keys, "bac");
	assert_false(json_next(j, &it, &key, &value));
	it = 0;
	assert_false(json_next(empty, &it, &key, &value));
	assert_false(json_next(NULL, &it, &key, &value));
	json_free(&j);
	json_free(&empty);
}

static void json_write_past_the_cap_says_so(void **state)
{
	struct json *j = parse("[1,2,3]");
	struct buf out = BUF_INIT(6);

	(void)state;
	json_write(j, &out);
	assert_int_equal(out.overflow, 1);
	buf_release(&out);
	json_free(&j);
}

static void json_many_members_are_read_in_linear_time(void **state)
{
	struct buf text = BUF_INIT(1 << 20);
	struct json *j;
	int i;

	(void)state;
	buf_add_char(&text, '{');
	for (i = 0; i < 60000; i++)
		buf_addf(&text, "%s\"k%d\":%d", i ? "," : "", i, i);
	buf_add_char(&text, '}');
	j = parse(buf_cstr(&text));
	assert_int_equal(json_len(j), 60000);
	json_free(&j);
	buf_release(&text);
}

static void values_are_bounded_in_number(void **state)
{
	struct json_limits five = {.max_bytes = 100, .max_depth = 8, .max_values = 5};
	struct json *j;
	struct err err;

	(void)state;
	assert_int_equal(json_parse("[{},[],1,\"a\"]", 13, &five, &j, &err), 0);
	json_free(&j);
	assert_int_equal(json_parse("[{},[],1,\"a\",{}]", 16, &five, &j, &err), -1);
	assert_non_null(strstr(err.text, "too many values"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(values_are_bounded_in_number),
		TESTING_CASE(json_parse_reads_every_kind),
		TESTING_CASE(json_parse_accepts_a_scalar_as_the_document),
		TESTING_CASE(json_getters_answer_absent_for_what_is_not_there),
		TESTING_CASE(json_numbers_keep_their_text),
		TESTING_CASE(json_int_takes_whole_numbers_in_range_only),
		TESTING_CASE(json_strings_are_unescaped_and_escaped),
		TESTING_CASE(json_half_a_surrogate_pair_becomes_the_replacement),
		TESTING_CASE(json_parse_refuses_what_rfc_8259_does_not_know),
		TESTING_CASE(json_parse_refuses_bytes_that_are_no_text),
		TESTING_CASE(json_parse_refuses_a_key_twice_in_one_object),
		TESTING_CASE(json_errors_quote_nothing_of_the_input),
		TESTING_CASE(json_parse_stops_at_its_depth),
		TESTING_CASE(json_parse_stops_at_its_size),
		TESTING_CASE(json_setters_build_a_tree_in_order),
		TESTING_CASE(json_get_mutable_changes_the_tree),
		TESTING_CASE(json_copy_is_a_tree_of_its_own),
		TESTING_CASE(json_next_visits_members_in_order),
		TESTING_CASE(json_write_past_the_cap_says_so),
		TESTING_CASE(json_many_members_are_read_in_linear_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
