#ifndef COMMON_PG_PG_MIGRATE_H
#define COMMON_PG_PG_MIGRATE_H

#include "common/pg/pg.h"

/* Apply the numbered files of a folder (0001_tickets.sql, 0002_...) that the schema's list does not name yet,
 * each in a transaction of its own, under an advisory lock: safe to run again and in parallel. A file that
 * was applied and has changed since is refused (its SHA-256 is kept), as are gaps in the numbering. */
enum pg_migrate_list {
	PG_MIGRATE_OWN,    /* the table `migrations`: the service's own files */
	PG_MIGRATE_LIBRARY /* `library_migrations`: those of a library that keeps tables beside the service's
			    */
};
struct pg_migration_report {
	int applied;
	int already;
};
int pg_migrate(struct pg *pg, const char *schema, const char *folder, enum pg_migrate_list list,
	struct pg_migration_report *out, struct err *err);

#endif
