/* A receiver that does nothing: what a generator of load reaches against it is the generator's own limit. */
#include "tools/weixin-sim/load/load.h"
#include "tools/weixin-sim/load/load_http.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/banned.h"

#define REQUEST_MAX 65536
#define EVENTS      64

static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nsuccess";

struct peer {
	int fd;
	size_t len;
	char in[REQUEST_MAX];
};

static int listen_on(int port, int *port_out)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1024) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		close(fd);
		return -1;
	}
	*port_out = ntohs(a.sin_port);
	return fd;
}

static int on_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* False: the peer is done. */
static bool serve(struct peer *p)
{
	ssize_t n = recv(p->fd, p->in + p->len, sizeof(p->in) - p->len, 0);
	struct load_head head = {.len = 0};
	int rc;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	p->len += (size_t)n;
	while ((rc = load_head_read(p->in, p->len, REQUEST_MAX, &head)) > 0 &&
		head.len + head.body <= p->len) {
		/* As short as this it never fills a socket that its reader empties. */
		if (send(p->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(answer) - 1)
			return false;
		p->len -= head.len + head.body;
		memmove(p->in, p->in + head.len + head.body, p->len);
	}
	return rc >= 0 && p->len < sizeof(p->in);
}

static void take_peers(int epoll, int listener)
{
	int fd, one = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *p = xmalloc(sizeof(*p));
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};

		p->fd = fd;
		p->len = 0;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
	}
}

/* Until a signal. Peers that are still there end with the process. */
static void run(int listener, int signals)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listener}, events[EVENTS];

	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
	e.data.ptr = &signals;
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, signals, &e);
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct peer *p = events[i].data.ptr;

			if (events[i].data.ptr == &signals)
				return;
			if (events[i].data.ptr == &listener) {
				take_peers(epoll, listener);
			} else if (!serve(p)) {
				close(p->fd);
				free(p);
			}
		}
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	int64_t *port = state->input;

	if (key != 'p')
		return ARGP_ERR_UNKNOWN;
	if (str_to_int64(arg, strlen(arg), 0, 65535, port) < 0)
		argp_error(state, "--port takes a number from 0 to 65535");
	return 0;
}

int load_answer_main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"port", 'p', "N", 0, "Listen on 127.0.0.1:N (default: any free port)", 0},
		{NULL, 0, NULL, 0, NULL, 0},
	};
	static const struct argp argp = {.options = options,
		.parser = parse,
		.doc = "Answer every request with `success`, on one thread, to measure generators of load "
		       "by."};
	int64_t wanted = 0;
	int port = 0, listener, signals;

	argp_err_exit_status = 2;
	if (argp_parse(&argp, argc, argv, 0, NULL, &wanted) != 0)
		return 2;
	signals = on_signals();
	listener = listen_on((int)wanted, &port);
	if (listener < 0 || signals < 0) {
		fprintf(stderr, "weixin-sim answer: cannot listen: %s\n", strerror(errno));
		return 1;
	}
	printf("answer=http://127.0.0.1:%d\n", port);
	fflush(stdout);
	run(listener, signals);
	return 0;
}
