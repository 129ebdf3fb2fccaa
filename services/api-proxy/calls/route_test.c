#include "services/api-proxy/calls/route.h"

#include "common/base/buf.h"
#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static void an_account_path_gives_the_appid_and_weixins_path(void **state)
{
	struct route r;

	(void)state;
	assert_int_equal(route_parse("/accounts/wx12/cgi-bin/message/custom/send", &r), REFUSAL_NONE);
	assert_string_equal(r.appid, "wx12");
	assert_string_equal(r.path, "/cgi-bin/message/custom/send");
	assert_int_equal(route_parse("/platforms/cgi-bin/openapi/quota/get", &r), REFUSAL_NONE);
	assert_string_equal(r.appid, "");
	assert_string_equal(r.path, "/cgi-bin/openapi/quota/get");
}

static void what_is_no_route_is_not_found(void **state)
{
	static const char *const paths[] = {"/", "/accounts", "/accounts/", "/accounts/wx1",
		"/accounts//cgi-bin/x", "/accounts/wx 1/x", "/accounts/%77x1/x", "/accounts/wx1@h/x",
		"/account/wx1/x", "/platform/x", "/v1/callers", "accounts/wx1/x"};
	struct route r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(route_parse(paths[i], &r), REFUSAL_NOT_FOUND);
}

static void hostile_paths_are_refused(void **state)
{
	static const char *const paths[] = {"/", "//host/x", "/cgi-bin//x", "/@127.0.0.1:1/x", "/x@h",
		"/../x", "/a/../b", "/a/./b", "/a/..", "/a/%2e%2e/b", "/a%2fb", "/a\\b", "/a%00",
		"/a\r\nHost: x", "/a b", "/a;b", "/a?b", "/a#b", "/a:80/x", "/\xc3\xa9", "/a%5cb", "x", ""};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(route_judge_path(paths[i]), REFUSAL_BAD_PATH);
}

static void paths_of_credentials_are_closed_however_they_are_written(void **state)
{
	static const char *const paths[] = {"/cgi-bin/component/api_component_token",
		"/cgi-bin/component/api_authorizer_token", "/cgi-bin/component/api_query_auth",
		"/cgi-bin/token", "/cgi-bin/stable_token", "/CGI-BIN/Component/API_component_token",
		"/cgi-bin/token/"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(route_judge_path(paths[i]), REFUSAL_CREDENTIAL);
	assert_int_equal(route_judge_path("/cgi-bin/message/custom/send"), REFUSAL_NONE);
}

static void session_keys_stay_off_topics(void **state)
{
	(void)state;
	assert_true(route_is_http_only("/sns/component/jscode2session"));
	assert_true(route_is_http_only("/SNS/jscode2session/"));
	assert_false(route_is_http_only("/cgi-bin/user/info"));
}

static void files_stay_off_topics(void **state)
{
	(void)state;
	assert_true(route_is_http_only("/cgi-bin/media/upload"));
	assert_true(route_is_http_only("/wxa/uploadmedia"));
	assert_false(route_is_http_only("/cgi-bin/media/get"));
}

static void the_token_goes_where_weixin_expects_it(void **state)
{
	(void)state;
	assert_string_equal(
		route_token_parameter("/sns/oauth2/component/access_token", true), "component_access_token");
	assert_string_equal(
		route_token_parameter("/sns/component/jscode2session", true), "component_access_token");
	assert_string_equal(route_token_parameter("/cgi-bin/component/get_authorizer_option", true),
		"component_access_token");
	assert_string_equal(route_token_parameter("/wxa/gettemplatelist", true), "access_token");
	assert_string_equal(
		route_token_parameter("/cgi-bin/component/get_authorizer_option", false), "access_token");
}

static void a_callers_access_token_is_told_apart(void **state)
{
	struct httpc_pair pairs[ROUTE_QUERY_MAX];
	struct arena arena = ARENA_INIT;
	const char *token = "untouched";
	size_t n;

	(void)state;
	assert_int_equal(route_read_query("a=1&access_token=t%2Bx", &arena, pairs, &n, &token), REFUSAL_NONE);
	assert_string_equal(token, "t+x");
	assert_int_equal(n, 1);
	assert_int_equal(
		route_read_query("component_access_token=t", &arena, pairs, &n, &token), REFUSAL_NONE);
	assert_null(token);
	assert_int_equal(route_read_query(NULL, &arena, pairs, &n, &token), REFUSAL_NONE);
	assert_null(token);
	arena_release(&arena);
}

static void check_query(const char *in, const char *expected)
{
	struct httpc_pair pairs[ROUTE_QUERY_MAX];
	struct buf text = BUF_INIT(4096);
	struct arena arena = ARENA_INIT;
	size_t i, n = 0;

	assert_int_equal(route_read_query(in, &arena, pairs, &n, NULL), REFUSAL_NONE);
	for (i = 0; i < n; i++)
		buf_addf(&text, "%s=%s;", pairs[i].name, pairs[i].value);
	assert_string_equal(buf_cstr(&text), expected);
	buf_release(&text);
	arena_release(&arena);
}

static void a_callers_own_token_is_taken_out_of_the_query(void **state)
{
	(void)state;
	check_query(NULL, "");
	check_query("", "");
	check_query("a=1&b=%20", "a=1;b= ;");
	check_query("access_token=x", "");
	check_query("a=1&access_token=x&b=2", "a=1;b=2;");
	check_query("access_token&a=1", "a=1;");
	check_query("component_access_token=x&a=1&access_token=y", "a=1;");
	check_query("access%5Ftoken=x&a=1", "a=1;");
	check_query("%61ccess_token=y&a=1", "a=1;");
	check_query("Access_Token=x&+access_token=z&access_token%20=x&a=1", "a=1;");
	check_query("access_token_x=1", "access_token_x=1;");
	check_query("a=access_token%3D1", "a=access_token=1;");
}

static void a_query_that_cannot_be_read_for_sure_is_refused(void **state)
{
	static const char *const queries[] = {"a=%0d%0a", "a=1&a=2", "a=%zz", "a=%00", "a=%ff"};
	struct httpc_pair pairs[ROUTE_QUERY_MAX];
	struct arena arena = ARENA_INIT;
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		assert_int_equal(route_read_query(queries[i], &arena, pairs, &n, NULL), REFUSAL_BAD_REQUEST);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(an_account_path_gives_the_appid_and_weixins_path),
		TESTING_CASE(what_is_no_route_is_not_found),
		TESTING_CASE(hostile_paths_are_refused),
		TESTING_CASE(paths_of_credentials_are_closed_however_they_are_written),
		TESTING_CASE(session_keys_stay_off_topics),
		TESTING_CASE(files_stay_off_topics),
		TESTING_CASE(the_token_goes_where_weixin_expects_it),
		TESTING_CASE(a_callers_access_token_is_told_apart),
		TESTING_CASE(a_callers_own_token_is_taken_out_of_the_query),
		TESTING_CASE(a_query_that_cannot_be_read_for_sure_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
