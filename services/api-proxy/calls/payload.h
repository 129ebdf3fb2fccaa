#ifndef API_PROXY_CALLS_PAYLOAD_H
#define API_PROXY_CALLS_PAYLOAD_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stddef.h>
#include <sys/types.h>

/* A request's body, kept so that it can go out again after a token error: in memory up to PAYLOAD_KEPT_MAX,
 * beyond that in a file without a name, which is gone with its descriptor, however the process ends. One
 * thread. */
struct payload {
	const char *dir; /* borrowed; where that file lies */
	struct buf kept;
	int fd; /* -1: in memory */
	size_t len;
	size_t at; /* read so far */
};

#define PAYLOAD_KEPT_MAX (256 * 1024)
#define PAYLOAD_INIT(dir_)                                                                                   \
	{                                                                                                    \
		.dir = (dir_), .kept = BUF_INIT(PAYLOAD_KEPT_MAX), .fd = -1                                  \
	}

/* ERR_RETRY: no room on the disk, or no file there. */
int payload_add(struct payload *p, const void *bytes, size_t n, struct err *err);
void payload_rewind(struct payload *p);
/* Up to `room` bytes from where the last one ended; 0 at the end, -1 if the file cannot be read. */
ssize_t payload_read(struct payload *p, void *to, size_t room);
void payload_release(struct payload *p);

#endif
