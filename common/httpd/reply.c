#include "common/httpd/internal.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/base/banned.h"

#define HEAD_MAX   (16 * 1024)
#define HEAD_USUAL 512
#define SMALL_MAX  (16 * 1024) /* a body up to this goes out with its head in one write */

static const struct {
	int status;
	const char *phrase, *text;
} STATUSES[] = {
	{200, "OK", "ok\n"},
	{201, "Created", "created\n"},
	{202, "Accepted", "accepted\n"},
	{204, "No Content", "no content\n"},
	{302, "Found", "found\n"},
	{303, "See Other", "see other\n"},
	{400, "Bad Request", "bad request\n"},
	{401, "Unauthorized", "unauthorized\n"},
	{403, "Forbidden", "forbidden\n"},
	{404, "Not Found", "not found\n"},
	{405, "Method Not Allowed", "method not allowed\n"},
	{408, "Request Timeout", "request timeout\n"},
	{409, "Conflict", "conflict\n"},
	{410, "Gone", "gone\n"},
	{411, "Length Required", "length required\n"},
	{413, "Content Too Large", "content too large\n"},
	{414, "URI Too Long", "uri too long\n"},
	{415, "Unsupported Media Type", "unsupported media type\n"},
	{422, "Unprocessable Content", "unprocessable content\n"},
	{429, "Too Many Requests", "too many requests\n"},
	{431, "Request Header Fields Too Large", "request header fields too large\n"},
	{500, "Internal Server Error", "internal server error\n"},
	{502, "Bad Gateway", "bad gateway\n"},
	{503, "Service Unavailable", "service unavailable\n"},
	{504, "Gateway Timeout", "gateway timeout\n"},
	{505, "HTTP Version Not Supported", "http version not supported\n"},
};

static size_t status_row(int status)
{
	for (size_t i = 0; i < sizeof(STATUSES) / sizeof(STATUSES[0]); i++)
		if (STATUSES[i].status == status)
			return i;
	return sizeof(STATUSES) / sizeof(STATUSES[0]);
}

const char *httpd_status_text(int status)
{
	size_t i = status_row(status);

	if (i < sizeof(STATUSES) / sizeof(STATUSES[0]))
		return STATUSES[i].text;
	return status < 400 ? "ok\n" : status < 500 ? "bad request\n" : "internal server error\n";
}

static const char *status_phrase(int status)
{
	size_t i = status_row(status);

	return i < sizeof(STATUSES) / sizeof(STATUSES[0]) ? STATUSES[i].phrase : "Status";
}

/* What HTTP's grammar lets through; anything else could begin a header of its own. */
static bool header_ok(const struct httpd_header *h)
{
	if (!h->name || !h->value || h->name[0] == '\0' || h->name[strcspn(h->name, " \t:\r\n")] != '\0')
		return false;
	for (const char *p = h->value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return true;
}

static void add_header(struct buf *b, const char *name, const char *value)
{
	const struct httpd_header h = {name, value};

	if (!header_ok(&h))
		return;
	buf_add_str(b, name);
	buf_add_str(b, ": ");
	buf_add_str(b, value);
	buf_add_str(b, "\r\n");
}

static bool has_header(const struct httpd_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (header_ok(&headers[i]) && strcasecmp(headers[i].name, name) == 0)
			return true;
	return false;
}

/* CivetWeb's own rule, read from the same headers: what we announce is what it will do. */
static bool peer_keeps_alive(const struct httpd_request *req)
{
	const char *c = httpd_header(req, "Connection");

	if (!req->info || !req->info->http_version)
		return false;
	return c ? strcasecmp(c, "keep-alive") == 0 : strcmp(req->info->http_version, "1.1") == 0;
}

void httpd_reply_close(struct httpd_request *req)
{
	req->keep_alive = false;
	mg_disable_connection_keep_alive(req->conn);
}

static void decide_keep_alive(struct httpd_request *req)
{
	req->keep_alive = true;
	if (!httpd_body_settled(req) || !peer_keeps_alive(req) || atomic_load(&req->h->draining))
		httpd_reply_close(req);
}

/* length -1: chunked, or until close. */
static void build_head(struct buf *b, const struct httpd_request *req, int status, const char *content_type,
	long long length, const struct httpd_header *headers, size_t n)
{
	buf_addf(b, "HTTP/1.1 %d %s\r\n", status, status_phrase(status));
	if (content_type)
		add_header(b, "Content-Type", content_type);
	if (req->reply == REPLY_CHUNKED)
		buf_add_str(b, "Transfer-Encoding: chunked\r\n");
	else if (length >= 0 && status != 204)
		buf_addf(b, "Content-Length: %lld\r\n", length);
	buf_add_str(b, "X-Content-Type-Options: nosniff\r\n");
	if (!has_header(headers, n, "Cache-Control"))
		buf_add_str(b, "Cache-Control: no-store\r\n");
	for (size_t i = 0; i < n; i++)
		add_header(b, headers[i].name, headers[i].value);
	buf_add_str(b, req->keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

static int send_bytes(struct httpd_request *req, const void *p, size_t len)
{
	const char *bytes = p;

	while (len > 0 && !req->write_failed) {
		size_t piece = len > 1 << 20 ? 1 << 20 : len;
		int n = mg_write(req->conn, bytes, piece);

		if (n < 0 || (size_t)n != piece) {
			req->write_failed = true;
			httpd_reply_close(req);
			break;
		}
		bytes += piece;
		len -= piece;
	}
	return req->write_failed ? -1 : 0;
}

static void begin(struct httpd_request *req, enum reply_state state, int status, const char *content_type,
	long long length, const struct httpd_header *headers, size_t n, const void *body, size_t len)
{
	struct buf head = BUF_INIT(HEAD_MAX + SMALL_MAX);

	req->reply = state;
	decide_keep_alive(req);
	if (state == REPLY_UNTIL_CLOSE)
		httpd_reply_close(req);
	buf_reserve(&head, HEAD_USUAL + (len <= SMALL_MAX ? len : 0)); /* grows no more, as a rule */
	build_head(&head, req, status, content_type, length, headers, n);
	if (len <= SMALL_MAX)
		buf_add(&head, body, len);
	if (head.overflow) { /* the caller's headers are beyond reason */
		httpd_reply_close(req);
		buf_reset(&head);
		buf_add_str(&head, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: "
				   "close\r\n\r\n");
		req->write_failed = true;
		mg_write(req->conn, head.data, head.len);
	} else if (send_bytes(req, head.data, head.len) == 0 && len > SMALL_MAX) {
		send_bytes(req, body, len);
	}
	buf_release(&head);
}

void httpd_reply(struct httpd_request *req, int status, const char *content_type, const void *body,
	size_t len, const struct httpd_header *headers, size_t n_headers)
{
	bool bodiless = req->is_head || status == 204 || status == 304;

	if (req->reply != REPLY_NONE)
		return;
	begin(req, REPLY_LENGTH, status, content_type, (long long)len, headers, n_headers, body,
		bodiless ? 0 : len);
	req->reply = REPLY_DONE;
}

void httpd_reply_str(struct httpd_request *req, int status, const char *content_type, const char *body)
{
	httpd_reply(req, status, content_type, body, strlen(body), NULL, 0);
}

void httpd_refuse(struct httpd_request *req, int status)
{
	httpd_reply_str(req, status, "text/plain; charset=utf-8", httpd_status_text(status));
}

void httpd_reply_begin(struct httpd_request *req, int status, const char *content_type, long long length,
	const struct httpd_header *headers, size_t n_headers)
{
	bool http11 = req->info->http_version && strcmp(req->info->http_version, "1.1") == 0;
	enum reply_state state = length >= 0 ? REPLY_LENGTH : http11 ? REPLY_CHUNKED : REPLY_UNTIL_CLOSE;

	if (req->reply != REPLY_NONE)
		return;
	req->reply_left = length;
	begin(req, state, status, content_type, length, headers, n_headers, NULL, 0);
}

int httpd_reply_write(struct httpd_request *req, const void *p, size_t len)
{
	char size[24];

	if (req->reply == REPLY_NONE || req->reply == REPLY_DONE || req->write_failed)
		return -1;
	if (len == 0 || req->is_head)
		return 0;
	if (req->reply == REPLY_LENGTH) {
		if ((unsigned long long)req->reply_left < len) { /* more would be read as the next answer */
			req->write_failed = true;
			httpd_reply_close(req);
			return -1;
		}
		req->reply_left -= (long long)len;
	}
	if (req->reply != REPLY_CHUNKED)
		return send_bytes(req, p, len);
	snprintf(size, sizeof(size), "%zx\r\n", len);
	if (send_bytes(req, size, strlen(size)) < 0 || send_bytes(req, p, len) < 0)
		return -1;
	return send_bytes(req, "\r\n", 2);
}

void httpd_reply_end(struct httpd_request *req)
{
	if (req->reply == REPLY_CHUNKED && !req->is_head)
		send_bytes(req, "0\r\n\r\n", 5);
	else if (req->reply == REPLY_LENGTH && req->reply_left > 0 && !req->is_head)
		httpd_reply_close(req); /* the peer sees that the answer is cut short */
	req->reply = REPLY_DONE;
}

void httpd_reply_abort(struct httpd_request *req)
{
	httpd_reply_close(req);
	req->write_failed = true;
	req->reply = REPLY_DONE;
}

void httpd_reply_reset(struct httpd_request *req)
{
	/* To disconnect a TCP socket resets its connection; the descriptor stays, for CivetWeb to close. */
	const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	int fd =
		watch_find_connection(req->info->remote_addr, req->info->remote_port, req->info->server_port);

	if (fd >= 0)
		(void)connect(fd, &nowhere, sizeof(nowhere));
	httpd_reply_abort(req);
}

bool httpd_replied(const struct httpd_request *req)
{
	return req->reply != REPLY_NONE;
}
