#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_RESULT_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_RESULT_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* What a site learns of a visitor: a JSON Web Token (RFC 7519) signed with Ed25519 (EdDSA, RFC 8037), which
 * any JOSE library verifies with the keys of /oauth/keys. It is for the origin `aud` alone, ends after
 * OAUTH_RESULT_LIFE_S, and carries a random `jti` by which the site takes it once. Its type is its own, so
 * that no other signed text can pass for it (RFC 8725, 3.11). */
#define OAUTH_RESULT_TYPE      "wxbus-oauth+jwt"
#define OAUTH_RESULT_LIFE_S    60
#define OAUTH_RESULT_MAX       4096           /* bytes */
#define OAUTH_RESULT_PARAMETER "wxbus_result" /* in which it comes to the site */

#define OAUTH_KEY_ID_LEN 16 /* lower-case hex: the first bytes of the public key's SHA-256 */
struct oauth_key {
	char id[OAUTH_KEY_ID_LEN + 1];
	uint8_t private_key[32]; /* a secret */
};
void oauth_key_make(struct oauth_key *out); /* a new one */
void oauth_key_id(const uint8_t public_key[32], char out[OAUTH_KEY_ID_LEN + 1]);

/* Pieces are borrowed; NULL: left out. */
struct oauth_result {
	const char *issuer;     /* iss: WXBUS_PUBLIC_URL */
	const char *audience;   /* aud: the site's origin */
	const char *site_state; /* state */
	const char *component_appid;
	const char *appid;
	const char *openid; /* also sub */
	const char *unionid;
	const char *scope; /* as Weixin granted it */
	const char *nickname;
	const char *head_img_url;
	bool snapshot; /* Weixin shows the page as a snapshot: openid is of no real visitor */
};

/* -1: longer than OAUTH_RESULT_MAX. */
int oauth_result_write(
	const struct oauth_result *r, const struct oauth_key *key, int64_t now_s, struct buf *out);

#endif
