#ifndef SERVICES_INGRESS_DESK_H
#define SERVICES_INGRESS_DESK_H

#include "common/json/json.h"
#include "proto/account.h"
#include "proto/reply.h"

#include <stdbool.h>
#include <stdint.h>

/* The desk where pushes wait: for Kafka's acknowledgement, and then for the verdicts of their repliers. It
 * knows each event that this ingress has published or heard of on the topic `replies` for DESK_KEEP_MS, so
 * that Weixin's retry gets the same answer wherever it lands and is not published again. It bounds who may
 * wait, so that a dead replier slows nobody else: at most W pushes wait, 3W/4 of them for replies, W/4 for
 * one group and channel; a group that missed DESK_MISSES times in a row counts as `none` until a verdict of
 * it is read. Any thread; time is the monotonic clock. */
struct desk;

#define DESK_KEEP_MS    20000
#define DESK_MISSES     5
#define DESK_EVENTS_MAX 200000 /* the oldest settled ones are forgotten beyond it, to bound memory */

/* Whom an event is from, for whoever must write to him later. */
struct desk_address {
	const char *component_appid, *appid, *openid;
	const char *traceparent; /* of the first request of the event here; NULL or "": none */
};

/* How verdicts of our own (`chosen`, `late`) get to the topic; must not block. */
typedef void (*desk_write)(void *arg, const struct reply_verdict *v, const struct desk_address *from);

struct desk *desk_new(int waiters, desk_write write, void *arg);
void desk_free(struct desk **d); /* nobody waits any more */

/* A push that comes in; strings are borrowed until desk_leave(). */
struct desk_push {
	const char *event_id;
	struct desk_address from;
	const char *const *groups; /* repliers, in order of precedence */
	size_t n_groups;
	enum account_channel channel;
	bool may_send_customer_service;
	int64_t publish_by_mono_ms; /* 3.5 s after it came */
	int64_t answer_by_mono_ms;  /* 4.3 s after it came */
};

struct desk_ticket;

/* A slot for a push that must wait before it can come to the desk (this process has not read its topics yet).
 * False: none is free. */
bool desk_reserve(struct desk *d);
void desk_unreserve(struct desk *d);

enum desk_arrival {
	DESK_PUBLISH, /* write it to its topic, then desk_published() or desk_failed() */
	DESK_KNOWN,   /* it is on its topic already: straight to desk_wait() */
	DESK_FULL,    /* no slot is free: 503 at once; no ticket */
	DESK_TOO_LATE /* another request of this event was publishing it and did not succeed in time: 503; no
			 ticket */
};
enum desk_arrival desk_enter(struct desk *d, const struct desk_push *push, struct desk_ticket **ticket_out);
void desk_published(struct desk *d, struct desk_ticket *t);
void desk_failed(struct desk *d, struct desk_ticket *t); /* not known to be durable */

enum desk_answer_kind { ANSWER_SUCCESS, ANSWER_REPLY, ANSWER_EMPTY };
struct desk_answer {
	enum desk_answer_kind kind;
	struct json *reply; /* owned by the caller; ANSWER_REPLY only */
};
/* Blocks until the outcome is known, at most until the push's answer_by_mono_ms. */
void desk_wait(struct desk *d, struct desk_ticket *t, struct desk_answer *out);
void desk_leave(struct desk *d, struct desk_ticket **t); /* accepts NULL in it */

/* A verdict read from the topic `replies`: a replier's, or what another ingress (or this one) chose. */
void desk_verdict(struct desk *d, const struct reply_verdict *v);

struct desk_stats {
	int waiting, replying;
	size_t events;
	int passed_over; /* groups that count as `none` now */
	int64_t missed;  /* verdicts that did not come in time, since the start */
};
void desk_get_stats(struct desk *d, struct desk_stats *out);

#endif
