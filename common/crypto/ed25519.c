#include "common/crypto/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/banned.h"

/* Only a broken OpenSSL (or no memory) gets here; nothing signed could be trusted from then on. */
static void must(bool ok)
{
	if (ok)
		return;
	fprintf(stderr, "crypto: OpenSSL failed: Ed25519: %s\n", ERR_error_string(ERR_get_error(), NULL));
	abort();
}

static EVP_PKEY *private_of(const uint8_t private_key[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, private_key, 32);

	must(key != NULL);
	return key;
}

void crypto_ed25519_public(const uint8_t private_key[32], uint8_t public_out[32])
{
	EVP_PKEY *key = private_of(private_key);
	size_t len = 32;

	must(EVP_PKEY_get_raw_public_key(key, public_out, &len) == 1);
	EVP_PKEY_free(key);
}

void crypto_ed25519_sign(
	const uint8_t private_key[32], const void *p, size_t len, uint8_t out[CRYPTO_ED25519_LEN])
{
	EVP_PKEY *key = private_of(private_key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t out_len = CRYPTO_ED25519_LEN;

	must(ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestSign(ctx, out, &out_len, p, len) == 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
}

bool crypto_ed25519_verify(
	const uint8_t public_key[32], const void *p, size_t len, const uint8_t signature[CRYPTO_ED25519_LEN])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, 32);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	must(ctx != NULL);
	good = key && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, signature, CRYPTO_ED25519_LEN, p, len) == 1;
	if (!good)
		ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}
