#ifndef WEIXIN_SIM_RELEASE_RELEASE_SESSION_H
#define WEIXIN_SIM_RELEASE_RELEASE_SESSION_H

#include "common/base/err.h"
#include "common/json/json.h"

#include <stdbool.h>
#include <stdint.h>

/* A Weixin made for one purpose: to play its release check against a deployment (`wxbus release-check`). It
 * shares nothing with the rest of wxbus but common/, so that it judges as a stranger. One thread. */
struct release_session;

/* Strings are copied. */
struct release_target {
	const char *component_appid;
	const char *app_secret; /* NULL: none, without an API port */
	const char *token;
	const uint8_t *aes_key; /* 32 bytes */
	const char *event_url;
	const char *message_url;    /* with $APPID$ */
	const char *api_listen;     /* host:port where the deployment's API calls are answered; NULL: they go
				       elsewhere */
	int64_t timeout_ms;         /* of an answer to a push */
	int64_t api_limit_ms;       /* for the customer-service message */
	int64_t ticket_create_time; /* s; -1: now */
};

/* ERR_REJECT: a setting is wrong; ERR_FATAL: no port. */
int release_session_new(struct release_session **out, const struct release_target *target, struct err *err);
void release_session_free(struct release_session **s);
int release_session_api_port(const struct release_session *s); /* 0: none */

/* The check of one group, 1 to 5, with a ticket first if wanted. *out as release_check() describes it; the
 * caller frees. */
int release_session_play(
	struct release_session *s, int group, bool with_ticket, struct json **out, struct err *err);

#endif
