#ifndef COMMON_HTTPC_HTTPC_H
#define COMMON_HTTPC_HTTPC_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* An HTTP client (libcurl behind it, seen by nobody else). Any number of threads may call at once;
 * connections are kept and used again. No redirects, cookies, .netrc or proxies from the environment. Error
 * texts never hold a URL: access tokens stand in queries. */
struct httpc;

struct httpc_options {
	long connect_timeout_ms; /* 0: 3000 */
	long total_timeout_ms;   /* of a whole call; 0: 10000 */
	size_t response_max;     /* bytes of an answer's body; 0: 1 MiB */
	bool allow_http;         /* take http:// as well as https:// (for a configured base) */
	const char *proxy;       /* "http://host:port"; NULL or "": none */
	const char *ca_file;     /* PEM file of the authorities to trust; NULL: the system's */
};

struct httpc_pair {
	const char *name;
	const char *value;
};

struct httpc_response {
	long status;
	struct buf body;        /* empty if the request has on_body */
	char content_type[128]; /* "" if absent or longer */
};

struct httpc_request {
	const char *method;             /* "GET" */
	const char *base;               /* "https://host[:port]": from the settings, never from input */
	const char *path;               /* already encoded; must pass httpc_path_check() */
	const struct httpc_pair *query; /* encoded here */
	size_t n_query;
	const struct httpc_pair *headers;
	size_t n_headers;
	const void *body; /* NULL with body_len 0: none */
	size_t body_len;
	/* Instead of `body`: puts up to `room` of the body's body_len bytes into `to`, on the calling thread.
	 * Not above 0 gives the call up (ERR_UNCERTAIN). */
	ssize_t (*read_body)(void *to, size_t room, void *arg);
	/* A GET, HEAD, PUT or DELETE without body is sent once at most, too, at the price of a new
	 * connection. */
	bool once;
	const char *content_type; /* of the body; NULL: none is named */
	long timeout_ms;          /* 0: the client's */
	size_t response_max;      /* 0: the client's */

	/* Optional, on the calling thread. on_header gets the answer's headers one by one, when
	 * `so_far->status` is known. on_body gets the body in pieces instead of its being collected;
	 * response_max holds all the same. Not 0 gives the call up (ERR_UNCERTAIN). */
	int (*on_header)(const struct httpc_response *so_far, const char *name, const char *value, void *arg);
	int (*on_body)(const struct httpc_response *so_far, const void *p, size_t len, void *arg);
	void *arg; /* of the three callbacks */
};

/* ERR_REJECT: the options are wrong; ERR_FATAL: libcurl does not start. */
int httpc_new(struct httpc **out, const struct httpc_options *o, struct err *err);
void httpc_free(struct httpc **c); /* no call may be in progress */

/* 0 with any HTTP status. `out` is zeroed by the caller or comes from an earlier call (whose body it then
 * loses); give it to httpc_response_release() in the end, whatever came back. Otherwise ERR_RETRY nothing was
 * sent: no address, no connection, no TLS; ERR_UNCERTAIN  the request may have reached the peer: time-out,
 * reset, an answer cut short or past its cap; ERR_REJECT     the URL, method or a header may not be built so.
 * A request with a body is sent at most once. Without one, GET, HEAD, PUT and DELETE may be sent a second
 * time when a kept connection turns out to be dead, unless `once`. */
int httpc_call(struct httpc *c, const struct httpc_request *req, struct httpc_response *out, struct err *err);
void httpc_response_release(struct httpc_response *r);

/* A path that may be put after a base: one leading '/', no "//", no dot segments, no '\', '@', '?', '#',
 * blank, control or non-ASCII byte; '%' only before two hex digits, and never hiding '/', '\', '.', NUL or a
 * control byte. ERR_REJECT otherwise; the text does not quote the path. */
int httpc_path_check(const char *path, size_t len, struct err *err);

#endif
