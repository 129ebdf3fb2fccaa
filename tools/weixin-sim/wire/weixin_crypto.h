#ifndef WEIXIN_SIM_WIRE_WEIXIN_CRYPTO_H
#define WEIXIN_SIM_WIRE_WEIXIN_CRYPTO_H

#include "common/base/buf.h"

#include <stddef.h>
#include <stdint.h>

/* Weixin's message crypto as Weixin itself has it. On purpose a second implementation, on OpenSSL directly:
 * the one exception to "only common/crypto includes OpenSSL". The simulator is what our services are tested
 * against, so it shares no crypto with them (neither proto/push_crypto nor common/crypto): a mistake made
 * once would otherwise cancel itself out between sender and receiver. Both are held to the same published
 * vectors. Stateless; any thread.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
 */

#define WEIXIN_KEY_LEN       32
#define WEIXIN_RANDOM_LEN    16
#define WEIXIN_SIGNATURE_LEN 40 /* hex digits, without the NUL */

/* The AES key of a 43-character EncodingAESKey; its two dropped bits may be set. -1: not 43 letters and
 * digits.
 */
int weixin_key(const char *encoding_aes_key, uint8_t key_out[WEIXIN_KEY_LEN]);

/* SHA-1 in lower-case hex over the n (at most 8) strings, sorted byte-wise and joined. */
void weixin_signature(const char *const *parts, size_t n, char out[WEIXIN_SIGNATURE_LEN + 1]);

/* Appends the text of an Encrypt element. `random` NULL: made here, 16 hex digits as Weixin's are. */
void weixin_encrypt(const uint8_t key[WEIXIN_KEY_LEN], const char *random, const char *msg, size_t msg_len,
	const char *appid, struct buf *out);

struct weixin_opened {
	char *bytes; /* owned: random, length, message, appid; free with free() */
	const char *random;
	const char *msg;
	size_t msg_len;
	const char *appid; /* NUL-terminated */
};

/* 0, or -1 with *why_out a constant sentence: base64, length, padding or layout are not as they must be. */
int weixin_decrypt(const uint8_t key[WEIXIN_KEY_LEN], const char *encrypt, struct weixin_opened *out,
	const char **why_out);

/* n random characters of A-Z a-z 0-9 - _ and a NUL; n below 256. */
void weixin_random_text(char *out, size_t n);
/* n random digits, the first not 0. */
void weixin_random_digits(char *out, size_t n);
/* n random lower-case hex digits, n even and below 256. */
void weixin_random_hex(char *out, size_t n);

#endif
