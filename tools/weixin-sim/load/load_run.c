/* The engine of `weixin-sim load`: kept connections, one push at a time on each, one epoll loop.
 *
 * At a rate, push i is due at start + i / rate whatever became of those before it. If the receiver stalls and
 * every connection waits, the pushes that fall due meanwhile wait too, and their time counts from when they
 * were due: so a stall of one second shows as a second for all that it would have met, and is not omitted
 * because the generator politely waited with it ("coordinated omission"). */
#include "tools/weixin-sim/load/load.h"
#include "tools/weixin-sim/load/load_http.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/banned.h"

#define ANSWER_BYTES_MAX 65536
#define EVENTS           64
#define SWEEP_US         50000
#define RECONNECT_US     100000

enum conn_state { CONN_AWAY, CONN_CONNECTING, CONN_IDLE, CONN_BUSY };

struct conn {
	int fd;
	enum conn_state state;
	uint32_t events;  /* registered */
	int64_t retry_us; /* CONN_AWAY: when to connect again */
	const struct load_push *push;
	size_t sent;
	int64_t due_us, sent_us;
	size_t in_len;
	char *in;
};

struct run {
	const struct load_pushes *pushes;
	const struct load_options *o;
	struct load_result *result;
	struct addrinfo *address;
	int epoll;
	struct conn *conns;
	struct conn **idle; /* a stack */
	size_t n_conns, n_idle, n_busy;
	uint64_t issued, total; /* total: 0 if only the time ends it */
	size_t times_max;
	int64_t start_us, end_us, sweep_us;
};

static void watch(struct run *r, struct conn *c, uint32_t events, int op)
{
	struct epoll_event e = {.events = events, .data.ptr = c};

	if (op == EPOLL_CTL_MOD && c->events == events)
		return;
	c->events = events;
	(void)epoll_ctl(r->epoll, op, c->fd, &e);
}

static void conn_away(struct run *r, struct conn *c, int64_t now_us)
{
	if (c->state == CONN_BUSY)
		r->n_busy--;
	close(c->fd);
	c->fd = -1;
	c->state = CONN_AWAY;
	c->retry_us = now_us + RECONNECT_US;
}

static void conn_idle(struct run *r, struct conn *c)
{
	c->state = CONN_IDLE;
	c->in_len = 0;
	watch(r, c, EPOLLIN, EPOLL_CTL_MOD);
	r->idle[r->n_idle++] = c;
}

static void conn_open(struct run *r, struct conn *c, int64_t now_us)
{
	int one = 1;

	c->fd = socket(r->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		c->retry_us = now_us + RECONNECT_US;
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->state = CONN_CONNECTING;
	if (connect(c->fd, r->address->ai_addr, r->address->ai_addrlen) < 0 && errno != EINPROGRESS) {
		conn_away(r, c, now_us);
		return;
	}
	watch(r, c, EPOLLOUT, EPOLL_CTL_ADD);
}

/* --- one answer ----------------------------------------------------------------------------------------- */

static bool is_expected(const struct run *r, enum answer a)
{
	if (strcmp(r->o->expect, "any") == 0)
		return a == ANSWER_SUCCESS || a == ANSWER_EMPTY || a == ANSWER_REPLY;
	return strcmp(r->o->expect, answer_name(a)) == 0;
}

static uint32_t clamped(int64_t us)
{
	return us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static void count(struct run *r, const struct conn *c, enum answer a, const char *why, int64_t now_us)
{
	struct load_result *out = r->result;

	out->answers[a]++;
	if (!is_expected(r, a) && out->unexpected++ == 0)
		snprintf(out->why, sizeof(out->why), "%s%s%s", answer_name(a), why[0] ? ": " : "", why);
	if (out->n == r->times_max) {
		r->times_max = r->times_max ? 2 * r->times_max : 65536;
		out->latency_us = xrealloc(out->latency_us, r->times_max * sizeof(*out->latency_us));
		out->service_us = xrealloc(out->service_us, r->times_max * sizeof(*out->service_us));
	}
	out->latency_us[out->n] = clamped(now_us - (r->o->rate ? c->due_us : c->sent_us));
	out->service_us[out->n++] = clamped(now_us - c->sent_us);
}

static void fail(struct run *r, struct conn *c, enum answer a, const char *why, int64_t now_us)
{
	count(r, c, a, why, now_us);
	r->result->reconnects++;
	conn_away(r, c, now_us);
	c->retry_us = now_us;
}

static enum answer judge(const struct run *r, const struct conn *c, const struct load_head *head, int status,
	char why[VERIFY_WHY_SIZE])
{
	struct json *reply = NULL;
	struct verify_push expected;
	struct load_names names;
	enum answer a;

	why[0] = '\0';
	if (status != 200) {
		snprintf(why, VERIFY_WHY_SIZE, "status %d", status);
		return ANSWER_REFUSED;
	}
	if (head->body == strlen("success") && memcmp(c->in + head->len, "success", head->body) == 0)
		return ANSWER_SUCCESS;
	load_push_expectation(r->pushes, r->o, c->push, &names, &expected);
	a = verify_answer(&expected, c->in + head->len, head->body, &reply, why);
	json_free(&reply);
	return a;
}

static void on_readable(struct run *r, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, ANSWER_BYTES_MAX - c->in_len, 0);
	char why[VERIFY_WHY_SIZE];
	struct load_head head = {.len = 0};
	int64_t now_us = clock_mono_us();
	enum answer a;
	int rc, status;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(r, c, ANSWER_REFUSED, n < 0 ? strerror(errno) : "closed without an answer", now_us);
		return;
	}
	c->in_len += (size_t)n;
	rc = load_head_read(c->in, c->in_len, ANSWER_BYTES_MAX, &head);
	status = load_head_status(c->in, c->in_len);
	if (rc < 0 || (rc == 0 && c->in_len == ANSWER_BYTES_MAX) ||
		(rc > 0 && (status < 0 || !head.has_length || c->in_len > head.len + head.body))) {
		fail(r, c, ANSWER_ILLEGAL, "no HTTP answer of a known length", now_us);
		return;
	}
	if (rc == 0 || c->in_len < head.len + head.body)
		return;
	a = judge(r, c, &head, status, why);
	count(r, c, a, why, now_us);
	if (head.close) {
		r->result->reconnects++;
		conn_away(r, c, now_us);
		conn_open(r, c, now_us);
		return;
	}
	r->n_busy--;
	conn_idle(r, c);
}

/* --- sending ---------------------------------------------------------------------------------------------
 */

static void send_on(struct run *r, struct conn *c, int64_t now_us)
{
	ssize_t n = send(c->fd, c->push->bytes + c->sent, c->push->len - c->sent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN) {
		fail(r, c, ANSWER_REFUSED, strerror(errno), now_us);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	watch(r, c, c->sent < c->push->len ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

static int64_t due_us(const struct run *r, uint64_t i)
{
	return r->start_us + (int64_t)((double)i * 1e6 / (double)r->o->rate);
}

static bool has_more(const struct run *r, int64_t now_us)
{
	if (r->total && r->issued >= r->total)
		return false;
	return r->o->rate || now_us < r->end_us;
}

static void issue(struct run *r, int64_t now_us)
{
	while (r->n_idle && has_more(r, now_us) && (!r->o->rate || due_us(r, r->issued) <= now_us)) {
		struct conn *c = r->idle[--r->n_idle];

		c->state = CONN_BUSY;
		r->n_busy++;
		c->push = &r->pushes->all[r->issued % r->pushes->n];
		c->sent = 0;
		c->due_us = r->o->rate ? due_us(r, r->issued) : now_us;
		c->sent_us = now_us;
		r->issued++;
		send_on(r, c, now_us);
	}
}

static void on_event(struct run *r, struct conn *c, uint32_t events)
{
	int error = 0;
	socklen_t len = sizeof(error);

	switch (c->state) {
	case CONN_CONNECTING:
		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
			conn_away(r, c, clock_mono_us());
		else
			conn_idle(r, c);
		break;
	case CONN_BUSY:
		if (events & EPOLLOUT)
			send_on(r, c, clock_mono_us());
		if (c->state == CONN_BUSY && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			on_readable(r, c);
		break;
	case CONN_IDLE: /* the receiver closes one that it kept too long, or speaks unasked */
		for (size_t i = 0; i < r->n_idle; i++)
			if (r->idle[i] == c)
				r->idle[i] = r->idle[--r->n_idle];
		r->result->reconnects++;
		conn_away(r, c, clock_mono_us());
		c->retry_us = 0;
		break;
	case CONN_AWAY:
		break;
	}
}

/* Now and then: what waits too long, and what is to be connected again. */
static void sweep(struct run *r, int64_t now_us)
{
	if (now_us < r->sweep_us)
		return;
	r->sweep_us = now_us + SWEEP_US;
	for (size_t i = 0; i < r->n_conns; i++) {
		struct conn *c = &r->conns[i];

		if (c->state == CONN_BUSY && now_us - c->sent_us >= r->o->timeout_ms * 1000)
			fail(r, c, ANSWER_TIMEOUT, "", now_us);
		if (c->state == CONN_AWAY && now_us >= c->retry_us)
			conn_open(r, c, now_us);
	}
}

static struct timespec wait_for(const struct run *r, int64_t now_us)
{
	int64_t until = r->sweep_us;

	if (r->o->rate && r->n_idle && has_more(r, now_us) && due_us(r, r->issued) < until)
		until = due_us(r, r->issued);
	until = until > now_us ? until - now_us : 0;
	return (struct timespec){until / 1000000, until % 1000000 * 1000};
}

static bool is_over(const struct run *r, int64_t now_us)
{
	if (!has_more(r, now_us))
		return r->n_busy == 0;
	/* What is due and finds no connection is given up in the end. */
	return now_us > r->end_us + r->o->timeout_ms * 1000 && r->n_busy == 0;
}

static void loop(struct run *r)
{
	struct epoll_event events[EVENTS];
	int64_t now_us = clock_mono_us();

	for (; !is_over(r, now_us); now_us = clock_mono_us()) {
		struct timespec wait;
		int n;

		sweep(r, now_us);
		if (now_us <= r->end_us + r->o->timeout_ms * 1000)
			issue(r, now_us);
		wait = wait_for(r, clock_mono_us());
		n = epoll_pwait2(r->epoll, events, EVENTS, &wait, NULL);
		for (int i = 0; i < n; i++)
			on_event(r, events[i].data.ptr, events[i].events);
	}
	r->result->took_us = now_us - r->start_us;
	if (r->total)
		r->result->unsent = r->o->rate ? r->total - r->issued : 0;
	r->result->unexpected += r->result->unsent;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int connect_all(struct run *r, struct err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	int rc = getaddrinfo(r->pushes->host, r->pushes->port, &hints, &r->address);

	if (rc != 0)
		return err_set(err, ERR_RETRY, rc, "%s: %s", r->pushes->host, gai_strerror(rc));
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll < 0)
		return err_set(err, ERR_FATAL, errno, "epoll: %s", strerror(errno));
	for (size_t i = 0; i < r->n_conns; i++) {
		r->conns[i] = (struct conn){.fd = -1, .in = xmalloc(ANSWER_BYTES_MAX)};
		conn_open(r, &r->conns[i], clock_mono_us());
	}
	return 0;
}

int load_run(
	const struct load_pushes *p, const struct load_options *o, struct load_result *out, struct err *err)
{
	size_t n = (size_t)o->connections;
	struct run r = {.pushes = p, .o = o, .result = out, .epoll = -1, .n_conns = n};
	int rc;

	memset(out, 0, sizeof(*out));
	r.conns = xcalloc(n, sizeof(*r.conns));
	r.idle = xcalloc(n, sizeof(struct conn *));
	r.total = o->rate ? (uint64_t)(o->rate * o->duration_ms / 1000) : o->repeat ? 0 : p->n;
	if (o->rate && !o->repeat && r.total > p->n)
		r.total = p->n;
	if ((rc = connect_all(&r, err)) == 0) {
		r.start_us = clock_mono_us();
		r.end_us = r.start_us + o->duration_ms * 1000;
		loop(&r);
		if (out->n) {
			qsort(out->latency_us, out->n, sizeof(*out->latency_us), compare);
			qsort(out->service_us, out->n, sizeof(*out->service_us), compare);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (r.conns[i].in && r.conns[i].fd >= 0)
			close(r.conns[i].fd);
		free(r.conns[i].in);
	}
	if (r.epoll >= 0)
		close(r.epoll);
	if (r.address)
		freeaddrinfo(r.address);
	free(r.conns);
	free(r.idle);
	return rc;
}

void load_result_release(struct load_result *r)
{
	free(r->latency_us);
	free(r->service_us);
	memset(r, 0, sizeof(*r));
}
