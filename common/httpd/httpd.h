#ifndef COMMON_HTTPD_HTTPD_H
#define COMMON_HTTPD_HTTPD_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An HTTP/1.1 server (CivetWeb behind it, seen by nobody else). Every request, whatever its path and method,
 * goes to one handler; there are no files, no CGI, no WebDAV, no TLS (a proxy stands in front). One thread
 * per connection: connections beyond `threads` wait where no timer of a handler sees them, so a service that
 * parks requests keeps their number below `threads`. Nothing of a request is ever logged here. */
struct httpd;
struct httpd_request; /* lives until its handler returns; used by that handler's thread only */

/* The server itself refused a request before there was a handler to call: bytes that are no HTTP, a header
 * past its limit, half a header within the time-out. `reason` is a constant word ("malformed",
 * "header_too_large", "header_malformed"). From any of the server's threads. */
typedef void (*httpd_refusal)(int status, const char *reason, void *arg);

struct httpd_options {
	const char *listen; /* "host:port", "[v6]:port" or ":port" (all addresses); port 0: any free one */
	int threads;        /* 0: 16 */
	long request_timeout_ms;    /* for reading one header, and again one body; 0: 3000 */
	long keep_alive_timeout_ms; /* an idle connection is closed after it; 0: 1000 */
	size_t header_max;          /* bytes of request line and headers; 0: 16 KiB */
	bool allow_chunked;         /* accept chunked request bodies; otherwise they are refused with 411 */
	httpd_refusal refused;      /* may be NULL; gets the handler's arg */
};

/* Answers with httpd_reply(), httpd_refuse() or httpd_reply_begin() ... httpd_reply_end(). A handler that
 * answers nothing gives a 500. Called from `threads` threads at once. */
typedef void (*httpd_handler)(struct httpd_request *req, void *arg);

/* Listens when it returns 0. ERR_FATAL: the address cannot be had, or the options are wrong. */
int httpd_new(
	struct httpd **out, const struct httpd_options *o, httpd_handler handler, void *arg, struct err *err);
/* Drain: from now on new connections are refused; requests in progress finish, and each connection is closed
 * after its next answer. Any thread; takes at most 0.1 s, for connections that came before. */
void httpd_stop_accepting(struct httpd *h);
void httpd_free(struct httpd **h);     /* waits for the requests in progress */
int httpd_port(const struct httpd *h); /* the actual one */
int httpd_requests(struct httpd *h);   /* handlers running now */
/* The end of a drain: until no handler is running, or the deadline. */
void httpd_wait_idle(struct httpd *h, int64_t deadline_mono_ms);

/* --- what was asked; strings are borrowed from the request -------------------------------------------------
 */

const char *httpd_method(const struct httpd_request *req);
/* As sent, not decoded, without the query: "/push/%00" stays "/push/%00". */
const char *httpd_path(const struct httpd_request *req);
const char *httpd_query(const struct httpd_request *req); /* as sent, without '?'; NULL: there was none */
/* The first header of this name (no case); NULL: none. */
const char *httpd_header(const struct httpd_request *req, const char *name);
/* The same, and NULL where it comes more than once: nobody can tell which was meant. */
const char *httpd_header_alone(const struct httpd_request *req, const char *name);
int httpd_header_count(const struct httpd_request *req, const char *name);
/* All headers in their order: false past the last. */
bool httpd_header_at(const struct httpd_request *req, int i, const char **name_out, const char **value_out);
const char *httpd_peer(const struct httpd_request *req); /* the address of the other end of the connection */

/* --- its body
 * ------------------------------------------------------------------------------------------------ */

#define HTTPD_LENGTH_UNKNOWN ((size_t)-1) /* chunked, where that is allowed */

/* Judges the body's framing before a byte of it is read. 0: it may be read. Otherwise the status to refuse
 * with: 411 no Content-Length (and chunked not allowed); 400 chunked together with a length, two lengths
 * (even equal), a length that is no plain decimal number, a transfer coding other than chunked; 413 more than
 * max_bytes. *reason_out (may be NULL) is then a constant word for metrics: "length_missing", "chunked",
 * "length_and_chunked", "length_twice", "length_malformed", "transfer_encoding", "too_large". */
int httpd_body_check(struct httpd_request *req, size_t max_bytes, size_t *len_out, const char **reason_out);

/* The whole body after a httpd_body_check() that answered 0, within request_timeout_ms; `out` needs a cap of
 * at least the length. ERR_REJECT: the peer closed early, was too slow, or sent more than max_bytes in
 * chunks. */
int httpd_body_read(struct httpd_request *req, struct buf *out, struct err *err);
/* The same in pieces: > 0 bytes, 0 at the end of the body, -1 with ERR_REJECT. Each call waits at most
 * request_timeout_ms. */
ssize_t httpd_body_read_some(struct httpd_request *req, void *out, size_t size, struct err *err);

/* --- the answer
 * ---------------------------------------------------------------------------------------------- */

struct httpd_header {
	const char *name;
	const char *value; /* a header whose name or value holds a control byte is left out */
};

/* One answer with Content-Length, X-Content-Type-Options: nosniff and Cache-Control: no-store (unless
 * `headers` has its own Cache-Control). HEAD gets no body. A connection whose request body was not read to
 * its end is closed after the answer, so that no rest of it is taken for a request. content_type NULL: none.
 */
void httpd_reply(struct httpd_request *req, int status, const char *content_type, const void *body,
	size_t len, const struct httpd_header *headers, size_t n_headers);
void httpd_reply_str(struct httpd_request *req, int status, const char *content_type, const char *body);
/* The generic answer of a refusal: httpd_status_text() as text/plain, and nothing about the reason. */
void httpd_refuse(struct httpd_request *req, int status);

/* Streaming. length -1: chunked (HTTP/1.0: until close). After a failed write (-1: the peer is gone) or with
 * a length not reached, the connection is closed. */
void httpd_reply_begin(struct httpd_request *req, int status, const char *content_type, long long length,
	const struct httpd_header *headers, size_t n_headers);
int httpd_reply_write(struct httpd_request *req, const void *p, size_t len);
void httpd_reply_end(struct httpd_request *req);
/* Instead of httpd_reply_end(): the connection is closed so that the peer sees that the answer is cut short.
 */
void httpd_reply_abort(struct httpd_request *req);
/* Instead of any answer, or in the middle of one: the connection is reset, as by a peer that died. For those
 * who play a broken server; it costs a look at each of the process's descriptors. */
void httpd_reply_reset(struct httpd_request *req);

bool httpd_replied(const struct httpd_request *req); /* an answer has begun */

/* "bad request\n", one line of lower case for each status. */
const char *httpd_status_text(int status);

#endif
