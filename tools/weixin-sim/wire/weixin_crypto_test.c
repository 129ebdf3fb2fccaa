#include "tools/weixin-sim/wire/weixin_crypto.h"

#include "common/base/conf.h"
#include "common/json/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/banned.h"

#define MAX ((size_t)1 << 20)

static struct json *vectors;
static const char key_text[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

static int load_vectors(void **state)
{
	const struct json_limits limits = {.max_bytes = MAX, .max_depth = 8};
	struct err err = {0};
	char *text = NULL;
	size_t len = 0;

	(void)state;
	if (conf_read_file(WXBUS_FIXTURES "/weixin-vectors.json", MAX, &text, &len, &err) < 0 ||
		json_parse(text, len, &limits, &vectors, &err) < 0)
		fail_msg("%s", err.text);
	free(text);
	return 0;
}

static int free_vectors(void **state)
{
	(void)state;
	json_free(&vectors);
	return 0;
}

static void check_signatures(const struct json *v)
{
	const char *parts[4] = {json_get_str(v, "token"), json_get_str(v, "timestamp"),
		json_get_str(v, "nonce"), json_get_str(v, "encrypt")};
	char out[WEIXIN_SIGNATURE_LEN + 1];

	if (json_get_str(v, "signature")) {
		weixin_signature(parts, 3, out);
		assert_string_equal(out, json_get_str(v, "signature"));
	}
	if (json_get_str(v, "msg_signature")) {
		weixin_signature(parts, 4, out);
		assert_string_equal(out, json_get_str(v, "msg_signature"));
	}
}

static void check_encrypt(const struct json *v, const uint8_t key[WEIXIN_KEY_LEN])
{
	const struct json *plain = json_get(v, "plaintext");
	struct buf out = BUF_INIT(MAX);

	weixin_encrypt(key, json_get_str(v, "random"), json_str(plain), json_str_len(plain),
		json_get_str(v, "appid"), &out);
	assert_string_equal(buf_cstr(&out), json_get_str(v, "encrypt"));
	buf_release(&out);
}

static void check_decrypt(const struct json *v, const uint8_t key[WEIXIN_KEY_LEN])
{
	const struct json *plain = json_get(v, "plaintext");
	struct weixin_opened opened;
	const char *why;

	assert_int_equal(weixin_decrypt(key, json_get_str(v, "encrypt"), &opened, &why), 0);
	assert_int_equal(opened.msg_len, json_str_len(plain));
	assert_memory_equal(opened.msg, json_str(plain), opened.msg_len);
	assert_memory_equal(opened.random, json_get_str(v, "random"), WEIXIN_RANDOM_LEN);
	assert_string_equal(opened.appid, json_get_str(v, "appid"));
	free(opened.bytes);
}

static void weixin_crypto_agrees_with_every_published_vector(void **state)
{
	const struct json *list = json_get(vectors, "vectors");
	size_t ciphers = 0;

	(void)state;
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *v = json_at(list, i);
		uint8_t key[WEIXIN_KEY_LEN];

		if (strcmp(json_get_str(v, "kind"), "jsapi") == 0)
			continue;
		check_signatures(v);
		if (!json_get_str(v, "encrypt"))
			continue;
		assert_int_equal(weixin_key(json_get_str(v, "encoding_aes_key"), key), 0);
		check_encrypt(v, key);
		check_decrypt(v, key);
		ciphers++;
	}
	assert_true(ciphers >= 15);
}

static void weixin_key_refuses_what_is_not_43_letters_and_digits(void **state)
{
	uint8_t key[WEIXIN_KEY_LEN];

	(void)state;
	assert_int_equal(weixin_key(key_text, key), 0);
	assert_int_equal(weixin_key("", key), -1);
	assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF", key), -1);
	assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH", key), -1);
	assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF+", key), -1);
}

static void weixin_decrypt_opens_every_length_of_padding(void **state)
{
	const char text[] = "0123456789012345678901234567890123456789012345678901234567890123";
	uint8_t key[WEIXIN_KEY_LEN];

	(void)state;
	assert_int_equal(weixin_key(key_text, key), 0);
	for (size_t n = 0; n < sizeof(text); n++) {
		struct buf out = BUF_INIT(MAX);
		struct weixin_opened opened;
		const char *why;

		weixin_encrypt(key, NULL, text, n, "wxappid", &out);
		assert_int_equal(weixin_decrypt(key, buf_cstr(&out), &opened, &why), 0);
		assert_int_equal(opened.msg_len, n);
		assert_string_equal(opened.appid, "wxappid");
		free(opened.bytes);
		buf_release(&out);
	}
}

static void assert_refused(const uint8_t key[WEIXIN_KEY_LEN], const char *encrypt)
{
	struct weixin_opened opened;
	const char *why = NULL;

	assert_int_equal(weixin_decrypt(key, encrypt, &opened, &why), -1);
	assert_non_null(why);
}

static void weixin_decrypt_refuses_what_weixin_would_not_take(void **state)
{
	struct buf out = BUF_INIT(MAX);
	uint8_t key[WEIXIN_KEY_LEN], other[WEIXIN_KEY_LEN];

	(void)state;
	assert_int_equal(weixin_key(key_text, key), 0);
	assert_int_equal(weixin_key("bbcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", other), 0);
	weixin_encrypt(key, "0123456789abcdef", "hello", 5, "wxappid", &out);
	assert_refused(other, buf_cstr(&out));
	assert_refused(key, "");
	assert_refused(key, "AAAA");
	assert_refused(key, "no base64!!!");
	out.data[0] = ' ';
	assert_refused(key, buf_cstr(&out));
	buf_reset(&out);
	weixin_encrypt(key, "0123456789abcdef", "hello", 5, "wxappid", &out);
	buf_add_char(&out, '\n');
	assert_refused(key, buf_cstr(&out));
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weixin_crypto_agrees_with_every_published_vector),
		cmocka_unit_test(weixin_key_refuses_what_is_not_43_letters_and_digits),
		cmocka_unit_test(weixin_decrypt_opens_every_length_of_padding),
		cmocka_unit_test(weixin_decrypt_refuses_what_weixin_would_not_take),
	};

	return cmocka_run_group_tests(tests, load_vectors, free_vectors);
}
