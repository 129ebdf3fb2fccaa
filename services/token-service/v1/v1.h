#ifndef SERVICES_TOKEN_SERVICE_V1_V1_H
#define SERVICES_TOKEN_SERVICE_V1_V1_H

#include "common/httpd/httpd.h"
#include "services/token-service/events/exchange.h"
#include "services/token-service/events/outbox.h"

/* The internal /v1: tokens for api-proxy, the exchange of a code for release-check, repliers for `wxbus`.
 * Every request is authenticated before anything of it is believed (proto/internal_auth.h), and harmless to
 * repeat. Errors are {"error":"<word>","detail":"<a line>"}. */
struct v1 {
	const struct exchange *x;
	struct outbox *outbox;
};

/* A httpd_handler; `v1` is its struct v1. */
void v1_serve(struct httpd_request *req, void *v1);

#endif
