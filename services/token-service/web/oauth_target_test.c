#include "services/token-service/web/oauth_target.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

#define N(list) (sizeof(list) / sizeof((list)[0]))

static void rules_name_one_origin_and_perhaps_a_path(void **state)
{
	static const char *const right[] = {"https://shop.example.com", "https://shop.example.com/",
		"https://shop.example.com:8443", "https://shop.example.com/club",
		"https://shop.example.com/club/", "https://xn--fiqs8s.example", "http://localhost:3000",
		"http://127.0.0.1:3000/back", "https://shop.example.com/%E5%BA%97"};
	static const char *const wrong[] = {"", "shop.example.com", "//shop.example.com",
		"http://shop.example.com", "http://localhost.example.com", "http://127.0.0.1.example.com",
		"http://127.0.0.11", "https://*.example.com", "https://", "https:///x",
		"https://shop.example.com:443", "http://localhost:80", "https://shop.example.com:08443",
		"https://shop.example.com:0", "https://shop.example.com:99999", "https://Shop.example.com",
		"https://shop.example.com./", "https://me@shop.example.com", "https://shop.example.com/?",
		"https://shop.example.com/?a=b", "https://shop.example.com/#a",
		"https://shop.example.com/a/../b", "https://shop.example.com/a;b", "ftp://shop.example.com",
		"javascript:alert(1)", " https://shop.example.com", "https://shop.example.com\n"};
	char text[400] = "https://shop.example.com/";

	(void)state;
	for (size_t i = 0; i < N(right); i++) {
		if (!oauth_target_rule_ok(right[i]))
			fail_msg("refused: %s", right[i]);
	}
	for (size_t i = 0; i < N(wrong); i++) {
		if (oauth_target_rule_ok(wrong[i]))
			fail_msg("taken: %s", wrong[i]);
	}
	memset(text + strlen(text), 'a', OAUTH_TARGET_MAX - strlen(text));
	assert_true(oauth_target_rule_ok(text));
	text[OAUTH_TARGET_MAX] = 'a';
	assert_false(oauth_target_rule_ok(text));
}

static void a_rule_allows_its_path_and_what_lies_below(void **state)
{
	static const struct {
		const char *rule, *url;
		bool allowed;
	} rows[] = {
		{"https://a.cn", "https://a.cn", true},
		{"https://a.cn", "https://a.cn/", true},
		{"https://a.cn/", "https://a.cn", true},
		{"https://a.cn", "https://a.cn/x/y?z=//b.cn&r=https://b.cn", true},
		{"https://a.cn", "https://a.cn?x", true},
		{"https://a.cn/club", "https://a.cn/club", true},
		{"https://a.cn/club", "https://a.cn/club?x=1", true},
		{"https://a.cn/club", "https://a.cn/club/", true},
		{"https://a.cn/club", "https://a.cn/club/x", true},
		{"https://a.cn/club", "https://a.cn/clubs", false},
		{"https://a.cn/club", "https://a.cn/club%2Fx", false},
		{"https://a.cn/club", "https://a.cn/Club", false},
		{"https://a.cn/club", "https://a.cn/", false},
		{"https://a.cn/club", "https://a.cn", false},
		{"https://a.cn/club/", "https://a.cn/club/x", true},
		{"https://a.cn/club/", "https://a.cn/club", false},
		{"https://a.cn:8443", "https://a.cn:8443/x", true},
		{"https://a.cn:8443", "https://a.cn/x", false},
		{"http://localhost:3000", "http://localhost:3000/x", true},
		{"http://localhost:3000", "https://localhost:3000/x", false},
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++) {
		if (oauth_target_allows(rows[i].rule, rows[i].url) != rows[i].allowed)
			fail_msg("%s, %s", rows[i].rule, rows[i].url);
	}
}

static void no_hostile_address_is_allowed(void **state)
{
	static const char *const hostile[] = {"", "/club", "//a.cn/club", "//evil.cn/club", "///evil.cn",
		"https:/evil.cn", "https:evil.cn", "https:\\\\a.cn/club", "https://a.cn\\@evil.cn/club",
		"https://a.cn@evil.cn/club", "https://evil.cn@a.cn/club", "https://a.cn:443@evil.cn/club",
		"https://a.cn:x@evil.cn/club", "https://a.cn%40evil.cn/club", "https://a.cn%2eevil.cn/club",
		"https://a.cn%2fevil.cn/club", "https://a.cn%00.evil.cn/club", "https://a.cn.evil.cn/club",
		"https://a.cnx/club", "https://xa.cn/club", "https://a.cn./club", "https://a.cn:443/club",
		"https://a.cn:8443/club", "https://a.cn:/club", "http://a.cn/club", "HTTPS://a.cn/club",
		"https://A.CN/club", "javascript://a.cn/club%0aalert(1)", "data:text/html,x",
		"ftp://a.cn/club", "https://a.cn/club/../x", "https://a.cn/club/..",
		"https://a.cn/club/%2e%2e/x", "https://a.cn/club/.%2e/x", "https://a.cn/club/..;/x",
		"https://a.cn/club/%252e%252e/x", "https://a.cn/club/..%2fx", "https://a.cn/club/..\\x",
		"https://a.cn/club/..%5cx", "https://a.cn/club\t", " https://a.cn/club",
		"https://a.cn/club\r\nSet-Cookie: a=b", "https://a.cn/club#@evil.cn",
		"https://\xef\xbd\x81.cn/club",
		"https://a\xe3\x80\x82"
		"cn/club",
		"https://[::1]/club",
		"https://a.cn/cl\xc3\xbc"
		"b"};

	(void)state;
	for (size_t i = 0; i < N(hostile); i++) {
		if (oauth_target_allows("https://a.cn/club", hostile[i]))
			fail_msg("allowed: %s", hostile[i]);
		if (oauth_target_allows(hostile[i], "https://a.cn/club"))
			fail_msg("allowed as a rule: %s", hostile[i]);
	}
}

static void an_origin_is_scheme_host_and_port(void **state)
{
	(void)state;
	assert_int_equal(oauth_target_origin_len("https://a.cn:8443/x?y"), strlen("https://a.cn:8443"));
	assert_int_equal(oauth_target_origin_len("https://a.cn"), strlen("https://a.cn"));
	assert_int_equal(oauth_target_origin_len("//a.cn"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(rules_name_one_origin_and_perhaps_a_path),
		TESTING_CASE(a_rule_allows_its_path_and_what_lies_below),
		TESTING_CASE(no_hostile_address_is_allowed),
		TESTING_CASE(an_origin_is_scheme_host_and_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
