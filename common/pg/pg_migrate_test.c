#include "common/pg/pg_migrate.h"

#include "common/base/alloc.h"
#include "common/pg/pg_test_database.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

struct scene {
	struct pg_pool *pool;
	struct pg *pg;
	const char *folder;
};

static void write_file(const struct scene *s, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", s->folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
	free(path);
}

static void remove_file(const struct scene *s, const char *name)
{
	char *path = xasprintf("%s/%s", s->folder, name);

	(void)unlink(path);
	free(path);
}

static void scene_begin(struct scene *s)
{
	struct err err;

	s->pool = test_pool(4);
	s->pg = test_take(s->pool);
	s->folder = testing_temp_folder();
	assert_int_equal(pg_exec_script(s->pg, "DROP SCHEMA IF EXISTS migrate_test CASCADE", &err), 0);
	write_file(s, "0001_first.sql",
		"CREATE TABLE thing (id bigint PRIMARY KEY);\nINSERT INTO thing VALUES (1);\n");
	write_file(s, "0002_second.sql", "ALTER TABLE thing ADD COLUMN name text;\n");
	write_file(s, "README", "not a migration");
}

static void scene_end(struct scene *s)
{
	pg_give(s->pool, &s->pg);
	pg_pool_free(&s->pool);
}

static int migrate(struct scene *s, struct pg_migration_report *report, struct err *err)
{
	return pg_migrate(s->pg, "migrate_test", s->folder, PG_MIGRATE_OWN, report, err);
}

static void files_are_applied_once_and_in_order(void **state)
{
	struct pg_migration_report report;
	struct scene s;
	struct err err;

	(void)state;
	scene_begin(&s);
	assert_int_equal(migrate(&s, &report, &err), 0);
	assert_int_equal(report.applied, 2);
	assert_int_equal(report.already, 0);
	write_file(&s, "0003_third.sql", "INSERT INTO thing (id, name) VALUES (2, 'two');");
	assert_int_equal(migrate(&s, &report, &err), 0);
	assert_int_equal(report.applied, 1);
	assert_int_equal(report.already, 2);
	assert_int_equal(pg_exec_script(s.pg, "SELECT name FROM migrate_test.thing", &err), 0);
	scene_end(&s);
}

static void a_failing_file_leaves_nothing_behind(void **state)
{
	struct pg_migration_report report;
	struct scene s;
	struct err err;

	(void)state;
	scene_begin(&s);
	write_file(&s, "0003_third.sql", "CREATE TABLE half (id int); SELECT 1/0;");
	assert_int_equal(migrate(&s, &report, &err), -1);
	assert_non_null(strstr(err.text, "0003_third.sql"));
	assert_int_equal(pg_exec_script(s.pg, "SELECT 1 FROM migrate_test.half", &err), -1);
	write_file(&s, "0003_third.sql", "CREATE TABLE half (id int);");
	assert_int_equal(migrate(&s, &report, &err), 0);
	assert_int_equal(report.applied, 1);
	scene_end(&s);
}

static void a_file_that_changed_after_it_was_applied_is_refused(void **state)
{
	struct pg_migration_report report;
	struct scene s;
	struct err err;

	(void)state;
	scene_begin(&s);
	assert_int_equal(migrate(&s, &report, &err), 0);
	write_file(&s, "0002_second.sql", "ALTER TABLE thing ADD COLUMN other text;\n");
	assert_int_equal(migrate(&s, &report, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_non_null(strstr(err.text, "0002_second.sql"));
	scene_end(&s);
}

static void gaps_doubles_and_strange_names_are_refused(void **state)
{
	struct pg_migration_report report;
	struct scene s;
	struct err err;

	(void)state;
	scene_begin(&s);
	write_file(&s, "0004_fourth.sql", "SELECT 1;");
	assert_int_equal(migrate(&s, &report, &err), -1);
	assert_non_null(strstr(err.text, "0003"));
	remove_file(&s, "0004_fourth.sql");
	write_file(&s, "third.sql", "SELECT 1;");
	assert_int_equal(migrate(&s, &report, &err), -1);
	assert_non_null(strstr(err.text, "third.sql"));
	remove_file(&s, "third.sql");
	assert_int_equal(pg_migrate(s.pg, "Robert\"; DROP", s.folder, PG_MIGRATE_OWN, &report, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	scene_end(&s);
}

struct runner {
	struct scene *scene;
	struct pg_migration_report report;
	int rc;
};

static void *run(void *arg)
{
	struct runner *r = arg;
	struct pg *pg = NULL;
	struct err err;

	r->rc = pg_take(r->scene->pool, 1000, &pg, &err);
	if (r->rc == 0)
		r->rc = pg_migrate(pg, "migrate_test", r->scene->folder, PG_MIGRATE_OWN, &r->report, &err);
	pg_give(r->scene->pool, &pg);
	return NULL;
}

static void runs_in_parallel_apply_each_file_once(void **state)
{
	struct runner runners[3];
	pthread_t threads[3];
	struct scene s;
	int applied = 0;

	(void)state;
	scene_begin(&s);
	for (int i = 0; i < 3; i++) {
		runners[i].scene = &s;
		assert_int_equal(pthread_create(&threads[i], NULL, run, &runners[i]), 0);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(runners[i].rc, 0);
		applied += runners[i].report.applied;
	}
	assert_int_equal(applied, 2);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(files_are_applied_once_and_in_order),
		TESTING_CASE(a_failing_file_leaves_nothing_behind),
		TESTING_CASE(a_file_that_changed_after_it_was_applied_is_refused),
		TESTING_CASE(gaps_doubles_and_strange_names_are_refused),
		TESTING_CASE(runs_in_parallel_apply_each_file_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
