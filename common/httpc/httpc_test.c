#include "common/httpc/httpc.h"
#include "common/base/clock.h"
#include "common/httpd/httpd.h"
#include "common/testing/testing.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Against a good server, and one on a raw socket that does to each request what its path says. */

static struct httpc *client;
static struct httpd *server;
static char base[64];
static atomic_int requests;

static void handle(struct httpd_request *req, void *arg)
{
	struct buf b = BUF_INIT(4 << 20), body = BUF_INIT(1 << 20);
	const char *path = httpd_path(req), *type = httpd_header(req, "Content-Type");
	struct err err;
	size_t len = 0;

	(void)arg;
	atomic_fetch_add(&requests, 1);
	if (httpd_body_check(req, 1 << 20, &len, NULL) == 0)
		assert_int_equal(httpd_body_read(req, &body, &err), 0);
	if (strcmp(path, "/redirect") == 0) {
		const struct httpd_header location = {"Location", "/a"};

		httpd_reply(req, 302, NULL, "", 0, &location, 1);
	} else if (strcmp(path, "/big") == 0) {
		for (int i = 0; i < 200000; i++)
			buf_add_str(&b, "0123456789");
		httpd_reply(req, 200, "application/octet-stream", b.data, b.len, NULL, 0);
	} else if (strcmp(path, "/bigchunks") == 0) {
		httpd_reply_begin(req, 200, "application/octet-stream", -1, NULL, 0);
		for (int i = 0; i < 2000 &&
				httpd_reply_write(req, "0123456789012345678901234567890123456789", 40) == 0;
			i++)
			;
		httpd_reply_end(req);
	} else if (strcmp(path, "/503") == 0) {
		httpd_refuse(req, 503);
	} else {
		const struct httpd_header answer = {"X-Answer", "42"};

		buf_addf(&b, "%s %s?%s type=%s x=%s expect=%s body=%s", httpd_method(req), path,
			httpd_query(req) ? httpd_query(req) : "", type ? type : "-",
			httpd_header(req, "X-Extra") ? httpd_header(req, "X-Extra") : "-",
			httpd_header(req, "Expect") ? "yes" : "no", buf_cstr(&body));
		httpd_reply(req, 200, "text/plain; charset=utf-8", b.data, b.len, &answer, 1);
	}
	buf_release(&b);
	buf_release(&body);
}

/* --- the bad server ----------------------------------------------------------------------------------------
 */

static struct {
	int fd, port;
	pthread_t thread;
	atomic_int requests, connections;
} rogue;

static bool read_request(int fd, char *out, size_t size)
{
	size_t n = 0;

	for (;;) {
		const char *end = strstr(out, "\r\n\r\n"), *length = strstr(out, "Content-Length: ");
		size_t body = length ? strtoul(length + 16, NULL, 10) : 0;
		ssize_t got;

		if (n > 0 && end && n >= (size_t)(end + 4 - out) + body)
			return true;
		got = recv(fd, out + n, size - 1 - n, 0);
		if (got <= 0)
			return false;
		n += (size_t)got;
		out[n] = '\0';
	}
}

static void tell(int fd, const char *s)
{
	send(fd, s, strlen(s), MSG_NOSIGNAL);
}

#define OK "HTTP/1.1 200 OK\r\n"

/* False: close the connection. */
static bool misbehave(int fd, const char *request)
{
	struct linger hard = {1, 0};

	if (strstr(request, " /good "))
		tell(fd, OK "Content-Length: 4\r\n\r\ngood");
	else if (strstr(request, " /stall "))
		clock_sleep_ms(1500);
	else if (strstr(request, " /stallbody "))
		tell(fd, OK "Content-Length: 10\r\n\r\nabc"), clock_sleep_ms(1500);
	else if (strstr(request, " /short "))
		tell(fd, OK "Content-Length: 10\r\n\r\nabc");
	else if (strstr(request, " /shortchunk "))
		tell(fd, OK "Transfer-Encoding: chunked\r\n\r\na\r\nabc");
	else if (strstr(request, " /reset "))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	else if (strstr(request, " /nonsense "))
		tell(fd, "I am no HTTP\r\n\r\n");
	else if (strstr(request, " /huge "))
		tell(fd, OK "Content-Length: 99999999999\r\n\r\nabc");
	return strstr(request, " /good ") != NULL;
}

static void *rogue_serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char request[8192] = "";

	while (read_request(fd, request, sizeof(request))) {
		atomic_fetch_add(&rogue.requests, 1);
		if (!misbehave(fd, request))
			break;
		request[0] = '\0';
	}
	close(fd);
	return NULL;
}

static void *rogue_run(void *arg)
{
	pthread_t threads[64];
	int fd, n = 0;

	(void)arg;
	while (n < 64 && (fd = accept(rogue.fd, NULL, NULL)) >= 0) {
		atomic_fetch_add(&rogue.connections, 1);
		pthread_create(&threads[n++], NULL, rogue_serve, (void *)(intptr_t)fd);
	}
	while (n > 0)
		pthread_join(threads[--n], NULL);
	return NULL;
}

static void rogue_start(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);

	rogue.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(rogue.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(rogue.fd, 64), 0);
	assert_int_equal(getsockname(rogue.fd, (struct sockaddr *)&a, &len), 0);
	rogue.port = ntohs(a.sin_port);
	rogue.requests = rogue.connections = 0;
	assert_int_equal(pthread_create(&rogue.thread, NULL, rogue_run, NULL), 0);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", rogue.port);
}

/* The client goes first: its kept connections would hold the thread. */
static void rogue_stop(void)
{
	shutdown(rogue.fd, SHUT_RDWR);
	pthread_join(rogue.thread, NULL);
	close(rogue.fd);
}

/* --- fixtures ----------------------------------------------------------------------------------------------
 */

static const struct httpc_options plain_http = {.allow_http = true, .total_timeout_ms = 300};

static void client_start(const struct httpc_options *o)
{
	struct err err;

	httpc_free(&client);
	if (httpc_new(&client, o, &err) < 0)
		fail_msg("%s", err.text);
}

static int with_server(void **state)
{
	const struct httpd_options o = {.listen = "127.0.0.1:0", .threads = 16};
	struct err err;
	int rc = testing_setup(state);

	atomic_store(&requests, 0);
	if (httpd_new(&server, &o, handle, NULL, &err) < 0)
		fail_msg("%s", err.text);
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", httpd_port(server));
	client_start(&(struct httpc_options){.allow_http = true});
	return rc;
}

static int without_server(void **state)
{
	httpc_free(&client);
	httpd_free(&server);
	return testing_teardown(state);
}

static int with_rogue(void **state)
{
	int rc = testing_setup(state);

	rogue_start();
	client_start(&plain_http);
	return rc;
}

static int without_rogue(void **state)
{
	httpc_free(&client);
	rogue_stop();
	return testing_teardown(state);
}

static int call(
	const char *method, const char *path, const char *body, struct httpc_response *r, struct err *err)
{
	const struct httpc_request req = {.method = method,
		.base = base,
		.path = path,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.content_type = body ? "application/json" : NULL};

	*err = (struct err){0};
	return httpc_call(client, &req, r, err);
}

static void expect_error(const char *method, const char *path, const char *body, enum err_kind kind)
{
	struct httpc_response r = {0};
	struct err err;

	if (call(method, path, body, &r, &err) != -1)
		fail_msg("%s %s: status %ld", method, path, r.status);
	if (err.kind != kind)
		fail_msg("%s %s: %s: %s", method, path, err_kind_name(err.kind), err.text);
	assert_null(strstr(err.text, base));
	assert_null(strstr(err.text, path));
	httpc_response_release(&r);
}

static void expect_answer(const char *method, const char *path, const char *body, const char *answer)
{
	struct httpc_response r = {0};
	struct err err;

	if (call(method, path, body, &r, &err) != 0)
		fail_msg("%s %s: %s", method, path, err.text);
	assert_int_equal(r.status, 200);
	assert_string_equal(buf_cstr(&r.body), answer);
	httpc_response_release(&r);
}

/* --- a good server -----------------------------------------------------------------------------------------
 */

static void a_call_carries_all_its_parts(void **state)
{
	const struct httpc_pair query[] = {{"access_token", "t/+="}, {"b", ""}},
				headers[] = {{"X-Extra", "more"}};
	const struct httpc_request req = {.method = "POST",
		.base = base,
		.path = "/cgi-bin/x",
		.query = query,
		.n_query = 2,
		.headers = headers,
		.n_headers = 1,
		.body = "{}",
		.body_len = 2,
		.content_type = "application/json"};
	struct httpc_response r = {0};
	struct err err;

	(void)state;
	assert_int_equal(httpc_call(client, &req, &r, &err), 0);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.content_type, "text/plain; charset=utf-8");
	assert_string_equal(buf_cstr(&r.body),
		"POST /cgi-bin/x?access_token=t%2F%2B%3D&b= type=application/json x=more expect=no body={}");
	httpc_response_release(&r);
}

static void every_method_goes_out_as_itself(void **state)
{
	(void)state;
	expect_answer("GET", "/a", NULL, "GET /a? type=- x=- expect=no body=");
	expect_answer("POST", "/a", NULL, "POST /a? type=- x=- expect=no body=");
	expect_answer("PUT", "/a", "p", "PUT /a? type=application/json x=- expect=no body=p");
	expect_answer("PATCH", "/a", "p", "PATCH /a? type=application/json x=- expect=no body=p");
	expect_answer("DELETE", "/a", NULL, "DELETE /a? type=- x=- expect=no body=");
	expect_answer("DELETE", "/a", "d", "DELETE /a? type=application/json x=- expect=no body=d");
	expect_answer("GET", "/a", "g", "GET /a? type=application/json x=- expect=no body=g");
	expect_answer("HEAD", "/a", NULL, "");
}

static void any_status_is_an_answer(void **state)
{
	struct httpc_response r = {0};
	struct err err;

	(void)state;
	assert_int_equal(call("GET", "/503", NULL, &r, &err), 0);
	assert_int_equal(r.status, 503);
	assert_string_equal(buf_cstr(&r.body), "service unavailable\n");
	/* The same response again: the old body is gone. */
	assert_int_equal(call("GET", "/a", NULL, &r, &err), 0);
	assert_int_equal(r.status, 200);
	assert_null(strstr(buf_cstr(&r.body), "unavailable"));
	httpc_response_release(&r);
}

static void a_redirect_is_not_followed(void **state)
{
	struct httpc_response r = {0};
	struct err err;

	(void)state;
	assert_int_equal(call("GET", "/redirect", NULL, &r, &err), 0);
	assert_int_equal(r.status, 302);
	assert_int_equal(atomic_load(&requests), 1);
	httpc_response_release(&r);
}

static void an_answer_past_the_cap_is_uncertain(void **state)
{
	(void)state;
	expect_error("POST", "/big", "{}", ERR_UNCERTAIN);
	client_start(&(struct httpc_options){.allow_http = true, .response_max = 79999});
	expect_error("POST", "/bigchunks", "{}", ERR_UNCERTAIN);
	client_start(&(struct httpc_options){.allow_http = true, .response_max = 80000});
	for (int i = 0; i < 2; i++) {
		struct httpc_response r = {0};
		struct err err;

		assert_int_equal(call("POST", "/bigchunks", "{}", &r, &err), 0);
		assert_int_equal(r.body.len, 80000);
		httpc_response_release(&r);
	}
}

struct pieces {
	size_t len, give_up_at;
	long status;
	bool answer_seen;
	char type[128];
};

static int take_header(const struct httpc_response *so_far, const char *name, const char *value, void *arg)
{
	struct pieces *p = arg;

	assert_int_equal(so_far->status, 200);
	p->answer_seen |= strcasecmp(name, "x-answer") == 0 && strcmp(value, "42") == 0;
	return 0;
}

static int take_piece(const struct httpc_response *so_far, const void *bytes, size_t len, void *arg)
{
	struct pieces *p = arg;

	(void)bytes;
	p->len += len;
	p->status = so_far->status;
	snprintf(p->type, sizeof(p->type), "%s", so_far->content_type);
	return p->give_up_at > 0 && p->len >= p->give_up_at;
}

static int stream(const char *path, size_t max, struct pieces *p, struct err *err)
{
	const struct httpc_request req = {.method = "GET",
		.base = base,
		.path = path,
		.response_max = max,
		.on_header = take_header,
		.on_body = take_piece,
		.arg = p};
	struct httpc_response r = {0};
	int rc = httpc_call(client, &req, &r, err);

	assert_int_equal(r.body.len, 0);
	httpc_response_release(&r);
	return rc;
}

static void a_body_can_be_taken_in_pieces(void **state)
{
	struct pieces p = {0};
	struct err err;

	(void)state;
	assert_int_equal(stream("/big", 3000000, &p, &err), 0);
	assert_int_equal(p.len, 2000000);
	assert_int_equal(p.status, 200);
	assert_string_equal(p.type, "application/octet-stream");
	assert_int_equal(stream("/big", 1000000, &p, &err), -1);
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	p = (struct pieces){.give_up_at = 1000};
	assert_int_equal(stream("/big", 3000000, &p, &err), -1);
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	p = (struct pieces){0};
	assert_int_equal(stream("/a", 0, &p, &err), 0);
	assert_true(p.answer_seen);
}

static void *call_many(void *arg)
{
	int *failures = arg;

	for (int i = 0; i < 50; i++) {
		struct httpc_response r = {0};
		struct err err;

		if (call("POST", "/a", "{}", &r, &err) != 0 || r.status != 200)
			(*failures)++;
		httpc_response_release(&r);
	}
	return NULL;
}

struct source {
	size_t left, break_at; /* bytes; break_at: give up when so many are left */
	size_t calls;
};

static ssize_t give_piece(void *to, size_t room, void *arg)
{
	struct source *s = arg;
	size_t piece = room < 1000 ? room : 1000;

	s->calls++;
	if (s->left <= s->break_at)
		return -1;
	memset(to, 'x', piece);
	s->left -= piece;
	return (ssize_t)piece;
}

static void a_body_can_be_given_in_pieces(void **state)
{
	struct source source = {.left = 700 * 1000};
	struct httpc_response response = {.status = 0};
	struct httpc_request req = {.method = "POST",
		.base = base,
		.path = "/a",
		.body_len = 700 * 1000,
		.read_body = give_piece,
		.arg = &source};
	struct err err;

	(void)state;
	assert_int_equal(httpc_call(client, &req, &response, &err), 0);
	assert_int_equal(response.status, 200);
	assert_int_equal(source.left, 0);
	assert_int_equal(source.calls, 700);
	assert_true(response.body.len > 700 * 1000);

	httpc_response_release(&response);
}

static void many_threads_call_at_once(void **state)
{
	pthread_t threads[8];
	int failures[8] = {0};

	(void)state;
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, call_many, &failures[i]);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(failures[i], 0);
	}
	assert_int_equal(atomic_load(&requests), 400);
}

#define HOSTS 12
#define FDS   1024

/* Also those that the server has closed. */
static int connections_to(struct httpd *const hosts[HOSTS])
{
	struct sockaddr_in peer;
	int n = 0;

	for (int fd = 0; fd < FDS; fd++) {
		socklen_t len = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || peer.sin_family != AF_INET)
			continue;
		for (int i = 0; i < HOSTS; i++)
			n += ntohs(peer.sin_port) == httpd_port(hosts[i]);
	}
	return n;
}

static void of_many_hosts_the_latest_ones_keep_a_connection(void **state)
{
	const struct httpd_options o = {.listen = "127.0.0.1:0", .threads = 4};
	struct httpd *hosts[HOSTS] = {NULL};
	struct err err;

	(void)state;
	for (int i = 0; i < HOSTS; i++)
		assert_int_equal(httpd_new(&hosts[i], &o, handle, NULL, &err), 0);
	for (int i = 0; i < 2 * HOSTS; i++) {
		(void)snprintf(base, sizeof(base), "http://127.0.0.1:%d", httpd_port(hosts[i % HOSTS]));
		expect_answer("POST", "/a", "{}", "POST /a? type=application/json x=- expect=no body={}");
	}
	assert_in_range(connections_to(hosts), 1, 5);
	for (int i = 0; i < HOSTS; i++)
		httpd_free(&hosts[i]);
}

static void what_may_not_be_sent_is_refused(void **state)
{
	const struct httpc_pair injected = {"X-Extra", "a\r\nX-Evil: 1"}, nameless = {"", "a"},
				odd = {"A:B", "c"};
	const struct httpc_pair *const bad[] = {&injected, &nameless, &odd};

	(void)state;
	expect_error("GET", "@127.0.0.1:1/x", NULL, ERR_REJECT);
	expect_error("GET", "//127.0.0.1:1/x", NULL, ERR_REJECT);
	expect_error("GET", "/a/../b", NULL, ERR_REJECT);
	expect_error("GET /x", "/a", NULL, ERR_REJECT);
	expect_error("get", "/a", NULL, ERR_REJECT);
	expect_error("", "/a", NULL, ERR_REJECT);
	for (size_t i = 0; i < 3; i++) {
		const struct httpc_request req = {
			.method = "GET", .base = base, .path = "/a", .headers = bad[i], .n_headers = 1};
		struct httpc_response r = {0};
		struct err err;

		assert_int_equal(httpc_call(client, &req, &r, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
	}
	client_start(&(struct httpc_options){.allow_http = false});
	expect_error("GET", "/a", NULL, ERR_REJECT);
	assert_int_equal(atomic_load(&requests), 0);
}

static void a_proxy_from_the_environment_is_ignored(void **state)
{
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	expect_answer("GET", "/a", NULL, "GET /a? type=- x=- expect=no body=");
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void a_configured_proxy_is_used(void **state)
{
	char proxy[64];

	(void)state;
	snprintf(proxy, sizeof(proxy), "%s", base);
	client_start(&(struct httpc_options){.allow_http = true, .proxy = proxy});
	/* Our server as a proxy: it serves the absolute form of its own address only. */
	setenv("NO_PROXY", "*", 1);
	expect_answer("GET", "/a", NULL, "GET /a? type=- x=- expect=no body=");
	snprintf(base, sizeof(base), "http://wxbus.invalid:1");
	expect_error("GET", "/a", NULL, ERR_UNCERTAIN);
	unsetenv("NO_PROXY");
}

/* --- a bad one ---------------------------------------------------------------------------------------------
 */

static void no_connection_means_that_nothing_was_sent(void **state)
{
	(void)state;
	client_start(&(struct httpc_options){.allow_http = true, .connect_timeout_ms = 300});
	snprintf(base, sizeof(base), "http://127.0.0.1:1");
	expect_error("POST", "/a", "{}", ERR_RETRY);
	snprintf(base, sizeof(base), "http://wxbus.invalid");
	expect_error("POST", "/a", "{}", ERR_RETRY);
	/* A server that speaks no TLS. */
	snprintf(base, sizeof(base), "https://127.0.0.1:%d", rogue.port);
	client_start(&plain_http);
	expect_error("POST", "/a", "{}", ERR_RETRY);
	assert_int_equal(atomic_load(&rogue.requests), 0);
}

static void a_silent_peer_is_uncertain_after_the_time_out(void **state)
{
	int64_t begin_ms = clock_mono_ms();

	(void)state;
	expect_error("POST", "/stall", "{}", ERR_UNCERTAIN);
	assert_in_range(clock_mono_ms() - begin_ms, 290, 1400);
	expect_error("POST", "/stallbody", "{}", ERR_UNCERTAIN);
}

static void a_broken_answer_is_uncertain(void **state)
{
	(void)state;
	expect_error("POST", "/close", "{}", ERR_UNCERTAIN);
	expect_error("POST", "/reset", "{}", ERR_UNCERTAIN);
	expect_error("POST", "/short", "{}", ERR_UNCERTAIN);
	expect_error("POST", "/shortchunk", "{}", ERR_UNCERTAIN);
	expect_error("POST", "/nonsense", "{}", ERR_UNCERTAIN);
	expect_error("POST", "/huge", "{}", ERR_UNCERTAIN);
	assert_int_equal(atomic_load(&rogue.requests), 6);
}

static void a_kept_connection_is_used_again(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		expect_answer("POST", "/good", "{}", "good");
	assert_int_equal(atomic_load(&rogue.connections), 1);
}

static void a_request_with_an_effect_is_sent_once_though_its_connection_dies(void **state)
{
	static const char *const fatal[] = {"/close", "/reset"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		expect_answer("POST", "/good", "{}", "good");
		atomic_store(&rogue.requests, 0);
		expect_error("POST", fatal[i], "{}", ERR_UNCERTAIN);
		assert_int_equal(atomic_load(&rogue.requests), 1);
		expect_answer("POST", "/good", "{}", "good");
		atomic_store(&rogue.requests, 0);
		expect_error("POST", fatal[i], NULL, ERR_UNCERTAIN);
		assert_int_equal(atomic_load(&rogue.requests), 1);
	}
}

static void a_get_that_may_go_out_once_is_sent_once_though_its_connection_dies(void **state)
{
	struct httpc_request req = {.method = "GET", .base = base, .path = "/close", .once = true};
	struct httpc_response response = {.status = 0};
	struct err err;

	(void)state;
	expect_answer("GET", "/good", NULL, "good");
	atomic_store(&rogue.requests, 0);
	assert_int_equal(httpc_call(client, &req, &response, &err), -1);
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	assert_int_equal(atomic_load(&rogue.requests), 1);
	httpc_response_release(&response);
}

static void a_body_that_breaks_off_is_uncertain(void **state)
{
	struct source source = {.left = 7000, .break_at = 3000};
	struct httpc_response response = {.status = 0};
	struct httpc_request req = {.method = "POST",
		.base = base,
		.path = "/good",
		.body_len = 7000,
		.read_body = give_piece,
		.arg = &source};
	struct err err;

	(void)state;
	assert_int_equal(httpc_call(client, &req, &response, &err), -1);
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	assert_int_equal(source.calls, 5);
	httpc_response_release(&response);
}

static void the_client_lives_on_after_each_trouble(void **state)
{
	(void)state;
	expect_error("POST", "/short", "{}", ERR_UNCERTAIN);
	expect_answer("POST", "/good", "{}", "good");
	expect_error("GET", "/stall", NULL, ERR_UNCERTAIN);
	expect_answer("GET", "/good", NULL, "good");
}

#define GOOD(f) cmocka_unit_test_setup_teardown(f, with_server, without_server)
#define BAD(f)  cmocka_unit_test_setup_teardown(f, with_rogue, without_rogue)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GOOD(a_call_carries_all_its_parts),
		GOOD(every_method_goes_out_as_itself),
		GOOD(any_status_is_an_answer),
		GOOD(a_redirect_is_not_followed),
		GOOD(an_answer_past_the_cap_is_uncertain),
		GOOD(a_body_can_be_taken_in_pieces),
		GOOD(a_body_can_be_given_in_pieces),
		GOOD(many_threads_call_at_once),
		GOOD(of_many_hosts_the_latest_ones_keep_a_connection),
		GOOD(what_may_not_be_sent_is_refused),
		GOOD(a_proxy_from_the_environment_is_ignored),
		GOOD(a_configured_proxy_is_used),
		BAD(no_connection_means_that_nothing_was_sent),
		BAD(a_silent_peer_is_uncertain_after_the_time_out),
		BAD(a_broken_answer_is_uncertain),
		BAD(a_kept_connection_is_used_again),
		BAD(a_request_with_an_effect_is_sent_once_though_its_connection_dies),
		BAD(a_get_that_may_go_out_once_is_sent_once_though_its_connection_dies),
		BAD(a_body_that_breaks_off_is_uncertain),
		BAD(the_client_lives_on_after_each_trouble),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
