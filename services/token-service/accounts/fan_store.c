#include "services/token-service/accounts/fan_store.h"

#include "common/base/str.h"
#include "proto/erasure.h"
#include "services/token-service/audit.h"
#include "services/token-service/metrics.h"
#include "services/token-service/events/outbox.h"

#include "common/base/banned.h"

#define NOTICE_MAX 1024

struct forget_work {
	const struct forgetting *f;
	const struct keys *keys;
};

static int tell(struct pg *pg, const struct forgetting *f, const char *component_appid, struct err *err)
{
	struct buf value = BUF_INIT(NOTICE_MAX);
	struct credential_id id = {"", ""};
	struct erasure e = {.before_ms = f->before_ms};
	int rc;

	(void)str_copy(e.component_appid, sizeof(e.component_appid), component_appid);
	(void)str_copy(e.appid, sizeof(e.appid), f->appid);
	(void)str_copy(e.openid, sizeof(e.openid), f->openid);
	(void)str_copy(id.component_appid, sizeof(id.component_appid), component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), f->appid);
	erasure_encode(&e, &value);
	rc = outbox_add(pg,
		&(struct outbox_record){
			.topic = TOPIC_PLATFORM_NOTICES,
			.component_appid = component_appid,
			.appid = f->appid,
			.type = ERASURE_TYPE,
			.value = buf_cstr(&value),
		},
		err);
	if (rc == 0)
		rc = audit_add(pg, &id, "erased", f->why, err);
	buf_release(&value);
	return rc;
}

static int tell_those_who_know(struct pg *pg, const struct forgetting *f, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = 0, n;

	if (PG_EXEC(pg, "SELECT component_appid FROM token_service.accounts WHERE appid = $1 ORDER BY 1",
		    &res, err, pg_text(f->appid)) < 0)
		return -1;
	n = pg_rows(res);
	for (int i = 0; rc == 0 && i < n; i++)
		rc = tell(pg, f, pg_value(res, i, 0), err);
	pg_result_free(&res);
	return rc < 0 ? rc : n;
}

/* An account that the directory does not know (yet): its messages are taken all the same, so its fans may be
 * known to somebody. */
static int tell_all(struct pg *pg, const struct forget_work *w, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->keys->platforms->n; i++)
		rc = tell(pg, w->f, w->keys->platforms->list[i].component_appid, err);
	return rc < 0 ? rc : (int)w->keys->platforms->n;
}

static int forget_body(struct pg *pg, void *arg, struct err *err)
{
	const struct forget_work *w = arg;
	const struct forgetting *f = w->f;
	int n;

	if (PG_EXEC(pg,
		    "DELETE FROM token_service.login_sessions WHERE appid = $1 AND openid = $2"
		    " AND at < to_timestamp($3 / 1000.0)",
		    NULL, err, pg_text(f->appid), pg_text(f->openid), pg_int8(f->before_ms)) < 0)
		return -1;
	if (f->component_appid)
		return tell(pg, f, f->component_appid, err) < 0 ? -1 : 1;
	n = tell_those_who_know(pg, f, err);
	return n != 0 ? n : tell_all(pg, w, err);
}

int fan_forget(const struct store *s, const struct forgetting *f, struct err *err)
{
	struct keys *keys = keyring_take(s->keyring);
	struct forget_work w = {f, keys};
	int rc = store_tx(s, forget_body, &w, err);

	keyring_give(s->keyring, &keys);
	if (rc >= 0)
		metric_add(&token_service_metrics[M_ERASURES], f->why, 1);
	return rc;
}
