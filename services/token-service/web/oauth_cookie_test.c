#include "services/token-service/web/oauth_cookie.h"

#include "common/base/str.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static struct master_key list[] = {{"only", {1}}};
static const struct master_keys keys = {list, 1};
static const struct oauth_visit visit = {
	"0123456789abcdef", "snsapi_base", "https://a.cn/b?c=d", "site's \xe5\xba\x97"};

static void a_visit_comes_back_as_it_went(void **state)
{
	struct arena arena = ARENA_INIT;
	struct oauth_visit back;
	const char *value = oauth_visit_seal(&keys, "wxc", "wxa", &visit, 5000, &arena);

	(void)state;
	assert_int_equal(oauth_visit_open(&keys, "wxc", "wxa", value, 4999, &arena, &back), 0);
	assert_string_equal(back.state, visit.state);
	assert_string_equal(back.scope, visit.scope);
	assert_string_equal(back.return_url, visit.return_url);
	assert_string_equal(back.site_state, visit.site_state);
	assert_int_equal(oauth_visit_open(&keys, "wxc", "wxa", value, 5000, &arena, &back), -1);
	assert_int_equal(oauth_visit_open(&keys, "wxc", "wxb", value, 1, &arena, &back), -1);
	assert_int_equal(oauth_visit_open(&keys, "wxd", "wxa", value, 1, &arena, &back), -1);
	assert_int_equal(oauth_visit_open(&keys, "wxc", "wxa", "", 1, &arena, &back), -1);
	arena_release(&arena);
}

static void only_a_value_of_four_fields_is_a_visit(void **state)
{
	static const char *const wrong[] = {"", "a", "a\nb\nc", "a\nb\nc\nd\ne", "\n\n\n\n"};
	struct arena arena = ARENA_INIT;
	struct oauth_visit back;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct buf value = BUF_INIT(SIGNED_VALUE_MAX);

		signed_value_make(&keys, "web authorization of wxc/wxa", wrong[i], 5000, &value);
		assert_int_equal(
			oauth_visit_open(&keys, "wxc", "wxa", buf_cstr(&value), 1, &arena, &back), -1);
		buf_release(&value);
	}
	arena_release(&arena);
}

/* Browsers keep 4096 bytes of one; nginx takes header lines of 8 KiB. */
static void the_largest_cookies_are_small_enough(void **state)
{
	char url[OAUTH_RETURN_MAX + 1], site_state[OAUTH_SITE_STATE_MAX + 1], full[OAUTH_STATE_LEN + 1];
	const struct oauth_visit largest = {full, "snsapi_userinfo", url, site_state};
	struct arena arena = ARENA_INIT;
	size_t len;

	(void)state;
	memset(full, 'f', sizeof(full) - 1);
	memset(url, 'u', sizeof(url) - 1);
	memset(site_state, 's', sizeof(site_state) - 1);
	full[sizeof(full) - 1] = url[sizeof(url) - 1] = site_state[sizeof(site_state) - 1] = '\0';
	len = strlen(oauth_visit_seal(&keys, "wxc", "wxa", &largest, 5000, &arena));
	assert_true(OAUTH_COOKIES_MAX * (len + 32) < 6 * 1024);
	arena_release(&arena);
}

static void the_attributes_keep_a_cookie_to_this_host_and_to_top_level_visits(void **state)
{
	struct arena arena = ARENA_INIT;

	(void)state;
	assert_string_equal(oauth_cookie_set(&arena, "0123456789abcdef", "value", 600),
		"__Host-wxbus-oauth-01234567=value; Max-Age=600; Path=/; Secure; HttpOnly; SameSite=Lax");
	assert_string_equal(oauth_cookie_drop(&arena, "01234567"),
		"__Host-wxbus-oauth-01234567=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax");
	arena_release(&arena);
}

static const char *find(struct arena *arena, const char *header)
{
	return oauth_cookie_find(arena, header, "0123456789abcdef");
}

static void a_state_s_cookie_is_found_among_others(void **state)
{
	struct arena arena = ARENA_INIT;

	(void)state;
	assert_string_equal(find(&arena, "__Host-wxbus-oauth-01234567=a_-Z"), "a_-Z");
	assert_string_equal(
		find(&arena, "a=b; __Host-wxbus-oauth-76543210=x;__Host-wxbus-oauth-01234567=y ; c"), "y");
	assert_string_equal(find(&arena, ";;=; ;__Host-wxbus-oauth-01234567="), "");
	assert_null(find(&arena, NULL));
	assert_null(find(&arena, ""));
	assert_null(find(&arena, "__Host-wxbus-oauth-01234567"));
	assert_null(find(&arena, "x__Host-wxbus-oauth-01234567=a"));
	assert_null(find(&arena, "__Host-wxbus-oauth-012345678=a"));
	assert_null(find(&arena, "__host-wxbus-oauth-01234567=a"));
	assert_null(find(&arena, "wxbus-oauth-01234567=a"));
	arena_release(&arena);
}

static void the_oldest_make_room(void **state)
{
	const char *out[OAUTH_COOKIES_MAX];
	struct arena arena = ARENA_INIT;

	(void)state;
	assert_int_equal(oauth_cookie_surplus(&arena, NULL, out), 0);
	assert_int_equal(oauth_cookie_surplus(&arena,
				 "__Host-wxbus-oauth-00000001=a; b=c; __Host-wxbus-oauth-00000002=b", out),
		0);
	assert_int_equal(oauth_cookie_surplus(&arena,
				 "b=c; __Host-wxbus-oauth-00000001=a; __Host-wxbus-oauth-0000000g=b; "
				 "__Host-wxbus-oauth-00000002=b; __Host-wxbus-oauth-00000003=c; "
				 "__Host-wxbus-oauth-00000004=d",
				 out),
		2);
	assert_string_equal(out[0], "00000001");
	assert_string_equal(out[1], "00000002");
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_visit_comes_back_as_it_went),
		TESTING_CASE(only_a_value_of_four_fields_is_a_visit),
		TESTING_CASE(the_largest_cookies_are_small_enough),
		TESTING_CASE(the_attributes_keep_a_cookie_to_this_host_and_to_top_level_visits),
		TESTING_CASE(a_state_s_cookie_is_found_among_others),
		TESTING_CASE(the_oldest_make_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
