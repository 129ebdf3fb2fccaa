#include "services/token-service/tokens/credential_store.h"

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "services/token-service/audit.h"
#include "services/token-service/events/outbox.h"
#include "services/token-service/metrics.h"
#include "services/token-service/tokens/schedule.h"
#include "services/token-service/seal.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define DUE_COUNTED_MAX 10000 /* of each platform's accounts */

void credential_row_release(struct credential_row *row)
{
	secret_free(&row->token);
	secret_free(&row->grant);
}

#define UTC   "(now() AT TIME ZONE 'UTC')"
#define TODAY UTC "::date"

/* What the two tables' statements share; a column order that read_row() knows. */
#define LOAD_COLUMNS                                                                                         \
	" coalesce(extract(epoch FROM token_expires_at - now()) * 1000, 0)::bigint, failures,"               \
	" greatest(coalesce(extract(epoch FROM retry_at - now()) * 1000, 0), 0)::bigint,"                    \
	" coalesce(refresh_at <= now(), false), CASE WHEN calls_on = " TODAY " THEN calls ELSE 0 END,"       \
	" (extract(epoch FROM date_trunc('day', " UTC ") + interval '1 day' - " UTC ") * 1000)::bigint,"     \
	" token, "

static bool is_platform(const struct credential_id *id)
{
	return id->appid[0] == '\0';
}

/* --- load --------------------------------------------------------------------------------------------------
 */

struct load {
	const struct store *s;
	const struct credential_id *id;
	struct credential_row row;
};

static int read_row(const struct load *l, const struct keys *keys, const struct pg_result *res,
	struct credential_row *row, struct err *err)
{
	const struct credential_id *id = l->id;
	enum sealed_column grant = is_platform(id) ? SEALED_TICKET : SEALED_REFRESH_TOKEN;

	row->exists = true;
	row->authorized = pg_value_bool(res, 0, 0);
	row->left_ms = pg_value_int(res, 0, 1);
	row->failures = (int)pg_value_int(res, 0, 2);
	row->blocked_ms = pg_value_int(res, 0, 3);
	row->due = pg_value_bool(res, 0, 4);
	row->calls_today = (int)pg_value_int(res, 0, 5);
	row->day_ends_ms = pg_value_int(res, 0, 6);
	/* A token that does not open is as good as none: the grant brings another. */
	(void)seal_open_column(
		keys->master, SEALED_TOKEN, id->component_appid, id->appid, res, 0, 7, &row->token, err);
	return seal_open_column(
		keys->master, grant, id->component_appid, id->appid, res, 0, 8, &row->grant, err);
}

static int load_body(struct pg *pg, void *arg, struct err *err)
{
	struct load *l = arg;
	struct keys *keys = keyring_take(l->s->keyring);
	struct pg_result *res = NULL;
	int rc;

	rc = is_platform(l->id) ? PG_EXEC(pg,
					  "SELECT true," LOAD_COLUMNS
					  "ticket FROM token_service.platforms WHERE component_appid = $1",
					  &res, err, pg_text(l->id->component_appid))
				: PG_EXEC(pg,
					  "SELECT state = 'authorized'," LOAD_COLUMNS
					  "refresh_token FROM token_service.accounts"
					  " WHERE component_appid = $1 AND appid = $2",
					  &res, err, pg_text(l->id->component_appid), pg_text(l->id->appid));
	if (rc == 0 && pg_rows(res) > 0)
		rc = read_row(l, keys, res, &l->row, err);
	pg_result_free(&res);
	keyring_give(l->s->keyring, &keys);
	return rc;
}

int credential_load(
	const struct store *s, const struct credential_id *id, struct credential_row *out, struct err *err)
{
	struct load l = {.s = s, .id = id};

	if (store_run(s, load_body, &l, err) < 0) {
		credential_row_release(&l.row);
		return -1;
	}
	*out = l.row;
	return 0;
}

/* --- claim -------------------------------------------------------------------------------------------------
 */

struct claim {
	const struct store *s;
	const char *platforms;
	struct credential_id *id;
	int64_t *fence_out;
};

#define CLAIM_SET                                                                                            \
	" SET lease_owner = $1, lease_until = now() + $2 * interval '1 ms', fence = fence + 1,"              \
	" calls_on = " TODAY ", calls = CASE WHEN calls_on = " TODAY " THEN calls ELSE 0 END + 1"

static int claim_body(struct pg *pg, void *arg, struct err *err)
{
	struct claim *c = arg;
	struct pg_result *res = NULL;
	int rc;

	rc = is_platform(c->id)
		     ? PG_EXEC(pg,
			       "UPDATE token_service.platforms" CLAIM_SET
			       " WHERE component_appid = $3 AND lease_until < now() RETURNING fence",
			       &res, err, pg_text(c->s->owner), pg_int8(LEASE_MS),
			       pg_text(c->id->component_appid))
		     : PG_EXEC(pg,
			       "UPDATE token_service.accounts" CLAIM_SET
			       " WHERE component_appid = $3 AND appid = $4 AND lease_until < now() RETURNING "
			       "fence",
			       &res, err, pg_text(c->s->owner), pg_int8(LEASE_MS),
			       pg_text(c->id->component_appid), pg_text(c->id->appid));
	if (rc == 0) {
		rc = pg_rows(res) > 0 ? 0 : LEASE_BUSY;
		if (rc == 0)
			*c->fence_out = pg_value_int(res, 0, 0);
	}
	pg_result_free(&res);
	return rc;
}

int credential_claim(
	const struct store *s, const struct credential_id *id, int64_t *fence_out, struct err *err)
{
	struct credential_id copy = *id;
	struct claim c = {s, NULL, &copy, fence_out};

	return store_run(s, claim_body, &c, err);
}

static int take_due(struct claim *c, struct pg_result **res)
{
	bool found = pg_rows(*res) > 0;

	if (found) {
		*c->fence_out = pg_value_int(*res, 0, 0);
		(void)str_copy(c->id->component_appid, sizeof(c->id->component_appid), pg_value(*res, 0, 1));
		(void)str_copy(c->id->appid, sizeof(c->id->appid), pg_value(*res, 0, 2));
	}
	pg_result_free(res);
	return found ? 0 : LEASE_BUSY;
}

/* The platforms' own tokens first: everything else needs them. */
static int claim_due_body(struct pg *pg, void *arg, struct err *err)
{
	struct claim *c = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "UPDATE token_service.platforms" CLAIM_SET
		    " WHERE component_appid = (SELECT component_appid FROM token_service.platforms"
		    "   WHERE refresh_at <= now() AND lease_until < now() AND coalesce(retry_at <= now(), "
		    "true)"
		    "   ORDER BY refresh_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING fence, "
		    "component_appid, ''",
		    &res, err, pg_text(c->s->owner), pg_int8(LEASE_MS)) < 0)
		return -1;
	if ((rc = take_due(c, &res)) == 0)
		return 0;
	if (PG_EXEC(pg,
		    "UPDATE token_service.accounts" CLAIM_SET
		    " WHERE (component_appid, appid) = (SELECT d.component_appid, d.appid"
		    "   FROM unnest($3::text[]) AS p(component_appid), LATERAL ("
		    "     SELECT a.component_appid, a.appid FROM token_service.accounts a"
		    "     WHERE a.component_appid = p.component_appid AND a.refresh_at <= now()"
		    "       AND a.lease_until < now() AND coalesce(a.retry_at <= now(), true)"
		    "     ORDER BY a.refresh_at LIMIT 1 FOR UPDATE SKIP LOCKED) d"
		    "   ORDER BY random() LIMIT 1) RETURNING fence, component_appid, appid",
		    &res, err, pg_text(c->s->owner), pg_int8(LEASE_MS), pg_text(c->platforms)) < 0)
		return -1;
	return take_due(c, &res);
}

int credential_claim_due(const struct store *s, const char *platforms, struct credential_id *id_out,
	int64_t *fence_out, struct err *err)
{
	struct claim c = {s, platforms, id_out, fence_out};

	return store_run(s, claim_due_body, &c, err);
}

/* --- the end of a claim ------------------------------------------------------------------------------------
 */

struct ending {
	const struct store *s;
	const struct credential_id *id;
	int64_t fence;
	const struct weixin_token *token;
	int64_t elapsed_ms;
	int64_t retry_ms; /* 0: given back, neither success nor failure */
	const char *why;  /* credential_fail()'s */
	int errcode;      /* credential_refuse()'s */
};

#define GIVE_BACK "lease_owner = NULL, lease_until = '-infinity'"
#define TOKEN_SET                                                                                            \
	" SET token = $1, token_expires_at = now() + $2 * interval '1 ms',"                                  \
	" refresh_at = now() + $3 * interval '1 ms', failures = 0, retry_at = NULL, " GIVE_BACK

/* From now, though the token's life began with the call. */
static int64_t refresh_after_ms(const struct ending *e)
{
	return schedule_refresh_ms(e->token->expires_in_s, clock_wall_ms() - e->elapsed_ms,
		       e->id->component_appid, e->id->appid) -
	       e->elapsed_ms;
}

static int store_platform(struct pg *pg, const struct ending *e, const struct buf *token, struct err *err)
{
	int64_t refresh_ms = refresh_after_ms(e);
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "UPDATE token_service.platforms" TOKEN_SET " WHERE component_appid = $4 AND fence = $5",
		    &res, err, seal_param(token), pg_int8(e->token->expires_in_s * 1000 - e->elapsed_ms),
		    pg_int8(refresh_ms), pg_text(e->id->component_appid), pg_int8(e->fence)) < 0)
		return -1;
	rc = pg_affected(res) > 0 ? 0 : LEASE_BUSY;
	pg_result_free(&res);
	/* Accounts that wait because there was no component token need not wait any longer. */
	if (rc == 0)
		rc = PG_EXEC(pg,
			"UPDATE token_service.accounts SET retry_at = NULL,"
			" refresh_at = CASE WHEN refresh_at <= retry_at THEN now() ELSE refresh_at END"
			" WHERE component_appid = $1 AND failures > 0 AND retry_at > now()",
			NULL, err, pg_text(e->id->component_appid));
	return rc;
}

int credential_keep_in_history(struct pg *pg, const struct credential_id *id, const char *refresh_token,
	const struct buf *sealed, struct err *err)
{
	const struct crypto_piece piece = {refresh_token, strlen(refresh_token)};
	uint8_t sha256[CRYPTO_SHA256_LEN];

	crypto_sha256(&piece, 1, sha256);
	return PG_EXEC(pg,
		"INSERT INTO token_service.refresh_token_history"
		" (component_appid, appid, refresh_token, refresh_token_sha256) VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (component_appid, appid, refresh_token_sha256) DO UPDATE"
		" SET stored_at = now(), refresh_token = excluded.refresh_token",
		NULL, err, pg_text(id->component_appid), pg_text(id->appid), seal_param(sealed),
		pg_bytea(sha256, sizeof(sha256)));
}

/* Not each one: audit.h. */
static int note_refreshed(struct pg *pg, const struct credential_id *id, int failed, struct err *err)
{
	char detail[32] = "";

	if (failed == 0 && strcmp(audit_actor(), AUDIT_SELF) == 0)
		return 0;
	if (failed > 0)
		(void)snprintf(detail, sizeof(detail), "failed before: %d", failed);
	return audit_add(pg, id, "refreshed", detail, err);
}

static int store_account(struct pg *pg, const struct ending *e, const struct keys *keys,
	const struct buf *token, struct err *err)
{
	const struct credential_id *id = e->id;
	int64_t refresh_ms = refresh_after_ms(e);
	struct buf refresh_token = BUF_INIT(2 * SECRET_MAX_BYTES);
	struct pg_result *res = NULL;
	int rc;

	seal_column(keys->master, SEALED_REFRESH_TOKEN, id->component_appid, id->appid,
		e->token->refresh_token, &refresh_token);
	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts" TOKEN_SET ", refresh_token = coalesce($6, refresh_token),"
		" refused_at = NULL, refused_errcode = 0,"
		" refreshed_at = now(), refreshed_by = $8, refreshes = refreshes + 1"
		" FROM (SELECT failures AS failed FROM token_service.accounts"
		"   WHERE component_appid = $4 AND appid = $5) was"
		" WHERE component_appid = $4 AND appid = $5 AND fence = $7 AND state = 'authorized'"
		" RETURNING was.failed",
		&res, err, seal_param(token), pg_int8(e->token->expires_in_s * 1000 - e->elapsed_ms),
		pg_int8(refresh_ms), pg_text(id->component_appid), pg_text(id->appid),
		seal_param(&refresh_token), pg_int8(e->fence), pg_text(audit_actor()));
	if (rc == 0)
		rc = pg_rows(res) > 0 ? 0 : LEASE_BUSY;
	if (rc == 0 && refresh_token.len)
		rc = credential_keep_in_history(pg, id, e->token->refresh_token, &refresh_token, err);
	if (rc == 0)
		rc = note_refreshed(pg, id, (int)pg_value_int(res, 0, 0), err);
	pg_result_free(&res);
	buf_release(&refresh_token);
	return rc;
}

static int store_body_token(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;
	struct keys *keys = keyring_take(e->s->keyring);
	struct buf token = BUF_INIT(2 * SECRET_MAX_BYTES);
	int rc;

	seal_column(
		keys->master, SEALED_TOKEN, e->id->component_appid, e->id->appid, e->token->token, &token);
	rc = is_platform(e->id) ? store_platform(pg, e, &token, err)
				: store_account(pg, e, keys, &token, err);
	if (rc == 0 && is_platform(e->id))
		rc = audit_add(pg, e->id, "refreshed", "", err);
	buf_release(&token);
	keyring_give(e->s->keyring, &keys);
	return rc;
}

int credential_store(const struct store *s, const struct credential_id *id, int64_t fence,
	const struct weixin_token *token, int64_t elapsed_ms, struct err *err)
{
	struct ending e = {.s = s, .id = id, .fence = fence, .token = token, .elapsed_ms = elapsed_ms};

	return store_tx(s, store_body_token, &e, err);
}

/* *failures_out: in a row now. */
static int end_claim(struct pg *pg, const struct ending *e, int *failures_out, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

/* What is due is put off with it, so that the next due one is found at once. A claim that came to nothing was
 * no call.
 */
#define END_SET                                                                                              \
	" SET " GIVE_BACK ", failures = failures + sign($1)::int,"                                           \
	" retry_at = CASE WHEN $1 > 0 THEN now() + $1 * interval '1 ms' ELSE retry_at END,"                  \
	" refresh_at = CASE WHEN $1 > 0 AND refresh_at <= now() THEN now() + $1 * interval '1 ms'"           \
	" ELSE refresh_at END, calls = calls - CASE WHEN $1 > 0 OR calls = 0 THEN 0 ELSE 1 END"
	rc = is_platform(e->id) ? PG_EXEC(pg,
					  "UPDATE token_service.platforms" END_SET
					  " WHERE component_appid = $2 AND fence = $3 RETURNING failures",
					  &res, err, pg_int8(e->retry_ms), pg_text(e->id->component_appid),
					  pg_int8(e->fence))
				: PG_EXEC(pg,
					  "UPDATE token_service.accounts" END_SET
					  " WHERE component_appid = $2 AND fence = $3 AND appid = $4"
					  " RETURNING failures",
					  &res, err, pg_int8(e->retry_ms), pg_text(e->id->component_appid),
					  pg_int8(e->fence), pg_text(e->id->appid));
	if (rc == 0)
		rc = pg_rows(res) > 0 ? 0 : LEASE_BUSY;
	if (rc == 0)
		*failures_out = (int)pg_value_int(res, 0, 0);
	pg_result_free(&res);
	return rc;
}

/* A failure that goes on is told once. */
static int fail_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;
	int failures = 0;
	int rc = end_claim(pg, e, &failures, err);

	return rc == 0 && failures == 1 ? audit_add(pg, e->id, "refresh failed", e->why, err) : rc;
}

int credential_fail(const struct store *s, const struct credential_id *id, int64_t fence, int64_t retry_ms,
	const char *why, struct err *err)
{
	struct ending e = {.s = s, .id = id, .fence = fence, .retry_ms = retry_ms, .why = why};

	return store_tx(s, fail_body, &e, err);
}

/* What cannot be refreshed is not due either, or it would be claimed again at once. */
static int release_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;
	int failures;

	if (!is_platform(e->id) &&
		PG_EXEC(pg,
			"UPDATE token_service.accounts SET refresh_at = NULL WHERE component_appid = $1 AND "
			"appid = $2"
			" AND fence = $3 AND (state <> 'authorized' OR refresh_token IS NULL)",
			NULL, err, pg_text(e->id->component_appid), pg_text(e->id->appid),
			pg_int8(e->fence)) < 0)
		return -1;
	return end_claim(pg, e, &failures, err);
}

int credential_release(const struct store *s, const struct credential_id *id, int64_t fence, struct err *err)
{
	struct ending e = {.s = s, .id = id, .fence = fence};

	return store_run(s, release_body, &e, err);
}

static int tell_refused(struct pg *pg, const struct ending *e, struct err *err)
{
	struct buf value = BUF_INIT(1024);
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", e->id->component_appid);
	json_set_str(fields, "appid", e->id->appid);
	json_set_int(fields, "errcode", e->errcode);
	json_write(fields, &value);
	rc = outbox_add(pg,
		&(struct outbox_record){
			.topic = TOPIC_PLATFORM_NOTICES,
			.component_appid = e->id->component_appid,
			.appid = e->id->appid,
			.type = "wxbus.account.refused",
			.value = buf_cstr(&value),
		},
		err);
	json_free(&fields);
	buf_release(&value);
	return rc;
}

static int refuse_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;
	struct pg_result *res = NULL;
	bool told = false;
	char detail[32];
	int rc, failures;

	if ((rc = end_claim(pg, e, &failures, err)) < 0 || rc == LEASE_BUSY)
		return rc < 0 ? rc : 0;
	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts SET refused_at = now(), refused_errcode = $3"
		" WHERE component_appid = $1 AND appid = $2 AND refused_at IS NULL",
		&res, err, pg_text(e->id->component_appid), pg_text(e->id->appid), pg_int8(e->errcode));
	if (rc == 0 && pg_affected(res) > 0) {
		told = true;
		(void)snprintf(detail, sizeof(detail), "errcode %d", e->errcode);
		rc = tell_refused(pg, e, err);
		if (rc == 0)
			rc = audit_add(pg, e->id, "refused", detail, err);
	}
	pg_result_free(&res);
	return rc < 0 ? rc : told;
}

int credential_refuse(const struct store *s, const struct credential_id *id, int64_t fence, int errcode,
	int64_t retry_ms, struct err *err)
{
	struct ending e = {.s = s, .id = id, .fence = fence, .retry_ms = retry_ms, .errcode = errcode};

	return store_tx(s, refuse_body, &e, err);
}

static int due_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;

	if (is_platform(e->id))
		return PG_EXEC(pg,
			"UPDATE token_service.platforms SET refresh_at = now() WHERE component_appid = $1",
			NULL, err, pg_text(e->id->component_appid));
	return PG_EXEC(pg,
		"UPDATE token_service.accounts SET refresh_at = now() WHERE component_appid = $1 AND appid = "
		"$2"
		" AND state = 'authorized' AND refresh_token IS NOT NULL",
		NULL, err, pg_text(e->id->component_appid), pg_text(e->id->appid));
}

int credential_due_now(const struct store *s, const struct credential_id *id, struct err *err)
{
	struct ending e = {.s = s, .id = id};

	return store_run(s, due_body, &e, err);
}

static int abandoned_body(struct pg *pg, void *arg, struct err *err)
{
	(void)arg;
	return pg_exec_script(pg,
		"UPDATE token_service.accounts SET lease_owner = NULL, refresh_at = CASE"
		"   WHEN state = 'authorized' AND refresh_token IS NOT NULL THEN least(refresh_at, now())"
		"   ELSE refresh_at END"
		" WHERE lease_owner IS NOT NULL AND lease_until < now();"
		"UPDATE token_service.platforms SET lease_owner = NULL, refresh_at = CASE"
		"   WHEN ticket IS NOT NULL THEN least(refresh_at, now()) ELSE refresh_at END"
		" WHERE lease_owner IS NOT NULL AND lease_until < now()",
		err);
}

int credential_take_up_abandoned(const struct store *s, struct err *err)
{
	return store_run(s, abandoned_body, NULL, err);
}

/* --- history -----------------------------------------------------------------------------------------------
 */

#define HISTORY_READ 16 /* rows looked at for different ones */

struct keeping {
	const struct store *s;
	const struct credential_id *id;
	const char *refresh_token;
};

static int keep_body(struct pg *pg, void *arg, struct err *err)
{
	const struct keeping *k = arg;
	const struct credential_id *id = k->id;
	struct buf sealed = BUF_INIT(2 * SECRET_MAX_BYTES);
	struct keys *keys = keyring_take(k->s->keyring);
	struct pg_result *res = NULL;
	int rc;

	seal_column(keys->master, SEALED_REFRESH_TOKEN, id->component_appid, id->appid, k->refresh_token,
		&sealed);
	keyring_give(k->s->keyring, &keys);
	rc = PG_EXEC(pg,
		"SELECT 1 FROM token_service.accounts WHERE component_appid = $1 AND appid = $2"
		" AND state = 'authorized' FOR SHARE",
		&res, err, pg_text(id->component_appid), pg_text(id->appid));
	if (rc == 0 && pg_rows(res) > 0)
		rc = credential_keep_in_history(pg, id, k->refresh_token, &sealed, err);
	pg_result_free(&res);
	buf_release(&sealed);
	return rc;
}

int credential_keep(
	const struct store *s, const struct credential_id *id, const char *refresh_token, struct err *err)
{
	struct keeping k = {s, id, refresh_token};

	return store_tx(s, keep_body, &k, err);
}

struct history {
	const struct store *s;
	const struct credential_id *id;
	char **out;
	int n;
};

static bool is_known(const struct history *h, int n, const char *token)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(h->out[i], token) == 0)
			return true;
	}
	return false;
}

static int history_body(struct pg *pg, void *arg, struct err *err)
{
	const struct history *h = arg;
	struct pg_result *res = NULL;
	struct err ignored;
	struct keys *keys;
	int n = 0;

	if (PG_EXEC(pg,
		    "SELECT refresh_token FROM token_service.refresh_token_history"
		    " WHERE component_appid = $1 AND appid = $2 ORDER BY stored_at DESC, id DESC LIMIT $3",
		    &res, err, pg_text(h->id->component_appid), pg_text(h->id->appid),
		    pg_int8(HISTORY_READ)) < 0)
		return -1;
	keys = keyring_take(h->s->keyring);
	for (int i = 0; i < pg_rows(res) && n < h->n; i++) {
		char *token = NULL;

		if (seal_open_column(keys->master, SEALED_REFRESH_TOKEN, h->id->component_appid, h->id->appid,
			    res, i, 0, &token, &ignored) < 0 ||
			is_known(h, n, token))
			secret_free(&token);
		else
			h->out[n++] = token;
	}
	keyring_give(h->s->keyring, &keys);
	pg_result_free(&res);
	return 0;
}

int credential_history(
	const struct store *s, const struct credential_id *id, char **out, int n, struct err *err)
{
	struct history h = {s, id, out, n};

	return store_run(s, history_body, &h, err);
}

/* --- how many are due --------------------------------------------------------------------------------------
 */

/* By the index, so that an outage of many accounts does not make each look as long as it is. */
static int look_body(struct pg *pg, void *arg, struct err *err)
{
	const struct buf *platforms = arg;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT count(*), coalesce(extract(epoch FROM now() - min(refresh_at)) * 1000, 0)::bigint"
		    " FROM (SELECT refresh_at FROM token_service.platforms"
		    "     WHERE component_appid = ANY($1::text[]) AND refresh_at <= now()"
		    "   UNION ALL SELECT a.refresh_at FROM unnest($1::text[]) AS p(component_appid), LATERAL "
		    "("
		    "     SELECT refresh_at FROM token_service.accounts"
		    "     WHERE component_appid = p.component_appid AND refresh_at <= now()"
		    "       AND state = 'authorized' AND refused_at IS NULL"
		    "     ORDER BY refresh_at LIMIT $2) a) due",
		    &res, err, pg_text(buf_cstr(platforms)), pg_int8(DUE_COUNTED_MAX)) < 0)
		return -1;
	metric_set(&token_service_metrics[M_DUE], NULL, (double)pg_value_int(res, 0, 0));
	metric_set(&token_service_metrics[M_LATENESS], NULL, (double)pg_value_int(res, 0, 1) / 1000);
	pg_result_free(&res);
	return 0;
}

int credential_look(const struct store *s, struct err *err)
{
	struct buf platforms = BUF_INIT(STORE_PLATFORMS_MAX);
	int rc;

	store_list_platforms(s, &platforms);
	rc = store_run(s, look_body, &platforms, err);
	buf_release(&platforms);
	return rc;
}
