#ifndef SERVICES_SEALED_SEALED_H
#define SERVICES_SEALED_SEALED_H

#include "common/pg/pg_rewrite.h"
#include "proto/key_report.h"
#include "proto/keyfiles.h"

/* What the services that keep sealed columns (proto/keyfiles.h) in PostgreSQL share: which master keys are
 * still needed, and sealing what old ones have sealed anew while everything goes on. Each service owns its
 * rows and its keys; this is code, no process. Any thread; the connection is the caller's. */

/* One sealed column. */
struct sealed_rows {
	struct pg_rewrite rewrite; /* its third parameter is the id of the key not to look for, as bytes */
	const char *count;         /* columns: key id, how many rows */
};

/* clang-format off */
/* The id within a sealed value, as bytes: one byte length, the id, the rest. */
#define SEALED_KEY_OF(column) "substring(" column " FROM 2 FOR get_byte(" column ", 0))"

/* One row of a service's table. `table` with its schema, which the SQL here calls t; `place` makes a text of
 * its key, `order` are the key's columns, `after` says that the key lies behind the place $1, `at` that it is
 * the place $1; `row` is what the value is bound to. */
#define SEALED_ROWS(table, column, place, order, after, at, row)                                             \
	{                                                                                                    \
		.rewrite = {                                                                                 \
			.name = table "." column,                                                            \
			.select = "SELECT " place ", " row ", t." column " FROM " table " t"                 \
				  " WHERE t." column " IS NOT NULL AND " SEALED_KEY_OF("t." column) " <> $3" \
				  " AND " after " ORDER BY " order " LIMIT $2 FOR UPDATE SKIP LOCKED",       \
			.update = "UPDATE " table " SET " column " = $2 WHERE " at,                          \
		},                                                                                           \
		.count = "SELECT convert_from(" SEALED_KEY_OF("t." column) ", 'UTF8'), count(*)"             \
			 " FROM " table " t WHERE t." column " IS NOT NULL GROUP BY 1",                      \
	}

/* A service's schema, which has a table key_use (kind text, key_id text, used_at timestamptz). */
struct sealed_schema {
	const struct sealed_rows *rows;
	size_t n_rows;
	const char *note;
	const char *uses;
};
#define SEALED_SCHEMA(schema, table)                                                                         \
	{                                                                                                    \
		.rows = (table),                                                                             \
		.n_rows = sizeof(table) / sizeof((table)[0]),                                                \
		.note = "INSERT INTO " schema ".key_use AS k (kind, key_id, used_at) VALUES ($1, $2,"        \
			" CASE WHEN $4 > 0 THEN to_timestamp($4 / 1000.0) ELSE now() END)"                   \
			" ON CONFLICT (kind, key_id) DO UPDATE SET"                                          \
			" used_at = greatest(k.used_at, excluded.used_at) WHERE $3",                         \
		.uses = "SELECT kind, key_id, (extract(epoch FROM used_at) * 1000)::bigint FROM " schema     \
			".key_use",                                                                          \
	}
/* clang-format on */

/* The longest life of what is sealed or signed under a master key and kept by others: pages, states, proxy
 * tokens; and how much later than that a process may still have noted its use. */
#define SEALED_ELSEWHERE_MS INT64_C(7200000)
#define SEALED_SLACK_MS     INT64_C(300000)

/* This key was in use at `at_ms` (0: now); with `used` false: it was seen, and counts from then if it is new.
 */
int sealed_note(struct pg *pg, const struct sealed_schema *s, enum key_kind kind, const char *id, bool used,
	int64_t at_ms, struct err *err);
/* The same for all master keys that a process holds; the first is in use. About every minute. */
int sealed_note_master(
	struct pg *pg, const struct sealed_schema *s, const struct master_keys *keys, struct err *err);

/* Into the report: the keys held, and how many rows each has sealed. */
int sealed_count_master(struct pg *pg, const struct sealed_schema *s, const struct master_keys *keys,
	struct key_report *report, struct err *err);
/* The last step of a report: when its keys were in use, and until when they may be needed outside the
 * database; event keys for event_ms after their last use. */
int sealed_uses(struct pg *pg, const struct sealed_schema *s, int64_t event_ms, struct key_report *report,
	struct err *err);

/* One batch. SEALED_NOT_CURRENT: this process does not seal with that key. */
#define SEALED_NOT_CURRENT 1
int sealed_reseal(struct pg *pg, const struct sealed_schema *s, const struct master_keys *keys,
	const struct reseal_request *request, struct reseal_answer *out, struct err *err);

#endif
