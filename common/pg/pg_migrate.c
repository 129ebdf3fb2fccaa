#include "common/pg/pg_migrate.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define FILES_MAX    9999
#define FILE_MAX     ((size_t)4 * 1024 * 1024)
#define LOCK_WAIT_MS ((int64_t)10 * 60 * 1000)

static const struct {
	const char *create, *is_applied, *note;
} lists[] = {
#define LIST(table)                                                                                          \
	{                                                                                                    \
		"CREATE TABLE IF NOT EXISTS " table " ("                                                     \
		"number int PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL,"                         \
		"applied_at timestamptz NOT NULL DEFAULT now())",                                            \
			"SELECT sha256 = sha256($2) FROM " table " WHERE number = $1",                       \
			"INSERT INTO " table " (number, name, sha256) VALUES ($1, $2, sha256($3))"           \
	}
	[PG_MIGRATE_OWN] = LIST("migrations"),
	[PG_MIGRATE_LIBRARY] = LIST("library_migrations"),
#undef LIST
};

/* --- the folder --------------------------------------------------------------------------------------------
 */

struct files {
	char *names[FILES_MAX]; /* names[0] is 0001_... */
	int n;
};

static void files_release(struct files *f)
{
	for (int i = 0; i < FILES_MAX; i++)
		free(f->names[i]);
	f->n = 0;
}

/* 0001_tickets.sql: 1; anything else: 0. */
static int number_of(const char *name)
{
	size_t len = strlen(name);
	int64_t number;

	if (len < 9 || strcmp(name + len - 4, ".sql") != 0)
		return 0;
	if (name[4] != '_' || str_to_int64(name, 4, 1, FILES_MAX, &number) < 0)
		return 0;
	return (int)number;
}

static int files_add(struct files *f, const char *name, struct err *err)
{
	size_t len = strlen(name);
	int number = number_of(name);

	if (number == 0) {
		if (len > 4 && strcmp(name + len - 4, ".sql") == 0)
			return err_set(err, ERR_REJECT, 0, "%s is not named like 0001_name.sql", name);
		return 0;
	}
	if (f->names[number - 1])
		return err_set(err, ERR_REJECT, 0, "%s and %s have one number", f->names[number - 1], name);
	f->names[number - 1] = xstrdup(name);
	if (number > f->n)
		f->n = number;
	return 0;
}

static int files_read(const char *folder, struct files *f, struct err *err)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return err_set(err, ERR_REJECT, errno, "%s: %s", folder, strerror(errno));
	while (rc == 0 && (entry = readdir(dir)) != NULL)
		rc = files_add(f, entry->d_name, err);
	(void)closedir(dir);
	for (int i = 0; rc == 0 && i < f->n; i++) {
		if (!f->names[i])
			rc = err_set(err, ERR_REJECT, 0, "%s: number %04d is missing", folder, i + 1);
	}
	if (rc == 0 && f->n == 0)
		rc = err_set(err, ERR_REJECT, 0, "%s holds no migrations", folder);
	return rc;
}

/* --- the database ------------------------------------------------------------------------------------------
 */

static bool schema_name_ok(const char *schema)
{
	size_t n = strspn(schema, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return n > 0 && n < 64 && schema[n] == '\0' && (schema[0] < '0' || schema[0] > '9');
}

/* Asked for again and again instead of waited for, so that no statement blocks for as long as a migration
 * runs. */
static int lock_schema(struct pg *pg, const char *schema, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + LOCK_WAIT_MS;
	struct pg_result *res = NULL;
	bool got = false;

	for (;;) {
		if (PG_EXEC(pg,
			    "SELECT pg_try_advisory_lock(hashtextextended('wxbus migrate ' || $1::text, 0))",
			    &res, err, pg_text(schema)) < 0)
			return -1;
		got = pg_value_bool(res, 0, 0);
		pg_result_free(&res);
		if (got)
			return 0;
		if (clock_mono_ms() > deadline_ms)
			return err_set(
				err, ERR_RETRY, 0, "another migration of schema %s is running", schema);
		clock_sleep_ms(100);
	}
}

static void unlock_schema(struct pg *pg, const char *schema)
{
	struct err ignored; /* the connection's end unlocks it too */

	(void)PG_EXEC(pg, "SELECT pg_advisory_unlock(hashtextextended('wxbus migrate ' || $1::text, 0))",
		NULL, &ignored, pg_text(schema));
}

/* The name has passed schema_name_ok(), so quoting it needs no more than quotes. */
static int exec_for_schema(struct pg *pg, const char *statement, const char *schema, struct err *err)
{
	char *sql = xasprintf("%s \"%s\"", statement, schema);
	int rc = pg_exec_script(pg, sql, err);

	free(sql);
	return rc;
}

static int prepare_schema(struct pg *pg, const char *schema, enum pg_migrate_list list, struct err *err)
{
	int rc;

	rc = exec_for_schema(pg, "CREATE SCHEMA IF NOT EXISTS", schema, err);
	if (rc == 0)
		rc = exec_for_schema(pg, "SET search_path TO", schema, err);
	if (rc == 0)
		rc = pg_exec_script(pg, lists[list].create, err);
	return rc;
}

/* 1: applied with these very bytes; 0: not yet. */
static int is_applied(struct pg *pg, enum pg_migrate_list list, const char *name, const char *sql, size_t len,
	struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg, lists[list].is_applied, &res, err, pg_int8(number_of(name)), pg_bytea(sql, len)) < 0)
		return -1;
	if (pg_rows(res) == 0)
		rc = 0;
	else if (pg_value_bool(res, 0, 0))
		rc = 1;
	else
		rc = err_set(err, ERR_REJECT, 0, "%s has changed since it was applied", name);
	pg_result_free(&res);
	return rc;
}

static int apply(struct pg *pg, enum pg_migrate_list list, const char *name, const char *sql, size_t len,
	struct err *err)
{
	int rc;

	if (pg_begin(pg, err) < 0)
		return -1;
	rc = pg_exec_script(pg, sql, err);
	if (rc == 0)
		rc = PG_EXEC(pg, lists[list].note, NULL, err, pg_int8(number_of(name)), pg_text(name),
			pg_bytea(sql, len));
	if (rc == 0)
		return pg_commit(pg, err);
	pg_rollback(pg);
	return rc;
}

static int migrate_file(struct pg *pg, const char *folder, enum pg_migrate_list list, const char *name,
	struct pg_migration_report *report, struct err *err)
{
	char *path = xasprintf("%s/%s", folder, name);
	char *sql = NULL;
	size_t len = 0;
	int rc;

	rc = conf_read_file(path, FILE_MAX, &sql, &len, err);
	if (rc == 0)
		rc = is_applied(pg, list, name, sql, len, err);
	if (rc == 1) {
		report->already++;
		rc = 0;
	} else if (rc == 0) {
		rc = apply(pg, list, name, sql, len, err);
		if (rc == 0)
			report->applied++;
		else
			err_prefix(err, "%s", name);
	}
	free(sql);
	free(path);
	return rc;
}

int pg_migrate(struct pg *pg, const char *schema, const char *folder, enum pg_migrate_list list,
	struct pg_migration_report *out, struct err *err)
{
	struct files *files = xcalloc(1, sizeof(*files));
	struct pg_migration_report report = {0, 0};
	bool locked = false;
	int rc = 0;

	if (!schema_name_ok(schema))
		rc = err_set(err, ERR_REJECT, 0, "'%s' is no name for a schema", schema);
	if (rc == 0)
		rc = files_read(folder, files, err);
	if (rc == 0 && (rc = lock_schema(pg, schema, err)) == 0)
		locked = true;
	if (rc == 0)
		rc = prepare_schema(pg, schema, list, err);
	for (int i = 0; rc == 0 && i < files->n; i++)
		rc = migrate_file(pg, folder, list, files->names[i], &report, err);
	if (locked) {
		struct err ignored;

		(void)pg_exec_script(pg, "RESET search_path", &ignored);
		unlock_schema(pg, schema);
	}
	files_release(files);
	free(files);
	if (rc == 0)
		*out = report;
	return rc;
}
