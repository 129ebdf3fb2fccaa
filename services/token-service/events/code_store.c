#include "services/token-service/events/code_store.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define ARRAY_MAX (64 * 1024)

void code_id_make(const char *component_appid, const char *code, struct code_id *out)
{
	const struct crypto_piece piece = {code, strlen(code)};

	(void)str_copy(out->component_appid, sizeof(out->component_appid), component_appid);
	crypto_sha256(&piece, 1, out->sha256);
}

void code_result_release(struct code_result *r)
{
	func_difference_release(&r->difference);
}

static void read_difference(const struct pg_result *res, int col, struct func_difference *d)
{
	d->added = store_int_array_parse(pg_value(res, 0, col), &d->n_added);
	d->removed = store_int_array_parse(pg_value(res, 0, col + 1), &d->n_removed);
}

/* --- claim -------------------------------------------------------------------------------------------------
 */

struct claim {
	const struct store *store;
	const struct code_id *id;
	struct code_result *result;
};

static int read_result(struct pg *pg, const struct claim *c, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = CODE_BUSY;

	if (PG_EXEC(pg,
		    "SELECT coalesce(appid, ''), refused, added, removed FROM token_service.exchanged_codes"
		    " WHERE component_appid = $1 AND code_sha256 = $2",
		    &res, err, pg_text(c->id->component_appid),
		    pg_bytea(c->id->sha256, sizeof(c->id->sha256))) < 0)
		return -1;
	if (pg_rows(res) > 0 && (pg_value(res, 0, 0)[0] || pg_value_int(res, 0, 1) != 0)) {
		(void)str_copy(c->result->appid, sizeof(c->result->appid), pg_value(res, 0, 0));
		c->result->refused = (int)pg_value_int(res, 0, 1);
		read_difference(res, 2, &c->result->difference);
		rc = CODE_KNOWN;
	}
	pg_result_free(&res);
	return rc;
}

static int claim_body(struct pg *pg, void *arg, struct err *err)
{
	const struct claim *c = arg;
	struct pg_result *res = NULL;
	bool ours;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.exchanged_codes AS c"
		    "   (component_appid, code_sha256, lease_owner, lease_until)"
		    " VALUES ($1, $2, $3, now() + $4 * interval '1 ms')"
		    " ON CONFLICT (component_appid, code_sha256) DO UPDATE SET lease_owner = "
		    "excluded.lease_owner,"
		    "   lease_until = excluded.lease_until, fence = c.fence + 1"
		    " WHERE c.appid IS NULL AND c.refused = 0 AND c.lease_until < now()",
		    &res, err, pg_text(c->id->component_appid),
		    pg_bytea(c->id->sha256, sizeof(c->id->sha256)), pg_text(c->store->owner),
		    pg_int8(LEASE_MS)) < 0)
		return -1;
	ours = pg_affected(res) > 0;
	pg_result_free(&res);
	return ours ? 0 : read_result(pg, c, err);
}

int code_claim(
	const struct store *s, const struct code_id *id, struct code_result *result_out, struct err *err)
{
	struct claim c = {s, id, result_out};

	return store_run(s, claim_body, &c, err);
}

/* --- the end of a claim ------------------------------------------------------------------------------------
 */

/* Without regard to the fence: Weixin takes a code once, so whoever it gave tokens for it tells the truth. */
int code_exchanged(struct pg *pg, const struct code_id *id, const char *appid,
	const struct func_difference *d, struct err *err)
{
	struct buf added = BUF_INIT(ARRAY_MAX), removed = BUF_INIT(ARRAY_MAX);
	int rc;

	store_int_array(d->added, d->n_added, &added);
	store_int_array(d->removed, d->n_removed, &removed);
	rc = PG_EXEC(pg,
		"UPDATE token_service.exchanged_codes SET appid = $3, added = $4, removed = $5, refused = 0, "
		"at = now(),"
		" lease_owner = NULL, lease_until = '-infinity' WHERE component_appid = $1 AND code_sha256 = "
		"$2",
		NULL, err, pg_text(id->component_appid), pg_bytea(id->sha256, sizeof(id->sha256)),
		pg_text(appid), pg_text(buf_cstr(&added)), pg_text(buf_cstr(&removed)));
	buf_release(&added);
	buf_release(&removed);
	return rc;
}

struct ending {
	const struct code_id *id;
	int refused;
};

static int end_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;

	return PG_EXEC(pg,
		"UPDATE token_service.exchanged_codes SET refused = $3, at = now(), lease_owner = NULL,"
		" lease_until = '-infinity' WHERE component_appid = $1 AND code_sha256 = $2 AND appid IS "
		"NULL",
		NULL, err, pg_text(e->id->component_appid), pg_bytea(e->id->sha256, sizeof(e->id->sha256)),
		pg_int8(e->refused));
}

int code_refused(const struct store *s, const struct code_id *id, int errcode, struct err *err)
{
	struct ending e = {id, errcode};

	return store_run(s, end_body, &e, err);
}

int code_release(const struct store *s, const struct code_id *id, struct err *err)
{
	struct ending e = {id, 0};

	return store_run(s, end_body, &e, err);
}

/* --- the newest --------------------------------------------------------------------------------------------
 */

struct newest {
	const struct credential_id *id;
	struct func_difference *out;
};

static int newest_body(struct pg *pg, void *arg, struct err *err)
{
	const struct newest *n = arg;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT added, removed FROM token_service.exchanged_codes WHERE component_appid = $1 AND "
		    "appid = $2"
		    " AND at > now() - interval '1 hour' ORDER BY at DESC LIMIT 1",
		    &res, err, pg_text(n->id->component_appid), pg_text(n->id->appid)) < 0)
		return -1;
	if (pg_rows(res) > 0)
		read_difference(res, 0, n->out);
	pg_result_free(&res);
	return 0;
}

int code_newest_difference(
	const struct store *s, const struct credential_id *id, struct func_difference *out, struct err *err)
{
	struct newest n = {id, out};

	return store_run(s, newest_body, &n, err);
}
