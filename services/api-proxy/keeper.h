#ifndef API_PROXY_KEEPER_H
#define API_PROXY_KEEPER_H

#include "common/base/err.h"
#include "common/pg/pg.h"

#include <stdbool.h>
#include <stddef.h>

/* A thread that keeps an eye on the database: asks every second whether our schema can be used, and once
 * an hour forgets ledger rows older than the topic keeps its requests, allowances and numbers of days that
 * are over. */
struct keeper;

/* `each` is called about once a second while the database is well. */
int keeper_new(
	struct keeper **out, struct pg_pool *pool, void (*each)(void *arg), void *arg, struct err *err);
void keeper_free(struct keeper **k);

bool keeper_database_well(struct keeper *k, char *detail, size_t size); /* any thread; never blocks */

#endif
