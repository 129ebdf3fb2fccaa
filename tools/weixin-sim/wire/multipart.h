#ifndef WEIXIN_SIM_WIRE_MULTIPART_H
#define WEIXIN_SIM_WIRE_MULTIPART_H

#include <stddef.h>

/* multipart/form-data as uploads to Weixin carry it (RFC 7578). Strict: nothing before the first boundary,
 * CRLF line ends, a closing boundary. A file name in the newer form filename*= does not count, as at Weixin.
 */
#define MULTIPART_NAME_MAX 128

struct multipart_part {
	char file_name[MULTIPART_NAME_MAX]; /* "" if it has none */
	const char *data;                   /* borrowed from the body */
	size_t len;
};

/* The first part called `name`. `content_type` is the request's header (NULL: none). -1: it or the body is
 * malformed, or there is no such part. */
int multipart_find(
	const char *content_type, const void *body, size_t len, const char *name, struct multipart_part *out);

#endif
