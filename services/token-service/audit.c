#include "services/token-service/audit.h"

#include "common/base/str.h"

#include "common/base/banned.h"

static _Thread_local char actor[AUDIT_WHO_MAX + 1] = AUDIT_SELF;

void audit_as(const char *who)
{
	(void)str_copy(actor, sizeof(actor), who);
}

const char *audit_actor(void)
{
	return actor;
}

int audit_add(
	struct pg *pg, const struct credential_id *id, const char *what, const char *detail, struct err *err)
{
	return PG_EXEC(pg,
		"INSERT INTO token_service.audit (component_appid, appid, who, what, detail)"
		" VALUES ($1, $2, $3, $4, $5)",
		NULL, err, pg_text(id->component_appid), pg_text(id->appid), pg_text(actor), pg_text(what),
		pg_text(detail));
}

/* --- reading -----------------------------------------------------------------------------------------------
 */

struct listing {
	const struct audit_filter *filter;
	struct buf *out;
};

static int list_body(struct pg *pg, void *arg, struct err *err)
{
	const struct listing *l = arg;
	const struct audit_filter *f = l->filter;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT coalesce(json_agg(json_build_object('id', a.id, 'at',"
		    " to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),"
		    " 'component_appid', a.component_appid, 'appid', a.appid, 'who', a.who, 'what', a.what,"
		    " 'detail', a.detail) ORDER BY a.id DESC), '[]')::text"
		    " FROM (SELECT * FROM token_service.audit WHERE component_appid = coalesce($1, "
		    "component_appid)"
		    "   AND appid = coalesce($2, appid) AND at >= to_timestamp($3 / 1000.0)"
		    "   AND ($4 = 0 OR id < $4) ORDER BY id DESC LIMIT $5) a",
		    &res, err, pg_text(f->component_appid), pg_text(f->appid), pg_int8(f->since_ms),
		    pg_int8(f->before_id), pg_int8(f->limit)) < 0)
		return -1;
	buf_add_str(l->out, pg_value(res, 0, 0));
	pg_result_free(&res);
	return 0;
}

int audit_list(const struct store *s, const struct audit_filter *f, struct buf *out, struct err *err)
{
	struct listing l = {f, out};

	return store_run(s, list_body, &l, err);
}

static int sweep_body(struct pg *pg, void *arg, struct err *err)
{
	const int64_t *keep_days = arg;

	return PG_EXEC(pg, "DELETE FROM token_service.audit WHERE at < now() - $1 * interval '1 day'", NULL,
		err, pg_int8(*keep_days));
}

int audit_sweep(const struct store *s, int64_t keep_days, struct err *err)
{
	return store_run(s, sweep_body, &keep_days, err);
}
