#ifndef PROTO_PUSH_CRYPTO_H
#define PROTO_PUSH_CRYPTO_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Weixin's message crypto (security mode). Source:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
 * AES-256-CBC, IV = first half of the key, PKCS#7 with a block of 32; plaintext = random (16) | length (4,
 * big endian) | message | appid. Bytes in, bytes out; any thread. */

#define PUSH_SIGNATURE_LEN 40

/* SHA-1 over the parts sorted byte-wise and joined, as lower-case hex with a NUL. `encrypt` NULL: the
 * three-part `signature`; otherwise `msg_signature`. */
void push_signature(const char *token, struct str timestamp, struct str nonce, const struct str *encrypt,
	char out[PUSH_SIGNATURE_LEN + 1]);
/* Constant time. */
bool push_signature_matches(const char *token, struct str timestamp, struct str nonce,
	const struct str *encrypt, struct str given);

/* EncodingAESKey: 43 of a-z A-Z 0-9 (also + and /); its two spare bits are ignored. */
int push_aes_key_decode(const char *encoding_aes_key, uint8_t key_out[32], struct err *err);

enum push_open_result {
	PUSH_OPENED = 0,
	PUSH_BAD_BASE64, /* or not a whole number of blocks */
	PUSH_BAD_PADDING,
	PUSH_BAD_LENGTH,
	PUSH_BAD_RECEIVER /* opened, but for another appid */
};
const char *push_open_result_name(enum push_open_result r); /* for metrics: "bad_padding" */

/* Decrypt the base64 text of `Encrypt`. `plain` then holds the message alone. */
enum push_open_result push_open(
	const uint8_t key[32], struct str encrypt, const char *expected_appid, struct buf *plain);

/* Encrypt a message; random16 NULL: fresh random. Appends base64 to out. */
void push_seal(const uint8_t key[32], const uint8_t random16[16], const void *msg, size_t len,
	const char *appid, struct buf *out);

#endif
