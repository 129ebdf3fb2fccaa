#ifndef API_PROXY_CALLS_ANSWER_H
#define API_PROXY_CALLS_ANSWER_H

#include "common/base/buf.h"
#include "proto/api_call.h"
#include "proto/reaction.h"
#include "services/api-proxy/refusal.h"

#include <stdbool.h>
#include <stdint.h>

#define ANSWER_HEADERS_MAX 4
#define ANSWER_JUDGED_MAX  (64 * 1024) /* no error answer is longer */

struct answer_header {
	const char *name; /* static */
	char value[512];
};

/* What comes of a call: Weixin's answer and what it means, or why there is none. */
struct answer {
	enum refusal refusal; /* not REFUSAL_NONE: what follows is ours, not Weixin's */
	enum api_outcome outcome;
	enum reaction reaction; /* of Weixin's answer */
	int64_t errcode;
	char errmsg[512];
	int http_status; /* 0: no answer */
	char content_type[128];
	struct buf body;       /* as Weixin sent it */
	bool truncated;        /* it does not hold the whole answer */
	int attempts;          /* requests that may have reached Weixin */
	bool refreshed;        /* on the way the token was refreshed */
	int repeated;          /* ... and so often a request repeated after trouble */
	int64_t retry_after_s; /* 0: not known */

	/* Of Weixin's answer to the last request, as far as it is passed on. */
	struct answer_header headers[ANSWER_HEADERS_MAX];
	size_t n_headers;
	long long length; /* of its body; -1: not told */
	bool streamed;    /* the body went on as it came: `body` does not hold it */
	bool broken;      /* ... and broke off */
};

/* Weixin's answer to be filled in: status, content type, headers, body. */
void answer_init(struct answer *a, size_t body_max);
/* An answer of our own; what was attempted before stays counted. */
void answer_refuse(struct answer *a, enum refusal refusal);
/* The same with more to say than the table's text. */
void answer_refuse_because(struct answer *a, enum refusal refusal, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void answer_release(struct answer *a);

/* A new answer to another request: nothing of an earlier one is left. */
void answer_reset(struct answer *a);
/* One of its headers: kept if it may be passed on. Weixin's tokens stand in URLs, so what may hold one
 * (Location) may not. */
void answer_take_header(struct answer *a, const char *name, const char *value);
/* Is what has come of the body enough to know that the rest need not be looked at? */
bool answer_is_plain(const struct answer *a);

/* What Weixin's bytes mean: fills errcode, errmsg, reaction and outcome. Weixin answers errors with status
 * 200 and an errcode, successes often without one; files come under their own type. Anything else (another
 * status, a page) comes from something between us and the API, so nobody knows whether the call took effect:
 * `unknown` unless repeatable. Source:
 * https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html */
void answer_judge(struct answer *a, bool repeatable);

#endif
