#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_STATE_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_STATE_H

#include "services/token-service/web/signed_value.h"

/* The `state` that goes through Weixin and comes back with the visitor: a number used once, its end, and a
 * signature. Weixin takes letters and digits only, at most 128 bytes, so what the authorization is about
 * stays in the visitor's cookie (oauth_cookie.h), under this number. Lower-case hex of number (16 bytes) |
 * expiry (8 bytes, ms since 1970) | HMAC-SHA-256, its first 16 bytes with a key that follows from the master
 * keys, the platform and the account.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Official_Accounts/official_account_website_authorization.html
 */
#define OAUTH_STATE_LEN  80
#define OAUTH_NUMBER_LEN 32 /* the first characters of a state */

void oauth_state_make(const struct master_keys *keys, const char *component_appid, const char *appid,
	int64_t expires_ms, char out[OAUTH_STATE_LEN + 1]);

/* SIGNED_VALUE_WRONG also for a state of another account or platform. */
enum signed_value_result oauth_state_check(const struct master_keys *keys, const char *component_appid,
	const char *appid, const char *text, int64_t now_ms);

#endif
