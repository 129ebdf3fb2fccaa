#include "services/api-proxy/jssdk/jssdk_sign.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

/* The sample of Weixin's page. */
static void weixins_sample_is_signed_as_weixin_does(void **state)
{
	char signature[41];

	(void)state;
	jssdk_sign("sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
		"Wm3WZYTPz0wzccnW", 1414587457, "http://mp.weixin.qq.com?params=value", signature);
	assert_string_equal(signature, "0f9de62fce790f9a083d5c99e95740ceb90c27ed");
}

static void a_page_loses_its_fragment_and_must_be_of_the_web(void **state)
{
	static const char *const wrong[] = {
		"", "http://", "https:///x", "ftp://a/", "javascript:alert(1)", "//a/b", "http://#x"};
	char page[JSSDK_URL_MAX + 1], longest[JSSDK_URL_MAX + 2];
	size_t i;

	(void)state;
	assert_int_equal(jssdk_page("https://a.example/b?c=d#e#f", page, NULL), 0);
	assert_string_equal(page, "https://a.example/b?c=d");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(jssdk_page(wrong[i], page, NULL), -1);
	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "http://", 7);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(jssdk_page(longest, page, NULL), -1);
	longest[sizeof(longest) - 2] = '\0';
	assert_int_equal(jssdk_page(longest, page, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(weixins_sample_is_signed_as_weixin_does),
		TESTING_CASE(a_page_loses_its_fragment_and_must_be_of_the_web),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
