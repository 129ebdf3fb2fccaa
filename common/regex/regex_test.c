#include "common/regex/regex.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static enum regex_result search(const char *pattern, bool ignore_case, const char *text)
{
	uint32_t steps = REGEX_STEPS;
	enum regex_result result;
	struct regex *r = NULL;
	struct err err;

	assert_int_equal(regex_new(&r, pattern, ignore_case, &err), 0);
	result = regex_search(r, text, strlen(text), &steps);
	regex_free(&r);
	assert_null(r);
	return result;
}

static void search_finds_what_the_expression_says_in_utf_8(void **state)
{
	(void)state;
	assert_int_equal(search("退.?款", false, "我要退 款"), REGEX_FOUND);
	assert_int_equal(search("^退..款", false, "退款"), REGEX_NOT_FOUND);
	assert_int_equal(search("^hello\\b", true, "Hello, world"), REGEX_FOUND);
	assert_int_equal(search("^hello\\b", false, "Hello, world"), REGEX_NOT_FOUND);
	assert_int_equal(search("(a)(b)(c)", false, "abc"), REGEX_FOUND);
	assert_int_equal(search("", false, ""), REGEX_FOUND);
}

static void a_malformed_expression_is_refused_at_its_character(void **state)
{
	static const struct {
		const char *pattern, *says;
	} bad[] = {
		{"退款(", "character 4"},
		{"a{2,1}", "character 6"},
		{"[z-a]", "character 4"},
		{"\\C", "character 3"},
		{"(((((((((((a{60}){60}){60}){60}){60}))))))", "regular expression"},
	};
	struct regex *r = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(regex_new(&r, bad[i].pattern, false, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		if (!strstr(err.text, bad[i].says))
			fail_msg("%s: %s", bad[i].pattern, err.text);
		assert_null(r);
	}
}

static void an_expression_that_is_long_or_large_is_refused(void **state)
{
	char pattern[REGEX_PATTERN_MAX + 2];
	struct regex *r = NULL;
	struct err err;

	(void)state;
	memset(pattern, 'a', sizeof(pattern) - 1);
	pattern[sizeof(pattern) - 1] = '\0';
	assert_int_equal(regex_new(&r, pattern, false, &err), -1);
	pattern[REGEX_PATTERN_MAX] = '\0';
	assert_int_equal(regex_new(&r, pattern, false, &err), 0);
	regex_free(&r);
	assert_int_equal(regex_new(&r, "(abcdefgh){1000}", false, &err), -1);
	assert_string_equal(err.text, "the regular expression is too large");
}

/* Each of these would take longer than the universe has been there. */
static void a_catastrophic_search_is_given_up(void **state)
{
	static const char *const patterns[] = {
		"^(a+)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*(.*)*(.*)*z!", "(?=(a+))a*b\\1"};
	char text[2049];
	int64_t began = clock_mono_ms();

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		text[7] = i == 1 ? 'x' : 'a';
		text[2047] = '!';
		assert_int_not_equal(search(patterns[i], false, text), REGEX_FOUND);
	}
	assert_int_equal(search(patterns[0], false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"),
		REGEX_GAVE_UP);
	assert_int_equal(search("(?R)?a|(?R)", false, text), REGEX_GAVE_UP);
	assert_true(clock_mono_ms() - began < 20000);
}

static void several_searches_share_one_budget(void **state)
{
	uint32_t steps = REGEX_STEPS;
	struct regex *bad = NULL, *good = NULL;
	struct err err;

	(void)state;
	assert_int_equal(regex_new(&bad, "^(a+)+$", false, &err), 0);
	assert_int_equal(regex_new(&good, "a!", false, &err), 0);
	assert_int_equal(regex_search(good, "aaaa!", 5, &steps), REGEX_FOUND);
	assert_true(steps < REGEX_STEPS);
	assert_int_equal(regex_search(bad, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", 31, &steps), REGEX_GAVE_UP);
	assert_int_equal(steps, 0);
	assert_int_equal(regex_search(good, "aaaa!", 5, &steps), REGEX_GAVE_UP);
	regex_free(&bad);
	regex_free(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(search_finds_what_the_expression_says_in_utf_8),
		TESTING_CASE(a_malformed_expression_is_refused_at_its_character),
		TESTING_CASE(an_expression_that_is_long_or_large_is_refused),
		TESTING_CASE(a_catastrophic_search_is_given_up),
		TESTING_CASE(several_searches_share_one_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
