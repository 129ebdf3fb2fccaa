#ifndef SERVICES_INGRESS_ROUTE_H
#define SERVICES_INGRESS_ROUTE_H

#include "proto/platforms.h"

#include <stdbool.h>

/* The two URLs that are registered with Weixin:
 * /push/{component_appid}/authorization and /push/{component_appid}/accounts/{appid}. */
struct route {
	char component_appid[APPID_MAX + 1];
	char appid[APPID_MAX + 1]; /* "" on the authorization URL */
	bool placeholder; /* the literal $APPID$ stands where the appid should: for handshakes only */
};

/* `path` is raw: anything encoded is no path of ours. False: none of the two. */
bool route_parse(const char *path, struct route *out);

#endif
