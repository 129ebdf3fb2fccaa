#include "services/token-service/accounts/sync_store.h"

#include "common/base/secret.h"
#include "common/base/str.h"
#include "services/token-service/audit.h"
#include "services/token-service/tokens/fetch.h"
#include "services/token-service/seal.h"

#include <string.h>

#include "common/base/banned.h"

#define LISTS_MAX    (256 * 1024)
#define HISTORY_LOOK FETCH_CANDIDATES /* only those are tried when ours is refused */

static const char *const finding_names[N_SYNC_FINDINGS] = {
	[SYNC_KNOWN] = "known",
	[SYNC_NEW] = "new",
	[SYNC_ADDED] = "added",
	[SYNC_CHANGED] = "changed",
	[SYNC_CODE_LOST] = "code_lost",
	[SYNC_MISSING] = "missing",
	[SYNC_PRUNED] = "pruned",
};

const char *sync_finding_name(enum sync_finding f)
{
	return finding_names[f];
}

static int affected(struct pg_result **res, int otherwise)
{
	int rc = pg_affected(*res) > 0 ? 0 : otherwise;

	pg_result_free(res);
	return rc;
}

/* --- asking ------------------------------------------------------------------------------------------------
 */

struct ask {
	const char *component_appid;
	bool prune, dry_run;
	int64_t id;
};

static int note_asked(struct pg *pg, const struct ask *a, struct err *err)
{
	struct credential_id platform = {"", ""};

	(void)str_copy(platform.component_appid, sizeof(platform.component_appid), a->component_appid);
	return audit_add(pg, &platform, "sync", a->prune ? "prune" : a->dry_run ? "dry run" : "", err);
}

static int ask_body(struct pg *pg, void *arg, struct err *err)
{
	struct ask *a = arg;
	struct pg_result *res = NULL;
	bool made;
	int rc;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.syncs (component_appid, reason, prune, dry_run)"
		    " VALUES ($1, 'operator', $2, $3)"
		    " ON CONFLICT (component_appid) WHERE ended_at IS NULL DO NOTHING",
		    &res, err, pg_text(a->component_appid), pg_bool(a->prune), pg_bool(a->dry_run)) < 0)
		return -1;
	made = pg_affected(res) > 0;
	pg_result_free(&res);
	if (PG_EXEC(pg,
		    "SELECT id FROM token_service.syncs WHERE component_appid = $1 AND ended_at IS NULL"
		    " AND prune = $2 AND dry_run = $3",
		    &res, err, pg_text(a->component_appid), pg_bool(a->prune), pg_bool(a->dry_run)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? 0 : SYNC_BUSY;
	if (rc == 0)
		a->id = pg_value_int(res, 0, 0);
	pg_result_free(&res);
	return made ? note_asked(pg, a, err) : rc;
}

int sync_ask(const struct store *s, const char *component_appid, bool prune, bool dry_run, int64_t *id_out,
	struct err *err)
{
	struct ask a = {component_appid, prune, dry_run, 0};
	int rc = store_tx(s, ask_body, &a, err);

	if (rc == 0)
		*id_out = a.id;
	return rc;
}

/* --- by itself ---------------------------------------------------------------------------------------------
 */

struct schedule {
	const char *platforms;
	int64_t every_s;
};

/* A platform's first one comes at some time of its first day, so that a restart of everything is no burst. */
static int schedule_body(struct pg *pg, void *arg, struct err *err)
{
	const struct schedule *s = arg;
	int64_t every_s = s->every_s > 0 ? s->every_s : 86400;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.sync_schedule (component_appid, next_at)"
		    " SELECT c, now() + random() * $2 * interval '1 s' FROM unnest($1::text[]) c"
		    " ON CONFLICT DO NOTHING",
		    NULL, err, pg_text(s->platforms), pg_int8(every_s)) < 0)
		return -1;
	return PG_EXEC(pg,
		"WITH due AS (SELECT component_appid, outage_at FROM token_service.sync_schedule d"
		"   WHERE component_appid = ANY($1::text[])"
		"     AND (outage_at IS NOT NULL OR ($3 AND next_at <= now()))"
		"     AND EXISTS (SELECT 1 FROM token_service.platforms p"
		"       WHERE p.component_appid = d.component_appid AND p.ticket IS NOT NULL)"
		"     AND NOT EXISTS (SELECT 1 FROM token_service.syncs y"
		"       WHERE y.component_appid = d.component_appid AND (y.ended_at IS NULL"
		"         OR (y.step = 'failed' AND y.reason = 'outage'"
		"           AND y.ended_at > now() - $4 * interval '1 s')))"
		"   FOR UPDATE SKIP LOCKED),"
		" made AS (INSERT INTO token_service.syncs (component_appid, reason)"
		"   SELECT component_appid, CASE WHEN outage_at IS NULL THEN 'daily' ELSE 'outage' END FROM "
		"due"
		"   ON CONFLICT (component_appid) WHERE ended_at IS NULL DO NOTHING RETURNING "
		"component_appid)"
		" UPDATE token_service.sync_schedule SET outage_at = NULL,"
		"   next_at = now() + (0.9 + 0.2 * random()) * $2 * interval '1 s'"
		" WHERE component_appid IN (SELECT component_appid FROM made)",
		NULL, err, pg_text(s->platforms), pg_int8(every_s), pg_bool(s->every_s > 0),
		pg_int8(SYNC_PAUSE_S));
}

int sync_schedule(const struct store *s, const char *platforms, int64_t every_s, struct err *err)
{
	struct schedule schedule = {platforms, every_s};

	return store_tx(s, schedule_body, &schedule, err);
}

int sync_note_outage(struct pg *pg, const char *component_appid, struct err *err)
{
	return PG_EXEC(pg,
		"INSERT INTO token_service.sync_schedule (component_appid, next_at, outage_at)"
		" VALUES ($1, now() + interval '1 day', now())"
		" ON CONFLICT (component_appid) DO UPDATE SET outage_at = now()",
		NULL, err, pg_text(component_appid));
}

/* --- the lease ---------------------------------------------------------------------------------------------
 */

struct claim {
	const struct store *s;
	struct sync *out;
};

static void read_sync(const struct pg_result *res, struct sync *y)
{
	const char *reason = pg_value(res, 0, 3);

	*y = (struct sync){
		.id = pg_value_int(res, 0, 0),
		.fence = pg_value_int(res, 0, 1),
		.reason = strcmp(reason, "daily") == 0    ? SYNC_DAILY
			  : strcmp(reason, "outage") == 0 ? SYNC_OUTAGE
							  : SYNC_OPERATOR,
		.prune = pg_value_bool(res, 0, 4),
		.dry_run = pg_value_bool(res, 0, 5),
		.listing = strcmp(pg_value(res, 0, 6), "list") == 0,
		.pass = (int)pg_value_int(res, 0, 7),
		.offset = pg_value_int(res, 0, 8),
		.attempts = (int)pg_value_int(res, 0, 9),
		.started_s = pg_value_int(res, 0, 10),
	};
	(void)str_copy(y->component_appid, sizeof(y->component_appid), pg_value(res, 0, 2));
}

static int claim_body(struct pg *pg, void *arg, struct err *err)
{
	struct claim *c = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "UPDATE token_service.syncs SET lease_owner = $1, fence = fence + 1,"
		    "   lease_until = now() + $2 * interval '1 ms', started_at = coalesce(started_at, now())"
		    " WHERE id = (SELECT id FROM token_service.syncs WHERE ended_at IS NULL"
		    "     AND retry_at <= now() AND lease_until < now()"
		    "   ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
		    " RETURNING id, fence, component_appid, reason, prune, dry_run, step, pass, next_offset,"
		    "   attempts, extract(epoch FROM started_at)::bigint",
		    &res, err, pg_text(c->s->owner), pg_int8(SYNC_LEASE_MS)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? 0 : SYNC_NONE;
	if (rc == 0)
		read_sync(res, c->out);
	pg_result_free(&res);
	return rc;
}

int sync_claim(const struct store *s, struct sync *out, struct err *err)
{
	struct claim c = {s, out};

	return store_run(s, claim_body, &c, err);
}

#define MINE " WHERE id = $1 AND fence = $2 AND ended_at IS NULL"

int sync_hold(struct pg *pg, const struct sync *y, bool progress, struct err *err)
{
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "UPDATE token_service.syncs SET lease_until = now() + $3 * interval '1 ms',"
		    " attempts = CASE WHEN $4 THEN 0 ELSE attempts END,"
		    " error = CASE WHEN $4 THEN NULL ELSE error END" MINE,
		    &res, err, pg_int8(y->id), pg_int8(y->fence), pg_int8(SYNC_LEASE_MS),
		    pg_bool(progress)) < 0)
		return -1;
	return affected(&res, SYNC_OVERTAKEN);
}

/* --- findings ----------------------------------------------------------------------------------------------
 */

int sync_note(struct pg *pg, const struct sync *y, const char *appid, enum sync_finding finding, int errcode,
	struct err *err)
{
	return PG_EXEC(pg,
		"INSERT INTO token_service.sync_accounts (sync_id, appid, finding, errcode)"
		" VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (sync_id, appid) DO UPDATE SET finding = $3, errcode = $4",
		NULL, err, pg_int8(y->id), pg_text(appid), pg_text(finding_names[finding]), pg_int8(errcode));
}

/* As PostgreSQL's array; appid_ok() lets no quote through. */
static void list_appids(const struct weixin_list *page, struct buf *out)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < page->n; i++)
		buf_addf(out, "%s%s", i ? "," : "", page->list[i].appid);
	buf_add_char(out, '}');
}

struct compare {
	const struct store *s;
	const struct sync *y;
	const struct weixin_list *page;
	enum sync_finding *findings;
};

static enum sync_finding compare_one(const struct compare *c, const struct keys *keys,
	const struct pg_result *res, int row, const struct weixin_listed *listed)
{
	enum sync_finding finding = SYNC_CHANGED;
	char *ours = NULL;
	struct err ignored;

	if (!listed->refresh_token)
		return SYNC_CODE_LOST;
	if (!pg_value_bool(res, row, 0))
		return SYNC_NEW;
	/* One that does not open is no better than another one. */
	if (seal_open_column(keys->master, SEALED_REFRESH_TOKEN, c->y->component_appid, listed->appid, res,
		    row, 1, &ours, &ignored) == 0 &&
		ours && strcmp(ours, listed->refresh_token) == 0)
		finding = SYNC_KNOWN;
	secret_free(&ours);
	return finding;
}

static int compare_body(struct pg *pg, void *arg, struct err *err)
{
	const struct compare *c = arg;
	struct buf appids = BUF_INIT(LISTS_MAX);
	struct pg_result *res = NULL;
	struct keys *keys;
	int rc;

	list_appids(c->page, &appids);
	rc = PG_EXEC(pg,
		"SELECT coalesce(a.state = 'authorized', false), a.refresh_token"
		" FROM unnest($2::text[]) WITH ORDINALITY AS l(appid, place)"
		" LEFT JOIN token_service.accounts a ON a.component_appid = $1 AND a.appid = l.appid"
		" ORDER BY l.place",
		&res, err, pg_text(c->y->component_appid), pg_text(buf_cstr(&appids)));
	buf_release(&appids);
	if (rc < 0)
		return rc;
	keys = keyring_take(c->s->keyring);
	for (int i = 0; i < pg_rows(res); i++)
		c->findings[i] = compare_one(c, keys, res, i, &c->page->list[i]);
	keyring_give(c->s->keyring, &keys);
	pg_result_free(&res);
	return 0;
}

/* Ours may have been replaced since the page was made; then the listed one is in the history. */
static int is_in_history(const struct store *s, const struct sync *y, const struct weixin_listed *listed,
	bool *out, struct err *err)
{
	char *history[HISTORY_LOOK] = {NULL};
	struct credential_id id = {"", ""};
	int rc;

	(void)str_copy(id.component_appid, sizeof(id.component_appid), y->component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), listed->appid);
	rc = credential_history(s, &id, history, HISTORY_LOOK, err);
	*out = false;
	for (int i = 0; i < HISTORY_LOOK; i++) {
		*out = *out || (history[i] && strcmp(history[i], listed->refresh_token) == 0);
		secret_free(&history[i]);
	}
	return rc;
}

int sync_compare(const struct store *s, const struct sync *y, const struct weixin_list *page,
	enum sync_finding *findings_out, struct err *err)
{
	struct compare c = {s, y, page, findings_out};
	bool known = false;

	if (store_run(s, compare_body, &c, err) < 0)
		return -1;
	for (size_t i = 0; i < page->n; i++) {
		if (findings_out[i] != SYNC_CHANGED)
			continue;
		if (is_in_history(s, y, &page->list[i], &known, err) < 0)
			return -1;
		if (known)
			findings_out[i] = SYNC_KNOWN;
	}
	return 0;
}

int sync_note_page(struct pg *pg, const struct sync *y, const struct weixin_list *page,
	const enum sync_finding *findings, struct err *err)
{
	struct buf appids = BUF_INIT(LISTS_MAX), names = BUF_INIT(LISTS_MAX);
	struct pg_result *res = NULL;
	int rc;

	list_appids(page, &appids);
	buf_add_char(&names, '{');
	for (size_t i = 0; i < page->n; i++)
		buf_addf(&names, "%s%s", i ? "," : "", finding_names[findings[i]]);
	buf_add_char(&names, '}');
	rc = PG_EXEC(pg,
		"INSERT INTO token_service.sync_accounts (sync_id, appid, finding)"
		" SELECT $1, l.appid, l.finding FROM unnest($2::text[], $3::text[]) AS l(appid, finding)"
		" ON CONFLICT DO NOTHING",
		&res, err, pg_int8(y->id), pg_text(buf_cstr(&appids)), pg_text(buf_cstr(&names)));
	if (rc == 0)
		rc = PG_EXEC(pg, "UPDATE token_service.syncs SET seen = seen + $3, total = $4" MINE, NULL,
			err, pg_int8(y->id), pg_int8(y->fence), pg_int8(pg_affected(res)),
			pg_int8(page->total));
	pg_result_free(&res);
	buf_release(&appids);
	buf_release(&names);
	return rc;
}

/* --- page by page ------------------------------------------------------------------------------------------
 */

struct advance {
	struct sync *y;
	size_t n_read;
	bool last;
};

static int advance_body(struct pg *pg, void *arg, struct err *err)
{
	const struct advance *a = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "UPDATE token_service.syncs SET attempts = 0, error = NULL,"
		    "   lease_until = now() + $5 * interval '1 ms',"
		    "   next_offset = CASE WHEN $4 THEN 0 ELSE next_offset + $3 END,"
		    "   pass = CASE WHEN $4 AND seen < total AND pass < $6 THEN pass + 1 ELSE pass END,"
		    "   step = CASE WHEN $4 AND (seen >= total OR pass >= $6) THEN 'missing' ELSE step "
		    "END" MINE " RETURNING next_offset, pass, step = 'list'",
		    &res, err, pg_int8(a->y->id), pg_int8(a->y->fence), pg_int8((int64_t)a->n_read),
		    pg_bool(a->last), pg_int8(SYNC_LEASE_MS), pg_int8(SYNC_PASSES)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? 0 : SYNC_OVERTAKEN;
	if (rc == 0) {
		a->y->offset = pg_value_int(res, 0, 0);
		a->y->pass = (int)pg_value_int(res, 0, 1);
		a->y->listing = pg_value_bool(res, 0, 2);
		a->y->attempts = 0;
	}
	pg_result_free(&res);
	return rc;
}

int sync_advance(const struct store *s, struct sync *y, size_t n_read, bool last, struct err *err)
{
	struct advance a = {y, n_read, last};

	return store_run(s, advance_body, &a, err);
}

/* --- who is missing ----------------------------------------------------------------------------------------
 */

#define CANDIDATES                                                                                           \
	" FROM token_service.accounts a JOIN token_service.syncs y USING (component_appid)"                  \
	" WHERE y.id = $1 AND a.state = 'authorized' AND coalesce(a.authorized_at < y.started_at, true)"     \
	" AND NOT EXISTS (SELECT 1 FROM token_service.sync_accounts f WHERE f.sync_id = y.id AND f.appid = " \
	"a.appid)"

struct candidates {
	const struct sync *y;
	char (*appids)[APPID_MAX + 1];
	int n;
	int64_t count;
};

static int count_body(struct pg *pg, void *arg, struct err *err)
{
	struct candidates *c = arg;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg, "SELECT count(*)" CANDIDATES, &res, err, pg_int8(c->y->id)) < 0)
		return -1;
	c->count = pg_value_int(res, 0, 0);
	pg_result_free(&res);
	return 0;
}

int sync_count_candidates(const struct store *s, const struct sync *y, int64_t *n_out, struct err *err)
{
	struct candidates c = {y, NULL, 0, 0};

	if (store_run(s, count_body, &c, err) < 0)
		return -1;
	*n_out = c.count;
	return 0;
}

static int candidates_body(struct pg *pg, void *arg, struct err *err)
{
	struct candidates *c = arg;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg, "SELECT a.appid" CANDIDATES " ORDER BY a.appid LIMIT $2", &res, err,
		    pg_int8(c->y->id), pg_int8(SYNC_CANDIDATES)) < 0)
		return -1;
	for (c->n = 0; c->n < pg_rows(res); c->n++)
		(void)str_copy(c->appids[c->n], sizeof(c->appids[0]), pg_value(res, c->n, 0));
	pg_result_free(&res);
	return 0;
}

int sync_candidates(const struct store *s, const struct sync *y, char appids[SYNC_CANDIDATES][APPID_MAX + 1],
	int *n_out, struct err *err)
{
	struct candidates c = {y, appids, 0, 0};

	if (store_run(s, candidates_body, &c, err) < 0)
		return -1;
	*n_out = c.n;
	return 0;
}

int sync_lock_candidate(struct pg *pg, const struct sync *y, const char *appid, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "SELECT 1 FROM token_service.accounts a JOIN token_service.syncs y USING "
		    "(component_appid)"
		    " WHERE y.id = $1 AND a.appid = $2 AND a.state = 'authorized'"
		    " AND coalesce(a.authorized_at < y.started_at, true) FOR UPDATE OF a",
		    &res, err, pg_int8(y->id), pg_text(appid)) < 0)
		return -1;
	rc = pg_rows(res) > 0;
	pg_result_free(&res);
	return rc;
}

/* --- the end -----------------------------------------------------------------------------------------------
 */

struct ending {
	const struct sync *y;
	const char *why;
	int64_t retry_ms;
};

/* An account whose code was exchanged while we read is no loss. */
static int end_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "UPDATE token_service.syncs SET step = 'done', ended_at = now(), lease_owner = NULL" MINE,
		    &res, err, pg_int8(e->y->id), pg_int8(e->y->fence)) < 0)
		return -1;
	if ((rc = affected(&res, SYNC_OVERTAKEN)) != 0)
		return rc;
	if (PG_EXEC(pg,
		    "DELETE FROM token_service.sync_accounts f USING token_service.syncs y, "
		    "token_service.accounts a"
		    " WHERE y.id = $1 AND f.sync_id = $1 AND f.finding = 'code_lost'"
		    " AND a.component_appid = y.component_appid AND a.appid = f.appid"
		    " AND a.state = 'authorized' AND a.authorized_at >= y.started_at",
		    NULL, err, pg_int8(e->y->id)) < 0)
		return -1;
	return PG_EXEC(pg, "DELETE FROM token_service.sync_accounts WHERE sync_id = $1 AND finding = 'known'",
		NULL, err, pg_int8(e->y->id));
}

int sync_end(const struct store *s, const struct sync *y, struct err *err)
{
	struct ending e = {y, NULL, 0};

	return store_tx(s, end_body, &e, err);
}

/* What the failed one was to find is still to be found: a lost push is told nowhere else. */
static int fail_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;

	return PG_EXEC(pg,
		"WITH failed AS (UPDATE token_service.syncs SET attempts = attempts + 1, error = $3,"
		"   lease_owner = NULL, lease_until = '-infinity',"
		"   retry_at = now() + $4 * interval '1 ms',"
		"   step = CASE WHEN $4 > 0 THEN step ELSE 'failed' END,"
		"   ended_at = CASE WHEN $4 > 0 THEN NULL ELSE now() END" MINE
		"   RETURNING component_appid, reason, step)"
		" UPDATE token_service.sync_schedule d SET"
		"   outage_at = CASE WHEN f.reason = 'outage' THEN now() ELSE d.outage_at END,"
		"   next_at = CASE WHEN f.reason = 'daily' THEN least(d.next_at, now() + interval '1 hour')"
		"     ELSE d.next_at END"
		" FROM failed f WHERE f.step = 'failed' AND d.component_appid = f.component_appid",
		NULL, err, pg_int8(e->y->id), pg_int8(e->y->fence), pg_text(e->why), pg_int8(e->retry_ms));
}

int sync_fail(const struct store *s, const struct sync *y, const char *why, int64_t retry_ms, struct err *err)
{
	struct ending e = {y, why, retry_ms};

	return store_run(s, fail_body, &e, err);
}

static int release_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;

	return PG_EXEC(pg,
		"UPDATE token_service.syncs SET lease_owner = NULL, lease_until = '-infinity'" MINE, NULL,
		err, pg_int8(e->y->id), pg_int8(e->y->fence));
}

int sync_release(const struct store *s, const struct sync *y, struct err *err)
{
	struct ending e = {y, NULL, 0};

	return store_run(s, release_body, &e, err);
}

/* --- telling -----------------------------------------------------------------------------------------------
 */

struct telling {
	const char *component_appid;
	int64_t id;
	const char *after;
	int limit;
	struct json *out;
};

enum {
	COL_ID,
	COL_REASON,
	COL_PRUNE,
	COL_DRY_RUN,
	COL_STEP,
	COL_PASS,
	COL_TOTAL,
	COL_SEEN,
	COL_ATTEMPTS,
	COL_ERROR,
	COL_RETRY_S,
	COL_CREATED,
	COL_STARTED,
	COL_ENDED
};

static void set_time(struct json *j, const char *name, const struct pg_result *res, int col)
{
	json_set(
		j, name, pg_is_null(res, 0, col) ? json_new_null() : json_new_int(pg_value_int(res, 0, col)));
}

static struct json *sync_json(const struct pg_result *res, const char *component_appid)
{
	struct json *j = json_new_object();

	json_set_int(j, "id", pg_value_int(res, 0, COL_ID));
	json_set_str(j, "component_appid", component_appid);
	json_set_str(j, "reason", pg_value(res, 0, COL_REASON));
	json_set_bool(j, "prune", pg_value_bool(res, 0, COL_PRUNE));
	json_set_bool(j, "dry_run", pg_value_bool(res, 0, COL_DRY_RUN));
	json_set_str(j, "step", pg_value(res, 0, COL_STEP));
	json_set_int(j, "pass", pg_value_int(res, 0, COL_PASS));
	set_time(j, "total", res, COL_TOTAL);
	json_set_int(j, "seen", pg_value_int(res, 0, COL_SEEN));
	json_set_int(j, "attempts_failed", pg_value_int(res, 0, COL_ATTEMPTS));
	json_set_str(j, "error", pg_is_null(res, 0, COL_ERROR) ? NULL : pg_value(res, 0, COL_ERROR));
	json_set_int(j, "retry_in", pg_value_int(res, 0, COL_RETRY_S));
	set_time(j, "created_at", res, COL_CREATED);
	set_time(j, "started_at", res, COL_STARTED);
	set_time(j, "ended_at", res, COL_ENDED);
	return j;
}

static int count_findings(struct pg *pg, int64_t id, struct json *out, struct err *err)
{
	struct json *found = json_new_object();
	struct pg_result *res = NULL;

	for (int i = SYNC_NEW; i < N_SYNC_FINDINGS; i++)
		json_set_int(found, finding_names[i], 0);
	json_set(out, "found", found);
	if (PG_EXEC(pg,
		    "SELECT finding, count(*) FROM token_service.sync_accounts"
		    " WHERE sync_id = $1 AND finding <> 'known' GROUP BY finding",
		    &res, err, pg_int8(id)) < 0)
		return -1;
	for (int i = 0; i < pg_rows(res); i++)
		json_set_int(found, pg_value(res, i, 0), pg_value_int(res, i, 1));
	pg_result_free(&res);
	return 0;
}

static int tell_body(struct pg *pg, void *arg, struct err *err)
{
	struct telling *t = arg;
	struct pg_result *res = NULL;
	int rc = SYNC_NONE;

	if (PG_EXEC(pg,
		    "SELECT id, reason, prune, dry_run, step, pass, total, seen, attempts, error,"
		    " CASE WHEN ended_at IS NULL AND retry_at > now()"
		    "   THEN ceil(extract(epoch FROM retry_at - now()))::bigint ELSE 0 END,"
		    " extract(epoch FROM created_at)::bigint, extract(epoch FROM started_at)::bigint,"
		    " extract(epoch FROM ended_at)::bigint"
		    " FROM token_service.syncs WHERE component_appid = $1 AND ($2 = 0 OR id = $2)"
		    " ORDER BY id DESC LIMIT 1",
		    &res, err, pg_text(t->component_appid), pg_int8(t->id)) < 0)
		return -1;
	if (pg_rows(res) > 0) {
		t->out = sync_json(res, t->component_appid);
		rc = count_findings(pg, pg_value_int(res, 0, COL_ID), t->out, err);
	}
	pg_result_free(&res);
	return rc;
}

int sync_tell(
	const struct store *s, const char *component_appid, int64_t id, struct json **out, struct err *err)
{
	struct telling t = {.component_appid = component_appid, .id = id};
	int rc = store_run(s, tell_body, &t, err);

	if (rc == 0)
		*out = t.out;
	else
		json_free(&t.out);
	return rc;
}

static struct json *finding_json(const struct pg_result *res, int row)
{
	struct json *j = json_new_object();

	json_set_str(j, "appid", pg_value(res, row, 0));
	json_set_str(j, "finding", pg_value(res, row, 1));
	if (pg_value_int(res, row, 2) != 0)
		json_set_int(j, "errcode", pg_value_int(res, row, 2));
	return j;
}

static int findings_body(struct pg *pg, void *arg, struct err *err)
{
	struct telling *t = arg;
	struct json *list = json_new_array();
	struct pg_result *res = NULL;
	int n = 0;

	t->out = json_new_object();
	json_set(t->out, "findings", list);
	if (PG_EXEC(pg,
		    "SELECT f.appid, f.finding, f.errcode FROM token_service.sync_accounts f"
		    " JOIN token_service.syncs y ON y.id = f.sync_id"
		    " WHERE f.sync_id = $1 AND y.component_appid = $2 AND f.finding <> 'known' AND f.appid > "
		    "$3"
		    " ORDER BY f.appid LIMIT $4",
		    &res, err, pg_int8(t->id), pg_text(t->component_appid), pg_text(t->after),
		    pg_int8(t->limit)) < 0)
		return -1;
	for (n = 0; n < pg_rows(res); n++)
		json_push(list, finding_json(res, n));
	json_set_str(t->out, "next", n == t->limit ? pg_value(res, n - 1, 0) : NULL);
	pg_result_free(&res);
	return 0;
}

int sync_tell_findings(const struct store *s, const char *component_appid, int64_t id, const char *after,
	int limit, struct json **out, struct err *err)
{
	struct telling t = {component_appid, id, after, limit, NULL};
	int rc = store_run(s, findings_body, &t, err);

	if (rc == 0)
		*out = t.out;
	else
		json_free(&t.out);
	return rc;
}

static int housekeeping_body(struct pg *pg, void *arg, struct err *err)
{
	(void)arg;
	return pg_exec(pg, "DELETE FROM token_service.syncs WHERE ended_at < now() - interval '30 days'",
		NULL, 0, NULL, err);
}

int sync_housekeeping(const struct store *s, struct err *err)
{
	return store_run(s, housekeeping_body, NULL, err);
}
