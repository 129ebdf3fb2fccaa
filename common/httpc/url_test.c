#include "common/httpc/url.h"
#include "common/testing/testing.h"

#include <string.h>

static void path_check_takes_weixins_paths(void **state)
{
	static const char *const good[] = {"/", "/cgi-bin/message/custom/send", "/v1/accounts/wx1/wx2/token",
		"/wxa/api_wxa_getauthorizerinfo", "/a/", "/a.b/..c/d..", "/...", "/%E5%BE%AE", "/a%20b",
		"/a:b;c,d=e+f~g!h*'()", "/%25"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (httpc_path_check(good[i], strlen(good[i]), NULL) != 0)
			fail_msg("refused: %s", good[i]);
}

static void path_check_refuses_what_could_lead_elsewhere(void **state)
{
	static const char *const bad[] = {"", "a", "a/b", "//", "//host/x", "/a//b", "/a//", "@127.0.0.1:1/x",
		"/@x", "/a\\b", "/\\host", "/.", "/..", "/./a", "/../a", "/a/.", "/a/..", "/a/../b", "/%2e",
		"/%2E%2e/a", "/a/.%2e/b", "/a%2fb", "/a%2Fb", "/a%5cb", "/a%5Cb", "/a%00", "/a%0a", "/a%0D",
		"/a%1f", "/a%7f", "/%", "/%2", "/%zz", "/a%2", "/a?b", "/a#b", "/a b", "/a\tb",
		"/a\r\nHost: x", "/a\x7f", "/\xe5\xbe\xae", "/\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = {0};

		if (httpc_path_check(bad[i], strlen(bad[i]), &err) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.kind, ERR_REJECT);
	}
}

static void path_check_refuses_a_nul_and_stays_within_its_bytes(void **state)
{
	(void)state;
	assert_int_equal(httpc_path_check("/a\0b", 4, NULL), -1);
	assert_int_equal(httpc_path_check("/a%41", 4, NULL), -1);
	assert_int_equal(httpc_path_check("/a/../b", 2, NULL), 0);
}

static void expect_url(const struct httpc_request *req, bool allow_http, const char *url)
{
	struct err err = {0};
	char *built = NULL;

	if (url_build(req, allow_http, &built, &err) != 0)
		fail_msg("%s", err.text);
	assert_string_equal(built, url);
	url_free(&built);
	assert_null(built);
}

static void a_url_is_built_from_its_parts(void **state)
{
	const struct httpc_pair query[] = {
		{"access_token", "a+b/c=&d?e#f"}, {"empty", ""}, {"\xe5\xbe\xae", "\xe4\xbf\xa1 \n%"}};
	const struct httpc_request plain = {.base = "https://api.weixin.qq.com", .path = "/cgi-bin/x"};
	const struct httpc_request full = {
		.base = "https://api.weixin.qq.com:8443/", .path = "/a%20b", .query = query, .n_query = 3};
	const struct httpc_request http = {.base = "http://127.0.0.1:8181", .path = "/v1"};
	const struct httpc_request v6 = {.base = "http://[::1]:8181", .path = "/v1"};

	(void)state;
	expect_url(&plain, false, "https://api.weixin.qq.com/cgi-bin/x");
	expect_url(&full, false,
		"https://api.weixin.qq.com:8443/a%20b?access_token=a%2Bb%2Fc%3D%26d%3Fe%23f&empty=&"
		"%E5%BE%AE=%E4%BF%A1%20%0A%25");
	expect_url(&http, true, "http://127.0.0.1:8181/v1");
	expect_url(&v6, true, "http://[::1]:8181/v1");
}

static void a_base_that_is_more_than_a_place_is_refused(void **state)
{
	static const char *const bad[] = {"", "api.weixin.qq.com", "http://api.weixin.qq.com", "ftp://x",
		"file:///etc", "https://user@x", "https://user:pw@x", "https://x/path", "https://x?q=1",
		"https://x#f", "https://", "https://x:99999", "https://x y"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct httpc_request req = {.base = bad[i], .path = "/a"};
		char *built = NULL;
		struct err err = {0};

		if (url_build(&req, false, &built, &err) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_null(built);
	}
}

static void an_endless_query_is_refused(void **state)
{
	static char value[70000];
	const struct httpc_pair query = {"q", value};
	const struct httpc_request req = {.base = "https://x", .path = "/a", .query = &query, .n_query = 1};
	char *built = NULL;
	struct err err = {0};

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	assert_int_equal(url_build(&req, false, &built, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(path_check_takes_weixins_paths),
		TESTING_CASE(path_check_refuses_what_could_lead_elsewhere),
		TESTING_CASE(path_check_refuses_a_nul_and_stays_within_its_bytes),
		TESTING_CASE(a_url_is_built_from_its_parts),
		TESTING_CASE(a_base_that_is_more_than_a_place_is_refused),
		TESTING_CASE(an_endless_query_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
