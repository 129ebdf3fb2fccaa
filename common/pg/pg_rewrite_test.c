#include "common/pg/pg_rewrite.h"

#include "common/pg/pg_test_database.h"

#include <string.h>

#include "common/base/banned.h"

static const struct pg_rewrite values = {
	.name = "values.v",
	.select = "SELECT r.id::text, 'row ' || r.id, r.v FROM pg_temp.rewritten r"
		  " WHERE r.id > coalesce(nullif($1, '')::bigint, 0) AND substring(r.v FROM 1 FOR 1) <> $3"
		  " ORDER BY r.id LIMIT $2 FOR UPDATE SKIP LOCKED",
	.update = "UPDATE pg_temp.rewritten SET v = $2 WHERE id = $1::bigint",
};

/* 'n' in the place of the first byte; what begins with 'x' has no new value. */
static int renew(
	void *arg, const char *row, const void *old, size_t len, struct buf *new_out, struct err *err)
{
	int *calls = arg;

	(*calls)++;
	assert_int_equal(strncmp(row, "row ", 4), 0);
	if (len == 0 || memcmp(old, "x", 1) == 0)
		return err_set(err, ERR_REJECT, 0, "does not open");
	if (memcmp(old, "e", 1) == 0)
		return err_set(err, ERR_RETRY, 0, "not now");
	buf_add_char(new_out, 'n');
	buf_add(new_out, (const char *)old + 1, len - 1);
	return 0;
}

static struct pg *with_rows(struct pg_pool *pool, const char *rows)
{
	struct pg *pg = test_take(pool);
	struct err err;

	assert_int_equal(
		pg_exec_script(pg, "CREATE TEMP TABLE rewritten (id bigint PRIMARY KEY, v bytea)", &err), 0);
	assert_int_equal(pg_exec_script(pg, rows, &err), 0);
	return pg;
}

static void assert_all(struct pg *pg, const char *expected)
{
	struct pg_result *res = NULL;
	struct err err;

	assert_int_equal(
		pg_exec(pg, "SELECT string_agg(encode(v, 'escape'), ' ' ORDER BY id) FROM pg_temp.rewritten",
			NULL, 0, &res, &err),
		0);
	assert_string_equal(pg_value(res, 0, 0), expected);
	pg_result_free(&res);
}

static int step(struct pg *pg, const char *place, int64_t limit, int *calls, struct pg_rewrite_step *out,
	struct err *err)
{
	return pg_rewrite_batch(pg, &values, pg_bytea("n", 1), place, limit, renew, calls, out, err);
}

static void batches_follow_each_other_and_pass_over_what_has_no_new_value(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg =
		with_rows(pool, "INSERT INTO rewritten VALUES (1, 'o1'), (2, 'n2'), (3, 'x3'), (12, 'o4')");
	struct pg_rewrite_step s = {.place = ""};
	struct err err;
	int calls = 0;

	(void)state;
	assert_int_equal(step(pg, "", 2, &calls, &s, &err), 0);
	assert_true(s.rewritten == 1 && s.left == 1 && !s.end);
	assert_string_equal(s.place, "3");
	assert_int_equal(step(pg, s.place, 2, &calls, &s, &err), 0);
	assert_true(s.rewritten == 1 && s.left == 0 && s.end);
	assert_int_equal(calls, 3);
	assert_all(pg, "n1 n2 x3 n4");
	assert_int_equal(step(pg, s.place, 2, &calls, &s, &err), 0);
	assert_true(s.rewritten == 0 && s.end);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void a_failed_batch_changes_nothing(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = with_rows(pool, "INSERT INTO rewritten VALUES (1, 'o1'), (2, 'e2')");
	struct pg_rewrite_step s = {.rewritten = 7};
	struct err err;
	int calls = 0;

	(void)state;
	assert_int_equal(step(pg, "", 10, &calls, &s, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(s.rewritten, 7);
	assert_all(pg, "o1 e2");
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(batches_follow_each_other_and_pass_over_what_has_no_new_value),
		TESTING_CASE(a_failed_batch_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
