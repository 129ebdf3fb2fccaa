#ifndef API_PROXY_WEB_WEIXIN_DOOR_H
#define API_PROXY_WEB_WEIXIN_DOOR_H

#include "common/base/buf.h"
#include "common/httpc/httpc.h"
#include "services/api-proxy/callers/callers.h"
#include "services/api-proxy/refusal.h"
#include "services/api-proxy/web/proxy_token.h"

#include <stddef.h>

/* Weixin's own paths, for programs written for Weixin: they fetch an access token with an account's appid
 * and, as secret, a caller's key, and give it back as access_token with each call. What they get is a proxy
 * token, good here and nowhere else. Any thread. */
struct weixin_door {
	struct callers *callers;
	struct keyring *keys;
};

enum weixin_path {
	WEIXIN_PATH_NONE,         /* no door of Weixin's */
	WEIXIN_PATH_TOKEN,        /* GET /cgi-bin/token */
	WEIXIN_PATH_STABLE_TOKEN, /* POST /cgi-bin/stable_token */
	WEIXIN_PATH_PERSON,       /* with a person's own token: /sns/userinfo, /sns/auth */
	WEIXIN_PATH_ACCOUNT,      /* with a proxy token: the table's paths, and all under /cgi-bin, ... */
	WEIXIN_PATH_PLATFORM      /* what a proxy token is not good for */
};
enum weixin_path weixin_path_of(const char *path);

#define WEIXIN_TOKEN_LIFE_S 7200 /* as Weixin's own */

/* Weixin's answer to a request for a token, or why there is none. From a query or a JSON object; of a missing
 * field the value is NULL. `address`: the client's. Source:
 * https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/Get_access_token.html */
struct weixin_credential {
	const char *grant_type;
	const char *appid;
	const char *secret;
};
enum refusal weixin_door_issue(const struct weixin_door *d, const struct weixin_credential *c,
	const char *address, struct buf *answer);
struct weixin_credential weixin_credential_of_query(const struct httpc_pair *query, size_t n);

/* Who calls with this token (NULL: none was sent), for which account. */
enum refusal weixin_door_enter(const struct weixin_door *d, const char *access_token,
	struct caller **caller_out, char appid_out[APPID_MAX + 1]);

/* Is this a person's own token, as far as we can know: not a proxy token, not a caller's key? */
enum refusal weixin_door_person(const struct weixin_door *d, const char *access_token);

#endif
