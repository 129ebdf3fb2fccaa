#ifndef WEIXIN_SIM_RELEASE_RELEASE_CHECK_H
#define WEIXIN_SIM_RELEASE_RELEASE_CHECK_H

#include "tools/weixin-sim/push/plays.h"

#include <stdbool.h>
#include <stdint.h>

/* Weixin's automatic check before a network-wide release, with the test accounts of one of its five groups.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/operation/thirdparty/releases_instructions.html
 */
#define RELEASE_GROUPS 5

enum release_step {
	STEP_TICKET = 1,
	STEP_AUTHORIZED = 2,
	STEP_TEXT = 4,
	STEP_API_TEXT = 8,
	STEP_EVENT = 16,
	STEP_UNAUTHORIZED = 32,
	STEP_ALL = 63
};

struct release_options {
	const char *component_appid;
	int group;      /* 1 to RELEASE_GROUPS */
	unsigned steps; /* of enum release_step */
	bool official, miniprogram;
	bool message_first; /* QUERY_AUTH_CODE before the authorized push */
	int code_reusable;
	int64_t api_limit_ms; /* for the customer-service message */
	int64_t ticket_create_time;
	bool no_api; /* the deployment's calls go elsewhere: what needs them cannot be judged */
};

/* A step's name as the admin API spells it; 0: none. */
unsigned release_step(const char *name);

/* 0, *out is {"ok","group","items":[...]} as the README describes it (the caller frees); or PLAY_UNKNOWN:
 * there is no such platform. */
int release_check(struct sim *sim, const struct release_options *o, struct json **out, struct err *err);

#endif
