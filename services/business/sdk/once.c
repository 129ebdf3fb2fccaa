#include "services/business/sdk/once.h"

#include "proto/fields.h"

#include <string.h>

#include "common/base/banned.h"

#define TAKE_MS        10000
#define SWEEP_BATCH    5000
#define SWEEP_MS       2000 /* for each of the two: nobody waits long for its end */
#define OUTBOX_MAX     (4 * 1024 * 1024)
#define STRING_(x)     #x
#define DAYS(interval) STRING_(interval)

static const char sql_note[] = "INSERT INTO sdk_once (event_id, run) VALUES ($1, $2) ON CONFLICT DO NOTHING";
static const char sql_find[] =
	"SELECT verdict, reply, calls, sent_at IS NOT NULL FROM sdk_once WHERE event_id = $1 AND run = $2";
static const char sql_keep[] =
	"UPDATE sdk_once SET verdict = $3, reply = $4, calls = $5 WHERE event_id = $1 AND run = $2";
static const char sql_sent[] =
	"UPDATE sdk_once SET calls = NULL, sent_at = now() WHERE event_id = $1 AND run = $2";
static const char sql_forget_said[] =
	"UPDATE sdk_once SET reply = NULL, verdict = NULL, sent_at = NULL "
	"WHERE (event_id, run) IN (SELECT event_id, run FROM sdk_once "
	"WHERE sent_at < now() - interval '10 minutes' LIMIT $1 FOR UPDATE SKIP LOCKED)";
static const char sql_forget_old[] =
	"DELETE FROM sdk_once WHERE (event_id, run) IN (SELECT event_id, run FROM sdk_once "
	"WHERE settled_at < now() - interval '" DAYS(ONCE_KEEP_DAYS) " days' ORDER BY settled_at LIMIT $1 "
								     "FOR UPDATE SKIP LOCKED)";

static const char *const verdict_names[] = {
	[VERDICT_REPLY] = "reply", [VERDICT_NONE] = "none", [VERDICT_EMPTY] = "empty"};
#define N_VERDICTS (sizeof(verdict_names) / sizeof(verdict_names[0]))

void once_row_release(struct once_row *row)
{
	json_free(&row->verdict.reply);
	json_free(&row->calls);
}

/* --- reading -----------------------------------------------------------------------------------------------
 */

static int parse(const struct pg_result *res, int col, struct json **out, struct err *err)
{
	const struct json_limits limits = {.max_bytes = OUTBOX_MAX, .max_depth = 32};
	const char *text = pg_value(res, 0, col);

	return pg_is_null(res, 0, col) ? 0 : json_parse(text, strlen(text), &limits, out, err);
}

static int find(struct pg *pg, const char *event_id, const char *run, struct once_row *out, struct err *err)
{
	struct once_row row = {.calls = NULL};
	struct pg_result *res = NULL;
	int rc = PG_EXEC(pg, sql_find, &res, err, pg_text(event_id), pg_text(run));

	/* Gone in between: it was swept, so it is older than anything that is delivered. */
	if (rc == 0 && pg_rows(res) == 1) {
		for (size_t i = 0; i < N_VERDICTS; i++) {
			if (strcmp(verdict_names[i], pg_value(res, 0, 0)) == 0) {
				row.verdict.given = true;
				row.verdict.verdict = (enum verdict)i;
			}
		}
		row.sent = pg_value_bool(res, 0, 3);
		rc = parse(res, 1, &row.verdict.reply, err);
		if (rc == 0)
			rc = parse(res, 2, &row.calls, err);
	}
	pg_result_free(&res);
	if (rc < 0)
		once_row_release(&row);
	else
		*out = row;
	return rc;
}

/* --- the transaction ---------------------------------------------------------------------------------------
 */

/* 1: the row is ours; 0: it was there. */
static int note(struct pg *pg, const char *event_id, const char *run, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = PG_EXEC(pg, sql_note, &res, err, pg_text(event_id), pg_text(run));

	if (rc == 0)
		rc = pg_affected(res) == 1;
	pg_result_free(&res);
	return rc;
}

int once_begin(struct pg_pool *pool, const char *event_id, const char *run, struct pg **pg_out,
	struct once_row *row_out, struct err *err)
{
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(pool, TAKE_MS, &pg, err)) < 0)
		return rc;
	rc = pg_begin(pg, err);
	if (rc == 0)
		rc = note(pg, event_id, run, err);
	if (rc == 1) {
		*pg_out = pg;
		return 0;
	}
	if (rc == 0) {
		rc = find(pg, event_id, run, row_out, err);
		rc = rc < 0 ? rc : ONCE_KNOWN;
	}
	pg_give(pool, &pg);
	return rc;
}

static int keep(
	struct pg *pg, const char *event_id, const char *run, const struct once_row *row, struct err *err)
{
	struct buf reply = BUF_INIT(OUTBOX_MAX), calls = BUF_INIT(OUTBOX_MAX);
	const char *verdict = row->verdict.given ? verdict_names[row->verdict.verdict] : NULL;
	int rc;

	if (row->verdict.reply)
		json_write(row->verdict.reply, &reply);
	if (row->calls)
		json_write(row->calls, &calls);
	if (reply.overflow || calls.overflow)
		rc = err_set(err, ERR_REJECT, 0, "what one event says outside is too much");
	else
		rc = PG_EXEC(pg, sql_keep, NULL, err, pg_text(event_id), pg_text(run), pg_text(verdict),
			pg_text(row->verdict.reply ? buf_cstr(&reply) : NULL),
			pg_text(row->calls ? buf_cstr(&calls) : NULL));
	buf_release(&reply);
	buf_release(&calls);
	return rc;
}

int once_commit(
	struct pg *pg, const char *event_id, const char *run, const struct once_row *row, struct err *err)
{
	int rc = 0;

	if (row->verdict.given || row->calls)
		rc = keep(pg, event_id, run, row, err);
	return rc == 0 ? pg_commit(pg, err) : rc;
}

/* --- afterwards --------------------------------------------------------------------------------------------
 */

int once_sent(struct pg_pool *pool, const char *event_id, const char *run, struct err *err)
{
	struct pg *pg = NULL;
	int rc = pg_take(pool, TAKE_MS, &pg, err);

	if (rc == 0)
		rc = PG_EXEC(pg, sql_sent, NULL, err, pg_text(event_id), pg_text(run));
	pg_give(pool, &pg);
	return rc;
}

int once_sweep(struct pg_pool *pool, struct err *err)
{
	struct pg *pg = NULL;
	int rc = pg_take(pool, TAKE_MS, &pg, err);

	if (rc == 0)
		rc = pg_exec_batches(pg, sql_forget_said, SWEEP_BATCH, SWEEP_MS, err);
	if (rc == 0)
		rc = pg_exec_batches(pg, sql_forget_old, SWEEP_BATCH, SWEEP_MS, err);
	pg_give(pool, &pg);
	return rc;
}
