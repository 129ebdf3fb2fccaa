#include "services/token-service/web/oauth_result.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"

#include <string.h>

#include "common/base/banned.h"

#define NUMBER_BYTES 16

void oauth_key_id(const uint8_t public_key[32], char out[OAUTH_KEY_ID_LEN + 1])
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(&(const struct crypto_piece){public_key, 32}, 1, hash);
	str_hex(hash, OAUTH_KEY_ID_LEN / 2, out);
}

void oauth_key_make(struct oauth_key *out)
{
	uint8_t public_key[32];

	crypto_random(out->private_key, sizeof(out->private_key));
	crypto_ed25519_public(out->private_key, public_key);
	oauth_key_id(public_key, out->id);
}

static void set(struct json *fields, const char *name, const char *value)
{
	if (value)
		json_set_str(fields, name, value);
}

static struct json *header_of(const struct oauth_key *key)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "alg", "EdDSA");
	json_set_str(fields, "typ", OAUTH_RESULT_TYPE);
	json_set_str(fields, "kid", key->id);
	return fields;
}

static struct json *claims_of(const struct oauth_result *r, int64_t now_s)
{
	struct json *fields = json_new_object();
	uint8_t number[NUMBER_BYTES];
	char jti[2 * NUMBER_BYTES + 1];

	crypto_random(number, sizeof(number));
	str_hex(number, sizeof(number), jti);
	set(fields, "iss", r->issuer);
	set(fields, "aud", r->audience);
	json_set_int(fields, "iat", now_s);
	json_set_int(fields, "exp", now_s + OAUTH_RESULT_LIFE_S);
	json_set_str(fields, "jti", jti);
	set(fields, "state", r->site_state);
	set(fields, "component_appid", r->component_appid);
	set(fields, "appid", r->appid);
	set(fields, "sub", r->openid);
	set(fields, "openid", r->openid);
	set(fields, "unionid", r->unionid);
	set(fields, "scope", r->scope);
	set(fields, "nickname", r->nickname);
	set(fields, "headimgurl", r->head_img_url);
	if (r->snapshot)
		json_set_bool(fields, "snapshot", true);
	return fields;
}

static void add_part(struct buf *out, struct json *fields)
{
	struct buf text = BUF_INIT(OAUTH_RESULT_MAX);

	json_write(fields, &text);
	out->overflow |= text.overflow;
	crypto_base64url(text.data, text.len, out);
	buf_release(&text);
	json_free(&fields);
}

int oauth_result_write(
	const struct oauth_result *r, const struct oauth_key *key, int64_t now_s, struct buf *out)
{
	struct buf token = BUF_INIT(OAUTH_RESULT_MAX);
	uint8_t signature[CRYPTO_ED25519_LEN];
	int rc;

	add_part(&token, header_of(key));
	buf_add_char(&token, '.');
	add_part(&token, claims_of(r, now_s));
	crypto_ed25519_sign(key->private_key, token.data, token.len, signature);
	buf_add_char(&token, '.');
	crypto_base64url(signature, sizeof(signature), &token);
	rc = token.overflow ? -1 : 0;
	if (rc == 0)
		buf_add(out, token.data, token.len);
	buf_release(&token);
	return rc;
}
