#include "services/token-service/web/oauth_result.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static const struct oauth_result result = {
	.issuer = "https://wx.example.com",
	.audience = "https://shop.example.com",
	.site_state = "abc",
	.component_appid = "wxc",
	.appid = "wxa",
	.openid = "oFan1",
	.scope = "snsapi_base",
};

/* Decodes one part, from text up to the next '.'. */
static struct json *part(const char *text)
{
	static const struct json_limits limits = {.max_bytes = OAUTH_RESULT_MAX, .max_depth = 2};
	struct buf bytes = BUF_INIT(OAUTH_RESULT_MAX);
	struct json *fields = NULL;
	struct err err;

	assert_int_equal(crypto_base64url_decode(text, strcspn(text, "."), &bytes, &err), 0);
	assert_int_equal(json_parse(bytes.data, bytes.len, &limits, &fields, &err), 0);
	buf_release(&bytes);
	return fields;
}

static bool verifies(const struct oauth_key *key, const struct buf *token)
{
	const char *dot = strrchr(buf_cstr(token), '.');
	struct buf signature = BUF_INIT(100);
	uint8_t public_key[32];
	struct err err;
	bool good;

	crypto_ed25519_public(key->private_key, public_key);
	assert_int_equal(crypto_base64url_decode(dot + 1, strlen(dot + 1), &signature, &err), 0);
	assert_int_equal(signature.len, CRYPTO_ED25519_LEN);
	good = crypto_ed25519_verify(
		public_key, token->data, (size_t)(dot - token->data), (const uint8_t *)signature.data);
	buf_release(&signature);
	return good;
}

static void a_result_is_a_signed_token_for_one_origin_and_one_minute(void **state)
{
	struct buf token = BUF_INIT(OAUTH_RESULT_MAX);
	struct json *header, *claims;
	struct oauth_key key;
	int64_t iat, exp;

	(void)state;
	oauth_key_make(&key);
	assert_int_equal(oauth_result_write(&result, &key, 1763650000, &token), 0);
	assert_true(verifies(&key, &token));
	header = part(buf_cstr(&token));
	assert_int_equal(json_len(header), 3);
	assert_string_equal(json_get_str(header, "alg"), "EdDSA");
	assert_string_equal(json_get_str(header, "typ"), OAUTH_RESULT_TYPE);
	assert_string_equal(json_get_str(header, "kid"), key.id);
	claims = part(strchr(buf_cstr(&token), '.') + 1);
	assert_string_equal(json_get_str(claims, "aud"), "https://shop.example.com");
	assert_string_equal(json_get_str(claims, "sub"), "oFan1");
	assert_string_equal(json_get_str(claims, "state"), "abc");
	assert_int_equal(strlen(json_get_str(claims, "jti")), 32);
	assert_int_equal(json_get_int(claims, "iat", &iat), 0);
	assert_int_equal(json_get_int(claims, "exp", &exp), 0);
	assert_int_equal(iat, 1763650000);
	assert_int_equal(exp - iat, 60);
	assert_null(json_get(claims, "unionid"));
	assert_null(json_get(claims, "nickname"));
	assert_null(json_get(claims, "snapshot"));
	json_free(&header);
	json_free(&claims);
	buf_release(&token);
}

static void what_weixin_tells_of_a_visitor_is_passed_on(void **state)
{
	struct buf token = BUF_INIT(OAUTH_RESULT_MAX);
	struct oauth_result full = result;
	struct json *claims;
	struct oauth_key key;

	(void)state;
	full.unionid = "u1";
	full.nickname = "\xe5\xb0\x8f\xe6\x98\x8e \"<\\";
	full.head_img_url = "https://thirdwx.qlogo.cn/x";
	full.snapshot = true;
	oauth_key_make(&key);
	assert_int_equal(oauth_result_write(&full, &key, 1, &token), 0);
	claims = part(strchr(buf_cstr(&token), '.') + 1);
	assert_string_equal(json_get_str(claims, "unionid"), "u1");
	assert_string_equal(json_get_str(claims, "nickname"), full.nickname);
	assert_string_equal(json_get_str(claims, "headimgurl"), "https://thirdwx.qlogo.cn/x");
	assert_true(json_get_bool(claims, "snapshot", false));
	json_free(&claims);
	buf_release(&token);
}

static void each_result_has_a_number_of_its_own(void **state)
{
	struct buf one = BUF_INIT(OAUTH_RESULT_MAX), other = BUF_INIT(OAUTH_RESULT_MAX);
	struct oauth_key key;

	(void)state;
	oauth_key_make(&key);
	assert_int_equal(oauth_result_write(&result, &key, 1, &one), 0);
	assert_int_equal(oauth_result_write(&result, &key, 1, &other), 0);
	assert_string_not_equal(buf_cstr(&one), buf_cstr(&other));
	buf_release(&one);
	buf_release(&other);
}

static void another_key_or_a_changed_character_does_not_verify(void **state)
{
	struct buf token = BUF_INIT(OAUTH_RESULT_MAX);
	struct oauth_key key, other;

	(void)state;
	oauth_key_make(&key);
	oauth_key_make(&other);
	assert_string_not_equal(key.id, other.id);
	assert_int_equal(oauth_result_write(&result, &key, 1, &token), 0);
	assert_false(verifies(&other, &token));
	token.data[token.len / 2] = token.data[token.len / 2] == 'A' ? 'B' : 'A';
	assert_false(verifies(&key, &token));
	buf_release(&token);
}

static void a_result_that_no_address_could_carry_is_not_made(void **state)
{
	struct buf token = BUF_INIT(2 * OAUTH_RESULT_MAX);
	struct oauth_result large = result;
	char name[OAUTH_RESULT_MAX];
	struct oauth_key key;

	(void)state;
	oauth_key_make(&key);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	large.nickname = name;
	assert_int_equal(oauth_result_write(&large, &key, 1, &token), -1);
	assert_int_equal(token.len, 0);
	large.nickname = name + OAUTH_RESULT_MAX - 1000;
	assert_int_equal(oauth_result_write(&large, &key, 1, &token), 0);
	buf_release(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_result_is_a_signed_token_for_one_origin_and_one_minute),
		TESTING_CASE(what_weixin_tells_of_a_visitor_is_passed_on),
		TESTING_CASE(each_result_has_a_number_of_its_own),
		TESTING_CASE(another_key_or_a_changed_character_does_not_verify),
		TESTING_CASE(a_result_that_no_address_could_carry_is_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
