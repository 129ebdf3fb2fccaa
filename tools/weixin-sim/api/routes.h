#ifndef WEIXIN_SIM_API_ROUTES_H
#define WEIXIN_SIM_API_ROUTES_H

#include "tools/weixin-sim/world/quota.h"

/* The table of the APIs: one row each, with all that is the same way checked for every one of them. */
struct api_call;

/* Called with the state locked. 0 (the answer in call->answer) or an errcode. */
typedef int (*api_handler)(struct api_call *call);

/* Whose token an API asks for. */
enum api_needs { NEEDS_NONE, NEEDS_COMPONENT, NEEDS_ACCOUNT, NEEDS_ANY };

/* What the account has to be, or 48001. */
enum {
	ROUTE_OFFICIAL = 1,
	ROUTE_VERIFIED = 2, /* unless it is a mini program */
	ROUTE_UPLOAD = 4    /* no condition: the body is no JSON, but a file's */
};

struct api_route {
	const char *path;
	const char *method;
	enum api_needs needs;
	unsigned flags;
	const int *sets; /* permission sets, any of which has to be granted (or 61007), 0 at the end; NULL:
			    none */
	struct quota quota;
	api_handler handle;
};

const struct api_route *api_route_find(const char *path); /* NULL: there is no such API */

#endif
