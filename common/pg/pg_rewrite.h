#ifndef COMMON_PG_PG_REWRITE_H
#define COMMON_PG_PG_REWRITE_H

#include "common/base/buf.h"
#include "common/pg/pg.h"

#include <stdbool.h>

/* Giving each row of a table a new value in one bytea column, in batches, while everybody else goes on. A row
 * that somebody has locked is passed over, so a batch waits for nobody; it has to be looked for once more. */
struct pg_rewrite {
	const char *name; /* for people: "accounts.token" */
	/* $1 text: the place where the last batch ended, $2 int8: at most so many rows, $3: which rows.
	 * Columns: place (text, unique, "" sorts before the first), what the row is (text), value (bytea).
	 * Ordered by place, FOR UPDATE SKIP LOCKED. */
	const char *select;
	const char *update; /* $1 text: the place, $2 bytea: the new value */
};

#define PG_REWRITE_PLACE_MAX 256

struct pg_rewrite_step {
	int64_t rewritten;
	int64_t left;                         /* rows whose value has no new one */
	char place[PG_REWRITE_PLACE_MAX + 1]; /* of the last row looked at */
	bool end;                             /* there are no more after it */
};

/* `row` is the select's second column. -1, ERR_REJECT: this row stays as it is. */
typedef int (*pg_rewrite_value)(
	void *arg, const char *row, const void *old, size_t len, struct buf *new_out, struct err *err);

/* One batch after `place`, as one transaction of its own. Repeating it does no harm. */
int pg_rewrite_batch(struct pg *pg, const struct pg_rewrite *w, struct pg_param which, const char *place,
	int64_t limit, pg_rewrite_value value, void *arg, struct pg_rewrite_step *out, struct err *err);

#endif
