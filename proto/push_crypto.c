#include "proto/push_crypto.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/crypto/crypto.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define AES_BLOCK     16
#define PAD_BLOCK     32 /* Weixin's PKCS#7 block, not AES's */
#define RANDOM_LEN    16
#define HEAD_LEN      (RANDOM_LEN + 4) /* random and the message's length */
#define AES_KEY_CHARS 43
#define MAX_PARTS     4
#define ENCRYPT_MAX   (1024 * 1024) /* bytes of one ciphertext; callers limit what they read far below it */

static int compare_parts(const void *a, const void *b)
{
	const struct crypto_piece *x = a, *y = b;
	size_t shorter = x->len < y->len ? x->len : y->len;
	int order = shorter ? memcmp(x->p, y->p, shorter) : 0;

	if (order)
		return order;
	return (x->len > y->len) - (x->len < y->len);
}

void push_signature(const char *token, struct str timestamp, struct str nonce, const struct str *encrypt,
	char out[PUSH_SIGNATURE_LEN + 1])
{
	struct crypto_piece parts[MAX_PARTS] = {
		{token, strlen(token)},
		{timestamp.p, timestamp.len},
		{nonce.p, nonce.len},
	};
	uint8_t digest[CRYPTO_SHA1_LEN];
	size_t n = 3;

	if (encrypt)
		parts[n++] = (struct crypto_piece){encrypt->p, encrypt->len};
	qsort(parts, n, sizeof(parts[0]), compare_parts);
	crypto_sha1(parts, n, digest);
	str_hex(digest, sizeof(digest), out);
}

bool push_signature_matches(const char *token, struct str timestamp, struct str nonce,
	const struct str *encrypt, struct str given)
{
	char right[PUSH_SIGNATURE_LEN + 1];

	push_signature(token, timestamp, nonce, encrypt, right);
	return secret_equal(right, PUSH_SIGNATURE_LEN, given.p, given.len);
}

int push_aes_key_decode(const char *encoding_aes_key, uint8_t key_out[32], struct err *err)
{
	struct buf key = BUF_INIT(2 * CRYPTO_KEY_LEN);
	int rc;

	if (strlen(encoding_aes_key) != AES_KEY_CHARS ||
		crypto_base64_decode_loose(encoding_aes_key, AES_KEY_CHARS, &key, NULL) < 0 ||
		key.len != CRYPTO_KEY_LEN) {
		rc = err_set(err, ERR_REJECT, 0, "an EncodingAESKey has %d characters of a-z, A-Z, 0-9",
			AES_KEY_CHARS);
		goto out;
	}
	memcpy(key_out, key.data, CRYPTO_KEY_LEN);
	rc = 0;
out:
	buf_wipe_release(&key);
	return rc;
}

const char *push_open_result_name(enum push_open_result r)
{
	static const char *const names[] = {
		[PUSH_OPENED] = "opened",
		[PUSH_BAD_BASE64] = "bad_base64",
		[PUSH_BAD_PADDING] = "bad_padding",
		[PUSH_BAD_LENGTH] = "bad_length",
		[PUSH_BAD_RECEIVER] = "bad_receiver",
	};

	return names[r];
}

/* 0 and the length without padding, or -1. Every padding byte must be right, as Weixin's own samples write
 * it. */
static int unpad(const uint8_t *full, size_t len, size_t *len_out)
{
	size_t pad = full[len - 1], i;

	if (pad < 1 || pad > PAD_BLOCK || pad > len)
		return -1;
	for (i = len - pad; i < len; i++)
		if (full[i] != pad)
			return -1;
	*len_out = len - pad;
	return 0;
}

static uint32_t read_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* `full` is what the cipher gave: random | length | message | appid | padding. */
static enum push_open_result take_apart(
	const uint8_t *full, size_t len, const char *expected_appid, struct buf *plain)
{
	size_t msg_len, appid_len = strlen(expected_appid);

	if (unpad(full, len, &len) < 0)
		return PUSH_BAD_PADDING;
	if (len < HEAD_LEN)
		return PUSH_BAD_LENGTH;
	msg_len = read_be32(full + RANDOM_LEN);
	if (msg_len > len - HEAD_LEN || msg_len > plain->cap)
		return PUSH_BAD_LENGTH;
	if (len - HEAD_LEN - msg_len != appid_len ||
		memcmp(full + HEAD_LEN + msg_len, expected_appid, appid_len) != 0)
		return PUSH_BAD_RECEIVER;
	buf_reset(plain);
	buf_add(plain, full + HEAD_LEN, msg_len);
	return PUSH_OPENED;
}

enum push_open_result push_open(
	const uint8_t key[32], struct str encrypt, const char *expected_appid, struct buf *plain)
{
	struct buf raw = BUF_INIT(ENCRYPT_MAX);
	enum push_open_result result = PUSH_BAD_BASE64;

	if (crypto_base64_decode(encrypt.p, encrypt.len, &raw, NULL) < 0 || raw.len == 0 ||
		raw.len % AES_BLOCK)
		goto out;
	/* Cannot fail: whole blocks. The first half of the key is the IV. */
	if (crypto_aes256_cbc(false, key, key, raw.data, raw.len, raw.data) < 0)
		goto out;
	result = take_apart((const uint8_t *)raw.data, raw.len, expected_appid, plain);
out:
	buf_wipe_release(&raw);
	return result;
}

void push_seal(const uint8_t key[32], const uint8_t random16[16], const void *msg, size_t len,
	const char *appid, struct buf *out)
{
	size_t appid_len = strlen(appid), used = HEAD_LEN + len + appid_len,
	       pad = PAD_BLOCK - used % PAD_BLOCK;
	uint8_t *full = xmalloc(used + pad);
	int rc;

	assert(len <= UINT32_MAX - PAD_BLOCK - HEAD_LEN - appid_len);
	if (random16)
		memcpy(full, random16, RANDOM_LEN);
	else
		crypto_random(full, RANDOM_LEN);
	full[RANDOM_LEN] = (uint8_t)(len >> 24);
	full[RANDOM_LEN + 1] = (uint8_t)(len >> 16);
	full[RANDOM_LEN + 2] = (uint8_t)(len >> 8);
	full[RANDOM_LEN + 3] = (uint8_t)len;
	if (len)
		memcpy(full + HEAD_LEN, msg, len);
	memcpy(full + HEAD_LEN + len, appid, appid_len);
	memset(full + used, (int)pad, pad);
	rc = crypto_aes256_cbc(true, key, key, full, used + pad, full);
	assert(rc == 0);
	(void)rc;
	crypto_base64(full, used + pad, out);
	free(full);
}
