#include "tools/wxbus/platforms/platform_keys.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/* Those of base64's characters whose two low bits are zero. */
static const char last_letters[] = "AEIMQUYcgkosw048";

/* One of the characters; bytes that would favour the first ones are thrown away. */
static char draw(const char *from)
{
	size_t n = strlen(from);
	uint8_t byte;

	do {
		crypto_random(&byte, 1);
	} while (byte >= 256 - 256 % n);
	return from[byte % n];
}

static void draw_many(char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = draw(letters);
	out[n] = '\0';
}

void platform_token_make(char out[PLATFORM_TOKEN_LEN + 1])
{
	draw_many(out, PLATFORM_TOKEN_LEN);
}

void platform_aes_key_make(char out[PLATFORM_AES_KEY_LEN + 1])
{
	draw_many(out, PLATFORM_AES_KEY_LEN);
	out[PLATFORM_AES_KEY_LEN - 1] = draw(last_letters);
}

void fingerprint(const void *secret, size_t len, char out[FINGERPRINT_SIZE])
{
	const struct crypto_piece piece = {secret, len};
	uint8_t digest[CRYPTO_SHA256_LEN];
	char hex[9];

	crypto_sha256(&piece, 1, digest);
	str_hex(digest, 4, hex);
	(void)snprintf(out, FINGERPRINT_SIZE, "sha256:%s", hex);
}
