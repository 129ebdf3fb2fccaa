#ifndef COMMON_HTTPC_URL_H
#define COMMON_HTTPC_URL_H

#include "common/httpc/httpc.h"

/* The URL of a request, built from its parts and read back: its scheme, host and port are those of the base.
 * Free with url_free(): it holds tokens. ERR_REJECT. */
int url_build(const struct httpc_request *req, bool allow_http, char **url_out, struct err *err);
void url_free(char **url);

#endif
