/* The pool: a fixed number of slots, connected when first needed, the most recently used one first, so that a
 * quiet service keeps few connections busy. A connection that the server has closed meanwhile (restart,
 * failover) is noticed when it is taken, before a statement is risked on it. */
#include "common/pg/pg_internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <assert.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define CONNECT_TIMEOUT_S "3"

struct pg_pool {
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct pg *slots;
	struct pg *idle;
	int size;
	int taken;
	atomic_bool healthy;
	char *url;
	char *application_name;
	char *schema; /* NULL: as the database has it */
};

static void ignore_notice(void *arg, const char *message)
{
	(void)arg;
	(void)message;
}

/* libpq quotes a malformed URI, password and all, so it is checked here and the reason left out. */
int pg_check_url(const char *url, struct err *err)
{
	char *text = NULL;
	PQconninfoOption *options = PQconninfoParse(url, &text);

	if (text)
		PQfreemem(text);
	if (!options)
		return err_set(
			err, ERR_REJECT, 0, "not a valid connection URI (postgresql://user@host/database)");
	PQconninfoFree(options);
	return 0;
}

int pg_pool_new(
	struct pg_pool **out, const char *url, int size, const char *application_name, struct err *err)
{
	struct pg_pool *pool;

	assert(size > 0);
	if (pg_check_url(url, err) < 0)
		return -1;
	pool = xcalloc(1, sizeof(*pool));
	pthread_mutex_init(&pool->lock, NULL);
	clock_cond_init(&pool->given);
	pool->slots = xcalloc((size_t)size, sizeof(*pool->slots));
	pool->size = size;
	for (int i = size - 1; i >= 0; i--) {
		pool->slots[i].pool = pool;
		pool->slots[i].next_idle = pool->idle;
		pool->idle = &pool->slots[i];
	}
	pool->url = xstrdup(url);
	pool->application_name = xstrdup(application_name);
	*out = pool;
	return 0;
}

static void disconnect(struct pg *pg)
{
	pg_forget_prepared(pg);
	PQfinish(pg->conn); /* accepts NULL */
	pg->conn = NULL;
	pg->in_transaction = false;
	pg->listening = false;
	pg->broken = false;
}

void pg_pool_free(struct pg_pool **poolp)
{
	struct pg_pool *pool = *poolp;

	*poolp = NULL;
	if (!pool)
		return;
	assert(pool->taken == 0);
	for (int i = 0; i < pool->size; i++)
		disconnect(&pool->slots[i]);
	pthread_cond_destroy(&pool->given);
	pthread_mutex_destroy(&pool->lock);
	free(pool->slots);
	free(pool->url);
	free(pool->application_name);
	free(pool->schema);
	free(pool);
}

void pg_pool_use_schema(struct pg_pool *pool, const char *schema)
{
	assert(!pool->schema && strspn(schema, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(schema));
	pool->schema = xstrdup(schema);
}

bool pg_pool_healthy(const struct pg_pool *pool)
{
	return atomic_load(&pool->healthy);
}

void pg_pool_note(struct pg_pool *pool, bool healthy)
{
	atomic_store(&pool->healthy, healthy);
}

/* Has the other end closed it while it lay idle? It may first have said why; its end is seen by reading on.
 */
static bool still_there(PGconn *conn)
{
	struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

	if (!conn || PQstatus(conn) != CONNECTION_OK || PQtransactionStatus(conn) != PQTRANS_IDLE)
		return false;
	for (int i = 0; i < 8 && poll(&fd, 1, 0) != 0; i++) {
		if (PQconsumeInput(conn) == 0)
			return false;
		(void)PQisBusy(conn); /* digests what was read */
	}
	return PQstatus(conn) == CONNECTION_OK;
}

static int connect_slot(struct pg *pg, struct err *err)
{
	/* What stands in the URI (expanded from dbname) comes later and wins over ours. */
	const char *const names[] = {"connect_timeout", "keepalives_idle", "tcp_user_timeout",
		"client_encoding", "fallback_application_name", "dbname", NULL};
	const char *const values[] = {
		CONNECT_TIMEOUT_S, "30", "15000", "UTF8", pg->pool->application_name, pg->pool->url, NULL};
	char reason[120];

	pg->conn = PQconnectdbParams(names, values, 1);
	if (PQstatus(pg->conn) == CONNECTION_OK) {
		PQsetNoticeProcessor(pg->conn, ignore_notice, NULL);
		return 0;
	}
	(void)snprintf(reason, sizeof(reason), "%s", pg->conn ? PQerrorMessage(pg->conn) : "");
	reason[strcspn(reason, "\n")] = '\0';
	disconnect(pg);
	return err_set(err, ERR_RETRY, 0, "database: cannot connect: %s", reason);
}

/* Not as a start-up option of the connection: those of the operator's URI would replace it. */
static int enter_schema(struct pg *pg, struct err *err)
{
	char *sql;
	int rc;

	if (!pg->pool->schema)
		return 0;
	sql = xasprintf("SET search_path TO \"%s\"", pg->pool->schema);
	rc = pg_exec_script(pg, sql, err);
	free(sql);
	if (rc < 0) {
		disconnect(pg);
		err->kind = ERR_RETRY; /* nothing of the caller's has been asked yet */
	}
	return rc;
}

static struct pg *take_slot(struct pg_pool *pool, int64_t wait_ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + wait_ms);
	struct pg *pg;

	pthread_mutex_lock(&pool->lock);
	while (!pool->idle && pthread_cond_timedwait(&pool->given, &pool->lock, &until) == 0)
		;
	pg = pool->idle;
	if (pg) {
		pool->idle = pg->next_idle;
		pool->taken++;
	}
	pthread_mutex_unlock(&pool->lock);
	return pg;
}

static void give_slot(struct pg *pg)
{
	struct pg_pool *pool = pg->pool;

	pthread_mutex_lock(&pool->lock);
	pg->next_idle = pool->idle;
	pool->idle = pg;
	pool->taken--;
	pthread_cond_signal(&pool->given);
	pthread_mutex_unlock(&pool->lock);
}

int pg_take(struct pg_pool *pool, int64_t wait_ms, struct pg **out, struct err *err)
{
	struct pg *pg = take_slot(pool, wait_ms);
	bool connected;

	if (!pg)
		return err_set(err, ERR_RETRY, 0, "database: all %d connections are in use", pool->size);
	if (!still_there(pg->conn))
		disconnect(pg);
	connected = pg->conn || (connect_slot(pg, err) == 0 && enter_schema(pg, err) == 0);
	pg_pool_note(pool, connected);
	if (!connected) {
		give_slot(pg);
		return -1;
	}
	pg->server_failed = false;
	*out = pg;
	return 0;
}

bool pg_server_failed(const struct pg *pg)
{
	return pg->server_failed;
}

void pg_give(struct pg_pool *pool, struct pg **pgp)
{
	struct pg *pg = *pgp;

	*pgp = NULL;
	if (!pg)
		return;
	assert(pg->pool == pool);
	(void)pool;
	if (pg->in_transaction)
		pg_rollback(pg);
	if (pg->broken || pg->listening)
		disconnect(pg);
	give_slot(pg);
}
