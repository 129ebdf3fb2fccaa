#ifndef TOOLS_WXBUS_MIGRATE_SCHEMAS_H
#define TOOLS_WXBUS_MIGRATE_SCHEMAS_H

#include "common/pg/pg_migrate.h"
#include "tools/wxbus/migrate/manifest.h"

/* Bring one service's schema to its files, make its role if it is missing, and let that role use its own
 * schema and nothing else. Safe to run again and in parallel. role_made_out: the role was missing. */
int schema_migrate(struct pg *pg, const struct manifest *m, struct pg_migration_report *report_out,
	bool *role_made_out, struct err *err);

#endif
