#ifndef API_PROXY_ALLOWANCE_ALLOWANCE_H
#define API_PROXY_ALLOWANCE_ALLOWANCE_H

#include "common/pg/pg.h"
#include "services/api-proxy/calls/answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many customer-service messages may still be sent to a fan: one number for each account and openid,
 * shared by all callers. One row each; a send takes one before its call and gives it back when it has surely
 * failed. Where the row cannot be trusted (there is none, or the feed is behind) the call is made, and
 * Weixin's own refusal corrects the row. Any thread. */
#define ALLOWANCE_OPENID_MAX 128

struct allowance_ticket {
	char openid[ALLOWANCE_OPENID_MAX + 1]; /* "": no send, nothing to settle */
	int64_t sent_us;                       /* names what was taken */
};

/* Before a call; REFUSAL_NONE, or REFUSAL_ALLOWANCE and REFUSAL_WINDOW, with which nothing is to be sent. A
 * database that is away refuses nothing: the ledger serves the calls, not the other way round. */
enum refusal allowance_take(struct pg_pool *pool, const char *appid, const char *method, const char *path,
	const char *priority, const void *body, size_t body_len, struct allowance_ticket *ticket_out);
/* After it. */
void allowance_settle(struct pg_pool *pool, const char *appid, const struct allowance_ticket *ticket,
	const struct answer *a);

/* What a fan did at `at_ms` (Weixin's CreateTime). In any order, any number of times. */
struct allowance_rule;
int allowance_feed_one(struct pg_pool *pool, const char *appid, const char *openid,
	const struct allowance_rule *rule, int64_t at_ms, struct err *err);

struct allowance_reading {
	bool known; /* there is a row */
	int left;
	int64_t until_ms; /* wall clock: when the window closes; 0: none is open */
};
int allowance_read(struct pg_pool *pool, const char *appid, const char *openid, struct allowance_reading *out,
	struct err *err);

/* How far this process (`member`) has read; and forgetting processes that have not said so for a while. */
int allowance_tell_feed(struct pg_pool *pool, const char *member, bool behind, struct err *err);
int allowance_leave_feed(struct pg_pool *pool, const char *member, struct err *err); /* it reads no more */

/* Rows of which nothing can be left. How many, or -1. */
int64_t allowance_sweep(struct pg_pool *pool, struct err *err);

#endif
