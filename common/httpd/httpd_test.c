#include "common/httpd/httpd.h"
#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A really listening server; the requests are bytes written to raw sockets. */

#define BODY_MAX 1000

static struct httpd *server;
static atomic_int handled;  /* calls of the handler */
static atomic_bool release; /* lets the requests to /wait go on */
static pthread_mutex_t seen_lock = PTHREAD_MUTEX_INITIALIZER;
static char seen_reason[256];  /* of the last httpd_body_check() that refused */
static char seen_refusal[256]; /* of the last request that the server refused by itself */

static void remember(char *field, const char *reason)
{
	pthread_mutex_lock(&seen_lock);
	snprintf(field, sizeof(seen_reason), "%s", reason);
	pthread_mutex_unlock(&seen_lock);
}

static void expect_remembered(const char *field, const char *reason)
{
	pthread_mutex_lock(&seen_lock);
	assert_string_equal(field, reason);
	pthread_mutex_unlock(&seen_lock);
}

/* POST /echo answers with the body. */
static void handle_echo(struct httpd_request *req)
{
	struct buf body = BUF_INIT(BODY_MAX);
	const char *reason;
	struct err err;
	size_t len;
	int status = httpd_body_check(req, BODY_MAX, &len, &reason);

	if (status != 0) {
		remember(seen_reason, reason);
		httpd_refuse(req, status);
	} else if (httpd_body_read(req, &body, &err) < 0) {
		assert_int_equal(err.kind, ERR_REJECT);
		remember(seen_reason, err.text);
		httpd_refuse(req, 400);
	} else {
		httpd_reply(req, 200, "application/octet-stream", body.data, body.len, NULL, 0);
	}
	buf_release(&body);
}

/* POST /count reads in pieces and answers with their sum. */
static void handle_count(struct httpd_request *req)
{
	char piece[4096], text[32];
	struct err err;
	size_t len, total = 0;
	ssize_t n = 0;

	if (httpd_body_check(req, 1 << 24, &len, NULL) != 0) {
		httpd_refuse(req, 400);
		return;
	}
	while ((n = httpd_body_read_some(req, piece, sizeof(piece), &err)) > 0)
		total += (size_t)n;
	snprintf(text, sizeof(text), "%zu", n < 0 ? 0 : total);
	httpd_reply_str(req, n < 0 ? 400 : 200, "text/plain", text);
}

static void handle_stream(struct httpd_request *req, long long length)
{
	const struct httpd_header headers[] = {
		{"X-One", "1"}, {"X-Bad", "a\r\nX-Injected: 1"}, {"Cache-Control", "max-age=60"}};

	httpd_reply_begin(req, 200, "text/plain", length, headers, 3);
	httpd_reply_write(req, "first ", 6);
	httpd_reply_write(req, "", 0);
	httpd_reply_write(req, "second", 6);
	httpd_reply_end(req);
}

static void handle_abort(struct httpd_request *req)
{
	httpd_reply_begin(req, 200, "text/plain", -1, NULL, 0);
	httpd_reply_write(req, "first", 5);
	httpd_reply_abort(req);
}

static void handle(struct httpd_request *req, void *arg)
{
	const char *path = httpd_path(req), *query = httpd_query(req);

	assert_ptr_equal(arg, &server);
	atomic_fetch_add(&handled, 1);
	if (strcmp(path, "/echo") == 0) {
		handle_echo(req);
	} else if (strcmp(path, "/count") == 0) {
		handle_count(req);
	} else if (strcmp(path, "/stream") == 0) {
		handle_stream(req, -1);
	} else if (strcmp(path, "/stream12") == 0) {
		handle_stream(req, 12);
	} else if (strcmp(path, "/stream20") == 0) {
		handle_stream(req, 20);
	} else if (strcmp(path, "/abort") == 0) {
		handle_abort(req);
	} else if (strcmp(path, "/reset") == 0) {
		httpd_reply_reset(req);
	} else if (strcmp(path, "/silent") == 0) {
		return;
	} else if (strcmp(path, "/wait") == 0) {
		while (!atomic_load(&release))
			clock_sleep_ms(5);
		httpd_reply_str(req, 200, "text/plain", "waited");
	} else {
		struct buf b = BUF_INIT(40000);

		buf_addf(&b, "%s %s ?%s a=%s n=%d peer=%s", httpd_method(req), path, query ? query : "-",
			httpd_header(req, "x-a") ? httpd_header(req, "x-a") : "-",
			httpd_header_count(req, "X-A"), httpd_peer(req));
		httpd_reply(req, 200, "text/plain", b.data, b.len, NULL, 0);
		buf_release(&b);
	}
}

static void refused(int status, const char *reason, void *arg)
{
	assert_ptr_equal(arg, &server);
	assert_true(status >= 400);
	remember(seen_refusal, reason);
}

static struct httpd *start(const struct httpd_options *more)
{
	struct httpd_options o = *more;
	struct httpd *h = NULL;
	struct err err;

	o.listen = "127.0.0.1:0";
	o.refused = refused;
	if (httpd_new(&h, &o, handle, &server, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(httpd_port(h) > 0);
	return h;
}

static int setup(void **state)
{
	const struct httpd_options o = {
		.threads = 8, .request_timeout_ms = 400, .keep_alive_timeout_ms = 400};
	int rc = testing_setup(state);

	atomic_store(&handled, 0);
	atomic_store(&release, false);
	seen_reason[0] = seen_refusal[0] = '\0';
	server = start(&o);
	return rc;
}

static int teardown(void **state)
{
	atomic_store(&release, true);
	httpd_free(&server);
	return testing_teardown(state);
}

/* --- the client --------------------------------------------------------------------------------------------
 */

static int try_connect(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int dial(void)
{
	int fd = try_connect(httpd_port(server));

	assert_true(fd >= 0);
	return fd;
}

/* False: the server closed. */
static bool put(int fd, const char *s, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, s, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		s += n;
		len -= (size_t)n;
	}
	return true;
}

static void say(int fd, const char *s)
{
	assert_true(put(fd, s, strlen(s)));
}

/* Up to `size` - 1 bytes, until the server closes, `until` was read, or nothing comes for 3 s. */
static const char *hear(int fd, const char *until, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	while (n + 1 < size && (!until || !strstr(out, until))) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&p, 1, 3000) != 1 || (got = recv(fd, out + n, size - 1 - n, 0)) <= 0)
			break;
		n += (size_t)got;
		out[n] = '\0';
	}
	return out;
}

static bool at_end(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;

	return poll(&p, 1, 3000) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static char answer[65536];

/* One request on a connection of its own; the whole answer, until the server closes. */
static const char *ask_bytes(const char *request, size_t len)
{
	int fd = dial();

	put(fd, request, len);
	hear(fd, NULL, answer, sizeof(answer));
	close(fd);
	return answer;
}

static const char *ask(const char *request)
{
	return ask_bytes(request, strlen(request));
}

static void expect_status(const char *text, int status)
{
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (strncmp(text, line, strlen(line)) != 0)
		fail_msg("wanted %d, got: %s", status, text);
}

static void expect_part(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

static void expect_body(const char *text, const char *body)
{
	const char *p = strstr(text, "\r\n\r\n");

	assert_non_null(p);
	assert_string_equal(p + 4, body);
}

static void expect_alive(void)
{
	expect_body(
		ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
		"hello");
}

/* A refusal says nothing but its status, closes the connection, and leaves the server as it was. */
static void expect_refusal(const char *request, int status)
{
	const char *a = ask(request);

	expect_status(a, status);
	expect_part(a, "Connection: close\r\n");
	expect_part(a, "Content-Type: text/plain; charset=utf-8\r\n");
	expect_body(a, httpd_status_text(status));
	expect_alive();
}

/* --- what a handler sees and says --------------------------------------------------------------------------
 */

static void a_request_reaches_the_handler_as_it_was_sent(void **state)
{
	(void)state;
	expect_body(ask("GET /a%2Fb/%00/../x?q=%20&r HTTP/1.1\r\nHost: h\r\nX-A: one\r\nx-a: "
			"two\r\nConnection: close\r\n\r\n"),
		"GET /a%2Fb/%00/../x ?q=%20&r a=one n=2 peer=127.0.0.1");
}

static void a_request_for_another_server_is_not_served(void **state)
{
	char request[200];

	(void)state;
	snprintf(request, sizeof(request),
		"GET http://h:%d/abs?z HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", httpd_port(server));
	expect_body(ask(request), "GET /abs ?z a=- n=0 peer=127.0.0.1");
	assert_string_equal(ask("GET http://h:1/abs HTTP/1.1\r\nHost: h\r\n\r\n"), "");
	assert_string_equal(ask("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), "");
	expect_alive();
}

static void an_encoded_nul_is_not_the_end_of_the_path(void **state)
{
	(void)state;
	expect_body(
		ask("POST /echo%00x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
		"POST /echo%00x ?- a=- n=0 peer=127.0.0.1");
}

static void every_answer_has_its_length_and_its_safe_headers(void **state)
{
	const char *a = ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");

	(void)state;
	expect_status(a, 200);
	expect_part(a, "\r\nContent-Type: text/plain\r\n");
	expect_part(a, "\r\nContent-Length: 31\r\n");
	expect_part(a, "\r\nX-Content-Type-Options: nosniff\r\n");
	expect_part(a, "\r\nCache-Control: no-store\r\n");
	expect_part(a, "\r\nConnection: close\r\n");
	expect_body(a, "GET / ?- a=- n=0 peer=127.0.0.1");
}

static void a_handler_that_answers_nothing_gives_500(void **state)
{
	(void)state;
	expect_status(ask("GET /silent HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), 500);
}

static void head_gets_the_length_without_the_body(void **state)
{
	const char *a = ask("HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");

	(void)state;
	expect_part(a, "\r\nContent-Length: 32\r\n");
	expect_body(a, "");
	expect_body(ask("HEAD /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), "");
}

static void http_1_0_is_answered_and_closed(void **state)
{
	const char *a = ask("GET / HTTP/1.0\r\n\r\n");

	(void)state;
	expect_status(a, 200);
	expect_part(a, "Connection: close\r\n");
	expect_body(ask("GET /stream HTTP/1.0\r\n\r\n"), "first second");
}

static void a_stream_is_chunked_or_has_its_length(void **state)
{
	const char *a = ask("GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");

	(void)state;
	expect_part(a, "Transfer-Encoding: chunked\r\n");
	expect_part(a, "X-One: 1\r\n");
	expect_part(a, "Cache-Control: max-age=60\r\n");
	assert_null(strstr(a, "no-store"));
	assert_null(strstr(a, "X-Injected"));
	assert_null(strstr(a, "Content-Length"));
	expect_body(a, "6\r\nfirst \r\n6\r\nsecond\r\n0\r\n\r\n");
	a = ask("GET /stream12 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	expect_part(a, "Content-Length: 12\r\n");
	expect_body(a, "first second");
}

static void a_stream_short_of_its_length_closes_the_connection(void **state)
{
	(void)state;
	/* No "Connection: close" from us: the server's doing. */
	expect_body(ask("GET /stream20 HTTP/1.1\r\nHost: h\r\n\r\n"), "first second");
}

static void an_aborted_answer_is_seen_to_be_cut_short(void **state)
{
	const char *got = ask("GET /abort HTTP/1.1\r\nHost: h\r\n\r\n");
	size_t len = strlen(got);

	(void)state;
	expect_part(got, "5\r\nfirst\r\n");
	assert_string_equal(got + len - 7, "first\r\n"); /* no last chunk, and the connection is closed */
}

static void a_reset_answer_ends_the_connection_without_a_byte(void **state)
{
	struct pollfd p = {.fd = dial(), .events = POLLIN};
	char c;

	(void)state;
	say(p.fd, "GET /reset HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(poll(&p, 1, 3000), 1);
	assert_int_equal(recv(p.fd, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(p.fd);
	expect_alive();
}

static void a_connection_serves_request_after_request(void **state)
{
	int fd = dial();

	(void)state;
	for (int i = 0; i < 3; i++) {
		say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nping");
		expect_part(hear(fd, "ping", answer, sizeof(answer)), "Connection: keep-alive\r\n");
	}
	close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	const char *a =
		ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
		    "GET /two HTTP/1.1\r\nHost: h\r\n\r\n"
		    "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthree");
	const char *one = strstr(a, "\r\n\r\none"), *two = strstr(a, "GET /two"),
		   *three = strstr(a, "\r\n\r\nthree");

	(void)state;
	assert_true(one && two && three && one < two && two < three);
	assert_int_equal(atomic_load(&handled), 3);
}

static void an_idle_connection_is_closed(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	hear(fd, "peer=127.0.0.1", answer, sizeof(answer));
	assert_true(at_end(fd));
	close(fd);
}

static void an_empty_body_is_a_body(void **state)
{
	(void)state;
	expect_status(
		ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), 200);
	expect_body(answer, "");
	expect_body(ask("POST /count HTTP/1.1\r\nHost: h\r\nContent-Length: 00\r\nConnection: close\r\n\r\n"),
		"0");
}

static void a_large_body_is_read_in_pieces(void **state)
{
	enum { SIZE = 3000000 };
	const struct httpd_options patient = {.threads = 8, .request_timeout_ms = 60000};
	char *body = malloc(SIZE);
	int fd;

	(void)state;
	httpd_free(&server);
	server = start(&patient); /* a busy machine with a sanitizer takes its time for so much */
	fd = dial();
	memset(body, 'x', SIZE);
	say(fd, "POST /count HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n");
	assert_true(put(fd, body, SIZE));
	expect_body(hear(fd, NULL, answer, sizeof(answer)), "3000000");
	close(fd);
	free(body);
}

static void who_waits_for_100_continue_is_told(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: "
		"close\r\n\r\n");
	assert_string_equal(hear(fd, "\r\n\r\n", answer, sizeof(answer)), "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "abc");
	expect_body(hear(fd, NULL, answer, sizeof(answer)), "abc");
	close(fd);
	/* Not told to go on when it will be refused. */
	expect_status(
		ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"),
		413);
}

/* --- malformed requests ------------------------------------------------------------------------------------
 */

#define POST "POST /echo HTTP/1.1\r\nHost: h\r\n"

static void a_missing_length_is_refused(void **state)
{
	(void)state;
	expect_refusal(POST "\r\n", 411);
	expect_remembered(seen_reason, "length_missing");
}

static void chunked_is_refused_unless_allowed(void **state)
{
	(void)state;
	expect_refusal(POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 411);
	expect_remembered(seen_reason, "chunked");
}

static void chunked_with_a_length_is_refused(void **state)
{
	(void)state;
	expect_refusal(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400);
	expect_refusal(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
	expect_remembered(seen_reason, "length_and_chunked");
}

static void two_lengths_are_refused_even_if_equal(void **state)
{
	(void)state;
	expect_refusal(POST "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", 400);
	expect_refusal(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400);
	expect_remembered(seen_reason, "length_twice");
}

static void a_length_that_is_no_plain_number_is_refused(void **state)
{
	static const char *const bad[] = {"5abc", "+5", "-5", "5 ", "5,5", "0x5", "5 5", "abc", "", " ", "5;",
		"1e1", "9223372036854775808", "18446744073709551621", "99999999999999999999999",
		"\xef\xbc\x95"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char request[300];

		snprintf(request, sizeof(request), POST "Content-Length: %s\r\n\r\nhello", bad[i]);
		expect_refusal(request, 400);
	}
}

static void other_transfer_codings_are_refused(void **state)
{
	static const char *const bad[] = {
		"gzip", "identity", "chunked, chunked", "gzip, chunked", "xchunked", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char request[300];

		snprintf(request, sizeof(request), POST "Transfer-Encoding: %s\r\n\r\n0\r\n\r\n", bad[i]);
		expect_refusal(request, 400);
	}
	expect_refusal(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

static void a_claim_of_99_gb_is_refused_before_a_byte_is_read(void **state)
{
	int64_t begin_ms = clock_mono_ms();

	(void)state;
	expect_refusal(POST "Content-Length: 106300440576\r\n\r\nabc", 413);
	expect_remembered(seen_reason, "too_large");
	assert_true(clock_mono_ms() - begin_ms < 2000);
}

static void who_is_refused_while_sending_still_reads_the_answer(void **state)
{
	char body[60000];
	int fd = dial();

	(void)state;
	memset(body, 'x', sizeof(body));
	say(fd, POST "Content-Length: 60000\r\n\r\n");
	assert_true(put(fd, body, 30000));
	clock_sleep_ms(30);
	assert_true(put(fd, body, 30000));
	expect_status(hear(fd, NULL, answer, sizeof(answer)), 413);
	close(fd);
}

static void an_unread_body_is_never_taken_for_a_request(void **state)
{
	const char *a;

	(void)state;
	/* "/other" does not read bodies. */
	a = ask("POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: 33\r\n\r\nGET /evil HTTP/1.1\r\nHost: "
		"h\r\n\r\nxx");
	expect_part(a, "Connection: close\r\n");
	assert_null(strstr(a, "/evil"));
	assert_int_equal(atomic_load(&handled), 1);
}

static void headers_that_would_hide_the_length_are_refused(void **state)
{
	static const char *const hidden[] = {
		"X-A: a\r\n folded\r\nContent-Length: 33\r\n\r\n", /* folded line */
		"X-A: a\r\n\tfolded\r\nContent-Length: 33\r\n\r\n",
		"X-A: a\r\n: b\r\nContent-Length: 33\r\n\r\n", /* no name */
		"Content-Length : 33\r\n\r\n",                 /* blank before the colon */
		"X-A: a\nContent-Length: 33\r\n\r\n",          /* bare LF */
		"X-A: a\n\r\nContent-Length: 33\r\n\r\n",      /* others see the end here */
		"X-A : \r\nContent-Length: 33\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		char request[400];

		atomic_store(&handled, 0);
		snprintf(request, sizeof(request),
			"POST /other HTTP/1.1\r\nHost: h\r\n%sGET /evil HTTP/1.1\r\nHost: h\r\n\r\nxx",
			hidden[i]);
		expect_status(ask(request), 400);
		assert_null(strstr(answer, "/evil"));
		assert_int_equal(atomic_load(&handled), 0);
	}
	expect_alive();
}

static void more_headers_than_civetweb_keeps_are_refused(void **state)
{
	struct buf b = BUF_INIT(8000);

	(void)state;
	buf_add_str(&b, "POST /other HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < 70; i++)
		buf_addf(&b, "X-%d: 1\r\n", i);
	buf_add_str(&b, "Content-Length: 33\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\nxx");
	expect_status(ask(buf_cstr(&b)), 431);
	expect_remembered(seen_refusal, "header_too_large");
	assert_null(strstr(answer, "/evil"));
	assert_int_equal(atomic_load(&handled), 0);
	buf_release(&b);
	expect_alive();
}

static void a_header_of_20_kb_is_refused(void **state)
{
	struct buf b = BUF_INIT(30000);

	(void)state;
	buf_add_str(&b, "GET / HTTP/1.1\r\nHost: h\r\nX-A: ");
	for (int i = 0; i < 20000; i++)
		buf_add_char(&b, 'a');
	buf_add_str(&b, "\r\n\r\n");
	expect_refusal(buf_cstr(&b), 400);
	expect_remembered(seen_refusal, "malformed");
	buf_release(&b);
}

static void bytes_that_are_no_http_are_refused(void **state)
{
	static const char *const bad[] = {"BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n",
		"get / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET /\r\n\r\n",
		"hello\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nX-A: \x01\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET nowhere HTTP/1.1\r\nHost: h\r\n\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refusal(bad[i], 400);
	expect_refusal("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505);
	expect_remembered(seen_refusal, "malformed");
}

/* --- peers that are slow or gone ---------------------------------------------------------------------------
 */

static void a_body_cut_short_is_refused(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, POST "Content-Length: 100\r\n\r\nabc");
	shutdown(fd, SHUT_WR);
	expect_status(hear(fd, NULL, answer, sizeof(answer)), 400);
	expect_remembered(seen_reason, "the peer closed early");
	close(fd);
	expect_alive();
}

static void a_body_that_stops_is_refused_in_time(void **state)
{
	int64_t begin_ms = clock_mono_ms();
	int fd = dial();

	(void)state;
	say(fd, POST "Content-Length: 100\r\n\r\nabc");
	expect_status(hear(fd, NULL, answer, sizeof(answer)), 400);
	assert_in_range(clock_mono_ms() - begin_ms, 350, 1500);
	expect_remembered(seen_reason, "the body came too slowly");
	close(fd);
}

static void a_body_that_drips_is_refused_in_time(void **state)
{
	int64_t begin_ms = clock_mono_ms();
	int fd = dial();

	(void)state;
	say(fd, POST "Content-Length: 900\r\n\r\n");
	for (int i = 0; i < 100 && put(fd, "x", 1); i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, 50) == 1)
			break;
	}
	expect_status(hear(fd, NULL, answer, sizeof(answer)), 400);
	assert_in_range(clock_mono_ms() - begin_ms, 350, 1500);
	close(fd);
}

static void half_headers_of_60_clients_hold_nobody_up_for_long(void **state)
{
	int64_t begin_ms;
	int fds[60];

	(void)state;
	for (int i = 0; i < 60; i++) {
		fds[i] = dial();
		say(fds[i], "POST /echo HTTP/1.1\r\nHo");
	}
	begin_ms = clock_mono_ms();
	/* 8 threads, 400 ms each: with threads set to the load the wait would be none. */
	expect_alive();
	assert_true(clock_mono_ms() - begin_ms < 6000);
	for (int i = 0; i < 60; i++)
		close(fds[i]);
}

static void half_headers_of_60_clients_do_not_stop_others_with_enough_threads(void **state)
{
	const struct httpd_options o = {.threads = 80, .request_timeout_ms = 3000};
	int64_t begin_ms;
	int fds[60];

	(void)state;
	httpd_free(&server);
	server = start(&o);
	for (int i = 0; i < 60; i++) {
		fds[i] = dial();
		say(fds[i], "POST /echo HTTP/1.1\r\nHo");
	}
	begin_ms = clock_mono_ms();
	for (int i = 0; i < 10; i++)
		expect_alive();
	assert_true(clock_mono_ms() - begin_ms < 1000);
	for (int i = 0; i < 60; i++)
		close(fds[i]);
}

static void a_client_that_leaves_does_no_harm(void **state)
{
	struct linger hard = {1, 0};

	(void)state;
	for (int i = 0; i < 20; i++) {
		int fd = dial();

		say(fd, POST "Content-Length: 100\r\n\r\nabc");
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(fd);
	}
	expect_alive();
}

/* --- chunked, where it is allowed --------------------------------------------------------------------------
 */

static void allow_chunked(void)
{
	const struct httpd_options o = {.threads = 4, .request_timeout_ms = 400, .allow_chunked = true};

	httpd_free(&server);
	server = start(&o);
}

static void chunked_bodies_are_read_where_allowed(void **state)
{
	const char *a;

	(void)state;
	allow_chunked();
	a = ask(POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
	expect_status(a, 200);
	expect_body(a, "abc0123456789abcdef");
	expect_part(a, "Connection: close\r\n");
	expect_body(ask("POST /count HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
			"chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
		"3");
}

static void broken_chunks_and_too_many_are_refused(void **state)
{
	struct buf b = BUF_INIT(10000);

	(void)state;
	allow_chunked();
	expect_refusal(POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n", 400);
	expect_refusal(POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n", 400);
	expect_refusal(
		POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400);
	expect_refusal(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400);
	for (int size = BODY_MAX; size <= BODY_MAX + 1; size++) {
		buf_reset(&b);
		buf_addf(&b, POST "Transfer-Encoding: chunked\r\n\r\n%x\r\n", (unsigned)size);
		for (int i = 0; i < size; i++)
			buf_add_char(&b, 'x');
		buf_add_str(&b, "\r\n0\r\n\r\n");
		expect_status(ask(buf_cstr(&b)), size > BODY_MAX ? 400 : 200);
	}
	buf_release(&b);
}

/* --- draining ----------------------------------------------------------------------------------------------
 */

static void *hear_all(void *arg)
{
	int fd = *(int *)arg;
	char *a = calloc(1, 4096);

	hear(fd, NULL, a, 4096);
	return a;
}

/* A request that a handler keeps until `release`; hear_all() gets its answer. A request that never arrives
 * fails the test instead of keeping it for ever. */
static void begin_to_wait(int *fd, pthread_t *hearer)
{
	int64_t until_ms = clock_mono_ms() + 30000;

	say(*fd, "GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
	while (httpd_requests(server) == 0) {
		assert_true(clock_mono_ms() < until_ms);
		clock_sleep_ms(5);
	}
	pthread_create(hearer, NULL, hear_all, fd);
}

static void *release_soon(void *arg)
{
	(void)arg;
	clock_sleep_ms(200);
	atomic_store(&release, true);
	return NULL;
}

static void a_stopping_server_finishes_what_it_began_and_takes_nothing_new(void **state)
{
	pthread_t hearer, releaser;
	int fd = dial(), idle = dial(), port = httpd_port(server);
	int64_t begin_ms;
	void *a;

	(void)state;
	say(idle, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	hear(idle, "peer=127.0.0.1", answer, sizeof(answer));
	begin_to_wait(&fd, &hearer);
	httpd_stop_accepting(server);
	assert_int_equal(try_connect(port), -1);
	/* A connection that was open is served once more, and told to go. */
	say(idle, "GET /last HTTP/1.1\r\nHost: h\r\n\r\n");
	hear(idle, NULL, answer, sizeof(answer));
	expect_part(answer, "GET /last");
	expect_part(answer, "Connection: close\r\n");
	pthread_create(&releaser, NULL, release_soon, NULL);
	begin_ms = clock_mono_ms();
	httpd_free(&server);
	assert_true(clock_mono_ms() - begin_ms < 1500);
	pthread_join(hearer, &a);
	expect_status(a, 200);
	expect_body(a, "waited");
	pthread_join(releaser, NULL);
	free(a);
	close(fd);
	close(idle);
}

static void waiting_until_it_is_idle_ends_with_the_last_handler_or_at_the_deadline(void **state)
{
	pthread_t hearer;
	int fd = dial();
	void *a;

	(void)state;
	httpd_wait_idle(server, clock_mono_ms() + 60000);
	begin_to_wait(&fd, &hearer);
	httpd_wait_idle(server, clock_mono_ms() + 20);
	assert_int_equal(httpd_requests(server), 1);
	atomic_store(&release, true);
	httpd_wait_idle(server, clock_mono_ms() + 60000);
	assert_int_equal(httpd_requests(server), 0);
	pthread_join(hearer, &a);
	expect_body(a, "waited");
	free(a);
	close(fd);
}

static void stopping_twice_and_freeing_nothing_is_harmless(void **state)
{
	struct httpd *none = NULL;

	(void)state;
	httpd_stop_accepting(server);
	httpd_stop_accepting(server);
	httpd_free(&none);
}

static void an_address_in_use_is_named_as_the_error(void **state)
{
	struct httpd_options o = {0};
	struct httpd *second = NULL;
	struct err err;
	char listen[40];

	(void)state;
	snprintf(listen, sizeof(listen), "127.0.0.1:%d", httpd_port(server));
	o.listen = listen;
	assert_int_equal(httpd_new(&second, &o, handle, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_FATAL);
	expect_part(err.text, "cannot listen: ");
	assert_null(second);
}

static void an_address_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "8080", "127.0.0.1:", ":8080s", ":99999", "127.0.0.1:80,0.0.0.0:81", ":-1"};
	struct httpd *h = NULL;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct httpd_options o = {.listen = bad[i]};

		assert_int_equal(httpd_new(&h, &o, handle, NULL, &err), -1);
		assert_int_equal(err.kind, ERR_FATAL);
	}
}

#define HTTPD_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTPD_CASE(a_request_reaches_the_handler_as_it_was_sent),
		HTTPD_CASE(a_request_for_another_server_is_not_served),
		HTTPD_CASE(an_encoded_nul_is_not_the_end_of_the_path),
		HTTPD_CASE(every_answer_has_its_length_and_its_safe_headers),
		HTTPD_CASE(a_handler_that_answers_nothing_gives_500),
		HTTPD_CASE(head_gets_the_length_without_the_body),
		HTTPD_CASE(http_1_0_is_answered_and_closed),
		HTTPD_CASE(a_stream_is_chunked_or_has_its_length),
		HTTPD_CASE(a_stream_short_of_its_length_closes_the_connection),
		HTTPD_CASE(an_aborted_answer_is_seen_to_be_cut_short),
		HTTPD_CASE(a_reset_answer_ends_the_connection_without_a_byte),
		HTTPD_CASE(a_connection_serves_request_after_request),
		HTTPD_CASE(pipelined_requests_are_answered_in_order),
		HTTPD_CASE(an_idle_connection_is_closed),
		HTTPD_CASE(an_empty_body_is_a_body),
		HTTPD_CASE(a_large_body_is_read_in_pieces),
		HTTPD_CASE(who_waits_for_100_continue_is_told),
		HTTPD_CASE(a_missing_length_is_refused),
		HTTPD_CASE(chunked_is_refused_unless_allowed),
		HTTPD_CASE(chunked_with_a_length_is_refused),
		HTTPD_CASE(two_lengths_are_refused_even_if_equal),
		HTTPD_CASE(a_length_that_is_no_plain_number_is_refused),
		HTTPD_CASE(other_transfer_codings_are_refused),
		HTTPD_CASE(a_claim_of_99_gb_is_refused_before_a_byte_is_read),
		HTTPD_CASE(who_is_refused_while_sending_still_reads_the_answer),
		HTTPD_CASE(an_unread_body_is_never_taken_for_a_request),
		HTTPD_CASE(headers_that_would_hide_the_length_are_refused),
		HTTPD_CASE(more_headers_than_civetweb_keeps_are_refused),
		HTTPD_CASE(a_header_of_20_kb_is_refused),
		HTTPD_CASE(bytes_that_are_no_http_are_refused),
		HTTPD_CASE(a_body_cut_short_is_refused),
		HTTPD_CASE(a_body_that_stops_is_refused_in_time),
		HTTPD_CASE(a_body_that_drips_is_refused_in_time),
		HTTPD_CASE(half_headers_of_60_clients_hold_nobody_up_for_long),
		HTTPD_CASE(half_headers_of_60_clients_do_not_stop_others_with_enough_threads),
		HTTPD_CASE(a_client_that_leaves_does_no_harm),
		HTTPD_CASE(chunked_bodies_are_read_where_allowed),
		HTTPD_CASE(broken_chunks_and_too_many_are_refused),
		HTTPD_CASE(a_stopping_server_finishes_what_it_began_and_takes_nothing_new),
		HTTPD_CASE(waiting_until_it_is_idle_ends_with_the_last_handler_or_at_the_deadline),
		HTTPD_CASE(stopping_twice_and_freeing_nothing_is_harmless),
		HTTPD_CASE(an_address_in_use_is_named_as_the_error),
		HTTPD_CASE(an_address_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
