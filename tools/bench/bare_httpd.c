/* bench-httpd THREADS [waiting]: CivetWeb on the settings of the ingress, with a handler that reads the body
 * and answers `success`. What the ingress reaches of its rate is what its own work leaves. With `waiting` the
 * handler waits, before it answers, for another thread that does nothing but let all go on that wait, as soon
 * as one does: the least that waiting for an acknowledgement can cost on this server. Prints `port=N`; until
 * SIGTERM. */
#include "common/httpd/settings.h"

#include <civetweb.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/banned.h"

struct waiter {
	struct waiter *next;
	sem_t acknowledged;
};

static struct {
	pthread_mutex_t lock;
	struct waiter *waiters;
	sem_t somebody; /* waits, and did not before */
	bool in_use;
} desk = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void wait_for_acknowledgement(void)
{
	struct waiter w = {0};
	bool first;

	sem_init(&w.acknowledged, 0, 0);
	pthread_mutex_lock(&desk.lock);
	first = !desk.waiters;
	LL_PREPEND(desk.waiters, &w);
	pthread_mutex_unlock(&desk.lock);
	if (first)
		sem_post(&desk.somebody);
	while (sem_wait(&w.acknowledged) < 0)
		;
	sem_destroy(&w.acknowledged);
}

/* Until the process ends. */
static void *acknowledge(void *arg)
{
	struct waiter *all, *w, *next;

	(void)arg;
	for (;;) {
		while (sem_wait(&desk.somebody) < 0)
			;
		pthread_mutex_lock(&desk.lock);
		all = desk.waiters;
		desk.waiters = NULL;
		pthread_mutex_unlock(&desk.lock);
		LL_FOREACH_SAFE (all, w, next)
			sem_post(&w->acknowledged);
	}
	return NULL;
}

static int on_request(struct mg_connection *conn)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n"
				     "Connection: keep-alive\r\n\r\nsuccess";
	char body[65536];

	while (mg_read(conn, body, sizeof(body)) > 0)
		;
	if (desk.in_use)
		wait_for_acknowledgement();
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
	pthread_t acknowledger;
	struct err err;
	sigset_t ends;

	desk.in_use = argc == 3 && strcmp(argv[2], "waiting") == 0;
	if (argc < 2 || argc != 2 + desk.in_use || (o.threads = (int)strtol(argv[1], NULL, 10)) <= 0) {
		fprintf(stderr, "usage: bench-httpd THREADS [waiting]\n");
		return 2;
	}
	/* Before the server's threads start, so that the signal comes here. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	sem_init(&desk.somebody, 0, 0);
	if (desk.in_use && pthread_create(&acknowledger, NULL, acknowledge, NULL) != 0) {
		fprintf(stderr, "bench-httpd: no thread\n");
		return EXIT_FAILURE;
	}
	if (run(&o, &ends, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "bench-httpd: %s\n", err.text);
	return EXIT_FAILURE;
}
