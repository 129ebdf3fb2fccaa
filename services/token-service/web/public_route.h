#ifndef SERVICES_TOKEN_SERVICE_WEB_PUBLIC_ROUTE_H
#define SERVICES_TOKEN_SERVICE_WEB_PUBLIC_ROUTE_H

#include "proto/platforms.h"

/* The paths of the public port. */
enum public_action {
	PUBLIC_AUTHORIZE,          /* GET  /authorize/{component_appid} */
	PUBLIC_AUTHORIZE_CODE,     /* POST /authorize/{component_appid}/code, by the page's script */
	PUBLIC_AUTHORIZE_LINK,     /* POST /authorize/{component_appid}/link, by the page without a script */
	PUBLIC_AUTHORIZE_CALLBACK, /* GET  /authorize/{component_appid}/callback */
	PUBLIC_VERIFICATION_FILE,  /* GET  /{name}.txt */
	PUBLIC_LOGIN,              /* POST /login/{component_appid}/{appid} */
	PUBLIC_OAUTH_START,        /* GET  /oauth/{component_appid}/{appid}/start */
	PUBLIC_OAUTH_CALLBACK,     /* GET  /oauth/{component_appid}/{appid}/callback */
	PUBLIC_OAUTH_KEYS,         /* GET  /oauth/keys */
	N_PUBLIC_ACTIONS
};

#define VERIFICATION_NAME_MAX 64

struct public_route {
	enum public_action action;
	const char *label; /* for metrics */
	char component_appid[APPID_MAX + 1];
	char name[VERIFICATION_NAME_MAX + 1]; /* of a verification file: letters, digits, '_', '-' */
	char appid[APPID_MAX + 1];            /* "" where the path has none */
};

/* 0; else 404, or 405 for a path with another method (HEAD is GET). `path` as it was sent: an escape is not
 * decoded, so it never matches. */
int public_route_parse(const char *method, const char *path, struct public_route *out);

#endif
