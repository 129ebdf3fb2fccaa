#ifndef SERVICES_TOKEN_SERVICE_STORE_H
#define SERVICES_TOKEN_SERVICE_STORE_H

#include "common/base/buf.h"
#include "common/pg/pg.h"
#include "services/sealed/keyring.h"

/* What every module that keeps something needs. Read-only after store_init(); any thread. */
struct store {
	struct pg_pool *pool;
	struct keyring *keyring;
	char owner[80]; /* this process in lease_owner: host:pid:random */
};

/* `pool` and `keyring` stay the caller's. */
void store_init(struct store *s, struct pg_pool *pool, struct keyring *keyring);

/* Run `body` on a connection of the pool, within a transaction: committed when body returns 0 or more, and
 * then its result is store_tx()'s. After an uncertain end the caller may run it again: every body here says
 * why that does no harm. */
typedef int (*store_body)(struct pg *pg, void *arg, struct err *err);
int store_tx(const struct store *s, store_body body, void *arg, struct err *err);

/* The same without a transaction: for one statement. */
int store_run(const struct store *s, store_body body, void *arg, struct err *err);

/* The platforms of WXBUS_PLATFORMS_FILE as PostgreSQL's array. */
#define STORE_PLATFORMS_MAX (64 * 1024)
void store_list_platforms(const struct store *s, struct buf *out);

/* Arrays of PostgreSQL as text. Parsing takes what PostgreSQL prints for bigint[]. */
void store_int_array(const int64_t *list, size_t n, struct buf *out);
int64_t *store_int_array_parse(const char *text, size_t *n_out); /* the caller frees; NULL when empty */

#endif
