#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_TARGET_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_TARGET_H

#include <stdbool.h>
#include <stddef.h>

/* Where a visitor may be sent back to after a web page authorization. An account has a list of rules, each an
 * address like "https://shop.example.com", "https://shop.example.com:8443/club": it allows the addresses of
 * exactly this scheme, host and port whose path is the rule's or lies below it. "/club" allows "/club" and
 * "/club/x", not "/clubs"; no path, or "/", allows all of the host. Nothing in a rule is a pattern. Pure. */
#define OAUTH_TARGETS_MAX 50  /* rules of one account */
#define OAUTH_TARGET_MAX  255 /* bytes of one */

/* https, or http to this machine itself ("localhost", "127.0.0.1"), for developers; a port only where it is
 * not the scheme's own; no query. */
bool oauth_target_rule_ok(const char *rule);

/* True: `url` is an address as common/base/web_url.h takes it, and the rule, which is one, allows it. */
bool oauth_target_allows(const char *rule, const char *url);

/* The bytes at the start of `url` that are its origin; 0: it is no address for us. */
size_t oauth_target_origin_len(const char *url);

#endif
