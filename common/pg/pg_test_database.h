#ifndef COMMON_PG_PG_TEST_DATABASE_H
#define COMMON_PG_PG_TEST_DATABASE_H

#include "common/pg/pg.h"
#include "common/pg/pg_migrate.h"
#include "common/testing/testing.h"

#include <stdio.h>
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

/* Add the tables of this folder to a schema of the test's own, after `sql`. */
static inline void test_add_tables(
	const char *sql, const char *schema, const char *folder, enum pg_migrate_list list)
{
	struct pg_pool *admin = test_pool(1);
	struct pg *pg = test_take(admin);
	struct pg_migration_report report;
	struct err err = {.text = ""};

	if (pg_exec_script(pg, sql, &err) < 0 || pg_migrate(pg, schema, folder, list, &report, &err) < 0)
		fail_msg("%s", err.text);
	pg_give(admin, &pg);
	pg_pool_free(&admin);
}

/* So many connections to a schema of the test's own that holds the tables of this folder, empty, alone. */
static inline struct pg_pool *test_tables(
	const char *schema, const char *folder, enum pg_migrate_list list, int size)
{
	struct pg_pool *pool;
	char drop[128];

	(void)snprintf(drop, sizeof(drop), "DROP SCHEMA IF EXISTS %s CASCADE", schema);
	test_add_tables(drop, schema, folder, list);
	pool = test_pool(size);
	pg_pool_use_schema(pool, schema);
	return pool;
}

#endif
