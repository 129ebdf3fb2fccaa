/* Statements and results. libpq's blocking calls wait for ever on a server that has stopped answering, so
 * everything here sends, polls the socket against a deadline of our own, and gives the connection up past it.
 */
#include "common/pg/pg_internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define STATEMENT_WAIT_MS ((int64_t)15 * 1000)
#define SCRIPT_WAIT_MS    ((int64_t)30 * 60 * 1000) /* a migration may build an index */
#define PARAMS_MAX        32

enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INFERRED = 0 };

struct pg_prepared {
	const char *sql; /* the key: its address */
	char name[16];
	UT_hash_handle hh;
};

void pg_forget_prepared(struct pg *pg)
{
	struct pg_prepared *p, *next;

	HASH_ITER (hh, pg->prepared, p, next) {
		HASH_DEL(pg->prepared, p);
		free(p);
	}
	pg->n_prepared = 0;
}

/* --- sending and waiting -----------------------------------------------------------------------------------
 */

/* 1: the socket is ready for what was asked; 0: the deadline passed. */
static int wait_socket(PGconn *conn, short events, int64_t deadline_ms)
{
	struct pollfd fd = {.fd = PQsocket(conn), .events = events};
	int64_t left = deadline_ms - clock_mono_ms();
	int rc;

	if (left <= 0)
		return 0;
	rc = poll(&fd, 1, left > 60000 ? 60000 : (int)left);
	return rc > 0 || (rc < 0 && errno == EINTR) || clock_mono_ms() < deadline_ms;
}

static int flush_out(struct pg *pg, int64_t deadline_ms, enum pg_effect effect, struct err *err)
{
	int rc;

	while ((rc = PQflush(pg->conn)) == 1) {
		if (!wait_socket(pg->conn, POLLIN | POLLOUT, deadline_ms))
			return pg_connection_lost(pg, effect, "no answer in time", err);
		if (PQconsumeInput(pg->conn) == 0)
			break;
	}
	return rc == 0 ? 0 : pg_connection_lost(pg, effect, "the connection was lost", err);
}

static int wait_answer(struct pg *pg, int64_t deadline_ms, enum pg_effect effect, struct err *err)
{
	while (PQisBusy(pg->conn)) {
		if (!wait_socket(pg->conn, POLLIN, deadline_ms))
			return pg_connection_lost(pg, effect, "no answer in time", err);
		/* A failure shows in the result that PQgetResult() then makes: the server's last words, if
		 * any. */
		if (PQconsumeInput(pg->conn) == 0)
			return 0;
	}
	return 0;
}

static bool is_error(const PGresult *res)
{
	return PQresultStatus(res) == PGRES_FATAL_ERROR || PQresultStatus(res) == PGRES_BAD_RESPONSE;
}

int pg_finish(struct pg *pg, int64_t wait_ms, enum pg_effect effect, PGresult **res_out, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	PGresult *kept = NULL, *res;
	int rc = flush_out(pg, deadline_ms, effect, err);

	while (rc == 0 && (rc = wait_answer(pg, deadline_ms, effect, err)) == 0) {
		res = PQgetResult(pg->conn);
		if (!res)
			break;
		if (kept && is_error(kept)) {
			PQclear(res);
			continue;
		}
		PQclear(kept);
		kept = res;
	}
	if (rc == 0 && !kept)
		rc = pg_connection_lost(pg, effect, "the connection was lost", err);
	if (rc == 0 && is_error(kept))
		rc = pg_result_error(pg, kept, effect, err);
	if (rc < 0) {
		PQclear(kept);
		return -1;
	}
	pg_pool_note(pg->pool, true);
	*res_out = kept;
	return 0;
}

/* --- parameters --------------------------------------------------------------------------------------------
 */

struct pg_param pg_text(const char *s)
{
	return (struct pg_param){.type = PG_TEXT, .null = !s, .p = s, .len = s ? strlen(s) : 0};
}

struct pg_param pg_text_len(const char *s, size_t len)
{
	return (struct pg_param){.type = PG_TEXT, .null = !s, .p = s, .len = len};
}

struct pg_param pg_int8(int64_t v)
{
	return (struct pg_param){.type = PG_INT8, .i = v};
}

struct pg_param pg_bytea(const void *p, size_t len)
{
	return (struct pg_param){.type = PG_BYTEA, .null = !p, .p = p, .len = len};
}

struct pg_param pg_bool(bool v)
{
	return (struct pg_param){.type = PG_BOOL, .i = v};
}

/* Parameters as libpq wants them; text in `owned` where it had to be copied. */
struct wire {
	const char *values[PARAMS_MAX];
	int lengths[PARAMS_MAX];
	int formats[PARAMS_MAX];
	Oid types[PARAMS_MAX];
	char numbers[PARAMS_MAX][24];
	char *owned[PARAMS_MAX];
	int n;
};

static void wire_release(struct wire *w)
{
	for (int i = 0; i < w->n; i++)
		free(w->owned[i]);
}

static Oid wire_type(enum pg_type type)
{
	switch (type) {
	case PG_INT8:
		return OID_INT8;
	case PG_BYTEA:
		return OID_BYTEA;
	case PG_BOOL:
		return OID_BOOL;
	case PG_TEXT:
		break;
	}
	return OID_INFERRED; /* text serves arrays, times and enums too */
}

static int wire_add(struct wire *w, const struct pg_param *p, struct err *err)
{
	int i = w->n++;

	w->types[i] = wire_type(p->type);
	if (p->null)
		return 0;
	switch (p->type) {
	case PG_TEXT:
		if (memchr(p->p, '\0', p->len))
			return err_set(err, ERR_REJECT, 0, "database: NUL byte in a text");
		w->owned[i] = xstrndup(p->p, p->len);
		w->values[i] = w->owned[i];
		break;
	case PG_INT8:
		(void)snprintf(w->numbers[i], sizeof(w->numbers[i]), "%" PRId64, p->i);
		w->values[i] = w->numbers[i];
		break;
	case PG_BYTEA:
		w->values[i] = p->p;
		w->lengths[i] = (int)p->len;
		w->formats[i] = 1;
		break;
	case PG_BOOL:
		w->values[i] = p->i ? "t" : "f";
		break;
	}
	return 0;
}

/* --- statements --------------------------------------------------------------------------------------------
 */

struct pg_result {
	PGresult *res;
	struct decoded *decoded;
};

static int prepare(
	struct pg *pg, const char *sql, const struct wire *w, const char **name_out, struct err *err)
{
	struct pg_prepared *p;
	PGresult *res;
	char name[16];

	HASH_FIND_PTR(pg->prepared, &sql, p);
	if (p) {
		*name_out = p->name;
		return 0;
	}
	(void)snprintf(name, sizeof(name), "s%u", ++pg->n_prepared);
	if (!PQsendPrepare(pg->conn, name, sql, w->n, w->types))
		return pg_connection_lost(pg, PG_NO_EFFECT, "the connection was lost", err);
	if (pg_finish(pg, STATEMENT_WAIT_MS, PG_NO_EFFECT, &res, err) < 0)
		return -1;
	PQclear(res);
	p = xcalloc(1, sizeof(*p));
	p->sql = sql;
	memcpy(p->name, name, sizeof(name));
	HASH_ADD_PTR(pg->prepared, sql, p);
	*name_out = p->name;
	return 0;
}

static int run_prepared(
	struct pg *pg, const char *name, const struct wire *w, PGresult **res_out, struct err *err)
{
	enum pg_effect effect = pg->in_transaction ? PG_NO_EFFECT : PG_EFFECT;

	if (!PQsendQueryPrepared(pg->conn, name, w->n, w->values, w->lengths, w->formats, 0))
		return pg_connection_lost(pg, PG_NO_EFFECT, "the connection was lost", err);
	return pg_finish(pg, STATEMENT_WAIT_MS, effect, res_out, err);
}

int pg_exec(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
	struct pg_result **result_out, struct err *err)
{
	struct wire w = {.n = 0};
	PGresult *res = NULL;
	const char *name = NULL;
	int rc = 0;

	assert(n <= PARAMS_MAX);
	if (pg->broken)
		return pg_connection_lost(pg, PG_NO_EFFECT, "the connection was lost", err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = wire_add(&w, &params[i], err);
	if (rc == 0)
		rc = prepare(pg, sql, &w, &name, err);
	if (rc == 0)
		rc = run_prepared(pg, name, &w, &res, err);
	wire_release(&w);
	if (rc < 0)
		return rc;
	if (!result_out) {
		PQclear(res);
		return 0;
	}
	*result_out = xcalloc(1, sizeof(**result_out));
	(*result_out)->res = res;
	return 0;
}

static int run_script(struct pg *pg, const char *sql, int64_t wait_ms, enum pg_effect effect,
	PGresult **res_out, struct err *err)
{
	if (pg->broken || !PQsendQuery(pg->conn, sql))
		return pg_connection_lost(pg, PG_NO_EFFECT, "the connection was lost", err);
	return pg_finish(pg, wait_ms, effect, res_out, err);
}

int pg_exec_script(struct pg *pg, const char *sql, struct err *err)
{
	PGresult *res;

	if (run_script(pg, sql, SCRIPT_WAIT_MS, pg->in_transaction ? PG_NO_EFFECT : PG_EFFECT, &res, err) < 0)
		return -1;
	PQclear(res);
	return 0;
}

int pg_begin(struct pg *pg, struct err *err)
{
	PGresult *res;

	assert(!pg->in_transaction);
	if (run_script(pg, "BEGIN", STATEMENT_WAIT_MS, PG_NO_EFFECT, &res, err) < 0)
		return -1;
	PQclear(res);
	pg->in_transaction = true;
	return 0;
}

int pg_commit(struct pg *pg, struct err *err)
{
	PGresult *res;
	bool rolled_back;
	int rc;

	assert(pg->in_transaction);
	rc = run_script(pg, "COMMIT", STATEMENT_WAIT_MS, PG_EFFECT, &res, err);
	pg->in_transaction = false;
	if (rc < 0)
		return rc;
	/* COMMIT of a transaction in which a statement failed is a ROLLBACK that succeeds. */
	rolled_back = strcmp(PQcmdStatus(res), "COMMIT") != 0;
	PQclear(res);
	if (rolled_back)
		return err_set(err, ERR_RETRY, 0, "database: a statement of the transaction had failed");
	return 0;
}

void pg_rollback(struct pg *pg)
{
	PGresult *res;
	struct err ignored;

	pg->in_transaction = false;
	if (pg->broken)
		return;
	if (run_script(pg, "ROLLBACK", STATEMENT_WAIT_MS, PG_NO_EFFECT, &res, &ignored) < 0) {
		pg->broken = true;
		return;
	}
	PQclear(res);
}

/* --- results -----------------------------------------------------------------------------------------------
 */

/* A bytea comes as "\x<hex>"; its bytes live as long as the result. */
struct decoded {
	int row, col;
	size_t len;
	struct decoded *next;
	unsigned char bytes[];
};

void pg_result_free(struct pg_result **rp)
{
	struct pg_result *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	while (r->decoded) {
		struct decoded *d = r->decoded;

		r->decoded = d->next;
		free(d);
	}
	PQclear(r->res);
	free(r);
}

int pg_rows(const struct pg_result *r)
{
	return PQntuples(r->res);
}

int64_t pg_affected(const struct pg_result *r)
{
	const char *text = PQcmdTuples(r->res);
	int64_t n;

	return str_to_int64(text, strlen(text), 0, INT64_MAX, &n) == 0 ? n : 0;
}

int pg_exec_batches(struct pg *pg, const char *sql, int64_t batch, int64_t budget_ms, struct err *err)
{
	int64_t until = clock_mono_ms() + budget_ms, n;
	struct pg_result *res = NULL;

	do {
		if (PG_EXEC(pg, sql, &res, err, pg_int8(batch)) < 0)
			return -1;
		n = pg_affected(res);
		pg_result_free(&res);
	} while (n >= batch && clock_mono_ms() < until);
	return 0;
}

bool pg_is_null(const struct pg_result *r, int row, int col)
{
	return PQgetisnull(r->res, row, col) == 1;
}

const char *pg_value(const struct pg_result *r, int row, int col)
{
	return PQgetvalue(r->res, row, col);
}

int64_t pg_value_int(const struct pg_result *r, int row, int col)
{
	const char *text = PQgetvalue(r->res, row, col);
	int64_t n;

	return str_to_int64(text, strlen(text), INT64_MIN, INT64_MAX, &n) == 0 ? n : 0;
}

bool pg_value_bool(const struct pg_result *r, int row, int col)
{
	return PQgetvalue(r->res, row, col)[0] == 't';
}

static unsigned char hex_digit(char c)
{
	return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct decoded *decode(const char *text, int row, int col)
{
	size_t len = str_starts_with(text, "\\x") ? (strlen(text) - 2) / 2 : 0;
	struct decoded *d = xmalloc(sizeof(*d) + len + 1);

	d->row = row;
	d->col = col;
	d->len = len;
	d->next = NULL;
	for (size_t i = 0; i < len; i++)
		d->bytes[i] = (unsigned char)(hex_digit(text[2 + 2 * i]) << 4 | hex_digit(text[3 + 2 * i]));
	d->bytes[len] = '\0';
	return d;
}

const void *pg_value_bytes(const struct pg_result *r, int row, int col, size_t *len_out)
{
	/* The decoded form is only a memory of what the result holds, so the result stays const to its
	 * readers. */
	struct decoded **memory = &((struct pg_result *)(uintptr_t)r)->decoded;
	struct decoded *d;

	for (d = *memory; d && (d->row != row || d->col != col); d = d->next)
		;
	if (!d) {
		d = decode(PQgetvalue(r->res, row, col), row, col);
		d->next = *memory;
		*memory = d;
	}
	*len_out = d->len;
	return d->bytes;
}

/* --- LISTEN ------------------------------------------------------------------------------------------------
 */

int pg_listen(struct pg *pg, const char *channel, struct err *err)
{
	char *name = PQescapeIdentifier(pg->conn, channel, strlen(channel));
	char *sql;
	int rc;

	if (!name)
		return err_set(err, ERR_REJECT, 0, "database: the channel's name is malformed");
	sql = xasprintf("LISTEN %s", name);
	pg->listening = true; /* nobody else gets this connection later */
	rc = pg_exec_script(pg, sql, err);
	PQfreemem(name);
	free(sql);
	return rc;
}

int pg_notified(struct pg *pg, int64_t wait_ms, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + wait_ms;
	PGnotify *n;

	for (;;) {
		if (PQconsumeInput(pg->conn) == 0)
			return pg_connection_lost(pg, PG_NO_EFFECT, "the connection was lost", err);
		if ((n = PQnotifies(pg->conn)) != NULL) {
			PQfreemem(n);
			return 1;
		}
		if (!wait_socket(pg->conn, POLLIN, deadline_ms))
			return 0;
	}
}
