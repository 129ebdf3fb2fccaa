#include "services/token-service/tokens/ticket_store.h"

#include "services/token-service/seal.h"
#include "services/token-service/accounts/sync_store.h"

#include "common/base/banned.h"

struct ticket {
	const struct store *store;
	const char *component_appid;
	const char *text;
	int64_t create_time_s;
	int64_t outage_s;
};

/* Seconds from the stored ticket to this one; 0: there is none. */
static int look_back(struct pg *pg, const struct ticket *t, int64_t *gap_s_out, struct err *err)
{
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT $2 - extract(epoch FROM ticket_created_at)::bigint FROM token_service.platforms"
		    " WHERE component_appid = $1 AND ticket_created_at IS NOT NULL FOR UPDATE",
		    &res, err, pg_text(t->component_appid), pg_int8(t->create_time_s)) < 0)
		return -1;
	*gap_s_out = pg_rows(res) > 0 ? pg_value_int(res, 0, 0) : 0;
	pg_result_free(&res);
	return 0;
}

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
	int64_t gap_s = 0;
	bool after_gap;
	int rc;

	seal_column(keys->master, SEALED_TICKET, t->component_appid, "", t->text, &sealed);
	keyring_give(t->store->keyring, &keys);
	rc = look_back(pg, t, &gap_s, err);
	if (rc == 0)
		rc = put(pg, t, &sealed, err);
	buf_release(&sealed);
	after_gap = rc == 0 && t->outage_s > 0 && gap_s > t->outage_s;
	if (after_gap)
		rc = sync_note_outage(pg, t->component_appid, err);
	if (rc == 0)
		rc = PG_EXEC(pg,
			"UPDATE token_service.events SET retry_at = '-infinity'"
			" WHERE component_appid = $1 AND settled_at IS NULL AND retry_at > now()",
			NULL, err, pg_text(t->component_appid));
	return rc == 0 && after_gap ? TICKET_AFTER_GAP : rc;
}

int ticket_put(const struct store *s, const char *component_appid, const char *ticket, int64_t create_time_s,
	int64_t outage_s, struct err *err)
{
	struct ticket t = {s, component_appid, ticket, create_time_s, outage_s};

	return store_tx(s, put_body, &t, err);
}
