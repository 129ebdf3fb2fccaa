#include "common/pg/pg.h"

#include "common/base/clock.h"
#include "common/pg/pg_test_database.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

static void exec(struct pg *pg, const char *sql)
{
	struct err err;

	assert_int_equal(pg_exec_script(pg, sql, &err), 0);
}

static void every_type_comes_back_as_it_went_in(void **state)
{
	static const unsigned char bytes[] = {0, 1, 0xfe, 0xff, '\\', 'x', '\''};
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool);
	struct pg_result *res = NULL;
	struct err err;
	const void *p;
	size_t len;

	(void)state;
	for (int round = 0; round < 2; round++) { /* prepared, then used again */
		assert_int_equal(
			PG_EXEC(pg, "SELECT $1::text, $2, $3, $4, $5::text, $6::bytea, $7::bytea", &res, &err,
				pg_text("caf\xc3\xa9 '"), pg_int8(INT64_MIN), pg_bytea(bytes, sizeof(bytes)),
				pg_bool(true), pg_text(NULL), pg_bytea(NULL, 0), pg_bytea("", 0)),
			0);
		assert_int_equal(pg_rows(res), 1);
		assert_string_equal(pg_value(res, 0, 0), "caf\xc3\xa9 '");
		assert_true(pg_value_int(res, 0, 1) == INT64_MIN);
		p = pg_value_bytes(res, 0, 2, &len);
		assert_int_equal(len, sizeof(bytes));
		assert_memory_equal(p, bytes, len);
		assert_ptr_equal(pg_value_bytes(res, 0, 2, &len), p);
		assert_true(pg_value_bool(res, 0, 3));
		assert_true(pg_is_null(res, 0, 4) && pg_is_null(res, 0, 5));
		assert_string_equal(pg_value(res, 0, 4), "");
		assert_false(pg_is_null(res, 0, 6));
		pg_value_bytes(res, 0, 6, &len);
		assert_int_equal(len, 0);
		pg_result_free(&res);
	}
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void text_serves_arrays(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool);
	struct pg_result *res = NULL;
	struct err err;

	(void)state;
	assert_int_equal(PG_EXEC(pg, "SELECT ($1::bigint[])[2], array_length($1::bigint[], 1)", &res, &err,
				 pg_text("{7,8}")),
		0);
	assert_int_equal(pg_value_int(res, 0, 0), 8);
	assert_int_equal(pg_value_int(res, 0, 1), 2);
	pg_result_free(&res);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void kinds_of_error_tell_what_to_do(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool);
	struct err err;

	(void)state;
	exec(pg, "CREATE TEMP TABLE kinds (id bigint PRIMARY KEY)");
	assert_int_equal(PG_EXEC(pg, "INSERT INTO kinds VALUES ($1)", NULL, &err, pg_int8(1)), 0);
	assert_int_equal(PG_EXEC(pg, "INSERT INTO kinds VALUES ($1)", NULL, &err, pg_int8(1)), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(err.code, PG_UNIQUE_VIOLATION);

	assert_int_equal(PG_EXEC(pg, "SELECT $1::int", NULL, &err, pg_text("secret-value")), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_null(strstr(err.text, "secret-value"));

	assert_int_equal(PG_EXEC(pg, "SELECT 1 FROM nowhere", NULL, &err, pg_int8(1)), -1);
	assert_int_equal(err.kind, ERR_FATAL);
	assert_non_null(strstr(err.text, "nowhere"));

	assert_int_equal(PG_EXEC(pg, "SELECT $1::text", NULL, &err, pg_text_len("a\0b", 3)), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(PG_EXEC(pg, "SELECT $1::text", NULL, &err, pg_text("still usable")), 0);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

/* What a message holds must not stop a process: what depends on the data is no ERR_FATAL. */
static void each_class_of_sqlstate_has_its_kind(void **state)
{
	static const struct {
		const char *sqlstate;
		enum err_kind kind;
		bool servers;
	} rows[] = {
		{"21000", ERR_REJECT, false},
		{"22001", ERR_REJECT, false},
		{"23514", ERR_REJECT, false},
		{"25P02", ERR_RETRY, false},
		{"27000", ERR_REJECT, false},
		{"40001", ERR_RETRY, false},
		{"42P01", ERR_FATAL, false},
		{"44000", ERR_REJECT, false},
		{"25006", ERR_RETRY, true},
		{"53100", ERR_RETRY, true},
		{"53200", ERR_RETRY, true},
		{"54000", ERR_REJECT, false},
		{"55P03", ERR_RETRY, false},
		{"57014", ERR_RETRY, false},
		{"P0001", ERR_REJECT, false},
		{"58030", ERR_RETRY, true},
		{"XX000", ERR_FATAL, false},
	};
	struct pg_pool *pool = test_pool(1);
	struct pg *pg;
	char sql[96];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(sql, sizeof(sql), "DO $$ BEGIN RAISE 'no' USING ERRCODE = '%s'; END $$",
			rows[i].sqlstate);
		pg = test_take(pool);
		assert_false(pg_server_failed(pg));
		assert_int_equal(pg_exec_script(pg, sql, &err), -1);
		assert_string_equal(err_kind_name(err.kind), err_kind_name(rows[i].kind));
		assert_int_equal(pg_server_failed(pg), rows[i].servers);
		pg_give(pool, &pg);
	}
	pg_pool_free(&pool);
}

static void a_statement_in_a_transaction_that_failed_is_worth_a_retry(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool);
	struct err err;

	(void)state;
	assert_int_equal(pg_begin(pg, &err), 0);
	assert_int_equal(pg_exec(pg, "SELECT 1 / 0", NULL, 0, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(pg_exec(pg, "SELECT 1", NULL, 0, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void a_value_larger_than_an_index_takes_is_rejected(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool);
	struct err err;

	(void)state;
	exec(pg, "CREATE TEMP TABLE wide (t text PRIMARY KEY)");
	assert_int_equal(pg_exec(pg,
				 "INSERT INTO wide SELECT string_agg(md5(n::text), '') FROM "
				 "generate_series(1, 1000) n",
				 NULL, 0, NULL, &err),
		-1);
	assert_int_equal(err.kind, ERR_REJECT);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static int64_t pid_of(struct pg *pg)
{
	struct pg_result *res = NULL;
	struct err err;
	int64_t pid;

	assert_int_equal(pg_exec(pg, "SELECT pg_backend_pid()", NULL, 0, &res, &err), 0);
	pid = pg_value_int(res, 0, 0);
	pg_result_free(&res);
	return pid;
}

static void kill_backend(struct pg *by, int64_t pid)
{
	struct pg_result *res = NULL;
	struct err err;

	assert_int_equal(PG_EXEC(by, "SELECT pg_terminate_backend($1::int)", &res, &err, pg_int8(pid)), 0);
	pg_result_free(&res);
	clock_sleep_ms(200);
}

static void a_connection_that_died_idle_is_replaced_when_taken(void **state)
{
	struct pg_pool *pool = test_pool(2);
	struct pg *killer = test_take(pool), *pg = test_take(pool);
	int64_t pid = pid_of(pg);

	(void)state;
	pg_give(pool, &pg);
	kill_backend(killer, pid);
	pg = test_take(pool);
	assert_true(pid_of(pg) != pid);
	pg_give(pool, &pg);
	pg_give(pool, &killer);
	pg_pool_free(&pool);
}

static void a_connection_that_dies_is_uncertain_alone_and_harmless_in_a_transaction(void **state)
{
	struct pg_pool *pool = test_pool(2);
	struct pg *killer = test_take(pool), *pg = test_take(pool);
	struct err err;

	(void)state;
	pid_of(pg);
	kill_backend(killer, pid_of(pg));
	assert_int_equal(pg_exec(pg, "SELECT pg_backend_pid()", NULL, 0, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	assert_false(pg_pool_healthy(pool));
	assert_int_equal(pg_exec(pg, "SELECT 1", NULL, 0, NULL, &err), -1); /* until it is given back */
	assert_int_equal(err.kind, ERR_RETRY);
	pg_give(pool, &pg);

	pg = test_take(pool);
	assert_int_equal(pg_begin(pg, &err), 0);
	kill_backend(killer, pid_of(pg));
	assert_int_equal(pg_exec(pg, "SELECT pg_backend_pid()", NULL, 0, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	pg_give(pool, &pg);

	pg = test_take(pool);
	assert_int_equal(pg_begin(pg, &err), 0);
	kill_backend(killer, pid_of(pg));
	assert_int_equal(pg_commit(pg, &err), -1);
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	pg_give(pool, &pg);
	pg_give(pool, &killer);
	pg_pool_free(&pool);
}

static void an_open_transaction_is_rolled_back_when_given_back(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool);
	struct pg_result *res = NULL;
	struct err err;

	(void)state;
	exec(pg, "CREATE TEMP TABLE undone (id bigint)");
	assert_int_equal(pg_begin(pg, &err), 0);
	exec(pg, "INSERT INTO undone VALUES (1)");
	pg_give(pool, &pg);
	pg = test_take(pool);
	assert_int_equal(pg_exec(pg, "SELECT count(*) FROM undone", NULL, 0, &res, &err), 0);
	assert_int_equal(pg_value_int(res, 0, 0), 0);
	pg_result_free(&res);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void commit_after_a_failed_statement_is_a_failure(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool);
	struct err err;

	(void)state;
	assert_int_equal(pg_begin(pg, &err), 0);
	assert_int_equal(pg_exec_script(pg, "SELECT 1/0", &err), -1);
	assert_int_equal(pg_commit(pg, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

static void taking_waits_no_longer_than_asked(void **state)
{
	struct pg_pool *pool = test_pool(1);
	struct pg *pg = test_take(pool), *other = NULL;
	int64_t before = clock_mono_ms();
	struct err err;

	(void)state;
	assert_int_equal(pg_take(pool, 100, &other, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_in_range(clock_mono_ms() - before, 100, 1000);
	pg_give(pool, &pg);
	pg_pool_free(&pool);
}

struct taker {
	struct pg_pool *pool;
	int done;
};

static void *take_and_give(void *arg)
{
	struct taker *t = arg;
	struct pg *pg;
	struct err err;

	for (int i = 0; i < 50; i++) {
		if (pg_take(t->pool, 5000, &pg, &err) < 0)
			continue;
		t->done += pg_exec(pg, "SELECT 1", NULL, 0, NULL, &err) == 0;
		pg_give(t->pool, &pg);
	}
	return NULL;
}

static void many_threads_share_few_connections(void **state)
{
	struct pg_pool *pool = test_pool(2);
	struct taker takers[6] = {{NULL, 0}};
	pthread_t threads[6];

	(void)state;
	for (int i = 0; i < 6; i++) {
		takers[i].pool = pool;
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &takers[i]), 0);
	}
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(takers[i].done, 50);
	}
	pg_pool_free(&pool);
}

static void a_notification_arrives(void **state)
{
	struct pg_pool *pool = test_pool(2);
	struct pg *listener = test_take(pool), *sender = test_take(pool);
	struct err err;

	(void)state;
	assert_int_equal(pg_listen(listener, "news", &err), 0);
	assert_int_equal(pg_notified(listener, 50, &err), 0);
	exec(sender, "NOTIFY news");
	assert_int_equal(pg_notified(listener, 2000, &err), 1);
	pg_give(pool, &sender);
	pg_give(pool, &listener);
	pg_pool_free(&pool);
}

static void every_connection_of_a_pool_is_in_its_schema(void **state)
{
	struct pg_pool *pool = test_pool(2), *other = test_pool(1);
	struct pg *pg, *killer = test_take(other);
	struct pg_result *res = NULL;
	struct err err;
	int64_t pid = 0;

	(void)state;
	pg_pool_use_schema(pool, "of_pool_test");
	exec(killer, "DROP SCHEMA IF EXISTS of_pool_test CASCADE; CREATE SCHEMA of_pool_test; "
		     "CREATE TABLE of_pool_test.things (n int)");
	for (int round = 0; round < 2; round++) {
		pg = test_take(pool);
		assert_int_equal(
			pg_exec(pg, "SELECT pg_backend_pid(), count(*) FROM things", NULL, 0, &res, &err), 0);
		pid = pg_value_int(res, 0, 0);
		pg_result_free(&res);
		pg_give(pool, &pg);
		kill_backend(killer, pid);
	}
	exec(killer, "DROP SCHEMA of_pool_test CASCADE");
	pg_give(other, &killer);
	pg_pool_free(&pool);
	pg_pool_free(&other);
}

static void a_malformed_url_is_refused_without_its_password(void **state)
{
	struct pg_pool *pool = NULL;
	struct err err;

	(void)state;
	assert_int_equal(pg_pool_new(&pool, "postgresql://u:hunter2@[::1/x", 1, "t", &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(pg_check_url("postgresql://u:hunter2@[::1/x", &err), -1);
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(pg_check_url("postgresql://u:hunter2@[::1]/x", &err), 0);
}

static void a_server_that_is_away_is_worth_a_retry(void **state)
{
	struct pg_pool *pool = NULL;
	struct pg *pg = NULL;
	struct err err;

	(void)state;
	assert_int_equal(pg_pool_new(&pool, "postgresql://u:hunter2@127.0.0.1:1/x", 1, "t", &err), 0);
	assert_int_equal(pg_take(pool, 100, &pg, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(pg_check_url("postgresql://u:hunter2@[::1/x", &err), -1);
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(pg_check_url("postgresql://u:hunter2@[::1]/x", &err), 0);
	assert_false(pg_pool_healthy(pool));
	pg_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_type_comes_back_as_it_went_in),
		TESTING_CASE(text_serves_arrays),
		TESTING_CASE(kinds_of_error_tell_what_to_do),
		TESTING_CASE(each_class_of_sqlstate_has_its_kind),
		TESTING_CASE(a_statement_in_a_transaction_that_failed_is_worth_a_retry),
		TESTING_CASE(a_value_larger_than_an_index_takes_is_rejected),
		TESTING_CASE(a_connection_that_died_idle_is_replaced_when_taken),
		TESTING_CASE(a_connection_that_dies_is_uncertain_alone_and_harmless_in_a_transaction),
		TESTING_CASE(an_open_transaction_is_rolled_back_when_given_back),
		TESTING_CASE(commit_after_a_failed_statement_is_a_failure),
		TESTING_CASE(taking_waits_no_longer_than_asked),
		TESTING_CASE(many_threads_share_few_connections),
		TESTING_CASE(a_notification_arrives),
		TESTING_CASE(every_connection_of_a_pool_is_in_its_schema),
		TESTING_CASE(a_malformed_url_is_refused_without_its_password),
		TESTING_CASE(a_server_that_is_away_is_worth_a_retry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
