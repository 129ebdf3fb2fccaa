#include "tools/wxbus/migrate/schemas.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/banned.h"

/* Names come from a service's folder by name_schema(): a-z, 0-9 and '_'. */
static int exec(struct pg *pg, struct err *err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int exec(struct pg *pg, struct err *err, const char *fmt, ...)
{
	char sql[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(sql, sizeof(sql), fmt, args);
	va_end(args);
	return pg_exec_script(pg, sql, err);
}

static int role_exists(struct pg *pg, const char *role, bool *out, struct err *err)
{
	struct pg_result *res = NULL;

	if (PG_EXEC(pg, "SELECT 1 FROM pg_roles WHERE rolname = $1", &res, err, pg_text(role)) < 0)
		return -1;
	*out = pg_rows(res) > 0;
	pg_result_free(&res);
	return 0;
}

static int make_role(struct pg *pg, const char *role, bool *made_out, struct err *err)
{
	bool exists;

	if (role_exists(pg, role, &exists, err) < 0)
		return -1;
	*made_out = !exists;
	if (exists)
		return 0;
	/* No password: how a role proves itself (pg_hba.conf, a secret, a certificate) is the operator's. */
	if (exec(pg, err, "CREATE ROLE \"%s\" LOGIN", role) < 0)
		return err_prefix(err, "role %s", role);
	return 0;
}

static int grant(struct pg *pg, const char *schema, const char *role, struct err *err)
{
	return exec(pg, err,
		"REVOKE ALL ON SCHEMA \"%1$s\" FROM PUBLIC;"
		"GRANT USAGE ON SCHEMA \"%1$s\" TO \"%2$s\";"
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"%1$s\" TO \"%2$s\";"
		"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA \"%1$s\" TO \"%2$s\"",
		schema, role);
}

/* Roles and grants live in catalogues that two sessions must not change at once. */
static int role_and_grants(struct pg *pg, const struct manifest *m, bool *made_out, struct err *err)
{
	int rc;

	if (pg_begin(pg, err) < 0)
		return -1;
	rc = pg_exec_script(
		pg, "SELECT pg_advisory_xact_lock(hashtextextended('wxbus migrate roles', 0))", err);
	if (rc == 0)
		rc = make_role(pg, m->role, made_out, err);
	if (rc == 0)
		rc = grant(pg, m->schema, m->role, err);
	if (rc == 0)
		return pg_commit(pg, err);
	pg_rollback(pg);
	return rc;
}

int schema_migrate(struct pg *pg, const struct manifest *m, struct pg_migration_report *report_out,
	bool *role_made_out, struct err *err)
{
	struct pg_migration_report sdk = {0, 0}, own;
	int rc = 0;

	if (m->sdk_folder)
		rc = pg_migrate(pg, m->schema, m->sdk_folder, PG_MIGRATE_LIBRARY, &sdk, err);
	if (rc == 0)
		rc = pg_migrate(pg, m->schema, m->folder, PG_MIGRATE_OWN, &own, err);
	if (rc == 0)
		*report_out =
			(struct pg_migration_report){sdk.applied + own.applied, sdk.already + own.already};
	if (rc == 0)
		rc = role_and_grants(pg, m, role_made_out, err);
	if (rc < 0)
		err_prefix(err, "schema %s", m->schema);
	return rc;
}
