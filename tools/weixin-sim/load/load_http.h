#ifndef WEIXIN_SIM_LOAD_LOAD_HTTP_H
#define WEIXIN_SIM_LOAD_LOAD_HTTP_H

#include <stdbool.h>
#include <stddef.h>

/* As much of HTTP/1 as the two ends of `weixin-sim load` speak. Bytes in, struct out. */
struct load_head {
	size_t len;  /* with its empty line */
	size_t body; /* Content-Length; 0 if there is none */
	bool has_length;
	bool close; /* the connection ends after the body */
};

/* The head at the front of `in`: 1; 0 as long as it is not whole; -1 if its length is no number up to
 * `body_max`, or there are two. */
int load_head_read(const char *in, size_t len, size_t body_max, struct load_head *out);

/* An answer's status, 100 to 599; -1: these are not the first bytes of one. */
int load_head_status(const char *in, size_t len);

#endif
