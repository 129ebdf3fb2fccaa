#ifndef API_PROXY_WEB_PROXY_TOKEN_H
#define API_PROXY_WEB_PROXY_TOKEN_H

#include "common/base/buf.h"
#include "common/crypto/crypto.h"
#include "proto/keyfiles.h"
#include "proto/platforms.h"

#include <stdbool.h>
#include <stdint.h>

/* What stands for an account's access token with programs written for Weixin: it names the caller's key and
 * the account, sealed under a master key, so that every api-proxy takes it and none keeps it. It is worth
 * what the key is worth at that moment, and nothing after its own end. */
struct proxy_token {
	uint8_t key_sha256[CRYPTO_SHA256_LEN]; /* of the caller's key: callers_by_key_hash() */
	char appid[APPID_MAX + 1];
	int64_t expires_wall_ms;
};

#define PROXY_TOKEN_PREFIX "wxbus-"
#define PROXY_TOKEN_MAX    512

void proxy_token_seal(const struct master_keys *keys, const struct proxy_token *t, struct buf *out);
/* PROXY_TOKEN_EXPIRED: it was one. -1, ERR_REJECT: it is none of ours. */
#define PROXY_TOKEN_EXPIRED 1
int proxy_token_open(const struct master_keys *keys, const char *text, int64_t now_wall_ms,
	struct proxy_token *out, struct err *err);
/* Has it the looks of one? Such a text is never sent anywhere. */
bool proxy_token_looks(const char *text);

#endif
