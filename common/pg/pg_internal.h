#ifndef COMMON_PG_PG_INTERNAL_H
#define COMMON_PG_PG_INTERNAL_H

#include "common/pg/pg.h"

#include <libpq-fe.h>

/* What the files of common/pg share: a connection's insides and how libpq's failures become errors. */

struct pg_prepared; /* one statement prepared on this connection */

struct pg {
	struct pg_pool *pool;
	PGconn *conn; /* NULL: not connected */
	struct pg_prepared *prepared;
	unsigned n_prepared;
	bool in_transaction;
	bool listening;
	bool broken;        /* close it when it is given back */
	bool server_failed; /* since it was taken */
	struct pg *next_idle;
};

/* What surely did not happen, and what may have, when the connection breaks while this is under way. */
enum pg_effect {
	PG_NO_EFFECT, /* preparing, or inside a transaction that is now gone */
	PG_EFFECT     /* a statement of its own, or COMMIT */
};

/* Send was true: read all results within wait_ms, keep the last (or the first that failed) in *res_out. */
int pg_finish(struct pg *pg, int64_t wait_ms, enum pg_effect effect, PGresult **res_out, struct err *err);
int pg_connection_lost(struct pg *pg, enum pg_effect effect, const char *what, struct err *err);
int pg_result_error(struct pg *pg, const PGresult *res, enum pg_effect effect, struct err *err);

void pg_forget_prepared(struct pg *pg);
void pg_pool_note(struct pg_pool *pool, bool healthy);

#endif
