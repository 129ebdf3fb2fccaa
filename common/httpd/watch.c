#include "common/httpd/watch.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/banned.h"

struct watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct watch_entry *entries;
	int64_t wake_ms; /* when the thread looks again; INT64_MAX: when told */
	bool stop;
};

static int port_of(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)a)->sin_port);
	if (a->ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)a)->sin6_port);
	return -1;
}

static int own_port_of(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &len) == 0 ? port_of(&a) : -1;
}

/* The peer's address as CivetWeb writes it. */
static int peer_of(int fd, char *host, size_t size)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getpeername(fd, (struct sockaddr *)&a, &len) < 0 || port_of(&a) < 0 ||
		getnameinfo((struct sockaddr *)&a, len, host, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
		return -1;
	return port_of(&a);
}

typedef bool (*fd_visit)(int fd, void *arg); /* true: enough */

static void each_fd(fd_visit visit, void *arg)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && visit((int)strtol(d->d_name, NULL, 10), arg))
			break;
	closedir(dir);
}

struct listener_search {
	int port, fd;
};

static bool visit_listener(int fd, void *arg)
{
	struct listener_search *s = arg;
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening ||
		own_port_of(fd) != s->port)
		return false;
	s->fd = fd;
	return true;
}

int watch_find_listener(int port)
{
	struct listener_search s = {port, -1};

	each_fd(visit_listener, &s);
	return s.fd;
}

struct connection_search {
	const char *peer;
	int peer_port, own_port, fd;
};

static bool visit_connection(int fd, void *arg)
{
	struct connection_search *s = arg;
	char host[64];

	if (peer_of(fd, host, sizeof(host)) != s->peer_port || own_port_of(fd) != s->own_port ||
		strcmp(host, s->peer) != 0)
		return false;
	s->fd = fd;
	return true;
}

int watch_find_connection(const char *peer, int peer_port, int own_port)
{
	struct connection_search s = {peer, peer_port, own_port, -1};

	each_fd(visit_connection, &s);
	return s.fd;
}

/* A matching socket is that of a live entry: its reader cannot close it before watch_remove() gets the lock.
 */
static bool visit_overdue(int fd, void *arg)
{
	const struct watch *w = arg;
	int64_t now = clock_mono_ms();
	char host[64];
	int port = peer_of(fd, host, sizeof(host));

	if (port < 0)
		return false;
	for (const struct watch_entry *e = w->entries; e; e = e->next)
		if (e->deadline_ms <= now && e->peer_port == port && e->own_port == own_port_of(fd) &&
			strcmp(e->peer, host) == 0)
			shutdown(fd, SHUT_RD);
	return false;
}

/* Ends what is overdue; answers when to look again. */
static int64_t watch_look(struct watch *w)
{
	int64_t now = clock_mono_ms(), next = INT64_MAX;
	bool overdue = false;

	for (const struct watch_entry *e = w->entries; e; e = e->next) {
		/* One that was not found (its connection died first) is looked for again, but not at once. */
		int64_t at = e->deadline_ms > now ? e->deadline_ms : now + 50;

		overdue |= e->deadline_ms <= now;
		if (at < next)
			next = at;
	}
	if (overdue)
		each_fd(visit_overdue, w);
	return next;
}

static void *watch_run(void *arg)
{
	struct watch *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		w->wake_ms = watch_look(w);
		if (w->wake_ms == INT64_MAX) {
			pthread_cond_wait(&w->changed, &w->lock);
		} else {
			struct timespec at = clock_mono_timespec(w->wake_ms);

			pthread_cond_timedwait(&w->changed, &w->lock, &at);
		}
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

struct watch *watch_new(void)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->changed);
	w->wake_ms = INT64_MAX;
	if (pthread_create(&w->thread, NULL, watch_run, w) == 0)
		return w;
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

void watch_free(struct watch **wp)
{
	struct watch *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void watch_add(struct watch *w, struct watch_entry *e)
{
	pthread_mutex_lock(&w->lock);
	e->next = w->entries;
	e->link = &w->entries;
	if (e->next)
		e->next->link = &e->next;
	w->entries = e;
	/* The thread sleeps through deadlines of entries long gone, so it is woken for earlier ones only. */
	if (e->deadline_ms < w->wake_ms)
		pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

void watch_remove(struct watch *w, struct watch_entry *e)
{
	pthread_mutex_lock(&w->lock);
	*e->link = e->next;
	if (e->next)
		e->next->link = e->link;
	pthread_mutex_unlock(&w->lock);
}
