/* bench-httpd THREADS: CivetWeb on the settings of the ingress, with a handler that reads the body and
 * answers `success`. What the ingress reaches of its rate is what its own work leaves. Prints `port=N`; until
 * SIGTERM. */
#include "common/httpd/settings.h"

#include <civetweb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static int on_request(struct mg_connection *conn)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n"
				     "Connection: keep-alive\r\n\r\nsuccess";
	char body[65536];

	while (mg_read(conn, body, sizeof(body)) > 0)
		;
	mg_write(conn, answer, sizeof(answer) - 1);
	return 200;
}

static int run(const struct httpd_options *o, const sigset_t *ends, struct err *err)
{
	const struct mg_callbacks callbacks = {.begin_request = on_request};
	struct httpd_settings settings;
	struct mg_server_port port;
	struct mg_context *mg;
	int which;

	if (httpd_settings_fill(&settings, o, err) < 0)
		return -1;
	mg_init_library(0);
	mg = mg_start(&callbacks, NULL, settings.list);
	if (!mg || mg_get_server_ports(mg, 1, &port) != 1)
		return err_set(err, ERR_FATAL, 0, "CivetWeb does not start");
	printf("port=%d\n", port.port);
	fflush(stdout);
	sigwait(ends, &which);
	mg_stop(mg);
	return 0;
}

int main(int argc, char **argv)
{
	struct httpd_options o = {.listen = "127.0.0.1:0"};
	struct err err;
	sigset_t ends;

	if (argc != 2 || (o.threads = (int)strtol(argv[1], NULL, 10)) <= 0) {
		fprintf(stderr, "usage: bench-httpd THREADS\n");
		return 2;
	}
	/* Before the server's threads start, so that the signal comes here. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	if (run(&o, &ends, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "bench-httpd: %s\n", err.text);
	return EXIT_FAILURE;
}
