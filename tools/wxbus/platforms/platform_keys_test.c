#include "tools/wxbus/platforms/platform_keys.h"

#include "common/crypto/crypto.h"
#include "common/testing/testing.h"
#include "proto/push_crypto.h"

#include <ctype.h>
#include <string.h>

#include "common/base/banned.h"

static void assert_alphanumeric(const char *text, size_t len)
{
	assert_int_equal(strlen(text), len);
	for (size_t i = 0; i < len; i++)
		assert_true(isalnum((unsigned char)text[i]));
}

static void what_is_made_is_what_weixin_takes(void **state)
{
	char token[PLATFORM_TOKEN_LEN + 1], key[PLATFORM_AES_KEY_LEN + 1], padded[PLATFORM_AES_KEY_LEN + 2];
	struct buf strict = BUF_INIT(64);
	uint8_t bytes[32];

	(void)state;
	for (int i = 0; i < 200; i++) {
		platform_token_make(token);
		platform_aes_key_make(key);
		assert_alphanumeric(token, 32);
		assert_alphanumeric(key, 43);
		assert_int_equal(push_aes_key_decode(key, bytes, NULL), 0);
		memcpy(padded, key, 43);
		memcpy(padded + 43, "=", 2);
		buf_reset(&strict);
		assert_int_equal(crypto_base64_decode(padded, 44, &strict, NULL), 0);
		assert_memory_equal(strict.data, bytes, 32);
	}
	buf_release(&strict);
}

static void no_two_are_alike(void **state)
{
	char a[PLATFORM_AES_KEY_LEN + 1], b[PLATFORM_AES_KEY_LEN + 1];

	(void)state;
	platform_aes_key_make(a);
	platform_aes_key_make(b);
	assert_string_not_equal(a, b);
	platform_token_make(a);
	platform_token_make(b);
	assert_string_not_equal(a, b);
}

static void a_fingerprint_is_eight_digits_of_the_digest(void **state)
{
	char out[FINGERPRINT_SIZE];

	(void)state;
	fingerprint("abc", 3, out);
	assert_string_equal(out, "sha256:ba7816bf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(what_is_made_is_what_weixin_takes),
		TESTING_CASE(no_two_are_alike),
		TESTING_CASE(a_fingerprint_is_eight_digits_of_the_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
