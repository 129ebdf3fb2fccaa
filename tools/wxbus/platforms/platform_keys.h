#ifndef TOOLS_WXBUS_PLATFORMS_PLATFORM_KEYS_H
#define TOOLS_WXBUS_PLATFORMS_PLATFORM_KEYS_H

#include <stddef.h>
#include <stdint.h>

/* What Weixin's console asks a platform to choose: a Token of 3 to 32 letters and digits, an EncodingAESKey
 * of 43 letters and digits, the base64 of 32 bytes without its '='.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Technical_Plan.html
 */
#define PLATFORM_TOKEN_LEN   32
#define PLATFORM_AES_KEY_LEN 43

/* From the system's randomness; every character equally likely. */
void platform_token_make(char out[PLATFORM_TOKEN_LEN + 1]);
/* Its last character leaves no spare bits, so that strict decoders take it, too. */
void platform_aes_key_make(char out[PLATFORM_AES_KEY_LEN + 1]);

/* "sha256:1a2b3c4d": tells two secrets apart and nothing else. */
#define FINGERPRINT_SIZE 16
void fingerprint(const void *secret, size_t len, char out[FINGERPRINT_SIZE]);

#endif
