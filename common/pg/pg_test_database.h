#ifndef COMMON_PG_PG_TEST_DATABASE_H
#define COMMON_PG_PG_TEST_DATABASE_H

#include "common/pg/pg.h"
#include "common/testing/testing.h"

#include <stdlib.h>

/* Tests against a real PostgreSQL: WXBUS_TEST_DATABASE_URL names a database that may be written to. Without
 * it they are skipped; the integration tests run them with it. */
static inline const char *test_database_url(void)
{
	const char *url = getenv("WXBUS_TEST_DATABASE_URL");

	if (!url || !url[0])
		skip();
	return url;
}

static inline struct pg_pool *test_pool(int size)
{
	struct pg_pool *pool = NULL;
	struct err err;

	assert_int_equal(pg_pool_new(&pool, test_database_url(), size, "pg_test", &err), 0);
	return pool;
}

static inline struct pg *test_take(struct pg_pool *pool)
{
	struct pg *pg = NULL;
	struct err err;

	assert_int_equal(pg_take(pool, 1000, &pg, &err), 0);
	return pg;
}

#endif
