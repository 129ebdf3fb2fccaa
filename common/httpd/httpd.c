#include "common/httpd/internal.h"
#include "common/httpd/settings.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/banned.h"

#define FETCH_MS 100 /* for connections that came before the server stopped accepting */

/* --- the request -----------------------------------------------------------------------------------------
 */

const char *httpd_method(const struct httpd_request *req)
{
	return req->info->request_method;
}

const char *httpd_path(const struct httpd_request *req)
{
	return req->info->local_uri_raw;
}

const char *httpd_query(const struct httpd_request *req)
{
	return req->info->query_string;
}

const char *httpd_peer(const struct httpd_request *req)
{
	return req->info->remote_addr;
}

bool httpd_header_at(const struct httpd_request *req, int i, const char **name_out, const char **value_out)
{
	if (i < 0 || i >= req->info->num_headers)
		return false;
	*name_out = req->info->http_headers[i].name;
	*value_out = req->info->http_headers[i].value;
	return true;
}

const char *httpd_header(const struct httpd_request *req, const char *name)
{
	for (int i = 0; i < req->info->num_headers; i++)
		if (strcasecmp(req->info->http_headers[i].name, name) == 0)
			return req->info->http_headers[i].value;
	return NULL;
}

int httpd_header_count(const struct httpd_request *req, const char *name)
{
	int n = 0;

	for (int i = 0; i < req->info->num_headers; i++)
		n += strcasecmp(req->info->http_headers[i].name, name) == 0;
	return n;
}

const char *httpd_header_alone(const struct httpd_request *req, const char *name)
{
	return httpd_header_count(req, name) == 1 ? httpd_header(req, name) : NULL;
}

/* CivetWeb silently drops all headers after the 64th, and after a line it does not understand (a folded one,
 * one that begins with ':'); it takes blanks before the colon and lines that end in LF only. A Content-Length
 * hidden so would make the body pass as the next request. The header lies in CivetWeb's buffer with NUL in
 * the place of each line end, so the distances between the strings tell. 0, or the status to refuse with. */
static int head_check(const struct mg_request_info *info, const char **reason_out)
{
	const struct mg_header *h = info->http_headers;
	int n = info->num_headers;
	const char *end;

	*reason_out = "header_too_large";
	if (n >= MG_MAX_HEADERS)
		return 431;
	*reason_out = "header_malformed";
	for (int i = 0; i < n; i++) {
		const char *after_colon = h[i].name + strlen(h[i].name) + 1;

		if (after_colon != h[i].value && *after_colon == '\0')
			return 400;
		end = h[i].value + strlen(h[i].value);
		if (i + 1 < n ? h[i + 1].name != end + 2 : end[1] != '\0' || end[2] != '\r')
			return 400;
	}
	return 0;
}

static void request_init(struct httpd_request *req, struct httpd *h, struct mg_connection *conn)
{
	*req = (struct httpd_request){.h = h, .conn = conn, .info = mg_get_request_info(conn)};
	req->is_head = req->info->request_method && strcmp(req->info->request_method, "HEAD") == 0;
}

static void refuse_early(struct httpd *h, struct httpd_request *req, int status, const char *reason)
{
	if (h->refused)
		h->refused(status, reason, h->arg);
	httpd_refuse(req, status);
}

static bool enter(struct httpd *h)
{
	bool open;

	pthread_mutex_lock(&h->lock);
	open = !h->closed;
	h->running += open;
	pthread_mutex_unlock(&h->lock);
	return open;
}

static void leave(struct httpd *h)
{
	pthread_mutex_lock(&h->lock);
	if (--h->running == 0)
		pthread_cond_broadcast(&h->idle);
	pthread_mutex_unlock(&h->lock);
}

static void request_run(struct httpd *h, struct httpd_request *req)
{
	const char *reason;
	int status = head_check(req->info, &reason);

	if (status != 0) {
		req->framing = BODY_BAD;
		refuse_early(h, req, status, reason);
		return;
	}
	httpd_body_init(req);
	h->handler(req, h->arg);
	if (req->reply == REPLY_NONE)
		httpd_refuse(req, 500);
	else if (req->reply != REPLY_DONE)
		httpd_reply_end(req);
	if (!httpd_body_settled(req)) {
		httpd_reply_close(req);
		httpd_body_swallow(req);
	}
}

/* CivetWeb calls this for each request that it could parse; a positive result means that it was answered. */
static int on_request(struct mg_connection *conn)
{
	struct httpd *h = mg_get_user_context_data(conn);
	struct httpd_request req;

	request_init(&req, h, conn);
	if (!enter(h)) {
		mg_disable_connection_keep_alive(conn);
		return 503;
	}
	request_run(h, &req);
	leave(h);
	return 200; /* of no use: there is no access log */
}

/* CivetWeb refuses by itself what it cannot parse. The request's fields may be those of nothing. */
static int on_error(struct mg_connection *conn, int status, const char *message)
{
	struct httpd *h = mg_get_user_context_data(conn);
	struct httpd_request req;

	(void)message;
	request_init(&req, h, conn);
	req.is_head = false;
	req.framing = BODY_BAD;
	if (status == 411) /* there was a length, but no number */
		status = 400;
	refuse_early(h, &req, status, "malformed");
	return 0;
}

/* Its messages quote what strangers sent; only those of the start are of use, and are kept for the error. */
static int on_log(const struct mg_connection *conn, const char *message)
{
	struct httpd *h = mg_get_user_data(mg_get_context(conn));

	if (h && !atomic_load(&h->started) && message)
		str_ncopy(h->start_error, sizeof(h->start_error), message,
			strnlen(message, sizeof(h->start_error) - 1));
	return 1;
}

static int on_open(const struct mg_connection *conn, void **conn_data)
{
	struct httpd *h = mg_get_user_context_data(conn);

	*conn_data = NULL;
	pthread_mutex_lock(&h->lock);
	h->connections++;
	pthread_mutex_unlock(&h->lock);
	return 0;
}

static void on_close(const struct mg_connection *conn)
{
	struct httpd *h = mg_get_user_context_data(conn);

	pthread_mutex_lock(&h->lock);
	h->connections--;
	pthread_cond_broadcast(&h->idle);
	pthread_mutex_unlock(&h->lock);
}

/* --- the server ------------------------------------------------------------------------------------------
 */

static int server_start(struct httpd *h, const struct httpd_options *o, struct err *err)
{
	const struct mg_callbacks callbacks = {.begin_request = on_request,
		.http_error = on_error,
		.log_message = on_log,

		.init_connection = on_open,
		.connection_close = on_close};
	struct mg_server_port port;
	struct httpd_settings settings;
	struct mg_init_data init = {
		.callbacks = &callbacks, .user_data = h, .configuration_options = settings.list};

	if (httpd_settings_fill(&settings, o, err) < 0)
		return -1;
	if (!(h->mg = mg_start2(&init, NULL)))
		return err_set(err, ERR_FATAL, 0, "cannot listen: %s",
			h->start_error[0] ? h->start_error : "the server does not start");
	atomic_store(&h->started, true);
	if (mg_get_server_ports(h->mg, 1, &port) != 1)
		return err_set(err, ERR_FATAL, 0, "cannot listen: no port");
	h->port = port.port;
	h->listen_fd = watch_find_listener(h->port);
	return 0;
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
	mg_init_library(0);
}

int httpd_new(
	struct httpd **out, const struct httpd_options *o, httpd_handler handler, void *arg, struct err *err)
{
	struct httpd *h = xcalloc(1, sizeof(*h));

	pthread_once(&library_once, library_init);
	h->handler = handler;
	h->arg = arg;
	h->refused = o->refused;
	h->request_timeout_ms = httpd_request_timeout_ms(o);
	h->keep_alive_timeout_ms = httpd_keep_alive_timeout_ms(o);
	h->allow_chunked = o->allow_chunked;
	h->listen_fd = h->quiet_fd = h->old_fd = -1;
	pthread_mutex_init(&h->lock, NULL);
	clock_cond_init(&h->idle);
	h->watch = watch_new();
	if (!h->watch)
		err_set(err, ERR_FATAL, 0, "cannot start a thread");
	if (!h->watch || server_start(h, o, err) < 0) {
		httpd_free(&h);
		return -1;
	}
	*out = h;
	return 0;
}

/* Connections that the kernel has accepted for us and nobody has fetched yet would be reset: leave the
 * accepting thread a moment to fetch them. A listening socket's tcpi_unacked is their number. */
static void wait_until_fetched(int listen_fd)
{
	int64_t until = clock_mono_ms() + FETCH_MS;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	while (getsockopt(listen_fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_unacked > 0 &&
		clock_mono_ms() < until)
		clock_sleep_ms(1);
}

/* CivetWeb can only stop as a whole, and cuts answers short then. So its listening socket is replaced by a
 * descriptor on which nothing ever arrives; the shutdown refuses new connections at once, although the
 * accepting thread may still hold the old socket in poll(). */
void httpd_stop_accepting(struct httpd *h)
{
	if (atomic_exchange(&h->draining, true) || h->listen_fd < 0)
		return;
	h->quiet_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->old_fd = fcntl(h->listen_fd, F_DUPFD_CLOEXEC, 0);
	wait_until_fetched(h->listen_fd);
	if (h->quiet_fd >= 0 && h->old_fd >= 0 && dup3(h->quiet_fd, h->listen_fd, O_CLOEXEC) >= 0)
		shutdown(h->old_fd, SHUT_RDWR);
}

/* The accepting thread would sleep on for up to 2 s: it waits for the old socket, or by now for the new one.
 */
static void wake_accepting(struct httpd *h)
{
	if (h->quiet_fd >= 0)
		eventfd_write(h->quiet_fd, 1);
	if (h->old_fd >= 0)
		shutdown(h->old_fd, SHUT_RDWR);
}

/* Waits for all handlers, then a moment for connections that are just sending their request; from then on no
 * handler is called. */
static void drain(struct httpd *h)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + h->keep_alive_timeout_ms);

	pthread_mutex_lock(&h->lock);
	while (h->connections > 0 && pthread_cond_timedwait(&h->idle, &h->lock, &until) == 0)
		;
	while (h->running > 0)
		pthread_cond_wait(&h->idle, &h->lock);
	h->closed = true;
	pthread_mutex_unlock(&h->lock);
}

void httpd_free(struct httpd **hp)
{
	struct httpd *h = *hp;

	*hp = NULL;
	if (!h)
		return;
	if (h->mg) {
		httpd_stop_accepting(h);
		drain(h);
		wake_accepting(h);
		mg_stop(h->mg);
	}
	if (h->quiet_fd >= 0)
		close(h->quiet_fd);
	if (h->old_fd >= 0)
		close(h->old_fd);
	watch_free(&h->watch);
	pthread_cond_destroy(&h->idle);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int httpd_port(const struct httpd *h)
{
	return h->port;
}

int httpd_requests(struct httpd *h)
{
	int n;

	pthread_mutex_lock(&h->lock);
	n = h->running;
	pthread_mutex_unlock(&h->lock);
	return n;
}

void httpd_wait_idle(struct httpd *h, int64_t deadline_mono_ms)
{
	struct timespec until = clock_mono_timespec(deadline_mono_ms);

	pthread_mutex_lock(&h->lock);
	while (h->running > 0 && pthread_cond_timedwait(&h->idle, &h->lock, &until) == 0)
		;
	pthread_mutex_unlock(&h->lock);
}
