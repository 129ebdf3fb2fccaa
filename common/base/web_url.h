#ifndef COMMON_BASE_WEB_URL_H
#define COMMON_BASE_WEB_URL_H

#include "common/base/str.h"

#include <stdbool.h>

/* An address that a browser may be sent to, read so strictly that we and every browser see the same host in
 * it: http or https, a host of lower-case letters, digits, '.' and '-', perhaps a port, a path, perhaps a
 * query. No user, no fragment, no backslash, blank, quote, angle bracket or non-ASCII byte; '%' only before
 * two hex digits; no dot segment and no encoded slash, backslash, dot or control byte in the path. */
#define WEB_URL_MAX 1024

/* Pieces borrowed from the text. */
struct web_url {
	struct str origin; /* "https://shop.example.com:8443" */
	struct str path;   /* "/x/y"; empty when the text ends after the host */
	struct str query;  /* without '?'; empty: none */
};

/* -1: not such an address, or longer than WEB_URL_MAX. */
int web_url_parse(const char *text, size_t len, struct web_url *out);

#endif
