#include "services/token-service/web/signed_value.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define EXPIRY_LEN 8
#define HEAD_LEN   (EXPIRY_LEN + CRYPTO_SHA256_LEN)

void signed_value_key(const struct master_key *master, const char *purpose, uint8_t out[32])
{
	char *info = xasprintf("wxbus token-service v1: %s", purpose);

	crypto_hkdf_sha256(master->key, sizeof(master->key), NULL, 0, info, strlen(info), out, 32);
	free(info);
}

static void sign(const struct master_key *master, const char *purpose, const uint8_t expiry[EXPIRY_LEN],
	const void *payload, size_t len, uint8_t out[CRYPTO_SHA256_LEN])
{
	uint8_t key[32];

	signed_value_key(master, purpose, key);
	crypto_hmac_sha256(key, sizeof(key),
		(const struct crypto_piece[]){{expiry, EXPIRY_LEN}, {payload, len}}, 2, out);
	secret_wipe(key, sizeof(key));
}

void signed_value_make(const struct master_keys *keys, const char *purpose, const char *payload,
	int64_t expires_ms, struct buf *out)
{
	struct buf raw = BUF_INIT(HEAD_LEN + SIGNED_VALUE_PAYLOAD_MAX);
	uint8_t head[HEAD_LEN];

	for (int i = 0; i < EXPIRY_LEN; i++)
		head[i] = (uint8_t)((uint64_t)expires_ms >> (56 - 8 * i));
	sign(&keys->list[0], purpose, head, payload, strlen(payload), head + EXPIRY_LEN);
	buf_add(&raw, head, sizeof(head));
	buf_add_str(&raw, payload);
	crypto_base64url(raw.data, raw.len, out);
	buf_release(&raw);
}

static bool is_signed(const struct master_keys *keys, const char *purpose, const struct buf *raw)
{
	const uint8_t *head = (const uint8_t *)raw->data;
	uint8_t right[CRYPTO_SHA256_LEN];

	for (size_t i = 0; i < keys->n; i++) {
		sign(&keys->list[i], purpose, head, head + HEAD_LEN, raw->len - HEAD_LEN, right);
		if (secret_equal(right, sizeof(right), head + EXPIRY_LEN, sizeof(right)))
			return true;
	}
	return false;
}

enum signed_value_result signed_value_open(const struct master_keys *keys, const char *purpose,
	const char *text, int64_t now_ms, struct buf *payload_out)
{
	struct buf raw = BUF_INIT(HEAD_LEN + SIGNED_VALUE_PAYLOAD_MAX);
	enum signed_value_result result = SIGNED_VALUE_WRONG;
	uint64_t expires_ms = 0;
	struct err err;

	if (strlen(text) <= SIGNED_VALUE_MAX &&
		crypto_base64url_decode(text, strlen(text), &raw, &err) == 0 && raw.len >= HEAD_LEN &&
		is_signed(keys, purpose, &raw)) {
		for (int i = 0; i < EXPIRY_LEN; i++)
			expires_ms = expires_ms << 8 | (uint8_t)raw.data[i];
		result = (uint64_t)now_ms < expires_ms ? SIGNED_VALUE_OK : SIGNED_VALUE_EXPIRED;
	}
	if (result == SIGNED_VALUE_OK)
		buf_add(payload_out, raw.data + HEAD_LEN, raw.len - HEAD_LEN);
	buf_release(&raw);
	return result;
}
