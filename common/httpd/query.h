#ifndef COMMON_HTTPD_QUERY_H
#define COMMON_HTTPD_QUERY_H

#include "common/base/arena.h"
#include "common/base/buf.h"

#include <stddef.h>

/* A query string (or a form body), decoded strictly: '+' is a space; a bad escape, a control byte (also
 * encoded: %00) or invalid UTF-8 is refused; each name stands at most once. */
#define QUERY_PARAMS_MAX 32

enum query_outcome {
	QUERY_OK = 0,
	QUERY_MALFORMED, /* a bad escape, a control byte, invalid UTF-8, an empty name */
	QUERY_DUPLICATE, /* one name twice */
	QUERY_TOO_MANY   /* more than QUERY_PARAMS_MAX */
};

struct query_param {
	const char *name;
	const char *value; /* "" for a name without '=' */
};

struct query {
	size_t n;
	struct query_param params[QUERY_PARAMS_MAX];
};

/* Decoded strings live in `arena`. bytes NULL or empty: no parameters. *out is untouched unless QUERY_OK. */
enum query_outcome query_parse(const char *bytes, size_t len, struct arena *arena, struct query *out);
/* NULL: not there. */
const char *query_get(const struct query *q, const char *name);

/* Percent-encode one component: all but RFC 3986's unreserved characters. */
void query_encode(struct buf *out, const char *s, size_t len);

#endif
