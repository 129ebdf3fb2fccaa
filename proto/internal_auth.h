#ifndef PROTO_INTERNAL_AUTH_H
#define PROTO_INTERNAL_AUTH_H

#include "common/base/buf.h"
#include "proto/keyfiles.h"

/* How every /v1 call between our own processes is authenticated. The header
 *     Authorization: Wxbus-HMAC name=<key name>,time=<unix seconds>,signature=<hex>
 * carries HMAC-SHA-256 with the named key over method, path with query, time and SHA-256 of the body (an
 * empty one too) in lower-case hex, joined by "\n". A key never travels; a captured call can be repeated for
 * INTERNAL_AUTH_WINDOW_S at most (every /v1 call is harmless to repeat). */
#define INTERNAL_AUTH_WINDOW_S 60

/* The header's value. */
void internal_auth_sign(const struct internal_key *key, const char *method, const char *target,
	const void *body, size_t body_len, int64_t now_ms, struct buf *out);

enum internal_auth_result {
	INTERNAL_AUTH_OK = 0,
	INTERNAL_AUTH_MISSING,  /* 401 */
	INTERNAL_AUTH_WRONG,    /* 401: malformed, unknown name, signature, time */
	INTERNAL_AUTH_FORBIDDEN /* 403: right key, scope missing */
};
/* who_out (may be NULL) is borrowed from `keys`, and written with INTERNAL_AUTH_OK only. */
enum internal_auth_result internal_auth_check(const struct internal_keys *keys, enum internal_scope needed,
	const char *header, const char *method, const char *target, const void *body, size_t body_len,
	int64_t now_ms, const struct internal_key **who_out);

#endif
