#ifndef SERVICES_BUSINESS_SDK_ONCE_H
#define SERVICES_BUSINESS_SDK_ONCE_H

#include "common/pg/pg.h"
#include "services/business/sdk/settled.h"

/* The rows of sdk_once: (event id, run), each written in the transaction of the handler's effect, with what
 * the event says outside: its verdict and its calls, kept until they are sent. The group is not a column: a
 * group has a schema of its own. */
struct once_row {
	struct settled_verdict verdict; /* its reply is owned */
	struct json *calls;             /* owned; NULL: none */
	bool sent;                      /* all of it */
};
void once_row_release(struct once_row *row);

/* 0: the event is new, *pg_out is in a transaction that notes it; ended by once_commit(), or by pg_give(),
 * which takes everything back. ONCE_KNOWN: it has had its effect; *row_out is what it says outside, and no
 * transaction is open. -1, ERR_RETRY. */
#define ONCE_KNOWN 1
int once_begin(struct pg_pool *pool, const char *event_id, const char *run, struct pg **pg_out,
	struct once_row *row_out, struct err *err);

/* pg_give() it afterwards in any case. -1, ERR_UNCERTAIN: look again with once_begin(). */
int once_commit(
	struct pg *pg, const char *event_id, const char *run, const struct once_row *row, struct err *err);

/* All that the row says is sent: calls are forgotten now, the verdict in 10 minutes. */
int once_sent(struct pg_pool *pool, const char *event_id, const char *run, struct err *err);

/* Forget what was sent 10 minutes ago, and rows older than any topic: to be called about every minute. What
 * does not fit into a few seconds is left to the next time. */
#define ONCE_KEEP_DAYS 35 /* dead letters are kept 30 */
int once_sweep(struct pg_pool *pool, struct err *err);

#endif
