#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_COOKIE_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_COOKIE_H

#include "common/base/arena.h"
#include "services/token-service/web/oauth_state.h"

/* What a web page authorization is about, kept by the visitor's browser from its start to its end: a cookie
 * for each, so that two windows do not disturb each other, named by the state's first characters. The prefix
 * __Host- has the browser see to it that only we, over TLS, can set it; SameSite=Lax lets it come along with
 * the visitor whom Weixin sends back, and with nothing that a page embeds. */
#define OAUTH_COOKIE_PREFIX     "__Host-wxbus-oauth-"
#define OAUTH_COOKIE_SUFFIX_LEN 8
#define OAUTH_COOKIES_MAX       3 /* of one browser; the oldest go, for a header has its limit everywhere */

struct oauth_visit {
	const char *state;
	const char *scope;
	const char *return_url;
	const char *site_state; /* the site's own */
};

#define OAUTH_RETURN_MAX     1024 /* bytes */
#define OAUTH_SITE_STATE_MAX 128  /* bytes of UTF-8 without control characters */

/* The cookie's signed value, in the arena. */
const char *oauth_visit_seal(const struct master_keys *keys, const char *component_appid, const char *appid,
	const struct oauth_visit *v, int64_t expires_ms, struct arena *arena);
/* -1: not ours, another account's, or its time has passed. */
int oauth_visit_open(const struct master_keys *keys, const char *component_appid, const char *appid,
	const char *value, int64_t now_ms, struct arena *arena, struct oauth_visit *out);

/* A value of Set-Cookie. `suffix`: OAUTH_COOKIE_SUFFIX_LEN characters; those of a state are its first. */
const char *oauth_cookie_set(struct arena *arena, const char *suffix, const char *value, int64_t life_s);
const char *oauth_cookie_drop(struct arena *arena, const char *suffix);

/* The value that a request's header Cookie (NULL: none) has for this state; NULL: it has none. */
const char *oauth_cookie_find(struct arena *arena, const char *header, const char *state);

/* The suffixes of our cookies that have to go before another one is set, up to OAUTH_COOKIES_MAX in *out; how
 * many. Browsers send the oldest first (RFC 6265, 5.4). */
size_t oauth_cookie_surplus(struct arena *arena, const char *header, const char *out[OAUTH_COOKIES_MAX]);

#endif
