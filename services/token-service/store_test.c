#include "services/token-service/store.h"

#include "common/testing/testing.h"

#include <stdlib.h>

#include "common/base/banned.h"

static void check(const char *text, const int64_t *expected, size_t n_expected)
{
	size_t n;
	int64_t *list = store_int_array_parse(text, &n);

	assert_int_equal(n, n_expected);
	for (size_t i = 0; i < n; i++)
		assert_true(list[i] == expected[i]);
	free(list);
}

static void arrays_come_back_as_they_went(void **state)
{
	const int64_t list[] = {1, -2, INT64_MAX};
	struct buf text = BUF_INIT(100);

	(void)state;
	store_int_array(list, 3, &text);
	assert_string_equal(buf_cstr(&text), "{1,-2,9223372036854775807}");
	check(buf_cstr(&text), list, 3);
	buf_reset(&text);
	store_int_array(NULL, 0, &text);
	assert_string_equal(buf_cstr(&text), "{}");
	check("{}", NULL, 0);
	buf_release(&text);
}

static void what_is_no_number_is_passed_over(void **state)
{
	const int64_t list[] = {1, 3};

	(void)state;
	check("{1,NULL,3}", list, 2);
	check("", NULL, 0);
}

static void every_process_has_an_owner_s_name_of_its_own(void **state)
{
	struct store a, b;

	(void)state;
	store_init(&a, NULL, NULL);
	store_init(&b, NULL, NULL);
	assert_string_not_equal(a.owner, b.owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(arrays_come_back_as_they_went),
		TESTING_CASE(what_is_no_number_is_passed_over),
		TESTING_CASE(every_process_has_an_owner_s_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
