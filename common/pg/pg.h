#ifndef COMMON_PG_PG_H
#define COMMON_PG_PG_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* PostgreSQL: a pool of connections, parameters only, statements prepared on the server once per connection.
 *
 * Kinds of error: ERR_RETRY: no connection, serialization failure, deadlock, or the statement surely did not
 * run; ERR_REJECT: a constraint or a malformed value (code is the SQLSTATE's class as in PG_SQLSTATE());
 * ERR_UNCERTAIN: the connection broke after a COMMIT or a statement outside a transaction was sent;
 * ERR_FATAL: a statement that can never work (undefined table: not migrated). Texts never carry parameter
 * values. */
struct pg_pool;
struct pg; /* one connection, used by one thread at a time */

/* ERR_REJECT: not a URL that pg_pool_new() takes. Connects to nothing, and the text does not show it. */
int pg_check_url(const char *url, struct err *err);
int pg_pool_new(
	struct pg_pool **out, const char *url, int size, const char *application_name, struct err *err);
void pg_pool_free(struct pg_pool **pool);
/* Before the first pg_take(): names without a schema are those of this one, on every connection. A statement
 * can then serve a business's schema and that of its release under test. `schema`: a-z, 0-9 and '_'. */
void pg_pool_use_schema(struct pg_pool *pool, const char *schema);
bool pg_pool_healthy(
	const struct pg_pool *pool); /* the last attempt to use a connection went well; any thread */

/* Waits up to wait_ms for a free connection and connects or reconnects it. */
int pg_take(struct pg_pool *pool, int64_t wait_ms, struct pg **out, struct err *err);
void pg_give(struct pg_pool *pool, struct pg **pg); /* accepts NULL; an open transaction is rolled back */

/* Since it was taken the connection was lost, or the server had trouble of its own: no disk, no memory,
 * stopping, a standby. What failed then may well work later, unchanged. */
bool pg_server_failed(const struct pg *pg);

enum pg_type { PG_TEXT, PG_INT8, PG_BYTEA, PG_BOOL };
struct pg_param {
	enum pg_type type;
	bool null;
	const void *p; /* PG_TEXT, PG_BYTEA; borrowed */
	size_t len;
	int64_t i; /* PG_INT8, PG_BOOL */
};
struct pg_param pg_text(const char *s); /* NULL becomes NULL */
struct pg_param pg_text_len(const char *s, size_t len);
struct pg_param pg_int8(int64_t v);
struct pg_param pg_bytea(const void *p, size_t len); /* p NULL becomes NULL */
struct pg_param pg_bool(bool v);

struct pg_result;

/* Run one statement with $1.. parameters. `sql` must be a string literal or live as long as the process: its
 * address names the prepared statement. result_out may be NULL. */
int pg_exec(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
	struct pg_result **result_out, struct err *err);
#define PG_EXEC(pg, sql, result_out, err, ...)                                                               \
	pg_exec(pg, sql, (const struct pg_param[]){__VA_ARGS__},                                             \
		sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param), result_out, err)
/* Run one statement whose $1 is how many rows it may change at most, again while it changes as many, until
 * budget_ms are over: what is due is done in parts that hold no lock for long. */
int pg_exec_batches(struct pg *pg, const char *sql, int64_t batch, int64_t budget_ms, struct err *err);
int pg_exec_script(struct pg *pg, const char *sql, struct err *err); /* several statements, no parameters */

int pg_begin(struct pg *pg, struct err *err);
int pg_commit(struct pg *pg, struct err *err);
void pg_rollback(struct pg *pg);

void pg_result_free(struct pg_result **r); /* wipes nothing: sealed values only */
int pg_rows(const struct pg_result *r);
int64_t pg_affected(const struct pg_result *r);
bool pg_is_null(const struct pg_result *r, int row, int col);
const char *pg_value(const struct pg_result *r, int row, int col); /* text; "" for NULL */
int64_t pg_value_int(const struct pg_result *r, int row, int col);
bool pg_value_bool(const struct pg_result *r, int row, int col);
const void *pg_value_bytes(const struct pg_result *r, int row, int col, size_t *len_out); /* bytea */

/* LISTEN on this connection; pg_notified waits for a NOTIFY. 1: something came; 0: nothing within wait_ms;
 * -1. */
int pg_listen(struct pg *pg, const char *channel, struct err *err);
int pg_notified(struct pg *pg, int64_t wait_ms, struct err *err);

#define PG_UNIQUE_VIOLATION 23505
/* SQLSTATE of five digits as a number when it is one, otherwise 0; in err.code. */

#endif
