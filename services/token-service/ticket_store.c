#include "services/token-service/ticket_store.h"

#include "services/token-service/seal.h"

#include "common/base/banned.h"

struct ticket {
	const struct store *store;
	const char *component_appid;
	const char *text;
	int64_t create_time_s;
};

static int put(struct pg *pg, const struct ticket *t, const struct buf *sealed, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.platforms AS p (component_appid, ticket, ticket_created_at, "
		    "refresh_at)"
		    " VALUES ($1, $2, to_timestamp($3), now())"
		    " ON CONFLICT (component_appid) DO UPDATE SET ticket = excluded.ticket,"
		    "   ticket_created_at = excluded.ticket_created_at, failures = 0, retry_at = NULL,"
		    "   refresh_at = CASE WHEN p.refresh_at > p.retry_at OR p.retry_at IS NULL"
		    "     THEN coalesce(p.refresh_at, now()) ELSE now() END"
		    " WHERE coalesce(p.ticket_created_at <= excluded.ticket_created_at, true)",
		    &res, err, pg_text(t->component_appid), seal_param(sealed),
		    pg_int8(t->create_time_s)) < 0)
		return -1;
	rc = pg_affected(res) > 0 ? 0 : TICKET_OLD;
	pg_result_free(&res);
	return rc;
}

static int put_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ticket *t = arg;
	struct keys *keys = keyring_take(t->store->keyring);
	struct buf sealed = BUF_INIT(2 * SECRET_MAX_BYTES);
	int rc;

	seal_column(keys->master, SEALED_TICKET, t->component_appid, "", t->text, &sealed);
	keyring_give(t->store->keyring, &keys);
	rc = put(pg, t, &sealed, err);
	buf_release(&sealed);
	if (rc == 0)
		rc = PG_EXEC(pg,
			"UPDATE token_service.events SET retry_at = '-infinity'"
			" WHERE component_appid = $1 AND settled_at IS NULL AND retry_at > now()",
			NULL, err, pg_text(t->component_appid));
	return rc;
}

int ticket_put(const struct store *s, const char *component_appid, const char *ticket, int64_t create_time_s,
	struct err *err)
{
	struct ticket t = {s, component_appid, ticket, create_time_s};

	return store_tx(s, put_body, &t, err);
}
