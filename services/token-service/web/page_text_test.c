#include "services/token-service/web/page_text.h"

#include "common/testing/testing.h"

#include "common/base/banned.h"

static void the_wish_wins_then_the_browser_then_chinese(void **state)
{
	(void)state;
	assert_int_equal(lang_choose("en", "zh-CN"), LANG_EN);
	assert_int_equal(lang_choose("zh", "en"), LANG_ZH);
	assert_int_equal(lang_choose("fr", "en"), LANG_EN);
	assert_int_equal(lang_choose(NULL, NULL), LANG_ZH);
	assert_int_equal(lang_choose(NULL, ""), LANG_ZH);
	assert_int_equal(lang_choose(NULL, "fr,de;q=0.9"), LANG_ZH);
	assert_int_equal(lang_choose(NULL, "en-US,en;q=0.9,zh;q=0.8"), LANG_EN);
	assert_int_equal(lang_choose(NULL, "fr, en;q=0.5, zh-TW; q=0.75"), LANG_ZH);
	assert_int_equal(lang_choose(NULL, "zh;q=0.123,EN;q=0.124"), LANG_EN);
	assert_int_equal(lang_choose(NULL, "english,eng;q=1"), LANG_ZH);
	assert_int_equal(lang_choose(NULL, "en;q=0,*"), LANG_ZH);
	assert_int_equal(lang_choose(NULL, ";;;,,q=,en;q"), LANG_EN);
}

static void every_text_is_there_in_both_languages(void **state)
{
	(void)state;
	for (int i = 0; i < N_TEXTS; i++) {
		assert_true(page_text(LANG_ZH, (enum text)i)[0]);
		assert_true(page_text(LANG_EN, (enum text)i)[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_wish_wins_then_the_browser_then_chinese),
		cmocka_unit_test(every_text_is_there_in_both_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
