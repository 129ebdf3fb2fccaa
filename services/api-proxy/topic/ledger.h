#ifndef API_PROXY_TOPIC_LEDGER_H
#define API_PROXY_TOPIC_LEDGER_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/pg/pg.h"

#include <stdbool.h>
#include <stdint.h>

/* Which requests of the topic have been taken up, and their one result. A row is claimed before the call and
 * carries the time after which that call is surely over (told by the database's clock); whoever meets a
 * claimed row of another process waits for that time before judging. Stateless; any thread. */
struct ledger_key {
	const char *component_appid;
	const char *caller_id;
	const char *request_id;
	int64_t owner; /* random, one for each time a record is taken up; tells our own unanswered claim from
			  others' */
};

enum ledger_claim {
	LEDGER_OURS = 0, /* make the call, and be done within budget_ms from before the claim was asked for */
	LEDGER_STARTED,  /* another one's call may be under way: ask again later */
	LEDGER_EXPIRED,  /* another one's call is over and its result was not recorded: unknown */
	LEDGER_DONE      /* the result is there */
};

/* Claim the request. `repeatable`: an expired one may be called again, and is then claimed. With LEDGER_DONE
 * the result is appended to result_out. */
int ledger_claim(struct pg_pool *pool, const struct ledger_key *key, int64_t budget_ms, bool repeatable,
	enum ledger_claim *claim_out, struct buf *result_out, struct err *err);

/* Record the result, unless there is one already: result_out gets the one that counts. */
int ledger_finish(struct pg_pool *pool, const struct ledger_key *key, const struct buf *result,
	struct buf *result_out, struct err *err);

/* Forget rows older than the topic keeps its records. Returns how many, or -1. */
int64_t ledger_sweep(struct pg_pool *pool, int keep_days, struct err *err);

#endif
