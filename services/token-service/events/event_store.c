#include "services/token-service/events/event_store.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "services/token-service/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/banned.h"

/* --- put ---------------------------------------------------------------------------------------------------
 */

struct put {
	const char *component_appid, *event_id, *appid, *type;
	const void *sealed;
	size_t len;
	int64_t received_ms;
};

static int put_body(struct pg *pg, void *arg, struct err *err)
{
	const struct put *p = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.events (component_appid, event_id, key, appid, type, value, "
		    "received_at, traceparent)"
		    " VALUES ($1, $2, $1 || '/' || $3, $3, $4, $5, to_timestamp($6 / 1000.0), $7)"
		    " ON CONFLICT (component_appid, event_id) DO NOTHING",
		    &res, err, pg_text(p->component_appid), pg_text(p->event_id), pg_text(p->appid),
		    pg_text(p->type), pg_bytea(p->sealed, p->len), pg_int8(p->received_ms),
		    pg_text(trace_current())) < 0)
		return -1;
	rc = pg_affected(res) > 0 ? 0 : EVENT_REPEATED;
	pg_result_free(&res);
	return rc;
}

int event_put(const struct store *s, const char *component_appid, const char *event_id, const char *appid,
	const char *type, const void *sealed, size_t len, int64_t received_ms, struct err *err)
{
	struct put p = {component_appid, event_id, appid, type, sealed, len, received_ms};

	return store_run(s, put_body, &p, err);
}

/* A key of its own: whether Weixin tells names now must not hold up the account's next event. */
int event_put_info(
	struct pg *pg, const char *component_appid, const char *appid, const char *occasion, struct err *err)
{
	return PG_EXEC(pg,
		"INSERT INTO token_service.events (component_appid, event_id, key, appid, type, received_at, "
		"traceparent)"
		" VALUES ($1, 'info:' || $2 || ':' || $3, $1 || '/' || $2 || '#info', $2, $4, now(), $5)"
		" ON CONFLICT (component_appid, event_id) DO NOTHING",
		NULL, err, pg_text(component_appid), pg_text(appid), pg_text(occasion),
		pg_text(EVENT_TYPE_INFO), pg_text(trace_current()));
}

/* --- claim -------------------------------------------------------------------------------------------------
 */

void event_release(struct event *e)
{
	free(e->sealed);
	e->sealed = NULL;
}

struct claim {
	const struct store *store;
	struct event *event;
};

static void read_event(const struct pg_result *res, struct event *e)
{
	const void *sealed;

	e->id = pg_value_int(res, 0, 0);
	e->fence = pg_value_int(res, 0, 1);
	e->attempts = (int)pg_value_int(res, 0, 2);
	(void)str_copy(e->component_appid, sizeof(e->component_appid), pg_value(res, 0, 3));
	(void)str_copy(e->appid, sizeof(e->appid), pg_value(res, 0, 4));
	(void)str_copy(e->event_id, sizeof(e->event_id), pg_value(res, 0, 5));
	(void)str_copy(e->type, sizeof(e->type), pg_value(res, 0, 6));
	e->received_ms = pg_value_int(res, 0, 7);
	(void)str_copy(
		e->traceparent, sizeof(e->traceparent), pg_is_null(res, 0, 9) ? "" : pg_value(res, 0, 9));
	e->sealed = NULL;
	e->sealed_len = 0;
	if (!pg_is_null(res, 0, 8)) {
		sealed = pg_value_bytes(res, 0, 8, &e->sealed_len);
		e->sealed = xmemdup(sealed, e->sealed_len);
	}
}

static int claim_body(struct pg *pg, void *arg, struct err *err)
{
	struct claim *c = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "UPDATE token_service.events SET lease_owner = $1, lease_until = now() + $2 * interval "
		    "'1 ms',"
		    "   fence = fence + 1, attempts = attempts + 1"
		    " WHERE id = (SELECT id FROM token_service.events e WHERE settled_at IS NULL"
		    "     AND retry_at <= now() AND lease_until < now()"
		    "     AND NOT EXISTS (SELECT 1 FROM token_service.events earlier WHERE earlier.key = "
		    "e.key"
		    "       AND earlier.id < e.id AND earlier.settled_at IS NULL)"
		    "   ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"
		    " RETURNING id, fence, attempts, component_appid, appid, event_id, type,"
		    "   (extract(epoch FROM received_at) * 1000)::bigint, value, traceparent",
		    &res, err, pg_text(c->store->owner), pg_int8(EVENT_LEASE_MS)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? 0 : EVENT_NONE;
	if (rc == 0)
		read_event(res, c->event);
	pg_result_free(&res);
	return rc;
}

int event_claim(const struct store *s, struct event *out, struct err *err)
{
	struct claim c = {s, out};

	return store_run(s, claim_body, &c, err);
}

/* --- the end of a claim ------------------------------------------------------------------------------------
 */

int event_settle(struct pg *pg, const struct event *e, const char *outcome, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "UPDATE token_service.events SET settled_at = now(), outcome = $1, value = NULL, "
		    "lease_owner = NULL"
		    " WHERE id = $2 AND fence = $3 AND settled_at IS NULL",
		    &res, err, pg_text(outcome), pg_int8(e->id), pg_int8(e->fence)) < 0)
		return -1;
	rc = pg_affected(res) > 0 ? 0 : EVENT_OVERTAKEN;
	pg_result_free(&res);
	return rc;
}

struct retry {
	const struct event *event;
	int64_t retry_ms;
};

static int retry_body(struct pg *pg, void *arg, struct err *err)
{
	const struct retry *r = arg;

	return PG_EXEC(pg,
		"UPDATE token_service.events SET lease_owner = NULL, lease_until = '-infinity',"
		" retry_at = now() + $1 * interval '1 ms' WHERE id = $2 AND fence = $3 AND settled_at IS "
		"NULL",
		NULL, err, pg_int8(r->retry_ms), pg_int8(r->event->id), pg_int8(r->event->fence));
}

int event_retry(const struct store *s, const struct event *e, int64_t retry_ms, struct err *err)
{
	struct retry r = {e, retry_ms};

	return store_run(s, retry_body, &r, err);
}

/* --- housekeeping ------------------------------------------------------------------------------------------
 */

static int look_body(struct pg *pg, void *arg, struct err *err)
{
	int64_t *oldest_ms = arg;
	struct pg_result *res = NULL;

	if (pg_exec(pg,
		    "SELECT count(*), coalesce(extract(epoch FROM min(received_at)) * 1000, 0)::bigint"
		    " FROM token_service.events WHERE settled_at IS NULL",
		    NULL, 0, &res, err) < 0)
		return -1;
	metric_set(&token_service_metrics[M_OPEN_EVENTS], NULL, (double)pg_value_int(res, 0, 0));
	*oldest_ms = pg_value_int(res, 0, 1);
	pg_result_free(&res);
	return 0;
}

int event_look(const struct store *s, int64_t *oldest_ms_out, struct err *err)
{
	return store_run(s, look_body, oldest_ms_out, err);
}

static int housekeeping_body(struct pg *pg, void *arg, struct err *err)
{
	(void)arg;
	/* A day longer than the topic keeps a record that could bring the same id again. */
	return pg_exec_script(pg,
		"DELETE FROM token_service.events WHERE settled_at < now() - interval '8 days';"
		"DELETE FROM token_service.exchanged_codes WHERE at < now() - interval '30 days'",
		err);
}

int event_housekeeping(const struct store *s, struct err *err)
{
	return store_run(s, housekeeping_body, NULL, err);
}
