#include "common/base/web_url.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static int parse(const char *text, struct web_url *out)
{
	return web_url_parse(text, strlen(text), out);
}

static void an_address_comes_apart(void **state)
{
	struct web_url u;

	(void)state;
	assert_int_equal(parse("https://shop.example.com:8443/a/b%20c?x=1&y=%2F..", &u), 0);
	assert_true(str_eq_cstr(u.origin, "https://shop.example.com:8443"));
	assert_true(str_eq_cstr(u.path, "/a/b%20c"));
	assert_true(str_eq_cstr(u.query, "x=1&y=%2F.."));
	assert_int_equal(parse("http://127.0.0.1", &u), 0);
	assert_true(str_eq_cstr(u.origin, "http://127.0.0.1"));
	assert_int_equal(u.path.len, 0);
	assert_int_equal(u.query.len, 0);
	assert_int_equal(parse("https://a.example/..x/...", &u), 0);
}

static void what_browsers_read_otherwise_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"https://",
		"https:///path",
		"HTTPS://shop.example",
		"ftp://shop.example",
		"javascript:alert(1)",
		"//shop.example",
		"/path",
		"https:shop.example",
		"https://user@shop.example",
		"https://shop.example@evil.example",
		"https://shop.example\\@evil.example",
		"https://shop.example:",
		"https://shop.example:0",
		"https://shop.example:65536",
		"https://shop.example:80a/",
		"https://shop.example.",
		"https://.example",
		"https://shop..example",
		"https://-shop.example",
		"https://SHOP.example",
		"https://shop.example/#x",
		"https://shop.example/a/../b",
		"https://shop.example/a/..",
		"https://shop.example/./b",
		"https://shop.example/%2e%2e/b",
		"https://shop.example/a%2fb",
		"https://shop.example/a%5Cb",
		"https://shop.example/a%00",
		"https://shop.example/a%25b",
		"https://shop.example/a%2",
		"https://shop.example/a%zz",
		"https://shop.example/a b",
		"https://shop.example/\"",
		"https://shop.example/<",
		"https://shop.example/\n",
		"https://shop.example/?a=\r\nSet-Cookie: x",
		"https://shop.example/?%",
		"https://sh\xc3\xb6p.example/",
		"https://[::1]/",
		"https://shop.example%2eevil.example/",
	};
	struct web_url u;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (parse(wrong[i], &u) == 0)
			fail_msg("accepted: %s", wrong[i]);
	}
}

static void an_address_of_excessive_length_is_refused(void **state)
{
	char text[WEB_URL_MAX + 2];
	struct web_url u;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", 10);
	assert_int_equal(web_url_parse(text, WEB_URL_MAX, &u), 0);
	assert_int_equal(web_url_parse(text, WEB_URL_MAX + 1, &u), -1);
	assert_int_equal(web_url_parse("https://h/a\0b", 13, &u), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_comes_apart),
		cmocka_unit_test(what_browsers_read_otherwise_is_refused),
		cmocka_unit_test(an_address_of_excessive_length_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
