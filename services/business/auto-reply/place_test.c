#include "services/business/auto-reply/place.h"

#include "common/json/json.h"
#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static const char text[] = "{\n"
			   "  \"a\" : [ {\"退\":\"x\\\"]}\", \"b\": [1, [2], {} , \"c\"]}, true ],\n"
			   "\t\"rules\":[\n"
			   "{\"name\":\"退款\", \"from\": 5}]\n"
			   "}";

static struct place at_start(void)
{
	return (struct place){.text = text, .len = strlen(text), .first_line = 1};
}

static void a_path_is_found_at_its_line_and_column(void **state)
{
	struct place p = at_start();
	struct err err;

	(void)state;
	place_enter(&p, "rules");
	place_enter_at(&p, 0);
	place_enter(&p, "from");
	assert_int_equal(place_refuse(&p, &err, "%d is no time", 5), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_string_equal(err.text, "line 4, column 23, rules[0].from: 5 is no time");
	place_leave(&p);
	place_refuse(&p, &err, "no");
	assert_string_equal(err.text, "line 4, column 1, rules[0]: no");
}

static void strings_and_containers_on_the_way_are_passed_over(void **state)
{
	struct place p = at_start();
	struct err err;

	(void)state;
	place_enter(&p, "a");
	place_enter_at(&p, 0);
	place_enter(&p, "b");
	place_enter_at(&p, 3);
	place_refuse(&p, &err, "no");
	assert_string_equal(err.text, "line 2, column 44, a[0].b[3]: no");
	p.depth = 1;
	place_enter_at(&p, 1);
	place_refuse(&p, &err, "no");
	assert_string_equal(err.text, "line 2, column 51, a[1]: no");
}

static void what_is_missing_is_said_of_what_should_hold_it(void **state)
{
	struct place p = at_start();
	struct err err;

	(void)state;
	p.first_line = 11;
	place_enter(&p, "rules");
	place_enter_at(&p, 0);
	place_enter(&p, "reply");
	place_refuse(&p, &err, "is missing");
	assert_string_equal(err.text, "line 14, column 1, rules[0].reply: is missing");
	p.depth = 0;
	place_enter_at(&p, 7);
	place_refuse(&p, &err, "no");
	assert_string_equal(err.text, "line 11, column 1, [7]: no");
}

static void an_error_of_the_parser_gets_line_and_column(void **state)
{
	static const struct json_limits limits = {.max_bytes = 1000, .max_depth = 4};
	static const char broken[] = "{\n \"退\": tru }";
	struct place p = {.text = broken, .len = strlen(broken), .first_line = 1};
	struct json *j = NULL;
	struct err err;

	(void)state;
	assert_int_equal(json_parse(broken, strlen(broken), &limits, &j, &err), -1);
	assert_int_equal(place_refuse_syntax(&p, &err), -1);
	assert_string_equal(err.text, "line 2, column 7: no JSON value");
	err_set(&err, ERR_REJECT, 0, "not UTF-8");
	assert_int_equal(place_refuse_syntax(&p, &err), -1);
	assert_string_equal(err.text, "not UTF-8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_path_is_found_at_its_line_and_column),
		TESTING_CASE(strings_and_containers_on_the_way_are_passed_over),
		TESTING_CASE(what_is_missing_is_said_of_what_should_hold_it),
		TESTING_CASE(an_error_of_the_parser_gets_line_and_column),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
