#include "tools/weixin-sim/scenario/match.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static struct json *parse(const char *text)
{
	const struct json_limits limits = {.max_bytes = 10000, .max_depth = 16};
	struct json *j = NULL;

	assert_int_equal(json_parse(text, strlen(text), &limits, &j, NULL), 0);
	return j;
}

/* NULL: it matches. */
static void check(const char *expected, const char *actual, const char *why)
{
	struct json *e = parse(expected), *a = parse(actual);
	struct buf said = BUF_INIT(10000);

	assert_int_equal(match(e, a, &said), why == NULL);
	assert_string_equal(buf_cstr(&said), why ? why : "");
	buf_release(&said);
	json_free(&e);
	json_free(&a);
}

static void a_part_of_an_object_is_enough_but_all_of_an_array(void **state)
{
	(void)state;
	check("{\"a\":1,\"b\":{\"c\":\"x\"}}", "{\"b\":{\"d\":2,\"c\":\"x\"},\"a\":1,\"e\":[]}", NULL);
	check("{}", "{\"a\":1}", NULL);
	check("[1,{\"a\":2}]", "[1,{\"a\":2,\"b\":3}]", NULL);
	check("[1]", "[1,2]", "it is [1,2], not [1]");
	check("{\"a\":{\"b\":[1,2]}}", "{\"a\":{\"b\":[1,3]}}", "a.b.1 is 3, not 2");
	check("{\"a\":1}", "{}", "a is nothing, not 1");
	check("{\"a\":null}", "{}", "a is nothing, not null");
	check("{\"a\":1}", "{\"a\":\"1\"}", "a is \"1\", not 1");
	check("{\"a\":{}}", "{\"a\":[]}", "a is [], not {}");
}

static void operators_stand_for_more_than_one_value(void **state)
{
	(void)state;
	check("{\"a\":{\"$contains\":\"b\"},\"c\":{\"$at_least\":2},\"d\":{\"$at_most\":2},\"e\":{\"$any\":"
	      "true}}",
		"{\"a\":\"abc\",\"c\":2,\"d\":2,\"e\":null}", NULL);
	check("{\"a\":{\"$contains\":\"x\"}}", "{\"a\":\"abc\"}", "a is \"abc\", not with \"x\"");
	check("{\"a\":{\"$contains\":\"x\"}}", "{\"a\":1}", "a is 1, not with \"x\"");
	check("{\"a\":{\"$at_least\":2}}", "{\"a\":1}", "a is 1, not at least 2");
	check("{\"a\":{\"$at_most\":2}}", "{\"a\":3}", "a is 3, not at most 2");
	check("{\"a\":{\"$any\":true}}", "{}", "a is nothing, not true");
}

static void an_operator_that_is_none_is_found(void **state)
{
	static const struct {
		const char *expected, *flaw;
	} cases[] = {
		{"{\"a\":{\"$contains\":\"x\"},\"b\":[{\"$at_least\":1},{\"$at_most\":\"${n}\"}],\"c\":{\"$"
		 "any\":true}}",
			NULL},
		{"{\"a\":\"$x\",\"b\":{},\"c\":null}", NULL},
		{"{\"a\":[1,{\"b\":{\"$atleast\":1}}]}", "$atleast"},
		{"{\"a\":{\"$at_least\":1,\"$at_most\":2}}", "$at_least"},
		{"{\"a\":{\"b\":1,\"$any\":true}}", "$any"},
		{"{\"$any\":false}", "$any"},
		{"{\"$contains\":1}", "$contains"},
		{"{\"$at_least\":\"1\"}", "$at_least"},
		{"{\"$at_most\":1.5}", "$at_most"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *expected = parse(cases[i].expected);
		const char *flaw = match_flaw(expected);

		assert_string_equal(flaw ? flaw : "", cases[i].flaw ? cases[i].flaw : "");
		json_free(&expected);
	}
}

static void a_long_value_is_shown_up_to_a_whole_character(void **state)
{
	char actual[1000] = "\"", *end = actual + 1;
	struct json *e = parse("\"x\""), *a;
	struct buf said = BUF_INIT(10000);

	(void)state;
	for (int i = 0; i < 200; i++, end += 3)
		memcpy(end, "店", 3);
	memcpy(end, "\"", 2);
	a = parse(actual);
	assert_false(match(e, a, &said));
	assert_non_null(strstr(buf_cstr(&said), "店..., not \"x\""));
	buf_release(&said);
	json_free(&e);
	json_free(&a);
}

static void a_path_leads_through_objects_and_arrays(void **state)
{
	struct json *j = parse("{\"a\":{\"b\":[1,{\"c\":\"x\"}]}}");

	(void)state;
	assert_string_equal(json_str(match_at(j, "a.b.1.c")), "x");
	assert_ptr_equal(match_at(j, ""), j);
	assert_null(match_at(j, "a.b.2"));
	assert_null(match_at(j, "a.b.x"));
	assert_null(match_at(j, "a.c.d"));
	json_free(&j);
}

static void names_are_replaced_by_what_they_stand_for(void **state)
{
	struct json *variables = parse("{\"n\":7,\"s\":\"x\",\"o\":{\"p\":1}}");
	struct json *j =
		parse("{\"a\":\"${n}\",\"b\":[\"<${s}${n}>\",\"${o}\",\"${unknown} ${}\",\"$s\"],\"c\":1}");
	struct json *filled = match_fill(j, variables);
	struct buf text = BUF_INIT(10000);

	(void)state;
	json_write(filled, &text);
	assert_string_equal(
		buf_cstr(&text), "{\"a\":7,\"b\":[\"<x7>\",{\"p\":1},\"${unknown} ${}\",\"$s\"],\"c\":1}");
	buf_release(&text);
	json_free(&filled);
	json_free(&j);
	json_free(&variables);
}

static int note(const char *name, void *arg)
{
	buf_addf(arg, "%s,", name);
	return strcmp(name, "last") == 0 ? -1 : 0;
}

static void the_names_that_texts_ask_for_are_found(void **state)
{
	struct json *j = parse("{\"a\":\"${n}\",\"b\":[\"<${s}${t}>\",\"${last}\",\"${never}\"]}");
	struct buf names = BUF_INIT(1000);

	(void)state;
	assert_int_equal(match_names(j, note, &names), -1);
	assert_string_equal(buf_cstr(&names), "n,s,t,last,");
	buf_release(&names);
	json_free(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_part_of_an_object_is_enough_but_all_of_an_array),
		TESTING_CASE(operators_stand_for_more_than_one_value),
		TESTING_CASE(an_operator_that_is_none_is_found),
		TESTING_CASE(a_long_value_is_shown_up_to_a_whole_character),
		TESTING_CASE(a_path_leads_through_objects_and_arrays),
		TESTING_CASE(names_are_replaced_by_what_they_stand_for),
		TESTING_CASE(the_names_that_texts_ask_for_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
