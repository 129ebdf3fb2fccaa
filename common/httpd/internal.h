#ifndef COMMON_HTTPD_INTERNAL_H
#define COMMON_HTTPD_INTERNAL_H

#include "common/httpd/httpd.h"
#include "common/httpd/watch.h"

#include <civetweb.h>
#include <pthread.h>
#include <stdatomic.h>

/* Shared by the files of this folder only. */

struct httpd {
	struct mg_context *mg;
	struct watch *watch;
	httpd_handler handler;
	void *arg;
	httpd_refusal refused;
	long request_timeout_ms;
	long keep_alive_timeout_ms;
	bool allow_chunked;
	int port;
	int listen_fd; /* CivetWeb's; replaced when the server stops accepting */
	int quiet_fd;  /* eventfd that took its place then; -1 before */
	int old_fd;    /* the listening socket that it replaced */
	atomic_bool started, draining;

	pthread_mutex_t lock;
	pthread_cond_t idle; /* a handler returned or a connection closed */
	int running;         /* handlers */
	int connections;     /* that a thread has taken */
	bool closed;         /* no handler is called any more */

	char start_error[160]; /* CivetWeb's own words while it starts */
};

enum body_framing { BODY_NONE, BODY_LENGTH, BODY_CHUNKED, BODY_BAD };
enum reply_state { REPLY_NONE, REPLY_LENGTH, REPLY_CHUNKED, REPLY_UNTIL_CLOSE, REPLY_DONE };

struct httpd_request {
	struct httpd *h;
	struct mg_connection *conn;
	const struct mg_request_info *info;
	bool is_head;

	enum body_framing framing;
	int bad_status; /* BODY_BAD: what to refuse with, and why */
	const char *bad_reason;
	size_t length;    /* BODY_LENGTH */
	size_t body_read; /* bytes so far */
	size_t body_max;  /* of the last httpd_body_check() */
	bool body_ended;
	bool body_failed;
	bool body_refused; /* by httpd_body_check(): what follows may be a body all the same */
	bool continued;    /* "100 Continue" was sent, or nobody waits for it */

	enum reply_state reply;
	bool keep_alive; /* decided when the answer begins */
	bool write_failed;
	long long reply_left; /* REPLY_LENGTH */
};

/* Looks at the headers only. */
void httpd_body_init(struct httpd_request *req);
/* Nothing of this request's body is left unread on the connection. */
bool httpd_body_settled(const struct httpd_request *req);
/* Swallow what the peer is still sending, for a moment, so that it gets to read our answer. */
void httpd_body_swallow(struct httpd_request *req);

/* The connection will be closed after this answer. */
void httpd_reply_close(struct httpd_request *req);

#endif
