#ifndef SERVICES_TOKEN_SERVICE_V1_V1_MANAGE_H
#define SERVICES_TOKEN_SERVICE_V1_V1_MANAGE_H

#include "services/token-service/events/exchange.h"
#include "services/token-service/v1/v1_route.h"

/* The part of /v1 that only operators call: V1_PLATFORMS, V1_ACCOUNTS, V1_SYNC_ASK, V1_SYNC,
 * V1_SYNC_FINDINGS and V1_WEIXIN. Authenticated before.
 *
 * query: as it came, NULL if none; body: NULL if the method has none. The answer's status; *answer_out is the
 * caller's. A V1_WEIXIN call is made once: 409 `refused` has Weixin's errcode, 502 `uncertain` says that it
 * may have taken effect. */
int v1_manage_serve(const struct exchange *x, const struct v1_route *route, const char *query,
	const struct json *body, struct json **answer_out);

#endif
