#include "services/token-service/accounts/account_store.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "proto/account.h"
#include "services/token-service/events/event_store.h"
#include "services/token-service/events/outbox.h"
#include "services/token-service/tokens/schedule.h"
#include "services/token-service/seal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ARRAY_MAX         (64 * 1024)
#define ACCOUNT_MAX_BYTES (256 * 1024)

/* --- differences of permission sets ------------------------------------------------------------------------
 */

static bool holds(const int64_t *list, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] == id)
			return true;
	}
	return false;
}

/* What `these` has and `those` has not. */
static int64_t *only_in(
	const int64_t *these, size_t n_these, const int64_t *those, size_t n_those, size_t *n_out)
{
	int64_t *found = xcalloc(n_these + 1, sizeof(*found));

	*n_out = 0;
	for (size_t i = 0; i < n_these; i++) {
		if (!holds(those, n_those, these[i]) && !holds(found, *n_out, these[i]))
			found[(*n_out)++] = these[i];
	}
	return found;
}

void func_difference_make(const int64_t *before, size_t n_before, const int64_t *after, size_t n_after,
	struct func_difference *out)
{
	out->added = only_in(after, n_after, before, n_before, &out->n_added);
	out->removed = only_in(before, n_before, after, n_after, &out->n_removed);
}

void func_difference_release(struct func_difference *d)
{
	free(d->added);
	free(d->removed);
	*d = (struct func_difference){NULL, 0, NULL, 0};
}

/* --- the account's record ----------------------------------------------------------------------------------
 */

enum {
	COL_VERSION,
	COL_STATE,
	COL_USER_NAME,
	COL_NICK_NAME,
	COL_KIND,
	COL_VERIFIED,
	COL_FUNC_IDS,
	COL_CHANNEL,
	COL_REPLIER_1,
	COL_REPLIER_LAST = COL_REPLIER_1 + REPLIERS_MAX - 1,
	COL_REF,
	COL_UPDATED
};

static struct account *read_account(const struct pg_result *res, const struct credential_id *id)
{
	struct account *a = xcalloc(1, sizeof(*a));

	(void)str_copy(a->component_appid, sizeof(a->component_appid), id->component_appid);
	(void)str_copy(a->appid, sizeof(a->appid), id->appid);
	a->version = pg_value_int(res, 0, COL_VERSION);
	a->authorized = strcmp(pg_value(res, 0, COL_STATE), "authorized") == 0;
	a->user_name = xstrdup(pg_value(res, 0, COL_USER_NAME));
	a->nick_name = xstrdup(pg_value(res, 0, COL_NICK_NAME));
	(void)account_kind_parse(pg_value(res, 0, COL_KIND), &a->kind);
	a->verified = pg_value_bool(res, 0, COL_VERIFIED);
	a->func_ids = store_int_array_parse(pg_value(res, 0, COL_FUNC_IDS), &a->n_func_ids);
	(void)account_channel_parse(pg_value(res, 0, COL_CHANNEL), &a->channel);
	for (int i = 0; i < REPLIERS_MAX && !pg_is_null(res, 0, COL_REPLIER_1 + i); i++)
		a->repliers[i] = xstrdup(pg_value(res, 0, COL_REPLIER_1 + i));
	a->ref = pg_is_null(res, 0, COL_REF) ? NULL : xstrdup(pg_value(res, 0, COL_REF));
	a->updated_ms = pg_value_int(res, 0, COL_UPDATED);
	return a;
}

/* The account's record as this transaction sees it. ACCOUNT_MISSING. */
static int read_record(struct pg *pg, const struct credential_id *id, struct buf *out, struct err *err)
{
	struct pg_result *res = NULL;
	struct account *a;
	int rc = ACCOUNT_MISSING;

	if (PG_EXEC(pg,
		    "SELECT version, state, user_name, nick_name, kind, verified, func_ids, channel,"
		    " repliers[1], repliers[2], repliers[3], repliers[4], ref,"
		    " (extract(epoch FROM updated_at) * 1000)::bigint"
		    " FROM token_service.accounts WHERE component_appid = $1 AND appid = $2",
		    &res, err, pg_text(id->component_appid), pg_text(id->appid)) < 0)
		return -1;
	if (pg_rows(res) > 0) {
		a = read_account(res, id);
		account_encode(a, out);
		account_free(&a);
		rc = 0;
	}
	pg_result_free(&res);
	return rc;
}

/* The row as it stands now in this transaction, which holds its lock, into the outbox. */
static int publish(struct pg *pg, const struct credential_id *id, struct err *err)
{
	struct buf value = BUF_INIT(ACCOUNT_MAX_BYTES);
	int rc = read_record(pg, id, &value, err);

	if (rc == 0)
		rc = outbox_add(pg,
			&(struct outbox_record){
				.topic = TOPIC_ACCOUNTS,
				.component_appid = id->component_appid,
				.appid = id->appid,
				.type = "wxbus.account.changed",
				.value = buf_cstr(&value),
			},
			err);
	buf_release(&value);
	return rc;
}

/* --- authorized --------------------------------------------------------------------------------------------
 */

static void repliers_array(char *const repliers[REPLIERS_MAX], struct buf *out)
{
	buf_add_char(out, '{');
	for (int i = 0; i < REPLIERS_MAX && repliers[i]; i++)
		buf_addf(out, "%s\"%s\"", i ? "," : "", repliers[i]); /* group names hold no quotes */
	buf_add_char(out, '}');
}

/* The row exists and is locked (version 0: it is new); *before_out its permission sets, none if it was not
 * authorized. */
static int lock_account(struct pg *pg, const struct keys *keys, const struct credential_id *id,
	int64_t *version_out, int64_t **before_out, size_t *n_out, struct err *err)
{
	static char *const none[REPLIERS_MAX] = {NULL};
	const struct platform *p = platforms_find(keys->platforms, id->component_appid);
	struct buf repliers = BUF_INIT(ARRAY_MAX);
	struct pg_result *res = NULL;
	int rc;

	repliers_array(p ? p->default_repliers : none, &repliers);
	rc = PG_EXEC(pg,
		"INSERT INTO token_service.accounts (component_appid, appid, version, state, repliers)"
		" VALUES ($1, $2, 0, 'unauthorized', $3) ON CONFLICT (component_appid, appid) DO NOTHING",
		NULL, err, pg_text(id->component_appid), pg_text(id->appid), pg_text(buf_cstr(&repliers)));
	if (rc == 0)
		rc = PG_EXEC(pg,
			"SELECT CASE WHEN state = 'authorized' THEN func_ids ELSE '{}' END, version FROM "
			"token_service.accounts"
			" WHERE component_appid = $1 AND appid = $2 FOR UPDATE",
			&res, err, pg_text(id->component_appid), pg_text(id->appid));
	if (rc == 0) {
		*before_out = store_int_array_parse(pg_value(res, 0, 0), n_out);
		*version_out = pg_value_int(res, 0, 1);
	}
	pg_result_free(&res);
	buf_release(&repliers);
	return rc;
}

struct sealed {
	struct buf token;
	struct buf refresh_token;
};

static int update_authorized(struct pg *pg, const struct credential_id *id,
	const struct weixin_authorization *a, const struct sealed *sealed, int64_t event_s,
	int64_t *version_out, struct err *err)
{
	bool has_token = sealed->token.len > 0, has_refresh_token = sealed->refresh_token.len > 0;
	int64_t life_ms = has_token ? a->token.expires_in_s * 1000 : 0;
	int64_t refresh_ms = has_token ? schedule_refresh_ms(a->token.expires_in_s, clock_wall_ms(),
						 id->component_appid, id->appid)
				       : 0;
	struct buf func_ids = BUF_INIT(ARRAY_MAX);
	struct pg_result *res = NULL;
	int rc;

	store_int_array(a->func_ids, a->n_func_ids, &func_ids);
	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts SET version = version + 1, updated_at = now(), state = "
		"'authorized',"
		" func_ids = $3, event_at = greatest(event_at, to_timestamp($4)), authorized_at = now(),"
		" token = $5, token_expires_at = CASE WHEN $6 > 0 THEN now() + $6 * interval '1 ms' END,"
		" refresh_token = $7, refresh_at = CASE WHEN $8 THEN now() + $9 * interval '1 ms' END,"
		" failures = 0, retry_at = NULL, lease_owner = NULL, lease_until = '-infinity', fence = "
		"fence + 1, refused_at = NULL, refused_errcode = 0"
		" WHERE component_appid = $1 AND appid = $2 RETURNING version",
		&res, err, pg_text(id->component_appid), pg_text(id->appid), pg_text(buf_cstr(&func_ids)),
		pg_int8(event_s), seal_param(&sealed->token), pg_int8(life_ms),
		seal_param(&sealed->refresh_token), pg_bool(has_refresh_token), pg_int8(refresh_ms));
	if (rc == 0)
		*version_out = pg_value_int(res, 0, 0);
	pg_result_free(&res);
	buf_release(&func_ids);
	if (rc == 0 && has_refresh_token)
		rc = credential_keep_in_history(pg, id, a->token.refresh_token, &sealed->refresh_token, err);
	return rc;
}

static void seal_tokens(const struct keys *keys, const struct credential_id *id, const struct weixin_token *t,
	struct sealed *out)
{
	buf_init(&out->token, 2 * SECRET_MAX_BYTES);
	buf_init(&out->refresh_token, 2 * SECRET_MAX_BYTES);
	seal_column(keys->master, SEALED_TOKEN, id->component_appid, id->appid, t->token, &out->token);
	seal_column(keys->master, SEALED_REFRESH_TOKEN, id->component_appid, id->appid, t->refresh_token,
		&out->refresh_token);
}

/* "sets +1,2 -3", for people. */
static int note_authorized(
	struct pg *pg, const struct credential_id *id, const struct func_difference *d, struct err *err)
{
	struct buf detail = BUF_INIT(ARRAY_MAX);
	int rc;

	for (size_t i = 0; i < d->n_added; i++)
		buf_addf(&detail, "%s%" PRId64, i ? "," : "sets +", d->added[i]);
	for (size_t i = 0; i < d->n_removed; i++)
		buf_addf(&detail, "%s%" PRId64, i ? "," : d->n_added ? " -" : "sets -", d->removed[i]);
	rc = audit_add(pg, id, "authorized", buf_cstr(&detail), err);
	buf_release(&detail);
	return rc;
}

/* --- what Weixin tells of an account -----------------------------------------------------------------------
 */

static int adopt_refresh_token(struct pg *pg, const struct keys *keys, const struct credential_id *id,
	const char *token, struct err *err)
{
	struct buf sealed = BUF_INIT(2 * SECRET_MAX_BYTES);
	struct pg_result *res = NULL;
	int rc;

	seal_column(keys->master, SEALED_REFRESH_TOKEN, id->component_appid, id->appid, token, &sealed);
	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts SET refresh_token = $3, refresh_at = now()"
		" WHERE component_appid = $1 AND appid = $2 AND refresh_token IS NULL AND state = "
		"'authorized'",
		&res, err, pg_text(id->component_appid), pg_text(id->appid), seal_param(&sealed));
	if (rc == 0 && pg_affected(res) > 0)
		rc = credential_keep_in_history(pg, id, token, &sealed, err);
	pg_result_free(&res);
	buf_release(&sealed);
	return rc;
}

/* 1: something that the directory shows has changed. */
static int update_info(
	struct pg *pg, const struct credential_id *id, const struct weixin_info *info, struct err *err)
{
	struct buf func_ids = BUF_INIT(ARRAY_MAX);
	struct pg_result *res = NULL;
	int rc;

	store_int_array(info->func_ids, info->n_func_ids, &func_ids);
	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts SET version = version + 1, updated_at = now(), user_name = $3,"
		" nick_name = $4, kind = $5, verified = $6, func_ids = CASE WHEN $7::bigint[] = '{}' THEN "
		"func_ids "
		"ELSE $7 END"
		" WHERE component_appid = $1 AND appid = $2 AND state = 'authorized'"
		" AND (user_name, nick_name, kind, verified, func_ids) IS DISTINCT FROM"
		"   ($3, $4, $5, $6, CASE WHEN $7::bigint[] = '{}' THEN func_ids ELSE $7 END)",
		&res, err, pg_text(id->component_appid), pg_text(id->appid),
		pg_text(info->user_name ? info->user_name : ""),
		pg_text(info->nick_name ? info->nick_name : ""), pg_text(account_kind_name(info->kind)),
		pg_bool(info->verified), pg_text(buf_cstr(&func_ids)));
	if (rc == 0)
		rc = pg_affected(res) > 0;
	pg_result_free(&res);
	buf_release(&func_ids);
	return rc;
}

int account_set_info(const struct store *s, struct pg *pg, const struct credential_id *id,
	const struct weixin_info *info, struct err *err)
{
	struct keys *keys;
	int rc;

	rc = update_info(pg, id, info, err);
	if (rc == 1)
		rc = publish(pg, id, err);
	if (rc < 0 || !info->refresh_token)
		return rc;
	keys = keyring_take(s->keyring);
	rc = adopt_refresh_token(pg, keys, id, info->refresh_token, err);
	keyring_give(s->keyring, &keys);
	return rc;
}

/* --- authorizing -------------------------------------------------------------------------------------------
 */

static int replace_credentials(struct pg *pg, const struct keys *keys, const struct credential_id *id,
	const struct account_authorizing *a, int64_t *version_out, struct err *err)
{
	struct sealed sealed;
	int rc;

	seal_tokens(keys, id, &a->authorization->token, &sealed);
	rc = update_authorized(pg, id, a->authorization, &sealed, a->event_s, version_out, err);
	buf_release(&sealed.token);
	buf_release(&sealed.refresh_token);
	return rc;
}

static int tell_authorized(struct pg *pg, const struct credential_id *id, const struct account_authorizing *a,
	int64_t version, struct err *err)
{
	char occasion[32];

	if (a->info && update_info(pg, id, a->info, err) < 0)
		return -1;
	if (publish(pg, id, err) < 0)
		return -1;
	(void)snprintf(occasion, sizeof(occasion), "%" PRId64, version);
	return a->info ? 0 : event_put_info(pg, id->component_appid, id->appid, occasion, err);
}

int account_authorize(const struct store *s, struct pg *pg, const struct account_authorizing *a,
	struct func_difference *difference_out, struct err *err)
{
	const struct weixin_authorization *w = a->authorization;
	struct keys *keys = keyring_take(s->keyring);
	struct credential_id id = {"", ""};
	int64_t *before = NULL, version = 0;
	size_t n_before = 0;
	int rc;

	(void)str_copy(id.component_appid, sizeof(id.component_appid), a->component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), w->appid);
	rc = lock_account(pg, keys, &id, &version, &before, &n_before, err);
	if (rc == 0 && a->if_version && version != *a->if_version)
		rc = ACCOUNT_STALE;
	if (rc == 0)
		rc = replace_credentials(pg, keys, &id, a, &version, err);
	if (rc == 0)
		rc = tell_authorized(pg, &id, a, version, err);
	if (rc == 0) {
		func_difference_make(before, n_before, w->func_ids, w->n_func_ids, difference_out);
		rc = note_authorized(pg, &id, difference_out, err);
	}
	free(before);
	keyring_give(s->keyring, &keys);
	return rc;
}

/* --- a refresh token of the list ---------------------------------------------------------------------------
 */

int account_offer_refresh_token(const struct store *s, struct pg *pg, const struct credential_id *id,
	const char *refresh_token, struct err *err)
{
	struct buf sealed = BUF_INIT(2 * SECRET_MAX_BYTES);
	struct keys *keys = keyring_take(s->keyring);
	struct pg_result *res = NULL;
	int rc;

	seal_column(
		keys->master, SEALED_REFRESH_TOKEN, id->component_appid, id->appid, refresh_token, &sealed);
	keyring_give(s->keyring, &keys);
	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts SET refresh_token = coalesce(refresh_token, $3),"
		" refresh_at = CASE WHEN refresh_token IS NULL OR refused_at IS NOT NULL THEN now()"
		"   ELSE refresh_at END,"
		" retry_at = CASE WHEN refused_at IS NOT NULL THEN NULL ELSE retry_at END"
		" WHERE component_appid = $1 AND appid = $2 AND state = 'authorized'",
		&res, err, pg_text(id->component_appid), pg_text(id->appid), seal_param(&sealed));
	if (rc == 0 && pg_affected(res) > 0)
		rc = credential_keep_in_history(pg, id, refresh_token, &sealed, err);
	pg_result_free(&res);
	buf_release(&sealed);
	return rc;
}

/* --- unauthorized ------------------------------------------------------------------------------------------
 */

/* Our own clock and Weixin's may differ: an exchange counts as later than an event only by more than this. */
#define CLOCK_SLACK "60 s"

int account_unauthorize(struct pg *pg, const struct credential_id *id, int64_t event_s, struct err *err)
{
	struct pg_result *res = NULL;
	bool done;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.accounts AS a (component_appid, appid, state, event_at)"
		    " VALUES ($1, $2, 'unauthorized', to_timestamp($3))"
		    " ON CONFLICT (component_appid, appid) DO UPDATE SET version = a.version + 1, updated_at "
		    "= now(),"
		    "   state = 'unauthorized', event_at = excluded.event_at, token = NULL, token_expires_at "
		    "= NULL,"
		    "   refresh_token = NULL, refresh_at = NULL, failures = 0, retry_at = NULL, lease_owner "
		    "= NULL,"
		    "   lease_until = '-infinity', fence = a.fence + 1, refused_at = NULL, refused_errcode = "
		    "0"
		    " WHERE a.event_at <= excluded.event_at"
		    "   AND coalesce(a.authorized_at - interval '" CLOCK_SLACK
		    "' <= excluded.event_at, true)",
		    &res, err, pg_text(id->component_appid), pg_text(id->appid), pg_int8(event_s)) < 0)
		return -1;
	done = pg_affected(res) > 0;
	pg_result_free(&res);
	if (!done)
		return ACCOUNT_STALE;
	if (PG_EXEC(pg,
		    "DELETE FROM token_service.refresh_token_history WHERE component_appid = $1 AND appid = "
		    "$2",
		    NULL, err, pg_text(id->component_appid), pg_text(id->appid)) < 0 ||
		audit_add(pg, id, "unauthorized", "", err) < 0)
		return -1;
	return publish(pg, id, err);
}

/* --- long unauthorized -------------------------------------------------------------------------------------
 */

struct erasing {
	int64_t days, limit;
};

static int tell_erased(struct pg *pg, const struct credential_id *id, struct err *err)
{
	struct buf value = BUF_INIT(1024);
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", id->component_appid);
	json_set_str(fields, "appid", id->appid);
	json_write(fields, &value);
	rc = outbox_add(pg,
		&(struct outbox_record){
			.topic = TOPIC_PLATFORM_NOTICES,
			.component_appid = id->component_appid,
			.appid = id->appid,
			.type = "wxbus.account.erased",
			.value = buf_cstr(&value),
		},
		err);
	json_free(&fields);
	buf_release(&value);
	return rc;
}

static int erase_account(struct pg *pg, const struct credential_id *id, struct err *err)
{
	int rc;

	if ((rc = PG_EXEC(pg,
		     "UPDATE token_service.accounts SET version = version + 1, updated_at = now(), user_name "
		     "= '',"
		     " nick_name = '', kind = 'other', verified = false, func_ids = '{}', ref = NULL"
		     " WHERE component_appid = $1 AND appid = $2",
		     NULL, err, pg_text(id->component_appid), pg_text(id->appid))) < 0 ||
		(rc = PG_EXEC(pg,
			 "DELETE FROM token_service.login_sessions WHERE component_appid = $1 AND appid = $2",
			 NULL, err, pg_text(id->component_appid), pg_text(id->appid))) < 0 ||
		(rc = PG_EXEC(pg,
			 "DELETE FROM token_service.oauth_targets WHERE component_appid = $1 AND appid = $2",
			 NULL, err, pg_text(id->component_appid), pg_text(id->appid))) < 0 ||
		(rc = tell_erased(pg, id, err)) < 0 ||
		(rc = audit_add(pg, id, "account erased", "", err)) < 0)
		return rc;
	return publish(pg, id, err);
}

static int erase_body(struct pg *pg, void *arg, struct err *err)
{
	const struct erasing *e = arg;
	struct pg_result *res = NULL;
	int rc = 0, n;

	if (PG_EXEC(pg,
		    "SELECT component_appid, appid FROM token_service.accounts WHERE state = 'unauthorized'"
		    " AND updated_at <= now() - $1 * interval '1 day' AND (user_name <> '' OR nick_name <> ''"
		    "   OR func_ids <> '{}' OR ref IS NOT NULL) LIMIT $2 FOR UPDATE SKIP LOCKED",
		    &res, err, pg_int8(e->days), pg_int8(e->limit)) < 0)
		return -1;
	n = pg_rows(res);
	for (int i = 0; rc == 0 && i < n; i++) {
		struct credential_id id = {"", ""};

		(void)str_copy(id.component_appid, sizeof(id.component_appid), pg_value(res, i, 0));
		(void)str_copy(id.appid, sizeof(id.appid), pg_value(res, i, 1));
		rc = erase_account(pg, &id, err);
	}
	pg_result_free(&res);
	return rc < 0 ? rc : n;
}

int account_erase_left(const struct store *s, int64_t days, int64_t limit, struct err *err)
{
	struct erasing e = {days, limit};

	return store_tx(s, erase_body, &e, err);
}

/* --- repliers ----------------------------------------------------------------------------------------------
 */

struct set_repliers {
	const struct credential_id *id;
	char *const *repliers;
};

/* "desk,shop", for people. */
static int note_repliers(struct pg *pg, const struct set_repliers *r, struct err *err)
{
	struct buf detail = BUF_INIT(ARRAY_MAX);
	int rc;

	for (int i = 0; i < REPLIERS_MAX && r->repliers[i]; i++)
		buf_addf(&detail, "%s%s", i ? "," : "", r->repliers[i]);
	rc = audit_add(pg, r->id, "repliers", detail.len ? buf_cstr(&detail) : "none", err);
	buf_release(&detail);
	return rc;
}

static int repliers_body(struct pg *pg, void *arg, struct err *err)
{
	const struct set_repliers *r = arg;
	struct buf repliers = BUF_INIT(ARRAY_MAX);
	struct pg_result *res = NULL;
	int rc;

	repliers_array(r->repliers, &repliers);
	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts SET repliers = $3, version = version + 1, updated_at = now()"
		" WHERE component_appid = $1 AND appid = $2",
		&res, err, pg_text(r->id->component_appid), pg_text(r->id->appid),
		pg_text(buf_cstr(&repliers)));
	if (rc == 0)
		rc = pg_affected(res) > 0 ? publish(pg, r->id, err) : ACCOUNT_MISSING;
	if (rc == 0)
		rc = note_repliers(pg, r, err);
	pg_result_free(&res);
	buf_release(&repliers);
	return rc;
}

int account_set_repliers(const struct store *s, const struct credential_id *id,
	char *const repliers[REPLIERS_MAX], struct err *err)
{
	struct set_repliers r = {id, repliers};

	return store_tx(s, repliers_body, &r, err);
}

/* --- ref ---------------------------------------------------------------------------------------------------
 */

int account_set_ref(struct pg *pg, const struct credential_id *id, const char *ref, struct err *err)
{
	struct pg_result *res = NULL;
	bool changed;

	if (PG_EXEC(pg,
		    "UPDATE token_service.accounts SET ref = $3, version = version + 1, updated_at = now()"
		    " WHERE component_appid = $1 AND appid = $2 AND ref IS DISTINCT FROM $3",
		    &res, err, pg_text(id->component_appid), pg_text(id->appid), pg_text(ref)) < 0)
		return -1;
	changed = pg_affected(res) > 0;
	pg_result_free(&res);
	if (!changed)
		return 0;
	return audit_add(pg, id, "ref", ref ? "set" : "none", err) < 0 ? -1 : publish(pg, id, err);
}

/* --- channel -----------------------------------------------------------------------------------------------
 */

struct set_channel {
	const struct credential_id *id;
	enum account_channel channel;
};

static int channel_body(struct pg *pg, void *arg, struct err *err)
{
	const struct set_channel *c = arg;
	struct pg_result *res = NULL;
	int rc;

	rc = PG_EXEC(pg,
		"UPDATE token_service.accounts SET channel = $3, version = version + 1, updated_at = now()"
		" WHERE component_appid = $1 AND appid = $2",
		&res, err, pg_text(c->id->component_appid), pg_text(c->id->appid),
		pg_text(account_channel_name(c->channel)));
	if (rc == 0)
		rc = pg_affected(res) > 0 ? publish(pg, c->id, err) : ACCOUNT_MISSING;
	if (rc == 0)
		rc = audit_add(pg, c->id, "channel", account_channel_name(c->channel), err);
	pg_result_free(&res);
	return rc;
}

int account_set_channel(
	const struct store *s, const struct credential_id *id, enum account_channel channel, struct err *err)
{
	struct set_channel c = {id, channel};

	return store_tx(s, channel_body, &c, err);
}

/* --- status ------------------------------------------------------------------------------------------------
 */

struct status {
	const struct credential_id *id;
	struct account_status *out;
};

static int64_t int_or_none(const struct pg_result *res, int col)
{
	return pg_is_null(res, 0, col) ? INT64_MIN : pg_value_int(res, 0, col);
}

static int status_body(struct pg *pg, void *arg, struct err *err)
{
	const struct status *s = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "SELECT extract(epoch FROM token_expires_at - now())::bigint,"
		    " extract(epoch FROM refresh_at - now())::bigint, failures,"
		    " CASE WHEN calls_on = (now() AT TIME ZONE 'UTC')::date THEN calls ELSE 0 END, "
		    "refused_errcode,"
		    " (SELECT count(*) FROM token_service.refresh_token_history h"
		    "  WHERE h.component_appid = a.component_appid AND h.appid = a.appid),"
		    " refreshes, coalesce((extract(epoch FROM refreshed_at) * 1000)::bigint, 0), refreshed_by"
		    " FROM token_service.accounts a WHERE component_appid = $1 AND appid = $2",
		    &res, err, pg_text(s->id->component_appid), pg_text(s->id->appid)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? 0 : ACCOUNT_MISSING;
	if (rc == 0)
		*s->out = (struct account_status){
			.token_left_s = int_or_none(res, 0),
			.refresh_in_s = int_or_none(res, 1),
			.failures = (int)pg_value_int(res, 0, 2),
			.calls_today = (int)pg_value_int(res, 0, 3),
			.refused_errcode = (int)pg_value_int(res, 0, 4),
			.refresh_tokens = pg_value_int(res, 0, 5),
			.refreshes = pg_value_int(res, 0, 6),
			.refreshed_ms = pg_value_int(res, 0, 7),
		};
	if (rc == 0)
		(void)str_copy(s->out->refreshed_by, sizeof(s->out->refreshed_by), pg_value(res, 0, 8));
	pg_result_free(&res);
	return rc;
}

int account_status(
	const struct store *s, const struct credential_id *id, struct account_status *out, struct err *err)
{
	struct status status = {id, out};

	return store_run(s, status_body, &status, err);
}

/* --- looking -----------------------------------------------------------------------------------------------
 */

struct look {
	const struct credential_id *id;
	int64_t event_s;
	struct account_state state;
};

static int look_body(struct pg *pg, void *arg, struct err *err)
{
	struct look *l = arg;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT state = 'authorized', refresh_token IS NOT NULL, event_at > to_timestamp($3),"
		    " coalesce(extract(epoch FROM now() - authorized_at)::bigint, -1), version"
		    " FROM token_service.accounts WHERE component_appid = $1 AND appid = $2",
		    &res, err, pg_text(l->id->component_appid), pg_text(l->id->appid),
		    pg_int8(l->event_s)) < 0)
		return -1;
	l->state.exists = pg_rows(res) > 0;
	if (l->state.exists) {
		l->state.authorized = pg_value_bool(res, 0, 0);
		l->state.has_refresh_token = pg_value_bool(res, 0, 1);
		l->state.newer_event = pg_value_bool(res, 0, 2);
		l->state.authorized_ago_s = pg_value_int(res, 0, 3);
		l->state.version = pg_value_int(res, 0, 4);
	}
	pg_result_free(&res);
	return 0;
}

int account_look(const struct store *s, const struct credential_id *id, int64_t event_s,
	struct account_state *out, struct err *err)
{
	struct look l = {.id = id, .event_s = event_s};

	if (store_run(s, look_body, &l, err) < 0)
		return -1;
	*out = l.state;
	return 0;
}

struct record {
	const struct credential_id *id;
	struct buf *out;
};

static int record_body(struct pg *pg, void *arg, struct err *err)
{
	const struct record *r = arg;

	return read_record(pg, r->id, r->out, err);
}

int account_record(const struct store *s, const struct credential_id *id, struct buf *out, struct err *err)
{
	struct record r = {id, out};

	return store_run(s, record_body, &r, err);
}

struct newest {
	const char *component_appid;
	int64_t within_s;
	struct credential_id *out;
};

static int newest_body(struct pg *pg, void *arg, struct err *err)
{
	const struct newest *n = arg;
	struct pg_result *res = NULL;
	int rc = ACCOUNT_MISSING;

	if (PG_EXEC(pg,
		    "SELECT appid FROM token_service.accounts WHERE component_appid = $1 AND state = "
		    "'authorized'"
		    " AND authorized_at > now() - $2 * interval '1 s' ORDER BY authorized_at DESC LIMIT 1",
		    &res, err, pg_text(n->component_appid), pg_int8(n->within_s)) < 0)
		return -1;
	if (pg_rows(res) > 0) {
		(void)str_copy(n->out->component_appid, sizeof(n->out->component_appid), n->component_appid);
		(void)str_copy(n->out->appid, sizeof(n->out->appid), pg_value(res, 0, 0));
		rc = 0;
	}
	pg_result_free(&res);
	return rc;
}

int account_newest(const struct store *s, const char *component_appid, int64_t within_s,
	struct credential_id *out, struct err *err)
{
	struct newest n = {component_appid, within_s, out};

	return store_run(s, newest_body, &n, err);
}

struct naming {
	const struct credential_id *id;
	char *out;
	size_t size;
};

static int nick_name_body(struct pg *pg, void *arg, struct err *err)
{
	const struct naming *n = arg;
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT nick_name FROM token_service.accounts WHERE component_appid = $1 AND appid = $2",
		    &res, err, pg_text(n->id->component_appid), pg_text(n->id->appid)) < 0)
		return -1;
	(void)str_copy(n->out, n->size, pg_rows(res) > 0 ? pg_value(res, 0, 0) : "");
	pg_result_free(&res);
	return 0;
}

int account_nick_name(
	const struct store *s, const struct credential_id *id, char *out, size_t size, struct err *err)
{
	struct naming n = {id, out, size};

	return store_run(s, nick_name_body, &n, err);
}
