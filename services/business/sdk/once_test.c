/* Against a real PostgreSQL; skipped without. */
#include "services/business/sdk/once.h"

#include "common/pg/pg_test_database.h"

#include "common/base/banned.h"

#define ID "0123456789abcdef0123456789abcdef"

static void exec(struct pg *pg, const char *sql)
{
	struct err err = {.text = ""};

	if (pg_exec_script(pg, sql, &err) < 0)
		fail_msg("%s", err.text);
}

static struct pg_pool *new_tables(void)
{
	return test_tables("once_test", WXBUS_SDK_MIGRATIONS, PG_MIGRATE_LIBRARY, 2);
}

static int64_t count(struct pg *pg, const char *sql)
{
	struct pg_result *res = NULL;
	struct err err;
	int64_t n;

	assert_int_equal(pg_exec(pg, sql, NULL, 0, &res, &err), 0);
	n = pg_value_int(res, 0, 0);
	pg_result_free(&res);
	return n;
}

static void a_sweep_forgets_all_that_is_due_and_nothing_else(void **state)
{
	struct pg_pool *pool = new_tables();
	struct pg *pg = test_take(pool);
	struct err err;

	(void)state;
	exec(pg, "INSERT INTO sdk_once (event_id, run, settled_at, verdict, sent_at)"
		 " SELECT n::text, '', now() - CASE WHEN n <= 11000 THEN interval '36 days' ELSE interval '1 "
		 "day' END,"
		 "   'none', CASE WHEN n > 11000 THEN now() - interval '1 day' END"
		 " FROM generate_series(1, 22000) n;"
		 "INSERT INTO sdk_once (event_id, run, verdict, sent_at) VALUES ('new', '', 'none', now())");
	assert_int_equal(once_sweep(pool, &err), 0);
	assert_int_equal(count(pg, "SELECT count(*) FROM sdk_once"), 11001);
	assert_int_equal(count(pg, "SELECT count(*) FROM sdk_once WHERE verdict IS NOT NULL"), 1);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void a_sweep_passes_over_what_another_process_holds(void **state)
{
	struct pg_pool *pool = new_tables();
	struct pg *pg = test_take(pool);
	struct err err;

	(void)state;
	exec(pg, "INSERT INTO sdk_once (event_id, run, settled_at)"
		 " SELECT n::text, '', now() - interval '36 days' FROM generate_series(1, 3) n");
	assert_int_equal(pg_begin(pg, &err), 0);
	assert_int_equal(
		pg_exec(pg, "SELECT 1 FROM sdk_once WHERE event_id = '2' FOR UPDATE", NULL, 0, NULL, &err),
		0);
	assert_int_equal(once_sweep(pool, &err), 0);
	assert_int_equal(count(pg, "SELECT count(*) FROM sdk_once"), 1);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void what_is_known_of_an_event_tells_whether_it_is_sent(void **state)
{
	struct pg_pool *pool = new_tables();
	struct once_row row = {.verdict = {.given = true, .verdict = VERDICT_EMPTY}}, found;
	struct pg *pg = NULL;
	struct err err;

	(void)state;
	assert_int_equal(once_begin(pool, ID, "", &pg, &found, &err), 0);
	assert_int_equal(once_commit(pg, ID, "", &row, &err), 0);
	pg_give(pool, &pg);
	assert_int_equal(once_begin(pool, ID, "", &pg, &found, &err), ONCE_KNOWN);
	assert_int_equal(found.verdict.verdict, VERDICT_EMPTY);
	assert_false(found.sent);
	once_row_release(&found);
	assert_int_equal(once_sent(pool, ID, "", &err), 0);
	assert_int_equal(once_begin(pool, ID, "", &pg, &found, &err), ONCE_KNOWN);
	assert_true(found.sent);
	once_row_release(&found);
	pg_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_sweep_forgets_all_that_is_due_and_nothing_else),
		TESTING_CASE(a_sweep_passes_over_what_another_process_holds),
		TESTING_CASE(what_is_known_of_an_event_tells_whether_it_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
