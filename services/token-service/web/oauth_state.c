#include "services/token-service/web/oauth_state.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define NUMBER_BYTES (OAUTH_NUMBER_LEN / 2)
#define EXPIRY_BYTES 8
#define SIGNED_BYTES (NUMBER_BYTES + EXPIRY_BYTES)
#define MAC_BYTES    16

static void sign(const struct master_key *master, const char *component_appid, const char *appid,
	const uint8_t *bytes, uint8_t out[MAC_BYTES])
{
	char *purpose = xasprintf("web authorization state of %s/%s", component_appid, appid);
	uint8_t key[32], mac[CRYPTO_SHA256_LEN];

	signed_value_key(master, purpose, key);
	crypto_hmac_sha256(key, sizeof(key), &(const struct crypto_piece){bytes, SIGNED_BYTES}, 1, mac);
	memcpy(out, mac, MAC_BYTES);
	secret_wipe(key, sizeof(key));
	free(purpose);
}

void oauth_state_make(const struct master_keys *keys, const char *component_appid, const char *appid,
	int64_t expires_ms, char out[OAUTH_STATE_LEN + 1])
{
	uint8_t bytes[SIGNED_BYTES + MAC_BYTES];

	crypto_random(bytes, NUMBER_BYTES);
	for (int i = 0; i < EXPIRY_BYTES; i++)
		bytes[NUMBER_BYTES + i] = (uint8_t)((uint64_t)expires_ms >> (56 - 8 * i));
	sign(&keys->list[0], component_appid, appid, bytes, bytes + SIGNED_BYTES);
	str_hex(bytes, sizeof(bytes), out);
}

enum signed_value_result oauth_state_check(const struct master_keys *keys, const char *component_appid,
	const char *appid, const char *text, int64_t now_ms)
{
	uint8_t bytes[SIGNED_BYTES + MAC_BYTES], right[MAC_BYTES];
	uint64_t expires_ms = 0;
	bool is_signed = false;

	/* One text for one number: nobody may use it again in capitals. */
	if (strspn(text, "0123456789abcdef") != OAUTH_STATE_LEN ||
		crypto_hex_decode(text, strlen(text), bytes, sizeof(bytes)) < 0)
		return SIGNED_VALUE_WRONG;
	for (size_t i = 0; i < keys->n && !is_signed; i++) {
		sign(&keys->list[i], component_appid, appid, bytes, right);
		is_signed = secret_equal(right, MAC_BYTES, bytes + SIGNED_BYTES, MAC_BYTES);
	}
	if (!is_signed)
		return SIGNED_VALUE_WRONG;
	for (int i = 0; i < EXPIRY_BYTES; i++)
		expires_ms = expires_ms << 8 | bytes[NUMBER_BYTES + i];
	return (uint64_t)now_ms < expires_ms ? SIGNED_VALUE_OK : SIGNED_VALUE_EXPIRED;
}
