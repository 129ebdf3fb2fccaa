#include "common/httpc/httpc.h"
#include "common/httpc/url.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define DEFAULT_CONNECT_MS   3000
#define DEFAULT_TOTAL_MS     10000
#define DEFAULT_RESPONSE_MAX (1 << 20)

/* Idle handles that are kept with their connections; more callers than this at once pay for a new connection.
 * One that has spoken TLS holds the authorities, too, which takes 28 ms to read and 0.9 MB to keep where they
 * are Debian's. */
#define POOL_MAX 64
/* Of one handle, to the hosts that it called last. */
#define CONNECTIONS_MAX 5L
/* Servers close idle connections: one that was idle longer is not tried again (s). */
#define IDLE_MAX_S 20L

struct httpc {
	long connect_timeout_ms, total_timeout_ms;
	size_t response_max;
	bool allow_http;
	char *proxy, *ca_file;

	pthread_mutex_t lock;
	CURL *pool[POOL_MAX];
	size_t n_pool;
};

/* One call in progress. */
struct call {
	const struct httpc_request *req;
	struct httpc_response *out;
	CURL *curl;
	size_t max, got; /* bytes of the answer's body */
	size_t sent;     /* of the request's body */
	bool too_large;
	bool given_up; /* by a callback */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started;

static void curl_start(void)
{
	curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int httpc_new(struct httpc **out, const struct httpc_options *o, struct err *err)
{
	struct httpc *c;

	pthread_once(&curl_once, curl_start);
	if (curl_started != CURLE_OK)
		return err_set(
			err, ERR_FATAL, (int)curl_started, "libcurl: %s", curl_easy_strerror(curl_started));
	if (o->connect_timeout_ms < 0 || o->total_timeout_ms < 0)
		return err_set(err, ERR_REJECT, 0, "a time-out below zero");
	c = xcalloc(1, sizeof(*c));
	c->connect_timeout_ms = o->connect_timeout_ms > 0 ? o->connect_timeout_ms : DEFAULT_CONNECT_MS;
	c->total_timeout_ms = o->total_timeout_ms > 0 ? o->total_timeout_ms : DEFAULT_TOTAL_MS;
	c->response_max = o->response_max > 0 ? o->response_max : DEFAULT_RESPONSE_MAX;
	c->allow_http = o->allow_http;
	c->proxy = xstrdup(o->proxy ? o->proxy : "");
	c->ca_file = o->ca_file ? xstrdup(o->ca_file) : NULL;
	pthread_mutex_init(&c->lock, NULL);
	*out = c;
	return 0;
}

void httpc_free(struct httpc **cp)
{
	struct httpc *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	for (size_t i = 0; i < c->n_pool; i++)
		curl_easy_cleanup(c->pool[i]);
	pthread_mutex_destroy(&c->lock);
	free(c->proxy);
	free(c->ca_file);
	free(c);
}

void httpc_response_release(struct httpc_response *r)
{
	buf_release(&r->body);
	r->status = 0;
	r->content_type[0] = '\0';
}

/* The handle used last comes first: its connection is the least likely to have been closed. */
static CURL *pool_take(struct httpc *c)
{
	CURL *curl = NULL;

	pthread_mutex_lock(&c->lock);
	if (c->n_pool > 0)
		curl = c->pool[--c->n_pool];
	pthread_mutex_unlock(&c->lock);
	return curl ? curl : curl_easy_init();
}

static void pool_give(struct httpc *c, CURL *curl)
{
	curl_easy_reset(curl); /* forgets the URL and headers, keeps the connection */
	pthread_mutex_lock(&c->lock);
	if (c->n_pool < POOL_MAX) {
		c->pool[c->n_pool++] = curl;
		curl = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	curl_easy_cleanup(curl);
}

/* --- what libcurl calls ------------------------------------------------------------------------------------
 */

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
	struct call *call = arg;
	size_t room = size * n, left = call->req->body_len - call->sent;
	size_t piece = left < room ? left : room;

	if (call->req->read_body && piece > 0) {
		ssize_t got = call->req->read_body(to, piece, call->req->arg);

		if (got <= 0 || (size_t)got > piece) {
			call->given_up = true;
			return CURL_READFUNC_ABORT;
		}
		piece = (size_t)got;
	} else {
		memcpy(to, (const char *)call->req->body + call->sent, piece);
	}
	call->sent += piece;
	return piece;
}

/* libcurl repeats a request by itself when a kept connection dies before an answer. The peer may have acted
 * on it: refusing to go back to the body's start makes that an error. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	const struct call *call = arg;

	return origin == SEEK_SET && (size_t)offset == call->sent ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static void learn_status(struct call *call)
{
	curl_easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &call->out->status);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct call *call = arg;
	struct str s = {line, size * n}, name = s, value;
	const char *colon = memchr(line, ':', s.len);
	char *text;
	int rc;

	learn_status(call);
	/* 1xx answers are not the answer; the status line and the blank line are no headers. */
	if (!call->req->on_header || !colon || call->out->status < 200 || str_starts_with(line, "HTTP/"))
		return s.len;
	name.len = (size_t)(colon - line);
	value = str_trim((struct str){colon + 1, s.len - name.len - 1});
	text = xmalloc(name.len + value.len + 2);
	memcpy(text, name.p, name.len);
	text[name.len] = '\0';
	memcpy(text + name.len + 1, value.p, value.len);
	text[name.len + 1 + value.len] = '\0';
	rc = call->req->on_header(call->out, text, text + name.len + 1, call->req->arg);
	free(text);
	call->given_up |= rc != 0;
	return rc == 0 ? s.len : 0;
}

static void learn_content_type(struct call *call)
{
	char *type = NULL;

	curl_easy_getinfo(call->curl, CURLINFO_CONTENT_TYPE, &type);
	str_copy(call->out->content_type, sizeof(call->out->content_type), type ? type : "");
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct call *call = arg;
	size_t len = size * n;

	if (len > call->max - call->got) {
		call->too_large = true;
		return 0;
	}
	call->got += len;
	if (!call->req->on_body) {
		buf_add(&call->out->body, p, len);
		return len;
	}
	if (call->got == len) /* the first piece */
		learn_content_type(call);
	call->given_up = call->req->on_body(call->out, p, len, call->req->arg) != 0;
	return call->given_up ? 0 : len;
}

/* --- preparing ---------------------------------------------------------------------------------------------
 */

static bool method_ok(const char *m)
{
	size_t len = strspn(m, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return len > 0 && len < 16 && m[len] == '\0';
}

static bool header_ok(const char *name, const char *value)
{
	if (!name[0] || name[strcspn(name, " \t:;\r\n")] != '\0')
		return false;
	for (const char *p = value; *p; p++)
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	return true;
}

static int add_header(struct curl_slist **list, const char *name, const char *value, struct err *err)
{
	struct curl_slist *longer;
	char *line;

	if (!header_ok(name, value))
		return err_set(err, ERR_REJECT, 0, "a header may not be sent so");
	/* "Name;" is libcurl's way to write a header without a value. */
	line = value[0] ? xasprintf("%s: %s", name, value) : xasprintf("%s;", name);
	longer = curl_slist_append(*list, line);
	free(line);
	if (!longer)
		return err_set(err, ERR_RETRY, 0, "out of memory");
	*list = longer;
	return 0;
}

static int build_headers(const struct httpc_request *req, struct curl_slist **list, struct err *err)
{
	struct curl_slist *no_expect;

	for (size_t i = 0; i < req->n_headers; i++)
		if (add_header(list, req->headers[i].name, req->headers[i].value, err) < 0)
			return -1;
	if (req->content_type && add_header(list, "Content-Type", req->content_type, err) < 0)
		return -1;
	/* Waiting for "100 Continue" costs a second where the peer does not know it. */
	no_expect = curl_slist_append(*list, "Expect:");
	if (no_expect && !req->content_type) {
		*list = no_expect;
		no_expect = curl_slist_append(*list, "Content-Type:"); /* libcurl would name a form */
	}
	if (!no_expect)
		return err_set(err, ERR_RETRY, 0, "out of memory");
	*list = no_expect;
	return 0;
}

static void set_method(struct call *call)
{
	const struct httpc_request *req = call->req;
	bool post = strcmp(req->method, "POST") == 0 || strcmp(req->method, "PATCH") == 0;
	CURL *curl = call->curl;

	if (req->body_len > 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(curl, CURLOPT_READDATA, call);
		curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(curl, CURLOPT_SEEKDATA, call);
	} else if (strcmp(req->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	} else if (post) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
	}
	/* There is no body whose rewinding could fail, and this may not be repeated either. */
	if (req->body_len == 0 && (post || req->once))
		curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, req->method);
}

static void set_limits(const struct httpc *c, struct call *call)
{
	const struct httpc_request *req = call->req;
	long total_ms = req->timeout_ms > 0 ? req->timeout_ms : c->total_timeout_ms;
	long connect_ms = c->connect_timeout_ms < total_ms ? c->connect_timeout_ms : total_ms;
	CURL *curl = call->curl;

	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total_ms);
	curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->max);
	curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, IDLE_MAX_S);
	curl_easy_setopt(curl, CURLOPT_MAXCONNECTS, CONNECTIONS_MAX);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, c->allow_http ? "http,https" : "https");
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	/* An empty proxy and an empty list of exceptions: the environment is not asked. */
	curl_easy_setopt(curl, CURLOPT_PROXY, c->proxy);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (c->ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca_file);
}

static void set_call(const struct httpc *c, struct call *call, const char *url, struct curl_slist *headers)
{
	CURL *curl = call->curl;

	set_limits(c, call);
	set_method(call);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "wxbus");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
}

/* --- calling -----------------------------------------------------------------------------------------------
 */

/* The time at which libcurl was about to send stays zero while it resolves, connects and shakes hands. */
static bool surely_unsent(const struct call *call)
{
	curl_off_t pretransfer_us = 0;

	curl_easy_getinfo(call->curl, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
	return pretransfer_us == 0 && call->sent == 0 && call->out->status == 0;
}

static int judge(const struct call *call, CURLcode code, struct err *err)
{
	char text[64] = "";
	long os_error = 0;

	if (call->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return err_set(
			err, ERR_UNCERTAIN, (int)code, "the answer is larger than %zu bytes", call->max);
	if (call->given_up)
		return err_set(err, ERR_UNCERTAIN, (int)code, "the call was given up");
	if (curl_easy_getinfo(call->curl, CURLINFO_OS_ERRNO, &os_error) == CURLE_OK && os_error != 0 &&
		code == CURLE_COULDNT_CONNECT)
		snprintf(text, sizeof(text), ": errno %ld", os_error);
	if (surely_unsent(call) && (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL))
		return err_set(err, ERR_REJECT, (int)code, "%s", curl_easy_strerror(code));
	if (surely_unsent(call))
		return err_set(
			err, ERR_RETRY, (int)code, "nothing was sent: %s%s", curl_easy_strerror(code), text);
	if (code == CURLE_SEND_FAIL_REWIND)
		return err_set(err, ERR_UNCERTAIN, (int)code, "the connection died before an answer");
	return err_set(err, ERR_UNCERTAIN, (int)code, "no whole answer: %s", curl_easy_strerror(code));
}

static int perform(struct call *call, struct err *err)
{
	CURLcode code = curl_easy_perform(call->curl);

	if (code != CURLE_OK)
		return judge(call, code, err);
	learn_status(call);
	learn_content_type(call);
	return 0;
}

int httpc_call(struct httpc *c, const struct httpc_request *req, struct httpc_response *out, struct err *err)
{
	struct call call = {
		.req = req, .out = out, .max = req->response_max > 0 ? req->response_max : c->response_max};
	struct curl_slist *headers = NULL;
	char *url = NULL;
	int rc = -1;

	httpc_response_release(out);
	out->body.cap = call.max;
	if (!method_ok(req->method)) {
		err_set(err, ERR_REJECT, 0, "no such method");
		goto out;
	}
	if (url_build(req, c->allow_http, &url, err) < 0 || build_headers(req, &headers, err) < 0)
		goto out;
	if ((call.curl = pool_take(c)) == NULL) {
		err_set(err, ERR_RETRY, 0, "out of memory");
		goto out;
	}
	set_call(c, &call, url, headers);
	rc = perform(&call, err);
	pool_give(c, call.curl);
out:
	curl_slist_free_all(headers);
	url_free(&url);
	return rc;
}
