#ifndef SERVICES_TOKEN_SERVICE_V1_V1_ROUTE_H
#define SERVICES_TOKEN_SERVICE_V1_V1_ROUTE_H

#include "proto/keyfiles.h"
#include "services/token-service/tokens/credential_store.h"
#include "services/token-service/v1/operation.h"

/* Which of /v1's few requests a method and a path are; pure. */
enum v1_action {
	V1_TOKEN,
	V1_REFRESH,
	V1_DIRECTORY,
	V1_EXCHANGE,
	V1_REPLIERS,
	V1_CHANNEL,
	V1_STATUS,
	V1_OAUTH_TARGETS,
	V1_OAUTH_TARGETS_SET,
	V1_FORGET,
	V1_AUDIT,
	V1_KEYS,
	V1_RESEAL,
	V1_PLATFORMS,
	V1_ACCOUNTS,
	V1_SYNC_ASK,
	V1_SYNC,
	V1_SYNC_FINDINGS,
	V1_WEIXIN
};

struct v1_route {
	enum v1_action action;
	enum internal_scope scope;         /* that it needs */
	struct credential_id id;           /* appid "": the platform's; both "": nobody's */
	const struct operation *operation; /* V1_WEIXIN */
};

/* 0, or the status to refuse with: 404 no such path, 405 not with this method. */
int v1_route_parse(const char *method, const char *path, struct v1_route *out);

#endif
