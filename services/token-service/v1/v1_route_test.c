#include "services/token-service/v1/v1_route.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static void each_request_has_its_action_scope_and_appids(void **state)
{
	struct v1_route r;

	(void)state;
	assert_int_equal(v1_route_parse("GET", "/v1/accounts/wxc/wxa/token", &r), 0);
	assert_int_equal(r.action, V1_TOKEN);
	assert_int_equal(r.scope, SCOPE_TOKEN);
	assert_string_equal(r.id.component_appid, "wxc");
	assert_string_equal(r.id.appid, "wxa");
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/refresh", &r), 0);
	assert_int_equal(r.action, V1_REFRESH);
	assert_string_equal(r.id.appid, "");
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/exchange", &r), 0);
	assert_int_equal(r.scope, SCOPE_EXCHANGE);
	assert_int_equal(v1_route_parse("GET", "/v1/accounts/wxc/wxa/directory", &r), 0);
	assert_int_equal(r.action, V1_DIRECTORY);
	assert_int_equal(r.scope, SCOPE_TOKEN);
	assert_int_equal(v1_route_parse("PUT", "/v1/accounts/wxc/wxa/repliers", &r), 0);
	assert_int_equal(r.scope, SCOPE_ADMIN);
	assert_int_equal(v1_route_parse("PUT", "/v1/accounts/wxc/wxa/channel", &r), 0);
	assert_int_equal(r.action, V1_CHANNEL);
	assert_int_equal(r.scope, SCOPE_ADMIN);
	assert_int_equal(v1_route_parse("GET", "/v1/accounts/wxc/wxa/status", &r), 0);
	assert_int_equal(r.action, V1_STATUS);
	assert_int_equal(r.scope, SCOPE_ADMIN);
	assert_int_equal(v1_route_parse("GET", "/v1/accounts/wxc/wxa/oauth-targets", &r), 0);
	assert_int_equal(r.action, V1_OAUTH_TARGETS);
	assert_int_equal(r.scope, SCOPE_ADMIN);
	assert_int_equal(v1_route_parse("PUT", "/v1/accounts/wxc/wxa/oauth-targets", &r), 0);
	assert_int_equal(r.action, V1_OAUTH_TARGETS_SET);
	assert_int_equal(r.scope, SCOPE_ADMIN);
	assert_int_equal(v1_route_parse("DELETE", "/v1/accounts/wxc/wxa/oauth-targets", &r), 405);
	assert_int_equal(v1_route_parse("GET", "/v1/platforms/wxc/sync", &r), 0);
	assert_int_equal(r.action, V1_SYNC);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/sync", &r), 0);
	assert_int_equal(r.action, V1_SYNC_ASK);
	assert_int_equal(r.scope, SCOPE_ADMIN);
}

static void a_collection_itself_has_no_appids(void **state)
{
	struct v1_route r;

	(void)state;
	assert_int_equal(v1_route_parse("GET", "/v1/accounts", &r), 0);
	assert_int_equal(r.action, V1_ACCOUNTS);
	assert_int_equal(r.scope, SCOPE_ADMIN);
	assert_string_equal(r.id.component_appid, "");
	assert_int_equal(v1_route_parse("GET", "/v1/platforms", &r), 0);
	assert_int_equal(r.action, V1_PLATFORMS);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms", &r), 405);
	assert_int_equal(v1_route_parse("GET", "/v1/accounts/", &r), 404);
}

static void an_operation_is_of_a_platform_or_of_an_account(void **state)
{
	struct v1_route r;

	(void)state;
	assert_int_equal(v1_route_parse("POST", "/v1/accounts/wxc/wxa/weixin/open-create", &r), 0);
	assert_int_equal(r.action, V1_WEIXIN);
	assert_int_equal(r.scope, SCOPE_ADMIN);
	assert_string_equal(r.operation->path, "/cgi-bin/open/create");
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/weixin/open-create", &r), 404);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/weixin/register-trial", &r), 0);
	assert_int_equal(v1_route_parse("POST", "/v1/accounts/wxc/wxa/weixin/register-trial", &r), 404);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/weixin/quota-get", &r), 0);
	assert_int_equal(v1_route_parse("POST", "/v1/accounts/wxc/wxa/weixin/quota-get", &r), 0);
	assert_int_equal(v1_route_parse("GET", "/v1/accounts/wxc/wxa/weixin/quota-get", &r), 405);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/weixin", &r), 404);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/weixin/", &r), 404);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/weixin/quota-get/x", &r), 404);
	assert_int_equal(v1_route_parse("POST", "/v1/platforms/wxc/weixin/api_component_token", &r), 404);
}

static void what_is_about_no_single_account_has_no_appid_and_is_the_operator_s(void **state)
{
	static const struct {
		const char *path;
		enum v1_action action;
	} rows[] = {{"/v1/users/forget", V1_FORGET}, {"/v1/audit/list", V1_AUDIT}, {"/v1/keys/list", V1_KEYS},
		{"/v1/keys/reseal", V1_RESEAL}};
	struct v1_route r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(v1_route_parse("POST", rows[i].path, &r), 0);
		assert_int_equal(r.action, rows[i].action);
		assert_int_equal(r.scope, SCOPE_ADMIN);
		assert_string_equal(r.id.component_appid, "");
		assert_int_equal(v1_route_parse("GET", rows[i].path, &r), 405);
	}
	assert_int_equal(v1_route_parse("POST", "/v1/keys/wxc/list", &r), 404);
	assert_int_equal(v1_route_parse("POST", "/v1/users/wxc/wxa/forget", &r), 404);
}

static void other_methods_and_paths_are_refused(void **state)
{
	static const char *const paths[] = {"", "/", "/v1", "/v1/", "/v1/callers", "/v1/accounts/wxc/wxa",
		"/v1/accounts/wxc/wxa/", "/v1/accounts/wxc/wxa/token/", "/v1/accounts/wxc/wxa/token/x",
		"/v1/accounts//wxa/token", "/v1/accounts/wxc/../token", "/v1/accounts/wxc/wx%61/token",
		"/v1/accounts/wxc/wxa/exchange", "/v1/platforms/wxc/repliers", "/v2/platforms/wxc/token",
		"/v1/platforms/wxc/wxa/token", "v1/platforms/wxc/token"};
	struct v1_route r;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(v1_route_parse("GET", paths[i], &r), 404);
	assert_int_equal(v1_route_parse("POST", "/v1/accounts/wxc/wxa/token", &r), 405);
	assert_int_equal(v1_route_parse("get", "/v1/accounts/wxc/wxa/token", &r), 405);
}

static void an_appid_longer_than_any_is_refused(void **state)
{
	struct v1_route r;
	char *path;

	(void)state;
	path = xasprintf("/v1/accounts/wxc/%065d/token", 1);
	assert_int_equal(v1_route_parse("GET", path, &r), 404);
	free(path);
	path = xasprintf("/v1/accounts/wxc/%064d/token", 1);
	assert_int_equal(v1_route_parse("GET", path, &r), 0);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(each_request_has_its_action_scope_and_appids),
		TESTING_CASE(a_collection_itself_has_no_appids),
		TESTING_CASE(an_operation_is_of_a_platform_or_of_an_account),
		TESTING_CASE(what_is_about_no_single_account_has_no_appid_and_is_the_operator_s),
		TESTING_CASE(other_methods_and_paths_are_refused),
		TESTING_CASE(an_appid_longer_than_any_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
