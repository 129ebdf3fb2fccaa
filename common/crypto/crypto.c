#include "common/crypto/crypto.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GCM_NONCE_LEN 12
#define GCM_TAG_LEN   16
#define X25519_LEN    32

static const char BOX_INFO[] = "wxbus sealed event v1";

/* Algorithms are fetched once: a fetch for each call costs more than the digest of a push. */
static struct {
	EVP_MD *sha1, *sha256;
	EVP_CIPHER *cbc, *gcm;
	EVP_MAC *hmac;
	EVP_KDF *hkdf;
} alg;
static pthread_once_t alg_once = PTHREAD_ONCE_INIT;

/* To make and end a context costs more than the digest of a push, so each thread keeps those that every push
 * needs. What a digest's context has seen is gone once it is begun anew; the cipher's keeps no key. */
struct contexts {
	EVP_MD_CTX *sha1, *sha256;
	EVP_CIPHER_CTX *cbc;
};
static pthread_key_t contexts_key;

/* Only a broken OpenSSL (or no memory) gets here; nothing sealed or signed could be trusted from then on. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "crypto: OpenSSL failed: %s: %s\n", what, ERR_error_string(ERR_get_error(), NULL));
	abort();
}

static void contexts_free(void *arg)
{
	struct contexts *c = arg;

	EVP_MD_CTX_free(c->sha1);
	EVP_MD_CTX_free(c->sha256);
	EVP_CIPHER_CTX_free(c->cbc);
	free(c);
}

static void alg_fetch(void)
{
	must(pthread_key_create(&contexts_key, contexts_free) == 0, "contexts of threads");
	alg.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	alg.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	alg.cbc = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	alg.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	alg.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	alg.hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	must(alg.sha1 && alg.sha256 && alg.cbc && alg.gcm && alg.hmac && alg.hkdf, "fetch of the algorithms");
}

static struct contexts *contexts_get(void)
{
	struct contexts *c;

	pthread_once(&alg_once, alg_fetch);
	if ((c = pthread_getspecific(contexts_key)) != NULL)
		return c;
	c = xcalloc(1, sizeof(*c));
	c->sha1 = EVP_MD_CTX_new();
	c->sha256 = EVP_MD_CTX_new();
	c->cbc = EVP_CIPHER_CTX_new();
	must(c->sha1 && c->sha256 && c->cbc && pthread_setspecific(contexts_key, c) == 0,
		"contexts of a thread");
	return c;
}

static void digest(
	EVP_MD_CTX *ctx, const EVP_MD *md, const struct crypto_piece *pieces, size_t n, uint8_t *out)
{
	must(EVP_DigestInit_ex2(ctx, md, NULL), "digest");
	for (size_t i = 0; i < n; i++)
		must(EVP_DigestUpdate(ctx, pieces[i].p, pieces[i].len), "digest");
	must(EVP_DigestFinal_ex(ctx, out, NULL), "digest");
}

void crypto_sha1(const struct crypto_piece *pieces, size_t n, uint8_t out[CRYPTO_SHA1_LEN])
{
	EVP_MD_CTX *ctx = contexts_get()->sha1;

	digest(ctx, alg.sha1, pieces, n, out);
}

void crypto_sha256(const struct crypto_piece *pieces, size_t n, uint8_t out[CRYPTO_SHA256_LEN])
{
	EVP_MD_CTX *ctx = contexts_get()->sha256;

	digest(ctx, alg.sha256, pieces, n, out);
}

void crypto_hmac_sha256(const void *key, size_t key_len, const struct crypto_piece *pieces, size_t n,
	uint8_t out[CRYPTO_SHA256_LEN])
{
	char name[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_construct_end()};
	static const uint8_t empty[1];
	EVP_MAC_CTX *ctx;
	size_t len;

	pthread_once(&alg_once, alg_fetch);
	ctx = EVP_MAC_CTX_new(alg.hmac);
	/* A NULL key would mean "the key set before". */
	must(ctx && EVP_MAC_init(ctx, key_len > 0 ? key : empty, key_len, params), "HMAC");
	for (size_t i = 0; i < n; i++)
		must(EVP_MAC_update(ctx, pieces[i].p, pieces[i].len), "HMAC");
	must(EVP_MAC_final(ctx, out, &len, CRYPTO_SHA256_LEN), "HMAC");
	EVP_MAC_CTX_free(ctx);
}

void crypto_random(void *out, size_t n)
{
	must(n <= INT_MAX && RAND_bytes(out, (int)n) == 1, "random bytes");
}

int crypto_aes256_cbc(
	bool encrypt, const uint8_t key[32], const uint8_t iv[16], const void *in, size_t len, void *out)
{
	static const uint8_t no_key[32];
	EVP_CIPHER_CTX *ctx;
	int n = 0, tail = 0;

	if (len % 16 != 0 || len > INT_MAX - 16)
		return -1;
	ctx = contexts_get()->cbc;
	must(EVP_CipherInit_ex2(ctx, alg.cbc, key, iv, encrypt, NULL), "AES-CBC");
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	must(EVP_CipherUpdate(ctx, out, &n, in, (int)len), "AES-CBC");
	must(EVP_CipherFinal_ex(ctx, (uint8_t *)out + n, &tail) && (size_t)n + (size_t)tail == len,
		"AES-CBC");
	must(EVP_CipherInit_ex2(ctx, NULL, no_key, no_key, encrypt, NULL), "AES-CBC");
	return 0;
}

/* Ciphertext (len bytes) and tag to `w`. */
static void gcm_encrypt(const uint8_t key[32], const uint8_t nonce[GCM_NONCE_LEN], const void *aad,
	size_t aad_len, const void *plain, size_t len, uint8_t *w)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	must(len <= INT_MAX && aad_len <= INT_MAX, "AES-GCM: length");
	must(ctx && EVP_EncryptInit_ex2(ctx, alg.gcm, key, nonce, NULL), "AES-GCM");
	if (aad_len > 0)
		must(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len), "AES-GCM");
	if (len > 0)
		must(EVP_EncryptUpdate(ctx, w, &n, plain, (int)len), "AES-GCM");
	must(EVP_EncryptFinal_ex(ctx, w + len, &n), "AES-GCM");
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG_LEN, w + len) == 1, "AES-GCM");
	EVP_CIPHER_CTX_free(ctx);
}

void crypto_gcm_seal(const uint8_t key[32], const void *aad, size_t aad_len, const void *plain, size_t len,
	struct buf *out)
{
	uint8_t *w;

	pthread_once(&alg_once, alg_fetch);
	if (len > SIZE_MAX - CRYPTO_GCM_OVERHEAD) {
		out->overflow = 1;
		return;
	}
	if ((w = (uint8_t *)buf_reserve(out, len + CRYPTO_GCM_OVERHEAD)) == NULL)
		return;
	crypto_random(w, GCM_NONCE_LEN);
	gcm_encrypt(key, w, aad, aad_len, plain, len, w + GCM_NONCE_LEN);
	buf_grown(out, len + CRYPTO_GCM_OVERHEAD);
}

/* `sealed` is nonce | ciphertext (len bytes) | tag. False: changed, or another key. */
static bool gcm_decrypt(
	const uint8_t key[32], const void *aad, size_t aad_len, const uint8_t *sealed, size_t len, uint8_t *w)
{
	const uint8_t *cipher = sealed + GCM_NONCE_LEN;
	uint8_t tag[GCM_TAG_LEN], rest[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool good;
	int n;

	memcpy(tag, cipher + len, GCM_TAG_LEN);
	must(ctx && EVP_DecryptInit_ex2(ctx, alg.gcm, key, sealed, NULL), "AES-GCM");
	if (aad_len > 0)
		must(EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_len), "AES-GCM");
	if (len > 0)
		must(EVP_DecryptUpdate(ctx, w, &n, cipher, (int)len), "AES-GCM");
	must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, tag) == 1, "AES-GCM");
	good = EVP_DecryptFinal_ex(ctx, rest, &n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return good;
}

int crypto_gcm_open(const uint8_t key[32], const void *aad, size_t aad_len, const void *sealed, size_t len,
	struct buf *out, struct err *err)
{
	size_t plain_len = len - CRYPTO_GCM_OVERHEAD;
	uint8_t *w;

	if (len < CRYPTO_GCM_OVERHEAD || plain_len > INT_MAX || aad_len > INT_MAX)
		return err_set(err, ERR_REJECT, 0, "sealed value has %zu bytes", len);
	pthread_once(&alg_once, alg_fetch);
	if ((w = (uint8_t *)buf_reserve(out, plain_len)) == NULL)
		return err_set(err, ERR_REJECT, 0, "sealed value holds more than %zu bytes", out->cap);
	if (!gcm_decrypt(key, aad, aad_len, sealed, plain_len, w)) {
		secret_wipe(w, plain_len); /* bytes that nobody vouches for */
		ERR_clear_error();
		return err_set(err, ERR_REJECT, 0, "not sealed with this key, or changed");
	}
	buf_grown(out, plain_len);
	return 0;
}

void crypto_x25519_public(const uint8_t private_key[32], uint8_t public_out[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, X25519_LEN);
	size_t len = X25519_LEN;

	must(key && EVP_PKEY_get_raw_public_key(key, public_out, &len) && len == X25519_LEN, "X25519");
	EVP_PKEY_free(key);
}

/* -1: the public key is of low order, the secret would be all zero. */
static int x25519_shared(const uint8_t private_key[32], const uint8_t public_key[32], uint8_t out[X25519_LEN])
{
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, X25519_LEN);
	EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, public_key, X25519_LEN);
	EVP_PKEY_CTX *ctx = own ? EVP_PKEY_CTX_new(own, NULL) : NULL;
	size_t len = X25519_LEN;
	int rc;

	must(peer && ctx && EVP_PKEY_derive_init(ctx) == 1, "X25519");
	rc = EVP_PKEY_derive_set_peer(ctx, peer) == 1 && EVP_PKEY_derive(ctx, out, &len) == 1 ? 0 : -1;
	if (rc < 0)
		ERR_clear_error();
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	EVP_PKEY_free(own);
	return rc;
}

void crypto_hkdf_sha256(const void *secret, size_t secret_len, const void *salt, size_t salt_len,
	const void *info, size_t info_len, void *out, size_t out_len)
{
	char name[] = "SHA256";
	OSSL_PARAM params[5];
	OSSL_PARAM *p = params;
	EVP_KDF_CTX *ctx;

	pthread_once(&alg_once, alg_fetch);
	/* The parameters are only read; their type merely lacks const. */
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)secret, secret_len);
	if (salt_len > 0)
		*p++ = OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)salt, salt_len);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info, info_len);
	*p = OSSL_PARAM_construct_end();
	ctx = EVP_KDF_CTX_new(alg.hkdf);
	must(ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1, "HKDF");
	EVP_KDF_CTX_free(ctx);
}

void crypto_box_key_id(const uint8_t public_key[32], uint8_t out[CRYPTO_BOX_KEY_ID_LEN])
{
	struct crypto_piece piece = {public_key, X25519_LEN};
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(&piece, 1, hash);
	memcpy(out, hash, CRYPTO_BOX_KEY_ID_LEN);
}

/* The key of one box from one side's private key and the other side's public one. */
static int box_key(const uint8_t own_private[32], const uint8_t peer_public[32], const uint8_t ephemeral[32],
	const uint8_t recipient[32], uint8_t key_out[CRYPTO_KEY_LEN])
{
	uint8_t shared[X25519_LEN], salt[2 * X25519_LEN];

	if (x25519_shared(own_private, peer_public, shared) < 0)
		return -1;
	memcpy(salt, ephemeral, X25519_LEN);
	memcpy(salt + X25519_LEN, recipient, X25519_LEN);
	crypto_hkdf_sha256(shared, sizeof(shared), salt, sizeof(salt), BOX_INFO, sizeof(BOX_INFO) - 1,
		key_out, CRYPTO_KEY_LEN);
	secret_wipe(shared, sizeof(shared));
	return 0;
}

int crypto_box_seal(const uint8_t public_key[32], const void *aad, size_t aad_len, const void *plain,
	size_t len, struct buf *out, struct err *err)
{
	uint8_t private_key[X25519_LEN], head[CRYPTO_BOX_KEY_ID_LEN + X25519_LEN], key[CRYPTO_KEY_LEN];
	uint8_t *ephemeral = head + CRYPTO_BOX_KEY_ID_LEN;
	int rc;

	if (len > INT_MAX || out->cap - out->len < len + CRYPTO_BOX_OVERHEAD)
		return err_set(err, ERR_REJECT, 0, "%zu bytes do not fit when sealed", len);
	crypto_random(private_key, sizeof(private_key));
	crypto_x25519_public(private_key, ephemeral);
	crypto_box_key_id(public_key, head);
	rc = box_key(private_key, public_key, ephemeral, public_key, key);
	secret_wipe(private_key, sizeof(private_key));
	if (rc < 0)
		return err_set(err, ERR_REJECT, 0, "the public key is unusable");
	buf_add(out, head, sizeof(head));
	crypto_gcm_seal(key, aad, aad_len, plain, len, out);
	secret_wipe(key, sizeof(key));
	return 0;
}

int crypto_box_open(const uint8_t (*private_keys)[32], size_t n_keys, const void *aad, size_t aad_len,
	const void *sealed, size_t len, struct buf *out, struct err *err)
{
	const uint8_t *id = sealed, *ephemeral = id + CRYPTO_BOX_KEY_ID_LEN, *box = ephemeral + X25519_LEN;
	uint8_t own_public[X25519_LEN], own_id[CRYPTO_BOX_KEY_ID_LEN], key[CRYPTO_KEY_LEN];
	size_t i;
	int rc;

	if (len < CRYPTO_BOX_OVERHEAD)
		return err_set(err, ERR_REJECT, 0, "sealed value has %zu bytes", len);
	for (i = 0; i < n_keys; i++) {
		crypto_x25519_public(private_keys[i], own_public);
		crypto_box_key_id(own_public, own_id);
		if (memcmp(own_id, id, sizeof(own_id)) == 0)
			break;
	}
	if (i == n_keys)
		return err_set(err, ERR_REJECT, 0, "sealed to none of the %zu keys here", n_keys);
	if (box_key(private_keys[i], ephemeral, ephemeral, own_public, key) < 0)
		return err_set(err, ERR_REJECT, 0, "the ephemeral key is unusable");
	rc = crypto_gcm_open(key, aad, aad_len, box, len - CRYPTO_BOX_KEY_ID_LEN - X25519_LEN, out, err);
	secret_wipe(key, sizeof(key));
	return rc;
}
