#ifndef COMMON_CRYPTO_CRYPTO_H
#define COMMON_CRYPTO_CRYPTO_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* OpenSSL behind plain functions: bytes in, bytes out. Stateless; any thread. Functions that cannot fail with
 * right arguments return void and stop the process if OpenSSL itself is broken. */

#define CRYPTO_SHA1_LEN   20
#define CRYPTO_SHA256_LEN 32
#define CRYPTO_KEY_LEN    32

struct crypto_piece {
	const void *p;
	size_t len;
};

void crypto_sha1(const struct crypto_piece *pieces, size_t n, uint8_t out[CRYPTO_SHA1_LEN]);
void crypto_sha256(const struct crypto_piece *pieces, size_t n, uint8_t out[CRYPTO_SHA256_LEN]);
void crypto_hmac_sha256(const void *key, size_t key_len, const struct crypto_piece *pieces, size_t n,
	uint8_t out[CRYPTO_SHA256_LEN]);
void crypto_hkdf_sha256(const void *secret, size_t secret_len, const void *salt, size_t salt_len,
	const void *info, size_t info_len, void *out, size_t out_len);
void crypto_random(void *out, size_t n);

/* Standard alphabet with padding, one line. */
void crypto_base64(const void *p, size_t len, struct buf *out);
/* Strict: whole groups, padding right, no blanks, no stray bits. ERR_REJECT otherwise. */
int crypto_base64_decode(const char *s, size_t len, struct buf *out, struct err *err);
/* The same alphabet, padding left out or right, stray bits dropped: Weixin's EncodingAESKey has 43 characters
 * (258 bits) of which the last two bits are often set.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
 */
int crypto_base64_decode_loose(const char *s, size_t len, struct buf *out, struct err *err);
/* URL-safe alphabet without padding. */
void crypto_base64url(const void *p, size_t len, struct buf *out);
int crypto_base64url_decode(const char *s, size_t len, struct buf *out, struct err *err);
int crypto_hex_decode(
	const char *s, size_t len, void *out, size_t out_len); /* -1 unless exactly out_len bytes */

/* AES-256-CBC without padding; len is a multiple of 16. -1 otherwise. out has len bytes (may be `in`). */
int crypto_aes256_cbc(
	bool encrypt, const uint8_t key[32], const uint8_t iv[16], const void *in, size_t len, void *out);

/* AES-256-GCM. Sealed form: nonce (12) | ciphertext | tag (16). The nonce is random. */
#define CRYPTO_GCM_OVERHEAD 28
void crypto_gcm_seal(const uint8_t key[32], const void *aad, size_t aad_len, const void *plain, size_t len,
	struct buf *out);
int crypto_gcm_open(const uint8_t key[32], const void *aad, size_t aad_len, const void *sealed, size_t len,
	struct buf *out, struct err *err); /* ERR_REJECT: not sealed with this key and data */

void crypto_x25519_public(const uint8_t private_key[32], uint8_t public_out[32]);
/* Seal to a public key so that only its owner can open:
 * key id (8: first bytes of SHA-256 of the recipient's public key) | ephemeral public key (32) | nonce (12) |
 * ciphertext | tag (16); key by HKDF-SHA-256 over the shared secret with salt = ephemeral public | recipient
 * public, info = "wxbus sealed event v1". */
#define CRYPTO_BOX_KEY_ID_LEN 8
#define CRYPTO_BOX_OVERHEAD   (8 + 32 + 12 + 16)
void crypto_box_key_id(const uint8_t public_key[32], uint8_t out[CRYPTO_BOX_KEY_ID_LEN]);
int crypto_box_seal(const uint8_t public_key[32], const void *aad, size_t aad_len, const void *plain,
	size_t len, struct buf *out, struct err *err);
/* Opens with the private key whose id the value carries. ERR_REJECT: none of them, or changed bytes. */
int crypto_box_open(const uint8_t (*private_keys)[32], size_t n_keys, const void *aad, size_t aad_len,
	const void *sealed, size_t len, struct buf *out, struct err *err);

/* Ed25519 (RFC 8032). The private key is its 32-byte seed. */
#define CRYPTO_ED25519_LEN 64
void crypto_ed25519_public(const uint8_t private_key[32], uint8_t public_out[32]);
void crypto_ed25519_sign(
	const uint8_t private_key[32], const void *p, size_t len, uint8_t out[CRYPTO_ED25519_LEN]);
bool crypto_ed25519_verify(
	const uint8_t public_key[32], const void *p, size_t len, const uint8_t signature[CRYPTO_ED25519_LEN]);

#endif
