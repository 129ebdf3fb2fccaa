#include "services/token-service/tokens/ticket_watch.h"

#include "common/base/log.h"
#include "services/token-service/metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/banned.h"

#define LONG_AGE_S 3600

/* --- asking ------------------------------------------------------------------------------------------------
 */

struct claim {
	const char *platforms;
	char component_appid[APPID_MAX + 1];
};

/* 1: nothing has to be asked for. */
static int claim_body(struct pg *pg, void *arg, struct err *err)
{
	struct claim *c = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.ticket_watch (component_appid) SELECT unnest($1::text[])"
		    " ON CONFLICT DO NOTHING",
		    NULL, err, pg_text(c->platforms)) < 0)
		return -1;
	if (PG_EXEC(pg,
		    "UPDATE token_service.ticket_watch SET asked_at = now() WHERE component_appid = ("
		    " SELECT w.component_appid FROM token_service.ticket_watch w"
		    " LEFT JOIN token_service.platforms p USING (component_appid)"
		    " WHERE w.component_appid = ANY($1::text[])"
		    " AND greatest(coalesce(p.ticket_created_at, w.seen_at), w.asked_at) < now() - CASE"
		    "   WHEN p.ticket IS NULL OR p.failures > 0 OR p.token IS NULL"
		    "     OR p.token_expires_at < now() + interval '20 min'"
		    "   THEN interval '20 min' ELSE interval '1 h' END"
		    " LIMIT 1 FOR UPDATE OF w SKIP LOCKED) RETURNING component_appid",
		    &res, err, pg_text(c->platforms)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? 0 : 1;
	if (rc == 0)
		(void)snprintf(c->component_appid, sizeof(c->component_appid), "%s", pg_value(res, 0, 0));
	pg_result_free(&res);
	return rc;
}

static void ask(const struct store *s, struct weixin_api *w, const char *component_appid)
{
	struct keys *keys = keyring_take(s->keyring);
	const struct platform *p = platforms_find(keys->platforms, component_appid);
	struct err err;

	if (p && weixin_start_push_ticket(w, component_appid, p->app_secret, &err) < 0)
		log_warn(component_appid, "no ticket has come, and Weixin was asked in vain: %s", err.text);
	else if (p)
		log_warn(component_appid, "no ticket has come: Weixin was asked to push again");
	keyring_give(s->keyring, &keys);
}

int ticket_watch(const struct store *s, struct weixin_api *w, struct err *err)
{
	struct buf platforms = BUF_INIT(STORE_PLATFORMS_MAX);
	struct claim c = {.platforms = NULL};
	int rc;

	store_list_platforms(s, &platforms);
	c.platforms = buf_cstr(&platforms);
	while ((rc = store_run(s, claim_body, &c, err)) == 0)
		ask(s, w, c.component_appid);
	buf_release(&platforms);
	return rc < 0 ? rc : 0;
}

/* --- ages --------------------------------------------------------------------------------------------------
 */

struct ages {
	const char *platforms;
	bool well;
	struct buf text;
};

static int ages_body(struct pg *pg, void *arg, struct err *err)
{
	struct ages *a = arg;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT c, extract(epoch FROM now() - ticket_created_at)::bigint FROM unnest($1::text[]) "
		    "c"
		    " LEFT JOIN token_service.platforms ON component_appid = c ORDER BY c",
		    &res, err, pg_text(a->platforms)) < 0)
		return -1;
	a->well = true;
	for (int i = 0; i < pg_rows(res); i++) {
		int64_t age_s = pg_value_int(res, i, 1);

		buf_addf(&a->text, "%s%s: ", i ? "; " : "", pg_value(res, i, 0));
		if (pg_is_null(res, i, 1)) {
			a->well = false;
			buf_addf(&a->text, "none yet");
			continue;
		}
		a->well = a->well && age_s <= LONG_AGE_S;
		buf_addf(&a->text, "%" PRId64 " s old", age_s);
		metric_set(&token_service_metrics[M_TICKET_AGE], pg_value(res, i, 0), (double)age_s);
	}
	pg_result_free(&res);
	return 0;
}

int ticket_ages(const struct store *s, bool *well_out, char *detail, size_t size, struct err *err)
{
	struct buf platforms = BUF_INIT(STORE_PLATFORMS_MAX);
	struct ages a = {.text = BUF_INIT(2 * STORE_PLATFORMS_MAX)};
	int rc;

	store_list_platforms(s, &platforms);
	a.platforms = buf_cstr(&platforms);
	rc = store_run(s, ages_body, &a, err);
	if (rc == 0) {
		*well_out = a.well;
		(void)snprintf(detail, size, "%s", buf_cstr(&a.text));
	}
	buf_release(&platforms);
	buf_release(&a.text);
	return rc;
}
