#include "common/httpd/internal.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define PIECE_BYTES 16384

/* What is swallowed of a body nobody wants, so that the answer is read before the connection closes. */
#define SWALLOW_BYTES    (256 * 1024)
#define SWALLOW_TOTAL_MS 300
#define SWALLOW_PIECE_MS 100

static void bad(struct httpd_request *req, int status, const char *reason)
{
	req->framing = BODY_BAD;
	req->bad_status = status;
	req->bad_reason = reason;
}

void httpd_body_init(struct httpd_request *req)
{
	int lengths = httpd_header_count(req, "Content-Length");
	int codings = httpd_header_count(req, "Transfer-Encoding");
	const char *expect = httpd_header(req, "Expect");
	int64_t n;

	req->continued = !expect || strcasecmp(expect, "100-continue") != 0;
	if (lengths > 0 && codings > 0) {
		bad(req, 400, "length_and_chunked");
	} else if (lengths > 1) {
		bad(req, 400, "length_twice");
	} else if (codings > 0) {
		/* "chunked, chunked" and "identity" too: what others may read in another way is refused. */
		if (codings > 1 || strcasecmp(httpd_header(req, "Transfer-Encoding"), "chunked") != 0)
			bad(req, 400, "transfer_encoding");
		else
			req->framing = BODY_CHUNKED;
	} else if (lengths == 1) {
		const char *v = httpd_header(req, "Content-Length");

		if (str_to_int64(v, strlen(v), 0, INT64_MAX, &n) < 0)
			bad(req, 400, "length_malformed");
		else
			req->framing = BODY_LENGTH, req->length = (size_t)n;
	}
	req->body_ended = req->framing == BODY_NONE || (req->framing == BODY_LENGTH && req->length == 0);
}

static int refusal(struct httpd_request *req, int status, const char *reason, const char **reason_out)
{
	req->body_refused = true;
	if (reason_out)
		*reason_out = reason;
	return status;
}

int httpd_body_check(struct httpd_request *req, size_t max_bytes, size_t *len_out, const char **reason_out)
{
	if (req->framing == BODY_BAD)
		return refusal(req, req->bad_status, req->bad_reason, reason_out);
	if (req->framing == BODY_NONE)
		return refusal(req, 411, "length_missing", reason_out);
	if (req->framing == BODY_CHUNKED && !req->h->allow_chunked)
		return refusal(req, 411, "chunked", reason_out);
	if (req->framing == BODY_LENGTH && req->length > max_bytes)
		return refusal(req, 413, "too_large", reason_out);
	req->body_max = max_bytes;
	*len_out = req->framing == BODY_CHUNKED ? HTTPD_LENGTH_UNKNOWN : req->length;
	return 0;
}

bool httpd_body_settled(const struct httpd_request *req)
{
	/* The end of a chunked body is CivetWeb's word alone: such connections are not used again. */
	return req->body_ended && !req->body_refused && req->framing != BODY_CHUNKED &&
	       req->framing != BODY_BAD;
}

static int read_watched(struct httpd_request *req, void *out, size_t size, int64_t deadline_ms)
{
	struct watch_entry entry = {.deadline_ms = deadline_ms,
		.peer = req->info->remote_addr,
		.peer_port = req->info->remote_port,
		.own_port = req->info->server_port};
	int n;

	watch_add(req->h->watch, &entry);
	n = mg_read(req->conn, out, size);
	watch_remove(req->h->watch, &entry);
	return n;
}

static int fail(struct httpd_request *req, struct err *err, const char *what)
{
	req->body_failed = true;
	return err_set(err, ERR_REJECT, 0, "%s", what);
}

static ssize_t read_piece(
	struct httpd_request *req, void *out, size_t size, int64_t deadline_ms, struct err *err)
{
	int n;

	if (req->body_failed || req->framing == BODY_BAD)
		return fail(req, err, "the body cannot be read");
	if (req->body_ended)
		return 0;
	if (!req->continued) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

		req->continued = true;
		mg_write(req->conn, go_on, sizeof(go_on) - 1);
	}
	if (req->framing == BODY_LENGTH && size > req->length - req->body_read)
		size = req->length - req->body_read;
	n = read_watched(req, out, size, deadline_ms);
	if (n < 0 || (n == 0 && req->framing == BODY_LENGTH))
		return fail(req, err,
			clock_mono_ms() >= deadline_ms ? "the body came too slowly"
						       : "the peer closed early");
	req->body_read += (size_t)n;
	req->body_ended = req->framing == BODY_LENGTH ? req->body_read == req->length : (size_t)n < size;
	if (req->framing == BODY_CHUNKED && req->body_read > req->body_max)
		return fail(req, err, "the body is too large");
	return n;
}

ssize_t httpd_body_read_some(struct httpd_request *req, void *out, size_t size, struct err *err)
{
	if (size == 0)
		return 0;
	return read_piece(req, out, size > PIECE_BYTES ? PIECE_BYTES : size,
		clock_mono_ms() + req->h->request_timeout_ms, err);
}

int httpd_body_read(struct httpd_request *req, struct buf *out, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + req->h->request_timeout_ms;

	while (!req->body_ended) {
		size_t left = req->framing == BODY_LENGTH ? req->length - req->body_read : PIECE_BYTES;
		size_t room = out->cap - out->len;
		size_t size = left < room ? left : room;
		ssize_t n;
		char *w, past_the_end;

		/* Memory follows what has come, not what was claimed. */
		if (size > PIECE_BYTES)
			size = PIECE_BYTES;
		/* A chunked body may end right at the cap. */
		w = size > 0 ? buf_reserve(out, size) : &past_the_end;
		if ((n = read_piece(req, w, size > 0 ? size : 1, deadline_ms, err)) < 0)
			return -1;
		if (size == 0 && n > 0)
			return fail(req, err, "the body is too large");
		if (size > 0)
			buf_grown(out, (size_t)n);
	}
	return req->body_failed ? fail(req, err, "the body cannot be read") : 0;
}

void httpd_body_swallow(struct httpd_request *req)
{
	int64_t end_ms = clock_mono_ms() + SWALLOW_TOTAL_MS;
	char piece[4096];
	size_t total = 0;

	req->body_max = SIZE_MAX;
	/* Who waits for "100 Continue" has sent nothing yet. A refused framing leaves no length to go by. */
	while (!req->body_ended && !req->body_failed && req->continued && req->framing != BODY_BAD &&
		total < SWALLOW_BYTES && clock_mono_ms() < end_ms) {
		int64_t deadline_ms = clock_mono_ms() + SWALLOW_PIECE_MS;
		struct err err;
		ssize_t n = read_piece(
			req, piece, sizeof(piece), deadline_ms < end_ms ? deadline_ms : end_ms, &err);

		if (n <= 0)
			break;
		total += (size_t)n;
	}
}
