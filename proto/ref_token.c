#include "proto/ref_token.h"

#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/base/web_url.h"
#include "common/crypto/crypto.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define HEX_LEN (2 * CRYPTO_SHA256_LEN)

static bool ref_ok(const char *ref)
{
	size_t len = strlen(ref);

	if (len > REF_MAX || !str_is_utf8(ref, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)ref[i] < 0x20 || ref[i] == 0x7f)
			return false;
	}
	return true;
}

static bool return_ok(const char *url)
{
	struct web_url ignored;

	return !url[0] || web_url_parse(url, strlen(url), &ignored) == 0;
}

static void sign(const struct internal_key *key, const char *component_appid, const char *ref,
	const char *return_url, const char *until, char out[HEX_LEN + 1])
{
	uint8_t digest[CRYPTO_SHA256_LEN];

	crypto_hmac_sha256(key->key, sizeof(key->key),
		(const struct crypto_piece[]){
			{"wxbus.ref.v1\n", 13},
			{component_appid, strlen(component_appid)},
			{"\n", 1},
			{ref, strlen(ref)},
			{"\n", 1},
			{return_url, strlen(return_url)},
			{"\n", 1},
			{until, strlen(until)},
		},
		8, digest);
	str_hex(digest, sizeof(digest), out);
}

enum ref_token_result ref_token_check(const struct internal_keys *keys, const char *component_appid,
	const struct ref_token *t, int64_t now_ms)
{
	const struct internal_key *key = internal_keys_find(keys, t->signer);
	char right[HEX_LEN + 1];
	int64_t until_s;

	if (!key || !(key->scopes & SCOPE_REF) || !ref_ok(t->ref) || !return_ok(t->return_url) ||
		str_to_int64(t->until, strlen(t->until), 0, INT64_MAX / 1000, &until_s) < 0)
		return REF_TOKEN_WRONG;
	sign(key, component_appid, t->ref, t->return_url, t->until, right);
	if (!secret_equal(right, HEX_LEN, t->signature, strlen(t->signature)) ||
		until_s > now_ms / 1000 + REF_UNTIL_MAX)
		return REF_TOKEN_WRONG;
	return now_ms / 1000 <= until_s ? REF_TOKEN_OK : REF_TOKEN_EXPIRED;
}

static void add_encoded(struct buf *out, const char *name, const char *value)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	buf_addf(out, "%s%s=", out->len ? "&" : "", name);
	for (; *value; value++) {
		if (strchr(unreserved, *value))
			buf_add_char(out, *value);
		else
			buf_addf(out, "%%%02X", (unsigned char)*value);
	}
}

int ref_token_query(const struct internal_key *key, const char *component_appid, const char *ref,
	const char *return_url, int64_t until_s, struct buf *out, struct err *err)
{
	char until[24], signature[HEX_LEN + 1];

	if (!(key->scopes & SCOPE_REF))
		return err_set(err, ERR_REJECT, 0, "the key %s lacks the scope ref", key->name);
	if (!ref_ok(ref))
		return err_set(err, ERR_REJECT, 0,
			"ref: at most %d bytes of UTF-8 without control characters", REF_MAX);
	if (!return_ok(return_url))
		return err_set(err, ERR_REJECT, 0, "return: an address like https://shop.example.com/done");
	(void)snprintf(until, sizeof(until), "%lld", (long long)until_s);
	sign(key, component_appid, ref, return_url, until, signature);
	buf_reset(out);
	if (ref[0])
		add_encoded(out, "ref", ref);
	if (return_url[0])
		add_encoded(out, "return", return_url);
	add_encoded(out, "until", until);
	add_encoded(out, "signer", key->name);
	add_encoded(out, "signature", signature);
	return out->overflow ? err_set(err, ERR_REJECT, 0, "the address is too long") : 0;
}
