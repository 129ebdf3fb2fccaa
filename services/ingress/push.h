#ifndef SERVICES_INGRESS_PUSH_H
#define SERVICES_INGRESS_PUSH_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/httpd/query.h"
#include "proto/message.h"
#include "proto/platforms.h"
#include "services/ingress/refusal.h"
#include "services/ingress/route.h"

#include <stdint.h>

/* A push that Weixin signed and encrypted for one of our platforms. Bytes in, struct out: no sockets, no
 * clocks. */
struct push {
	struct route route;
	const struct platform *platform; /* borrowed from the platforms that opened it */
	const struct platform_key *key;  /* that opened it; the answer is sealed with it */
	const char *nonce;               /* borrowed from the query's arena */
	struct message message;
	bool platform_event; /* came to the authorization URL, or has an InfoType */
	char appid[APPID_MAX +
		   1]; /* whom it is about: the URL's, or the authorizer of a platform event; may be "" */
	char event_id[EVENT_ID_LEN + 1];
};

/* How a window of 0 (any timestamp) and the time come in. */
struct push_time {
	int64_t now_s;
	int64_t window_s;
};

/* All checks from the query on, in the order of the contract, each key of the platform in turn. *out is
 * filled, and to be released by the caller, only when ACCEPTED. */
enum refusal push_accept(const struct platform *platform, const struct route *route, const char *query,
	const void *body, size_t len, struct push_time time, struct arena *arena, struct push *out);
void push_release(struct push *p);

/* The GET handshake: `signature` over token, timestamp and nonce; *echostr_out is to be sent back verbatim.
 * Source: https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html */
enum refusal push_handshake(const struct platform *platform, const char *query, struct push_time time,
	struct arena *arena, const char **echostr_out);

#endif
