#include "common/crypto/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 section 10. */
static const struct {
	const char *plain, *text;
} RFC4648[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

static void base64_follows_rfc4648(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(RFC4648) / sizeof(RFC4648[0]); i++) {
		struct buf out = BUF_INIT(100);
		struct err err;

		crypto_base64(RFC4648[i].plain, strlen(RFC4648[i].plain), &out);
		assert_string_equal(buf_cstr(&out), RFC4648[i].text);
		buf_reset(&out);
		assert_int_equal(
			crypto_base64_decode(RFC4648[i].text, strlen(RFC4648[i].text), &out, &err), 0);
		assert_string_equal(buf_cstr(&out), RFC4648[i].plain);
		buf_release(&out);
	}
}

static void base64_keeps_every_byte(void **state)
{
	uint8_t all[256];
	struct buf text = BUF_INIT(1000), back = BUF_INIT(1000);
	struct err err;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	for (size_t len = 0; len <= sizeof(all); len++) {
		buf_reset(&text);
		buf_reset(&back);
		crypto_base64(all, len, &text);
		assert_int_equal(crypto_base64_decode(buf_cstr(&text), text.len, &back, &err), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(buf_cstr(&back), all, len);
		buf_reset(&text);
		buf_reset(&back);
		crypto_base64url(all, len, &text);
		assert_null(strpbrk(buf_cstr(&text), "+/="));
		assert_int_equal(crypto_base64url_decode(buf_cstr(&text), text.len, &back, &err), 0);
		assert_int_equal(back.len, len);
		assert_memory_equal(buf_cstr(&back), all, len);
	}
	buf_release(&text);
	buf_release(&back);
}

static void base64_decode_rejects_what_is_not_strict(void **state)
{
	static const char *const bad[] = {"Zg", "Zg=", "Zg===", "=", "====", "Zm9", "Zh==", "Zm9=", "Zm 9",
		"Zm9v\n", " Zm9v", "Zm9v====", "Zg==Zg==", "Zm-_", "Z\xc3\xa9==", "A===", "Z=g="};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out = BUF_INIT(100);
		struct err err;

		assert_int_equal(crypto_base64_decode(bad[i], strlen(bad[i]), &out, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_int_equal(out.len, 0);
		buf_release(&out);
	}
}

static void base64_decode_rejects_a_nul_within(void **state)
{
	struct buf out = BUF_INIT(100);
	struct err err;

	(void)state;
	assert_int_equal(crypto_base64_decode("Zm9\0", 4, &out, &err), -1);
	buf_release(&out);
}

static void base64_decode_rejects_more_than_the_cap(void **state)
{
	struct buf out = BUF_INIT(3);
	struct err err;

	(void)state;
	assert_int_equal(crypto_base64_decode("Zm9vYmFy", 8, &out, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	buf_release(&out);
}

static void base64_decode_fills_a_buffer_of_just_the_right_cap(void **state)
{
	struct buf out = BUF_INIT(4);
	struct err err;

	(void)state;
	assert_int_equal(crypto_base64_decode("Zm9vYg==", 8, &out, &err), 0);
	assert_string_equal(buf_cstr(&out), "foob");
	buf_release(&out);
}

static void base64_decode_loose_takes_a_key_of_43_characters(void **state)
{
	/* From Weixin's sample code: its last character has bits beyond the 32nd byte. */
	static const char key[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
	struct buf out = BUF_INIT(32);
	struct err err;

	(void)state;
	assert_int_equal(crypto_base64_decode_loose(key, 43, &out, &err), 0);
	assert_int_equal(out.len, 32);
	assert_memory_equal(out.data, "\x69\xb7\x1d\x79\xf8\x21\x8a\x39", 8);
	buf_reset(&out);
	assert_int_equal(
		crypto_base64_decode_loose("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG=", 44, &out, &err),
		0);
	assert_int_equal(out.len, 32);
	buf_reset(&out);
	assert_int_equal(crypto_base64_decode_loose("abcde", 5, &out, &err), -1);
	assert_int_equal(crypto_base64_decode_loose("abc==", 5, &out, &err), -1);
	assert_int_equal(crypto_base64_decode_loose("ab-_", 4, &out, &err), -1);
	buf_release(&out);
}

static void base64url_decode_rejects_padding_and_the_other_alphabet(void **state)
{
	static const char *const bad[] = {"Zg==", "a+b/", "Zh", "A"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf out = BUF_INIT(100);
		struct err err;

		assert_int_equal(crypto_base64url_decode(bad[i], strlen(bad[i]), &out, &err), -1);
		buf_release(&out);
	}
}

static void base64_marks_overflow(void **state)
{
	struct buf out = BUF_INIT(7);

	(void)state;
	crypto_base64("foob", 4, &out);
	assert_true(out.overflow);
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

static void hex_decode_wants_exactly_the_bytes(void **state)
{
	uint8_t out[2] = {1, 2};

	(void)state;
	assert_int_equal(crypto_hex_decode("00fF", 4, out, 2), 0);
	assert_memory_equal(out, "\x00\xff", 2);
	assert_int_equal(crypto_hex_decode("00f", 3, out, 2), -1);
	assert_int_equal(crypto_hex_decode("00fF00", 6, out, 2), -1);
	assert_int_equal(crypto_hex_decode("12g4", 4, out, 2), -1);
	assert_int_equal(crypto_hex_decode("0x12", 4, out, 2), -1);
	assert_memory_equal(out, "\x00\xff", 2);
	assert_int_equal(crypto_hex_decode("", 0, out, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_follows_rfc4648),
		cmocka_unit_test(base64_keeps_every_byte),
		cmocka_unit_test(base64_decode_rejects_what_is_not_strict),
		cmocka_unit_test(base64_decode_rejects_a_nul_within),
		cmocka_unit_test(base64_decode_rejects_more_than_the_cap),
		cmocka_unit_test(base64_decode_fills_a_buffer_of_just_the_right_cap),
		cmocka_unit_test(base64_decode_loose_takes_a_key_of_43_characters),
		cmocka_unit_test(base64url_decode_rejects_padding_and_the_other_alphabet),
		cmocka_unit_test(base64_marks_overflow),
		cmocka_unit_test(hex_decode_wants_exactly_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
