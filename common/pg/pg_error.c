/* How libpq's failures become kinds of error. The server's own words are repeated only where they cannot hold
 * a parameter's value: "invalid input syntax for type integer: \"...\"" quotes it, and it may be a secret. */
#include "common/pg/pg_internal.h"

#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct class_row {
	const char *prefix; /* of the SQLSTATE; the first match counts */
	enum err_kind kind;
	bool servers; /* the server's own trouble, whatever the statement was */
};

/* https://www.postgresql.org/docs/current/errcodes-appendix.html */
static const struct class_row classes[] = {
	{"25006", ERR_RETRY, true},  /* read-only: a standby that is about to be promoted */
	{"0A000", ERR_RETRY, false}, /* "cached plan must not change result type": prepared again next time */
	{"26", ERR_RETRY, false},    /* a prepared statement that the server lost */
	{"25P02", ERR_RETRY, false}, /* in a transaction that failed: the earlier error was the telling one */
	{"25P03", ERR_UNCERTAIN, false}, /* in a transaction, idle for too long: the connection is closed */
	{"25P04", ERR_UNCERTAIN, false}, /* ... or in it for too long */
	{"40", ERR_RETRY, false},        /* serialization failure, deadlock */
	{"53", ERR_RETRY, true},         /* out of disk, memory or connections */
	{"55", ERR_RETRY, false},        /* object in use, lock not available */
	{"57014", ERR_RETRY, false},     /* cancelled */
	{"57", ERR_UNCERTAIN, false},    /* the server is stopping; see pg_result_error() */
	{"58", ERR_RETRY, true},         /* I/O error of the system under it */
	{"08", ERR_UNCERTAIN, false},    /* connection exceptions */
	{"22", ERR_REJECT, false},       /* a malformed value */
	{"23", ERR_REJECT, false},       /* a constraint */
	{"21", ERR_REJECT, false},       /* more rows than the statement takes: these data do it */
	{"27", ERR_REJECT, false},       /* data that a trigger has changed under the statement */
	{"44", ERR_REJECT, false},       /* a view's WITH CHECK OPTION */
	{"54", ERR_REJECT, false},       /* larger than an index, a row or a statement may be */
	{"P0", ERR_REJECT, false},       /* RAISE */
};

static const struct class_row *class_of(const char *sqlstate)
{
	static const struct class_row other = {"", ERR_FATAL, false};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (str_starts_with(sqlstate, classes[i].prefix))
			return &classes[i];
	}
	return &other;
}

static int code_of(const char *sqlstate)
{
	int64_t code;

	return str_to_int64(sqlstate, strlen(sqlstate), 0, 99999, &code) == 0 ? (int)code : 0;
}

static bool is_lost_statement(const char *sqlstate)
{
	return str_starts_with(sqlstate, "26") || str_starts_with(sqlstate, "0A000");
}

int pg_connection_lost(struct pg *pg, enum pg_effect effect, const char *what, struct err *err)
{
	pg->broken = pg->server_failed = true;
	pg_pool_note(pg->pool, false);
	if (effect == PG_EFFECT)
		return err_set(
			err, ERR_UNCERTAIN, 0, "database: %s; the statement may have taken effect", what);
	return err_set(err, ERR_RETRY, 0, "database: %s", what);
}

int pg_result_error(struct pg *pg, const PGresult *res, enum pg_effect effect, struct err *err)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const struct class_row *class;
	enum err_kind kind;

	if (!sqlstate) /* libpq's own: the connection is gone */
		return pg_connection_lost(pg, effect, "the connection was lost", err);
	class = class_of(sqlstate);
	kind = class->kind;
	pg->server_failed |= class->servers;
	if (kind == ERR_UNCERTAIN)
		return pg_connection_lost(pg, effect, primary ? primary : "the server is stopping", err);
	if (is_lost_statement(sqlstate))
		pg->broken = true; /* a new connection prepares everything anew */
	if (str_starts_with(sqlstate, "22"))
		return err_set(
			err, kind, code_of(sqlstate), "database: malformed value (SQLSTATE %s)", sqlstate);
	if (constraint && constraint[0])
		return err_set(err, kind, code_of(sqlstate), "database: constraint %s (SQLSTATE %s)",
			constraint, sqlstate);
	return err_set(err, kind, code_of(sqlstate), "database: %s (SQLSTATE %s)", primary ? primary : "?",
		sqlstate);
}
