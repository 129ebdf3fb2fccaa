#include "proto/push_crypto.h"

#include "common/base/alloc.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ZERO_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define APPID    "wx134c8103faa5a59e"

/* The vectors of tests/fixtures/weixin-vectors.json: recorded pushes and the samples of Weixin's own pages.
 */

static struct json *vectors(void)
{
	static const struct json_limits limits = {.max_bytes = 1024 * 1024, .max_depth = 8};
	struct json *root = NULL;
	size_t len;
	char *text = testing_fixture("weixin-vectors.json", &len);

	assert_int_equal(json_parse(text, len, &limits, &root, NULL), 0);
	free(text);
	return root;
}

static struct str field(const struct json *v, const char *name)
{
	return str_of(json_get_str(v, name));
}

static bool signature_right(const struct json *v, const char *name, const struct str *encrypt)
{
	return push_signature_matches(
		json_get_str(v, "token"), field(v, "timestamp"), field(v, "nonce"), encrypt, field(v, name));
}

/* Counts what it checked, so that a renamed field cannot make the test pass by checking nothing. */
static int check_signatures(const struct json *v)
{
	struct str encrypt = field(v, "encrypt");
	int checked = 0;

	if (json_get(v, "signature")) {
		assert_true(signature_right(v, "signature", NULL));
		assert_int_equal(signature_right(v, "signature", &encrypt), encrypt.len == 0);
		checked++;
	}
	if (json_get(v, "msg_signature")) {
		assert_true(signature_right(v, "msg_signature", &encrypt));
		assert_false(signature_right(v, "msg_signature", NULL));
		checked++;
	}
	return checked;
}

static void assert_seals_to(const struct json *v, const uint8_t key[32])
{
	struct buf sealed = BUF_INIT(64 * 1024);
	struct str plain = field(v, "plaintext");

	assert_int_equal(field(v, "random").len, 16);
	push_seal(key, (const uint8_t *)json_get_str(v, "random"), plain.p, plain.len,
		json_get_str(v, "appid"), &sealed);
	assert_string_equal(buf_cstr(&sealed), json_get_str(v, "encrypt"));
	buf_release(&sealed);
}

static int check_ciphertext(const struct json *v)
{
	struct buf plain = BUF_INIT(64 * 1024);
	uint8_t key[32];
	int64_t msg_len;

	assert_int_equal(push_aes_key_decode(json_get_str(v, "encoding_aes_key"), key, NULL), 0);
	assert_int_equal(push_open(key, field(v, "encrypt"), json_get_str(v, "appid"), &plain), PUSH_OPENED);
	assert_string_equal(buf_cstr(&plain), json_get_str(v, "plaintext"));
	if (json_get_int(v, "msg_len", &msg_len) == 0)
		assert_int_equal(plain.len, msg_len);
	assert_int_equal(
		push_open(key, field(v, "encrypt"), "wx0000000000000000", &plain), PUSH_BAD_RECEIVER);
	assert_seals_to(v, key);
	buf_release(&plain);
	return 1;
}

static int check_jsapi(const struct json *v)
{
	char *text =
		xasprintf("jsapi_ticket=%s&noncestr=%s&timestamp=%s&url=%s", json_get_str(v, "jsapi_ticket"),
			json_get_str(v, "noncestr"), json_get_str(v, "timestamp"), json_get_str(v, "url"));
	struct crypto_piece piece = {text, strlen(text)};
	uint8_t digest[CRYPTO_SHA1_LEN];
	char hex[2 * CRYPTO_SHA1_LEN + 1];

	crypto_sha1(&piece, 1, digest);
	str_hex(digest, sizeof(digest), hex);
	assert_string_equal(hex, json_get_str(v, "signature"));
	free(text);
	return 1;
}

static void every_vector_of_weixin_holds(void **state)
{
	struct json *root = vectors();
	const struct json *list = json_get(root, "vectors");
	size_t i;

	(void)state;
	assert_int_equal(json_len(list), 18);
	for (i = 0; i < json_len(list); i++) {
		const struct json *v = json_at(list, i);
		const char *kind = json_get_str(v, "kind");
		int checked = 0;

		print_message("%s\n", json_get_str(v, "id"));
		if (strcmp(kind, "jsapi") == 0)
			checked += check_jsapi(v);
		else
			checked += check_signatures(v);
		if (strcmp(kind, "decrypt") == 0 || strcmp(kind, "encrypt") == 0)
			checked += check_ciphertext(v);
		assert_true(checked > 0);
	}
	json_free(&root);
}

/* Signatures */

static void signature_sorts_literal_strings_bytewise(void **state)
{
	struct str encrypt = STR_LIT("+b/="), timestamp = STR_LIT("10"), nonce = STR_LIT("9");
	char hex[PUSH_SIGNATURE_LEN + 1];

	(void)state;
	/* SHA-1 of "+b/=" "10" "9" "Token" */
	push_signature("Token", timestamp, nonce, &encrypt, hex);
	assert_string_equal(hex, "e31455de1a01b16d9bba2d3466891ed8c0f8e3d2");
	/* "1" comes before "10", also when the parts change places; leading zeros are kept */
	push_signature("1", STR_LIT("10"), STR_LIT("007"), NULL, hex);
	assert_true(push_signature_matches("007", STR_LIT("1"), STR_LIT("10"), NULL, str_of(hex)));
	assert_false(push_signature_matches("7", STR_LIT("1"), STR_LIT("10"), NULL, str_of(hex)));
}

static void signature_takes_empty_parts_and_high_bytes(void **state)
{
	struct str empty = {NULL, 0}, high = STR_LIT("\xe4\xbd\xa0");
	char hex[PUSH_SIGNATURE_LEN + 1];

	(void)state;
	push_signature("Token", empty, high, NULL, hex);
	/* SHA-1 of "Token" and the three bytes: high bytes sort last */
	assert_string_equal(hex, "4e8d6e0f6a3e7299978fc718959a5bb60a41b3c8");
}

static void signature_matches_only_all_of_forty_characters(void **state)
{
	struct str timestamp = STR_LIT("1"), nonce = STR_LIT("2");
	char hex[PUSH_SIGNATURE_LEN + 2];
	int i;

	(void)state;
	push_signature("t", timestamp, nonce, NULL, hex);
	assert_true(push_signature_matches("t", timestamp, nonce, NULL, (struct str){hex, 40}));
	assert_false(push_signature_matches("t", timestamp, nonce, NULL, (struct str){hex, 39}));
	assert_false(push_signature_matches("t", timestamp, nonce, NULL, (struct str){hex, 0}));
	hex[40] = '0';
	assert_false(push_signature_matches("t", timestamp, nonce, NULL, (struct str){hex, 41}));
	for (i = 0; i < 40; i++) {
		hex[i] = (char)(hex[i] ^ 1);
		assert_false(push_signature_matches("t", timestamp, nonce, NULL, (struct str){hex, 40}));
		hex[i] = (char)(hex[i] ^ 1);
	}
}

/* Keys */

static void aes_keys_with_spare_bits_set_are_the_same_key(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	/* The last of 43 characters carries four bits and two spare ones: E = 000100, F = 000101, G = 000110.
	 */
	assert_int_equal(push_aes_key_decode("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFE", a, NULL), 0);
	assert_int_equal(push_aes_key_decode("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", b, NULL), 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(push_aes_key_decode("++++////////////////////////////////+++++++", a, NULL), 0);
}

static void aes_keys_of_another_form_are_rejected(void **state)
{
	static const char *const bad[] = {"", "A", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ZERO_KEY "=",
		ZERO_KEY "A",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAA_AAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAA"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t key[32];
		struct err err = {0};

		assert_int_equal(push_aes_key_decode(bad[i], key, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_null(strstr(err.text, "AAAA"));
	}
}

/* Opening */

static const uint8_t zero_key[32];

/* The base64 of `full`, encrypted as it is: what a wrong sender might make. */
static enum push_open_result open_full(const void *full, size_t len, struct buf *plain)
{
	struct buf text = BUF_INIT(4096);
	uint8_t *raw = xmalloc(len);
	enum push_open_result result;

	assert_int_equal(crypto_aes256_cbc(true, zero_key, zero_key, full, len, raw), 0);
	crypto_base64(raw, len, &text);
	result = push_open(zero_key, (struct str){text.data, text.len}, APPID, plain);
	buf_release(&text);
	free(raw);
	return result;
}

static void push_open_wants_strict_base64_of_whole_blocks(void **state)
{
	static const char *const bad[] = {"", "=", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA==\n",
		"AAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAA AAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAB==", "AAAAAAAAAAAAAAAAAAAAA_==", "%41",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="};
	struct buf plain = BUF_INIT(4096);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(push_open(zero_key, str_of(bad[i]), APPID, &plain), PUSH_BAD_BASE64);
	assert_int_equal(push_open(zero_key, (struct str){NULL, 0}, APPID, &plain), PUSH_BAD_BASE64);
	buf_release(&plain);
}

static void push_open_checks_every_byte_of_the_padding(void **state)
{
	/* 16 random, length 2, "hi", appid: 40 bytes; 24 of padding make two of Weixin's blocks */
	uint8_t full[64] = "0123456789abcdef\0\0\0\2hi" APPID;
	struct buf plain = BUF_INIT(4096);
	int i;

	(void)state;
	memset(full + 40, 24, 24);
	assert_int_equal(open_full(full, 64, &plain), PUSH_OPENED);
	assert_string_equal(buf_cstr(&plain), "hi");
	for (i = 40; i < 64; i++) {
		full[i] ^= 1;
		assert_int_not_equal(open_full(full, 64, &plain), PUSH_OPENED);
		full[i] ^= 1;
	}
	full[63] = 0;
	assert_int_equal(open_full(full, 64, &plain), PUSH_BAD_PADDING);
	full[63] = 33;
	assert_int_equal(open_full(full, 64, &plain), PUSH_BAD_PADDING);
	memset(full, 17, 16);
	assert_int_equal(open_full(full, 16, &plain), PUSH_BAD_PADDING);
	buf_release(&plain);
}

static void push_open_bounds_the_length(void **state)
{
	static const uint8_t lengths[][4] = {{0, 0, 0, 21}, {0, 0, 1, 2}, {0, 1, 0, 0},
		{0x7f, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff}};
	uint8_t full[64] = "0123456789abcdef\0\0\0\2hi" APPID;
	struct buf plain = BUF_INIT(4096), small = BUF_INIT(1);
	size_t i;

	(void)state;
	memset(full + 40, 24, 24);
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memcpy(full + 16, lengths[i], 4);
		assert_int_equal(open_full(full, 64, &plain), PUSH_BAD_LENGTH);
	}
	memcpy(full + 16, "\0\0\0\2", 4);
	assert_int_equal(open_full(full, 64, &small), PUSH_BAD_LENGTH);
	/* nothing but padding; less than a head */
	memset(full, 16, 16);
	assert_int_equal(open_full(full, 16, &plain), PUSH_BAD_LENGTH);
	memset(full, 13, 32);
	assert_int_equal(open_full(full, 32, &plain), PUSH_BAD_LENGTH);
	assert_int_equal(plain.len, 0);
	buf_release(&plain);
}

static void push_open_wants_the_whole_receiver(void **state)
{
	uint8_t full[64] = "0123456789abcdef\0\0\0\2hi" APPID;
	struct buf plain = BUF_INIT(4096);

	(void)state;
	memset(full + 40, 24, 24);
	buf_add_str(&plain, "untouched");
	full[39] = 'f';
	assert_int_equal(open_full(full, 64, &plain), PUSH_BAD_RECEIVER);
	full[39] = 'e';
	full[19] = 1; /* one byte more for the appid */
	assert_int_equal(open_full(full, 64, &plain), PUSH_BAD_RECEIVER);
	full[19] = 3;
	assert_int_equal(open_full(full, 64, &plain), PUSH_BAD_RECEIVER);
	full[19] = 20; /* none left */
	assert_int_equal(open_full(full, 64, &plain), PUSH_BAD_RECEIVER);
	assert_string_equal(buf_cstr(&plain), "untouched");
	buf_release(&plain);
}

/* Each length of the last block, an empty message and NULs inside; fresh random each time. */
static void push_open_gives_back_what_push_seal_took(void **state)
{
	struct buf sealed = BUF_INIT(4096), again = BUF_INIT(4096), plain = BUF_INIT(4096);
	uint8_t key[32], msg[100];
	size_t len;

	(void)state;
	crypto_random(key, sizeof(key));
	crypto_random(msg, sizeof(msg));
	msg[3] = '\0';
	for (len = 0; len <= sizeof(msg); len++) {
		buf_reset(&sealed);
		buf_reset(&again);
		push_seal(key, NULL, msg, len, APPID, &sealed);
		push_seal(key, NULL, msg, len, APPID, &again);
		assert_string_not_equal(buf_cstr(&sealed), buf_cstr(&again));
		assert_int_equal(
			push_open(key, (struct str){sealed.data, sealed.len}, APPID, &plain), PUSH_OPENED);
		assert_int_equal(plain.len, len);
		assert_memory_equal(buf_cstr(&plain), msg, len);
		/* whole blocks of 32 in base64 */
		assert_int_equal(
			sealed.len, ((16 + 4 + len + strlen(APPID)) / 32 + 1) * 32 / 3 * 4 +
					    (((16 + 4 + len + strlen(APPID)) / 32 + 1) * 32 % 3 ? 4 : 0));
	}
	buf_release(&sealed);
	buf_release(&again);
	buf_release(&plain);
}

static void results_have_names_for_metrics(void **state)
{
	(void)state;
	assert_string_equal(push_open_result_name(PUSH_OPENED), "opened");
	assert_string_equal(push_open_result_name(PUSH_BAD_PADDING), "bad_padding");
	assert_string_equal(push_open_result_name(PUSH_BAD_RECEIVER), "bad_receiver");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_vector_of_weixin_holds),
		TESTING_CASE(signature_sorts_literal_strings_bytewise),
		TESTING_CASE(signature_takes_empty_parts_and_high_bytes),
		TESTING_CASE(signature_matches_only_all_of_forty_characters),
		TESTING_CASE(aes_keys_with_spare_bits_set_are_the_same_key),
		TESTING_CASE(aes_keys_of_another_form_are_rejected),
		TESTING_CASE(push_open_wants_strict_base64_of_whole_blocks),
		TESTING_CASE(push_open_checks_every_byte_of_the_padding),
		TESTING_CASE(push_open_bounds_the_length),
		TESTING_CASE(push_open_wants_the_whole_receiver),
		TESTING_CASE(push_open_gives_back_what_push_seal_took),
		TESTING_CASE(results_have_names_for_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
