#include "proto/push_crypto.h"

#include "common/base/alloc.h"
#include "common/crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define APPID   "wx134c8103faa5a59e"
#define OUT_MAX (1024 * 1024)

#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

static const uint8_t key[32];

static enum push_open_result open_text(const void *text, size_t len, struct buf *plain)
{
	enum push_open_result result = push_open(key, (struct str){text, len}, APPID, plain);

	MUST(*push_open_result_name(result));
	return result;
}

/* The bytes as what the cipher gives: behind base64 and AES, which no fuzzer passes by itself. */
static void open_as_plaintext(const uint8_t *data, size_t size)
{
	size_t len = size - size % 16;
	struct buf text = BUF_INIT(OUT_MAX), plain = BUF_INIT(OUT_MAX);
	uint8_t *raw = xmalloc(len);

	MUST(crypto_aes256_cbc(true, key, key, data, len, raw) == 0);
	crypto_base64(raw, len, &text);
	if (open_text(text.data, text.len, &plain) == PUSH_OPENED)
		MUST(plain.len + 20 + strlen(APPID) < len);
	free(raw);
	buf_release(&text);
	buf_release(&plain);
}

static void seal_and_open(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT(OUT_MAX), plain = BUF_INIT(OUT_MAX);

	push_seal(key, key, data, size, APPID, &text);
	MUST(open_text(text.data, text.len, &plain) == PUSH_OPENED);
	MUST(plain.len == size && (size == 0 || memcmp(plain.data, data, size) == 0));
	buf_release(&text);
	buf_release(&plain);
}

/* The bytes cut into the parts of a signature: any order of them gives the same. */
static void sign_parts(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct str a = {p, size / 3}, b = {p + a.len, size / 3},
		   c = {p + a.len + b.len, size - a.len - b.len};
	char first[PUSH_SIGNATURE_LEN + 1], second[PUSH_SIGNATURE_LEN + 1];

	push_signature("token", a, b, &c, first);
	push_signature("token", c, a, &b, second);
	MUST(strcmp(first, second) == 0);
	MUST(push_signature_matches("token", b, c, &a, str_of(first)));
	MUST(!push_signature_matches("token", b, c, &a, a) || str_eq_cstr(a, first));
}

static void decode_key(const uint8_t *data, size_t size)
{
	char *text = xstrndup((const char *)data, size);
	uint8_t out[32];

	if (push_aes_key_decode(text, out, NULL) == 0)
		MUST(strlen(text) == 43);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf plain = BUF_INIT(OUT_MAX);

	if (size > OUT_MAX / 4)
		return 0;
	open_text(data, size, &plain);
	buf_release(&plain);
	open_as_plaintext(data, size);
	seal_and_open(data, size);
	sign_parts(data, size);
	decode_key(data, size);
	return 0;
}
