#include "services/token-service/web/authorize_link.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static int read_choice(const char *text, struct authorize_choice *out)
{
	struct arena arena = ARENA_INIT;
	struct query q = {.n = 0};
	int rc;

	assert_int_equal(query_parse(text, strlen(text), &arena, &q), QUERY_OK);
	rc = authorize_choice_read(&q, out);
	arena_release(&arena);
	return rc;
}

static void choices_come_back_as_they_were_written(void **state)
{
	struct authorize_choice c = {.phone = true}, again = {.phone = false};
	struct buf out = BUF_INIT(1000);

	(void)state;
	assert_int_equal(read_choice("auth_type=2&biz_appid=wxacc1&category_id_list=1%7C37%7C2", &c), 0);
	authorize_choice_write(&c, &out);
	assert_string_equal(
		buf_cstr(&out), "auth_type=2&device=phone&biz_appid=wxacc1&category_id_list=1%7C37%7C2");
	assert_int_equal(read_choice(buf_cstr(&out), &again), 0);
	assert_memory_equal(&again, &c, sizeof(c));
	assert_int_equal(read_choice("", &c), 0);
	assert_int_equal(c.auth_type, 3);
	assert_true(c.phone);
	buf_release(&out);
}

static void wrong_choices_are_refused(void **state)
{
	static const char *const wrong[] = {"auth_type=7", "auth_type=", "auth_type=33", "auth_type=x",
		"biz_appid=", "biz_appid=a%2Fb", "category_id_list=1%7C", "category_id_list=%7C1",
		"category_id_list=1,2", "category_id_list=1234567", "device=tv", "device="};
	struct authorize_choice c = {.auth_type = 5};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (read_choice(wrong[i], &c) == 0)
			fail_msg("accepted: %s", wrong[i]);
	}
	assert_int_equal(c.auth_type, 5);
}

static void the_link_has_weixin_s_form(void **state)
{
	struct authorize_choice c = {.auth_type = 3};
	struct buf out = BUF_INIT(2000);

	(void)state;
	authorize_link(&c, "https://mp.weixin.qq.com", "https://open.weixin.qq.com", "wxc1",
		"preauthcode@@@x", "https://wx.example.com/authorize/wxc1/callback?s=1", &out);
	assert_string_equal(buf_cstr(&out),
		"https://mp.weixin.qq.com/cgi-bin/componentloginpage?component_appid=wxc1"
		"&pre_auth_code=preauthcode%40%40%40x"
		"&redirect_uri=https%3A%2F%2Fwx.example.com%2Fauthorize%2Fwxc1%2Fcallback%3Fs%3D1&auth_type="
		"3");
	buf_reset(&out);
	c = (struct authorize_choice){
		.auth_type = 1, .biz_appid = "wxacc1", .categories = "1|2", .phone = true};
	authorize_link(&c, "https://mp.weixin.qq.com", "https://open.weixin.qq.com", "wxc1", "p",
		"https://a/", &out);
	assert_string_equal(buf_cstr(&out),
		"https://open.weixin.qq.com/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1"
		"&component_appid=wxc1&pre_auth_code=p&redirect_uri=https%3A%2F%2Fa%2F&auth_type=1"
		"&biz_appid=wxacc1&category_id_list=1%7C2#wechat_redirect");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(choices_come_back_as_they_were_written),
		cmocka_unit_test(wrong_choices_are_refused),
		cmocka_unit_test(the_link_has_weixin_s_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
