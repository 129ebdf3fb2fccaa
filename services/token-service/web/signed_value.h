#ifndef SERVICES_TOKEN_SERVICE_WEB_SIGNED_VALUE_H
#define SERVICES_TOKEN_SERVICE_WEB_SIGNED_VALUE_H

#include "common/base/buf.h"
#include "proto/keyfiles.h"

/* What we give a browser to bring back: readable by it, not changeable, with an end. URL-safe text:
 * base64url( expiry (8 bytes, ms since 1970) | HMAC-SHA-256 | payload ). The key follows from the master keys
 * and the purpose: every replica has it, and a value made for one purpose is worth nothing for another. */
#define SIGNED_VALUE_PAYLOAD_MAX 4096
#define SIGNED_VALUE_MAX         6000 /* characters */

void signed_value_make(const struct master_keys *keys, const char *purpose, const char *payload,
	int64_t expires_ms, struct buf *out);

enum signed_value_result { SIGNED_VALUE_OK = 0, SIGNED_VALUE_WRONG, SIGNED_VALUE_EXPIRED };
/* The payload is written with SIGNED_VALUE_OK only. */
enum signed_value_result signed_value_open(const struct master_keys *keys, const char *purpose,
	const char *text, int64_t now_ms, struct buf *payload_out);

/* A key of 32 bytes that follows from one master key: for what it is, and nothing else. */
void signed_value_key(const struct master_key *master, const char *purpose, uint8_t out[32]);

#endif
