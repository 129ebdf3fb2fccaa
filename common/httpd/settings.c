#include "common/httpd/settings.h"

#include "common/base/str.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define DEFAULT_THREADS       16
#define DEFAULT_REQUEST_MS    3000
#define DEFAULT_KEEP_ALIVE_MS 1000
#define DEFAULT_HEADER_MAX    (16 * 1024)

long httpd_request_timeout_ms(const struct httpd_options *o)
{
	return o->request_timeout_ms > 0 ? o->request_timeout_ms : DEFAULT_REQUEST_MS;
}

long httpd_keep_alive_timeout_ms(const struct httpd_options *o)
{
	return o->keep_alive_timeout_ms > 0 ? o->keep_alive_timeout_ms : DEFAULT_KEEP_ALIVE_MS;
}

/* "host:port" as CivetWeb wants it. It reads letters after a port as flags ("8080s" is TLS) and commas as
 * more addresses, so the port is checked here. */
static int listen_spec(const char *listen, char *out, size_t size, struct err *err)
{
	const char *colon = listen ? strrchr(listen, ':') : NULL;
	int64_t port;

	if (!colon || strchr(listen, ',') || str_to_int64(colon + 1, strlen(colon + 1), 0, 65535, &port) < 0)
		return err_set(err, ERR_FATAL, 0, "no address to listen on: want host:port or :port");
	if ((size_t)snprintf(out, size, "%s%s", colon == listen ? "0.0.0.0" : "", listen) >= size)
		return err_set(err, ERR_FATAL, 0, "the address to listen on is too long");
	return 0;
}

int httpd_settings_fill(struct httpd_settings *s, const struct httpd_options *o, struct err *err)
{
	int threads = o->threads > 0 ? o->threads : DEFAULT_THREADS;
	const char *list[] = {"listening_ports", s->listen, "num_threads", s->threads, "request_timeout_ms",
		s->request_ms, "keep_alive_timeout_ms", s->keep_alive_ms, "max_request_size", s->header_max,
		"connection_queue", s->queue, "listen_backlog", "1024", "tcp_nodelay", "1",
		"enable_keep_alive", "yes",
		/* The handler gets the path as sent: decoded, "/path%00x" would be "/path". */
		"decode_url", "no", "decode_query_string", "no", "enable_auth_domain_check", "no",
		"enable_directory_listing", "no", NULL};

	if (listen_spec(o->listen, s->listen, sizeof(s->listen), err) < 0)
		return -1;
	snprintf(s->threads, sizeof(s->threads), "%d", threads);
	snprintf(s->queue, sizeof(s->queue), "%d", threads > 64 ? threads : 64);
	snprintf(s->request_ms, sizeof(s->request_ms), "%ld", httpd_request_timeout_ms(o));
	snprintf(s->keep_alive_ms, sizeof(s->keep_alive_ms), "%ld", httpd_keep_alive_timeout_ms(o));
	snprintf(s->header_max, sizeof(s->header_max), "%zu",
		o->header_max > 0 ? o->header_max : DEFAULT_HEADER_MAX);
	memcpy(s->list, list, sizeof(list));
	return 0;
}
