#include "services/api-proxy/topic/ledger.h"

#include <stddef.h>
#include <string.h>

#include "common/base/banned.h"

#define POOL_WAIT_MS 2000

#define SQL_KEY "component_appid = $1 AND caller_id = $2 AND request_id = $3"

static const char sql_insert[] =
	"INSERT INTO api_proxy.ledger (component_appid, caller_id, request_id, state, owner, deadline) "
	"VALUES ($1, $2, $3, 'started', $4, now() + $5 * interval '1 millisecond') ON CONFLICT DO NOTHING";
static const char sql_look[] = "SELECT state = 'done', owner = $4, deadline <= now(), result::text "
			       "FROM api_proxy.ledger WHERE " SQL_KEY;
/* Ours: our INSERT came through although its answer was lost, so no call was made yet. Expired: nobody's any
 * more. */
static const char sql_take_over[] =
	"UPDATE api_proxy.ledger SET owner = $4, deadline = now() + $5 * interval '1 millisecond' "
	"WHERE " SQL_KEY " AND state = 'started' AND (owner = $4 OR deadline <= now())";
static const char sql_finish[] =
	"UPDATE api_proxy.ledger SET state = 'done', result = $4::json, finished_at = now() WHERE " SQL_KEY
	" AND state = 'started'";
static const char sql_result[] =
	"SELECT result::text FROM api_proxy.ledger WHERE " SQL_KEY " AND state = 'done'";
static const char sql_sweep[] =
	"DELETE FROM api_proxy.ledger WHERE started_at < now() - $1 * interval '1 day' AND deadline < now()";

static int take_over(
	struct pg *pg, const struct ledger_key *k, int64_t budget_ms, enum ledger_claim *out, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	rc = PG_EXEC(pg, sql_take_over, &res, err, pg_text(k->component_appid), pg_text(k->caller_id),
		pg_text(k->request_id), pg_int8(k->owner), pg_int8(budget_ms));
	if (rc == 0)
		*out = pg_affected(res) == 1 ? LEDGER_OURS : LEDGER_STARTED; /* another one was faster */
	pg_result_free(&res);
	return rc;
}

static int look(struct pg *pg, const struct ledger_key *k, int64_t budget_ms, bool repeatable,
	enum ledger_claim *out, struct buf *result_out, struct err *err)
{
	struct pg_result *res = NULL;
	bool ours, expired;
	int rc;

	rc = PG_EXEC(pg, sql_look, &res, err, pg_text(k->component_appid), pg_text(k->caller_id),
		pg_text(k->request_id), pg_int8(k->owner));
	if (rc < 0)
		return rc;
	if (pg_rows(res) == 0) {
		*out = LEDGER_STARTED; /* swept between two statements; the next claim inserts it */
	} else if (pg_value_bool(res, 0, 0)) {
		buf_add_str(result_out, pg_value(res, 0, 3));
		*out = LEDGER_DONE;
	} else {
		ours = pg_value_bool(res, 0, 1);
		expired = pg_value_bool(res, 0, 2);
		*out = expired ? LEDGER_EXPIRED : LEDGER_STARTED;
		if (ours || (expired && repeatable))
			rc = take_over(pg, k, budget_ms, out, err);
	}
	pg_result_free(&res);
	return rc;
}

static int insert(
	struct pg *pg, const struct ledger_key *k, int64_t budget_ms, bool *inserted_out, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	rc = PG_EXEC(pg, sql_insert, &res, err, pg_text(k->component_appid), pg_text(k->caller_id),
		pg_text(k->request_id), pg_int8(k->owner), pg_int8(budget_ms));
	if (rc == 0)
		*inserted_out = pg_affected(res) == 1;
	pg_result_free(&res);
	return rc;
}

int ledger_claim(struct pg_pool *pool, const struct ledger_key *key, int64_t budget_ms, bool repeatable,
	enum ledger_claim *claim_out, struct buf *result_out, struct err *err)
{
	bool inserted = false;
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = insert(pg, key, budget_ms, &inserted, err);
	if (rc == 0 && inserted)
		*claim_out = LEDGER_OURS;
	else if (rc == 0)
		rc = look(pg, key, budget_ms, repeatable, claim_out, result_out, err);
	pg_give(pool, &pg);
	return rc;
}

static int read_result(struct pg *pg, const struct ledger_key *k, struct buf *result_out, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	rc = PG_EXEC(pg, sql_result, &res, err, pg_text(k->component_appid), pg_text(k->caller_id),
		pg_text(k->request_id));
	if (rc == 0 && pg_rows(res) == 1)
		buf_add_str(result_out, pg_value(res, 0, 0));
	else if (rc == 0)
		rc = err_set(err, ERR_FATAL, 0, "a ledger row that was claimed is gone");
	pg_result_free(&res);
	return rc;
}

int ledger_finish(struct pg_pool *pool, const struct ledger_key *k, const struct buf *result,
	struct buf *result_out, struct err *err)
{
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = PG_EXEC(pg, sql_finish, &res, err, pg_text(k->component_appid), pg_text(k->caller_id),
		pg_text(k->request_id), pg_text_len(result->data, result->len));
	if (rc == 0 && pg_affected(res) == 1)
		buf_add(result_out, result->data, result->len);
	else if (rc == 0)
		rc = read_result(pg, k, result_out, err);
	pg_result_free(&res);
	pg_give(pool, &pg);
	return rc;
}

int64_t ledger_sweep(struct pg_pool *pool, int keep_days, struct err *err)
{
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	int64_t n = -1;

	if (pg_take(pool, POOL_WAIT_MS, &pg, err) < 0)
		return -1;
	if (PG_EXEC(pg, sql_sweep, &res, err, pg_int8(keep_days)) == 0)
		n = pg_affected(res);
	pg_result_free(&res);
	pg_give(pool, &pg);
	return n;
}
