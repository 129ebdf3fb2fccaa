#ifndef COMMON_HTTPD_WATCH_H
#define COMMON_HTTPD_WATCH_H

#include <stdint.h>

/* Deadlines for reads inside CivetWeb. mg_read() waits anew after each byte, so a peer that drips could hold
 * a thread for ever; and its socket is hidden from us. This thread finds the socket of a read that is past
 * its deadline among the process's descriptors, by the peer's address and port, and shuts down its reading
 * side: the read then ends. The search costs a system call per descriptor, and is paid for by overdue reads
 * only. */
struct watch;

struct watch_entry { /* on the reader's stack */
	struct watch_entry *next, **link;
	int64_t deadline_ms; /* monotonic */
	const char *peer;    /* numeric address */
	int peer_port, own_port;
};

struct watch *watch_new(void);
void watch_free(struct watch **w); /* no entry may be left */

void watch_add(struct watch *w, struct watch_entry *e);
void watch_remove(struct watch *w, struct watch_entry *e);

/* The descriptor of a listening socket on this port; -1: none. */
int watch_find_listener(int port);
/* The descriptor of the connection between these two ends; -1: none. */
int watch_find_connection(const char *peer, int peer_port, int own_port);

#endif
