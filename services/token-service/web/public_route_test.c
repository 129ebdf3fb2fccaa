#include "services/token-service/web/public_route.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static void paths_lead_to_what_they_name(void **state)
{
	struct public_route r;

	(void)state;
	assert_int_equal(public_route_parse("GET", "/authorize/wxc1", &r), 0);
	assert_int_equal(r.action, PUBLIC_AUTHORIZE);
	assert_string_equal(r.component_appid, "wxc1");
	assert_string_equal(r.appid, "");
	assert_int_equal(public_route_parse("HEAD", "/authorize/wxc1", &r), 0);
	assert_int_equal(public_route_parse("POST", "/authorize/wxc1/code", &r), 0);
	assert_int_equal(r.action, PUBLIC_AUTHORIZE_CODE);
	assert_int_equal(public_route_parse("GET", "/authorize/wxc1/callback", &r), 0);
	assert_int_equal(r.action, PUBLIC_AUTHORIZE_CALLBACK);
	assert_int_equal(public_route_parse("POST", "/login/wxc1/wxa1", &r), 0);
	assert_int_equal(r.action, PUBLIC_LOGIN);
	assert_string_equal(r.component_appid, "wxc1");
	assert_string_equal(r.appid, "wxa1");
	assert_int_equal(public_route_parse("GET", "/oauth/wxc1/wxa1/start", &r), 0);
	assert_int_equal(r.action, PUBLIC_OAUTH_START);
	assert_string_equal(r.component_appid, "wxc1");
	assert_string_equal(r.appid, "wxa1");
	assert_int_equal(public_route_parse("GET", "/oauth/wxc1/wxa1/callback", &r), 0);
	assert_int_equal(r.action, PUBLIC_OAUTH_CALLBACK);
	assert_int_equal(public_route_parse("GET", "/oauth/keys", &r), 0);
	assert_int_equal(r.action, PUBLIC_OAUTH_KEYS);
	assert_string_equal(r.component_appid, "");
	assert_int_equal(public_route_parse("POST", "/login/wxc1", &r), 404);
	assert_int_equal(public_route_parse("GET", "/login/wxc1/wxa1", &r), 405);
}

static void other_paths_and_methods_lead_nowhere(void **state)
{
	static const char *const wrong[] = {"", "/", "/authorize", "/authorize/", "/authorize//code",
		"/authorize/wxc1/", "/authorize/wxc1/code/", "/authorize/wxc1/other", "/authorize/wx%31/code",
		"/authorize/../authorize/wxc1", "/Authorize/wxc1", "/v1/accounts/wxc1/wxa/token", "/oauth",
		"/oauth/wxc1/wxa1", "/oauth/wxc1/start", "/oauth/wxc1//start", "/oauth/wxc1/wxa1/start/",
		"/oauth/wxc1/wxa1/keys", "/oauth/keys/", "/oauth/wx%31/wxa1/start"};
	struct public_route r;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (public_route_parse("GET", wrong[i], &r) != 404)
			fail_msg("not 404: %s", wrong[i]);
	}
	assert_int_equal(public_route_parse("POST", "/authorize/wxc1", &r), 405);
	assert_int_equal(public_route_parse("GET", "/authorize/wxc1/code", &r), 405);
	assert_int_equal(public_route_parse("get", "/authorize/wxc1", &r), 405);
	assert_int_equal(public_route_parse("POST", "/oauth/wxc1/wxa1/callback", &r), 405);
}

static void a_verification_file_is_named_by_letters_and_digits_only(void **state)
{
	static const char *const wrong[] = {"/.txt", "/a.b.txt", "/a/b.txt", "/../a.txt", "/a%2fb.txt",
		"/a.txt/", "/a.TXT", "/a.txt.txt", "//a.txt", "/a b.txt", "/\xe5.txt", "a.txt"};
	struct public_route r;

	(void)state;
	assert_int_equal(public_route_parse("GET", "/MP_verify_aB3xyz.txt", &r), 0);
	assert_int_equal(r.action, PUBLIC_VERIFICATION_FILE);
	assert_string_equal(r.name, "MP_verify_aB3xyz");
	assert_string_equal(r.component_appid, "");
	assert_int_equal(public_route_parse("POST", "/1234567890.txt", &r), 405);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (public_route_parse("GET", wrong[i], &r) != 404)
			fail_msg("not 404: %s", wrong[i]);
	}
}

static void an_appid_of_excessive_length_is_refused(void **state)
{
	char path[200] = "/authorize/";
	struct public_route r;

	(void)state;
	memset(path + strlen(path), 'a', APPID_MAX + 1);
	assert_int_equal(public_route_parse("GET", path, &r), 404);
	path[strlen(path) - 1] = '\0';
	assert_int_equal(public_route_parse("GET", path, &r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lead_to_what_they_name),
		cmocka_unit_test(other_paths_and_methods_lead_nowhere),
		cmocka_unit_test(a_verification_file_is_named_by_letters_and_digits_only),
		cmocka_unit_test(an_appid_of_excessive_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
