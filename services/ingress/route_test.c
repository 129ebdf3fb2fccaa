#include "common/testing/testing.h"

#include "services/ingress/route.h"

static void the_two_urls_are_told_apart(void **state)
{
	struct route r;

	(void)state;
	assert_true(route_parse("/push/wx134c8103faa5a59e/authorization", &r));
	assert_string_equal(r.component_appid, "wx134c8103faa5a59e");
	assert_string_equal(r.appid, "");
	assert_false(r.placeholder);
	assert_true(route_parse("/push/wx134c8103faa5a59e/accounts/wxba5fad812f8e6fb9", &r));
	assert_string_equal(r.appid, "wxba5fad812f8e6fb9");
	assert_true(route_parse("/push/wx134c8103faa5a59e/accounts/$APPID$", &r));
	assert_true(r.placeholder);
}

/* One byte longer than an appid may be. */
#define TOO_LONG "a123456789a123456789a123456789a123456789a123456789a123456789a1234"

static void anything_else_is_no_path_of_ours(void **state)
{
	static const char *const paths[] = {"", "/", "/push", "/push/", "/push//authorization", "/push/wx1",
		"/push/wx1/", "/push/wx1/authorization/", "/push/wx1/authorization%00",
		"/push/wx1/authorization%00x", "/push/wx1/Authorization", "/push/wx1/accounts",
		"/push/wx1/accounts/", "/push/wx1/accounts/wx2/", "/push/wx1/accounts/wx2%00",
		"/push/wx1/accounts/wx2%2f", "/push/wx1/accounts/../wx2", "/push/%77x1/authorization",
		"//push/wx1/authorization", "/push/wx1//authorization", "/push/wx1/accounts/$APPID",
		"/push/$APPID$/authorization", "/push/wx1/accounts/" TOO_LONG,
		"/push/" TOO_LONG "/authorization"};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct route r;

		if (route_parse(paths[i], &r))
			fail_msg("taken for a path of ours: %s", paths[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_two_urls_are_told_apart),
		cmocka_unit_test(anything_else_is_no_path_of_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
