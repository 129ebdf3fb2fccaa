#include "tools/weixin-sim/wire/weixin_crypto.h"

#include "common/base/alloc.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ENCODED_KEY_LEN 43
#define BLOCK           32 /* Weixin's padding block, twice that of AES */
#define HEAD            (WEIXIN_RANDOM_LEN + 4)

/* OpenSSL fails here only for want of memory or of a working provider: nothing to go on with. */
static void must(int ok)
{
	if (ok == 1)
		return;
	fputs("weixin-sim: OpenSSL failed\n", stderr);
	abort();
}

static bool is_alnum_ascii(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

int weixin_key(const char *encoding_aes_key, uint8_t key_out[WEIXIN_KEY_LEN])
{
	unsigned char text[ENCODED_KEY_LEN + 2];
	unsigned char bytes[ENCODED_KEY_LEN + 1];

	if (strlen(encoding_aes_key) != ENCODED_KEY_LEN)
		return -1;
	for (size_t i = 0; i < ENCODED_KEY_LEN; i++)
		if (!is_alnum_ascii(encoding_aes_key[i]))
			return -1;
	memcpy(text, encoding_aes_key, ENCODED_KEY_LEN);
	text[ENCODED_KEY_LEN] = '=';
	text[ENCODED_KEY_LEN + 1] = '\0';
	/* 33 bytes, for it does not take off the '='; the dropped bits do not matter to it. */
	if (EVP_DecodeBlock(bytes, text, ENCODED_KEY_LEN + 1) != WEIXIN_KEY_LEN + 1)
		return -1;
	memcpy(key_out, bytes, WEIXIN_KEY_LEN);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void to_hex(const unsigned char *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

void weixin_signature(const char *const *parts, size_t n, char out[WEIXIN_SIGNATURE_LEN + 1])
{
	const char *sorted[8];
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	assert(n <= sizeof(sorted) / sizeof(sorted[0]));
	memcpy(sorted, parts, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), compare);
	must(md != NULL && EVP_DigestInit_ex(md, EVP_sha1(), NULL));
	for (size_t i = 0; i < n; i++)
		must(EVP_DigestUpdate(md, sorted[i], strlen(sorted[i])));
	must(EVP_DigestFinal_ex(md, digest, NULL));
	EVP_MD_CTX_free(md);
	to_hex(digest, WEIXIN_SIGNATURE_LEN / 2, out);
}

/* AES-256-CBC without OpenSSL's own padding; len is a multiple of 16. */
static void cbc(bool encrypt, const uint8_t key[WEIXIN_KEY_LEN], const void *in, size_t len, void *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char *to = out;
	int n = 0, rest = 0;

	must(ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_cbc(), NULL, key, key, encrypt));
	must(EVP_CIPHER_CTX_set_padding(ctx, 0));
	must(EVP_CipherUpdate(ctx, to, &n, in, (int)len));
	must(EVP_CipherFinal_ex(ctx, to + n, &rest));
	EVP_CIPHER_CTX_free(ctx);
}

static void put_length(unsigned char *p, size_t len)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(len >> (24 - 8 * i));
}

static size_t get_length(const unsigned char *p)
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

void weixin_encrypt(const uint8_t key[WEIXIN_KEY_LEN], const char *random, const char *msg, size_t msg_len,
	const char *appid, struct buf *out)
{
	size_t appid_len = strlen(appid), full = HEAD + msg_len + appid_len, pad = BLOCK - full % BLOCK;
	unsigned char *bytes = xmalloc(full + pad);
	char own[WEIXIN_RANDOM_LEN + 1], *text;

	if (!random) {
		weixin_random_hex(own, WEIXIN_RANDOM_LEN);
		random = own;
	}
	memcpy(bytes, random, WEIXIN_RANDOM_LEN);
	put_length(bytes + WEIXIN_RANDOM_LEN, msg_len);
	memcpy(bytes + HEAD, msg, msg_len);
	memcpy(bytes + HEAD + msg_len, appid, appid_len);
	memset(bytes + full, (int)pad, pad);
	cbc(true, key, bytes, full + pad, bytes);
	text = buf_reserve(out, (full + pad + 2) / 3 * 4 + 1); /* EVP_EncodeBlock ends with a NUL */
	if (text)
		buf_grown(out, (size_t)EVP_EncodeBlock((unsigned char *)text, bytes, (int)(full + pad)));
	free(bytes);
}

/* Standard base64 in one line and in its one canonical form, or NULL. */
static unsigned char *decode_base64(const char *text, size_t *len_out)
{
	size_t len = strlen(text), pad = 0;
	unsigned char *bytes, *again;
	int n;

	if (len == 0 || len % 4 != 0 || len > ((size_t)1 << 24))
		return NULL;
	while (pad < 2 && text[len - 1 - pad] == '=')
		pad++;
	bytes = xmalloc(len / 4 * 3 + 1);
	again = xmalloc(len + 1);
	n = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)len);
	/* It trims blanks and ignores stray bits; encoding again finds both. */
	if (n < 0 || (EVP_EncodeBlock(again, bytes, n - (int)pad), memcmp(again, text, len + 1)) != 0) {
		free(bytes);
		bytes = NULL;
	} else {
		*len_out = (size_t)n - pad;
	}
	free(again);
	return bytes;
}

/* The length without the padding, 0 if the padding is not right. */
static size_t unpadded(const unsigned char *bytes, size_t len)
{
	size_t pad = bytes[len - 1];

	if (pad < 1 || pad > BLOCK || pad > len)
		return 0;
	for (size_t i = 1; i <= pad; i++)
		if (bytes[len - i] != pad)
			return 0;
	return len - pad;
}

static int split(unsigned char *bytes, size_t len, struct weixin_opened *out, const char **why_out)
{
	size_t full = unpadded(bytes, len), msg_len;

	*why_out = "the padding is not that of 32-byte blocks (wrong key?)";
	if (full == 0)
		return -1;
	*why_out = "the inner length does not fit";
	if (full < HEAD || (msg_len = get_length(bytes + WEIXIN_RANDOM_LEN)) > full - HEAD)
		return -1;
	*why_out = "a NUL in the tail appid";
	if (memchr(bytes + HEAD + msg_len, '\0', full - HEAD - msg_len))
		return -1;
	bytes[full] = '\0'; /* over the padding, which has at least one byte */
	out->bytes = (char *)bytes;
	out->random = out->bytes;
	out->msg = out->bytes + HEAD;
	out->msg_len = msg_len;
	out->appid = out->bytes + HEAD + msg_len;
	return 0;
}

int weixin_decrypt(const uint8_t key[WEIXIN_KEY_LEN], const char *encrypt, struct weixin_opened *out,
	const char **why_out)
{
	size_t len = 0;
	unsigned char *bytes = decode_base64(encrypt, &len);

	*why_out = "Encrypt is no standard base64 in one line";
	if (!bytes)
		return -1;
	*why_out = "the ciphertext is no multiple of 32 bytes";
	if (len == 0 || len % BLOCK != 0) {
		free(bytes);
		return -1;
	}
	cbc(false, key, bytes, len, bytes);
	if (split(bytes, len, out, why_out) < 0) {
		free(bytes);
		return -1;
	}
	return 0;
}

static void random_bytes(unsigned char *out, size_t n)
{
	must(RAND_bytes(out, (int)n));
}

void weixin_random_text(char *out, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned char bytes[256];

	assert(n < sizeof(bytes));
	random_bytes(bytes, n);
	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[bytes[i] & 63];
	out[n] = '\0';
}

void weixin_random_digits(char *out, size_t n)
{
	unsigned char bytes[256];

	assert(n < sizeof(bytes));
	random_bytes(bytes, n);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(i == 0 ? '1' + bytes[i] % 9 : '0' + bytes[i] % 10);
	out[n] = '\0';
}

void weixin_random_hex(char *out, size_t n)
{
	unsigned char bytes[128];

	assert(n / 2 <= sizeof(bytes) && n % 2 == 0);
	random_bytes(bytes, n / 2);
	to_hex(bytes, n / 2, out);
}
