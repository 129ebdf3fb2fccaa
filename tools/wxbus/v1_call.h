#ifndef TOOLS_WXBUS_V1_CALL_H
#define TOOLS_WXBUS_V1_CALL_H

#include "common/base/err.h"
#include "common/json/json.h"

/* One signed call of another process's /v1, as the operator: with the first key of scope admin in the file
 * `internal_keys_file`. `path` may have a query after '?', of RFC 3986's unreserved characters, '=' and '&'
 * only. An answer other than 2xx is ERR_REJECT (4xx; ERR_RETRY: 5xx) with the status in err.code and the
 * process's own words in the text. body NULL: none (GET). answer_out is the caller's. */
int v1_call(const char *internal_keys_file, const char *base, const char *method, const char *path,
	const struct json *body, struct json **answer_out, struct err *err);

/* "a,b" as an array of strings; "" as an empty one. */
struct json *v1_list(const char *text);

#endif
