#include "common/base/str.h"
#include "common/testing/testing.h"

#include <string.h>

static void str_compares_by_length_and_bytes(void **state)
{
	(void)state;
	assert_true(str_eq(STR_LIT("a\0b"), STR_LIT("a\0b")));
	assert_false(str_eq(STR_LIT("a\0b"), STR_LIT("a\0c")));
	assert_false(str_eq(STR_LIT("ab"), STR_LIT("abc")));
	assert_true(str_eq(str_of(NULL), (struct str){NULL, 0}));
	assert_true(str_eq_cstr(STR_LIT("push"), "push"));
	assert_false(str_eq_cstr(STR_LIT("push"), "pus"));
	assert_true(str_starts_with("https://x", "https://"));
	assert_true(str_starts_with("x", ""));
	assert_false(str_starts_with("ht", "https://"));
}

static void str_trim_takes_xml_white_space_only(void **state)
{
	(void)state;
	assert_true(str_eq_cstr(str_trim(STR_LIT(" \t\r\n text \r\n")), "text"));
	assert_true(str_eq_cstr(str_trim(STR_LIT("\vtext\f")), "\vtext\f"));
	assert_true(str_eq_cstr(str_trim(STR_LIT("  ")), ""));
	assert_true(str_eq_cstr(str_trim((struct str){NULL, 0}), ""));
}

static void str_copy_refuses_what_does_not_fit(void **state)
{
	char field[5] = "old";

	(void)state;
	assert_int_equal(str_copy(field, sizeof(field), "1234"), 0);
	assert_string_equal(field, "1234");
	assert_int_equal(str_copy(field, sizeof(field), "12345"), -1);
	assert_string_equal(field, "");
	assert_int_equal(str_ncopy(field, sizeof(field), "123456", 3), 0);
	assert_string_equal(field, "123");
	assert_int_equal(str_ncopy(field, sizeof(field), NULL, 0), 0);
	assert_string_equal(field, "");
}

static void str_lower_leaves_other_bytes(void **state)
{
	char s[] = "VIEW_Miniprogram-[Ä]@`{";

	(void)state;
	str_lower_ascii(s);
	assert_string_equal(s, "view_miniprogram-[Ä]@`{");
}

static void str_to_int64_reads_whole_numbers_in_range(void **state)
{
	int64_t v;

	(void)state;
	assert_int_equal(str_to_int64("0", 1, 0, 10, &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(str_to_int64("0010xx", 4, 0, 10, &v), 0);
	assert_int_equal(v, 10);
	assert_int_equal(str_to_int64("9223372036854775807", 19, 0, INT64_MAX, &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(str_to_int64("-9223372036854775808", 20, INT64_MIN, 0, &v), 0);
	assert_true(v == INT64_MIN);
}

static void str_to_int64_refuses_all_else(void **state)
{
	static const char *const wrong[] = {"", "-", "+1", " 1", "1 ", "1x", "0x10", "1.0", "1e1", "--1",
		"9223372036854775808", "-9223372036854775809", "99999999999999999999999", "11", "-6"};
	int64_t v = 42;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(str_to_int64(wrong[i], strlen(wrong[i]), -5, 10, &v), -1);
	assert_int_equal(str_to_int64("-0", 2, 0, 10, &v), -1);
	assert_int_equal(str_to_int64("9223372036854775808", 19, INT64_MIN, INT64_MAX, &v), -1);
	assert_int_equal(v, 42);
}

static void str_utf8_is_strict(void **state)
{
	static const char *const good[] = {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80",
		"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"八个字节以上的文字 mixed", "12345678", "1234567\xc3\xa4"};
	static const char *const wrong[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(",
		"\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
		"\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe",
		"\xff", "12345678\xff", "1234567\xc3"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(str_is_utf8(good[i], strlen(good[i])));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(str_is_utf8(wrong[i], strlen(wrong[i])));
	assert_true(str_is_utf8("a\0b", 3));
}

static void str_utf8_char_gives_size_and_code_point(void **state)
{
	uint32_t cp = 0;

	(void)state;
	assert_int_equal(str_utf8_char("z", 1, &cp), 1);
	assert_int_equal(cp, 'z');
	assert_int_equal(str_utf8_char("ä", 2, &cp), 2);
	assert_int_equal(cp, 0xe4);
	assert_int_equal(str_utf8_char("微", 3, &cp), 3);
	assert_int_equal(cp, 0x5fae);
	assert_int_equal(str_utf8_char("😀", 4, &cp), 4);
	assert_int_equal(cp, 0x1f600);
	assert_int_equal(str_utf8_char("😀", 3, &cp), 0);
	assert_int_equal(str_utf8_char("", 0, &cp), 0);
}

static void str_hex_is_lower_case(void **state)
{
	char out[9];

	(void)state;
	str_hex("\x00\x1f\xab\xff", 4, out);
	assert_string_equal(out, "001fabff");
	str_hex(NULL, 0, out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(str_compares_by_length_and_bytes),
		TESTING_CASE(str_trim_takes_xml_white_space_only),
		TESTING_CASE(str_copy_refuses_what_does_not_fit),
		TESTING_CASE(str_lower_leaves_other_bytes),
		TESTING_CASE(str_to_int64_reads_whole_numbers_in_range),
		TESTING_CASE(str_to_int64_refuses_all_else),
		TESTING_CASE(str_utf8_is_strict),
		TESTING_CASE(str_utf8_char_gives_size_and_code_point),
		TESTING_CASE(str_hex_is_lower_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
