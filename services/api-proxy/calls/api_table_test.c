#include "services/api-proxy/calls/api_table.h"

#include "common/testing/testing.h"
#include "services/api-proxy/calls/route.h"

#include <string.h>

#include "common/base/banned.h"

static void the_rows_stand_in_order_so_that_each_is_found(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < n_api_table; i++) {
		if (i > 0)
			assert_true(strcmp(api_table[i - 1].path, api_table[i].path) < 0);
		assert_ptr_equal(api_find_path(api_table[i].path), &api_table[i]);
	}
}

static void every_row_is_a_path_that_callers_may_call(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < n_api_table; i++) {
		assert_int_equal(route_judge_path(api_table[i].path), REFUSAL_NONE);
		assert_int_equal(strncmp(api_table[i].source, "https://", 8), 0);
	}
}

static void what_can_have_an_effect_twice_is_not_repeated(void **state)
{
	(void)state;
	assert_false(api_repeatable("POST", "/cgi-bin/message/custom/send"));
	assert_false(api_repeatable("GET", "/wxa/undocodeaudit"));
	assert_false(api_repeatable("GET", "/sns/component/jscode2session"));
	assert_true(api_repeatable("GET", "/cgi-bin/menu/get"));
	assert_true(api_repeatable("POST", "/cgi-bin/menu/create"));
}

static void what_is_not_in_the_table_is_not_repeated_even_as_a_get(void **state)
{
	(void)state;
	assert_null(api_find("GET", "/cgi-bin/nobody/knows"));
	assert_false(api_repeatable("GET", "/cgi-bin/nobody/knows"));
	assert_null(api_find("GET", "/cgi-bin/menu/create"));
	assert_false(api_repeatable("GET", "/cgi-bin/menu/create"));
	assert_non_null(api_find("GET", "/customservice/kfaccount/del"));
	assert_non_null(api_find("POST", "/customservice/kfaccount/del"));
}

static void what_answers_with_a_secret_is_for_http_only(void **state)
{
	(void)state;
	assert_true(route_is_http_only("/sns/jscode2session"));
	assert_true(route_is_http_only("/cgi-bin/account/fastregister"));
	assert_true(route_is_http_only("/CGI-BIN/account/fastregister/"));
	assert_false(route_is_http_only("/cgi-bin/menu/get"));
}

static void each_path_has_one_of_a_few_classes(void **state)
{
	const char *names[API_CLASSES_MAX] = {"other"};
	size_t i, j, n = 1;

	(void)state;
	for (i = 0; i < n_api_table; i++) {
		const char *name = api_class(api_table[i].path);

		assert_string_not_equal(name, "other");
		for (j = 0; j < n && strcmp(names[j], name) != 0; j++)
			;
		if (j == n) {
			assert_true(n < API_CLASSES_MAX);
			names[n++] = name;
		}
	}
	assert_string_equal(api_class("/cgi-bin/message/custom/send"), "custom_message");
	assert_string_equal(api_class("/cgi-bin/menu/nobody/knows"), "menu");
	assert_string_equal(api_class("/wxa/gettemplatelist"), "platform");
	assert_string_equal(api_class("/merchant/order"), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(the_rows_stand_in_order_so_that_each_is_found),
		TESTING_CASE(every_row_is_a_path_that_callers_may_call),
		TESTING_CASE(what_can_have_an_effect_twice_is_not_repeated),
		TESTING_CASE(what_is_not_in_the_table_is_not_repeated_even_as_a_get),
		TESTING_CASE(what_answers_with_a_secret_is_for_http_only),
		TESTING_CASE(each_path_has_one_of_a_few_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
