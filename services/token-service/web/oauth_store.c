#include "services/token-service/web/oauth_store.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "services/token-service/audit.h"
#include "services/token-service/web/oauth_state.h"
#include "services/token-service/seal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* --- targets -----------------------------------------------------------------------------------------------
 */

struct listing {
	const struct credential_id *id;
	struct arena *arena;
	struct oauth_targets *out;
};

static int list_body(struct pg *pg, void *arg, struct err *err)
{
	const struct listing *l = arg;
	struct oauth_targets targets = {.n = 0};
	struct pg_result *res = NULL;

	if (PG_EXEC(pg,
		    "SELECT target FROM token_service.oauth_targets WHERE component_appid = $1 AND appid = $2"
		    " ORDER BY target LIMIT $3",
		    &res, err, pg_text(l->id->component_appid), pg_text(l->id->appid),
		    pg_int8(OAUTH_TARGETS_MAX)) < 0)
		return -1;
	for (int row = 0; row < pg_rows(res); row++)
		targets.list[targets.n++] = arena_strdup(l->arena, pg_value(res, row, 0));
	pg_result_free(&res);
	*l->out = targets;
	return 0;
}

int oauth_targets_list(const struct store *s, const struct credential_id *id, struct arena *arena,
	struct oauth_targets *out, struct err *err)
{
	struct listing l = {id, arena, out};

	return store_run(s, list_body, &l, err);
}

struct setting {
	const struct credential_id *id;
	const struct oauth_targets *targets;
};

/* 0, or ACCOUNT_MISSING. Of two changes at once the later one is made wholly after the other. */
static int lock_account(struct pg *pg, const struct credential_id *id, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "SELECT 1 FROM token_service.accounts WHERE component_appid = $1 AND appid = $2"
		    " FOR NO KEY UPDATE",
		    &res, err, pg_text(id->component_appid), pg_text(id->appid)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? 0 : ACCOUNT_MISSING;
	pg_result_free(&res);
	return rc;
}

static int audit_targets(struct pg *pg, const struct setting *s, struct err *err)
{
	struct buf detail = BUF_INIT(OAUTH_TARGETS_MAX * (OAUTH_TARGET_MAX + 1));
	int rc;

	for (size_t i = 0; i < s->targets->n; i++)
		buf_addf(&detail, "%s%s", i ? " " : "", s->targets->list[i]);
	rc = audit_add(pg, s->id, "oauth targets", detail.len ? buf_cstr(&detail) : "none", err);
	buf_release(&detail);
	return rc;
}

/* Says the same again when repeated. */
static int set_body(struct pg *pg, void *arg, struct err *err)
{
	const struct setting *s = arg;
	int rc = lock_account(pg, s->id, err);

	if (rc != 0)
		return rc;
	rc = PG_EXEC(pg, "DELETE FROM token_service.oauth_targets WHERE component_appid = $1 AND appid = $2",
		NULL, err, pg_text(s->id->component_appid), pg_text(s->id->appid));
	for (size_t i = 0; rc == 0 && i < s->targets->n; i++)
		rc = PG_EXEC(pg,
			"INSERT INTO token_service.oauth_targets (component_appid, appid, target)"
			" VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			NULL, err, pg_text(s->id->component_appid), pg_text(s->id->appid),
			pg_text(s->targets->list[i]));
	return rc < 0 ? rc : audit_targets(pg, s, err);
}

int oauth_targets_set(const struct store *s, const struct credential_id *id,
	const struct oauth_targets *targets, struct err *err)
{
	struct setting setting = {id, targets};

	return store_tx(s, set_body, &setting, err);
}

/* --- states ------------------------------------------------------------------------------------------------
 */

static struct pg_param number_of(const char *state)
{
	return pg_text_len(state, OAUTH_NUMBER_LEN);
}

/* A few of the old ones each time, and none that somebody else is deleting: nobody waits for it. */
static int sweep_states(struct pg *pg, struct err *err)
{
	return pg_exec_script(pg,
		"DELETE FROM token_service.oauth_states_used WHERE number IN (SELECT number"
		" FROM token_service.oauth_states_used WHERE at < now() - interval '1 hour'"
		" ORDER BY at LIMIT 100 FOR UPDATE SKIP LOCKED)",
		err);
}

/* Repeated after an uncertain end it may find its own row: the visitor then has to begin again. */
static int take_body(struct pg *pg, void *arg, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (sweep_states(pg, err) < 0 ||
		PG_EXEC(pg,
			"INSERT INTO token_service.oauth_states_used (number) VALUES ($1) ON CONFLICT DO "
			"NOTHING",
			&res, err, number_of(arg)) < 0)
		return -1;
	rc = pg_affected(res) > 0 ? 0 : OAUTH_STATE_USED;
	pg_result_free(&res);
	return rc;
}

int oauth_state_take(const struct store *s, const char *state, struct err *err)
{
	return store_tx(s, take_body, (void *)(uintptr_t)state, err);
}

static int give_back_body(struct pg *pg, void *arg, struct err *err)
{
	return PG_EXEC(pg, "DELETE FROM token_service.oauth_states_used WHERE number = $1", NULL, err,
		number_of(arg));
}

int oauth_state_give_back(const struct store *s, const char *state, struct err *err)
{
	return store_run(s, give_back_body, (void *)(uintptr_t)state, err);
}

static int look_body(struct pg *pg, void *arg, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg, "SELECT 1 FROM token_service.oauth_states_used WHERE number = $1", &res, err,
		    number_of(arg)) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? OAUTH_STATE_USED : 0;
	pg_result_free(&res);
	return rc;
}

int oauth_state_look(const struct store *s, const char *state, struct err *err)
{
	return store_run(s, look_body, (void *)(uintptr_t)state, err);
}

/* --- keys --------------------------------------------------------------------------------------------------
 */

static char *key_row(const char *key_id)
{
	return xasprintf("token_service.oauth_key/%s/private_key", key_id);
}

static int have_key(struct pg *pg, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "SELECT 1 FROM token_service.oauth_keys WHERE created_at > now() - $1 * interval '1 day'"
		    " LIMIT 1",
		    &res, err, pg_int8(OAUTH_KEY_DAYS)) < 0)
		return -1;
	rc = pg_rows(res);
	pg_result_free(&res);
	return rc;
}

static int add_key(const struct store *s, struct pg *pg, struct err *err)
{
	struct buf sealed = BUF_INIT(2 * SECRET_MAX_BYTES);
	struct keys *keys = keyring_take(s->keyring);
	uint8_t public_key[32];
	struct oauth_key key;
	char *row;
	int rc;

	oauth_key_make(&key);
	crypto_ed25519_public(key.private_key, public_key);
	row = key_row(key.id);
	master_seal(keys->master, row, key.private_key, sizeof(key.private_key), &sealed);
	secret_wipe(&key.private_key, sizeof(key.private_key));
	rc = PG_EXEC(pg,
		"INSERT INTO token_service.oauth_keys (key_id, public_key, private_key) VALUES ($1, $2, $3)",
		NULL, err, pg_text(key.id), pg_bytea(public_key, sizeof(public_key)), seal_param(&sealed));
	if (rc == 0)
		rc = audit_add(pg, &(const struct credential_id){"", ""}, "oauth key made", key.id, err);
	keyring_give(s->keyring, &keys);
	buf_release(&sealed);
	free(row);
	return rc;
}

/* A key that its successor has replaced for a day signs nothing that anybody could still take. */
#define REPLACED                                                                                             \
	"EXISTS (SELECT 1 FROM token_service.oauth_keys later WHERE later.created_at > k.created_at"         \
	" AND later.created_at < now() - interval '1 day')"

/* Under a lock, and only if none came while we waited for it. */
static int make_key(const struct store *s, struct pg *pg, struct err *err)
{
	int rc;

	if (pg_exec_script(pg,
		    "SELECT pg_advisory_xact_lock(hashtextextended('token_service.oauth_keys', 0))", err) < 0)
		return -1;
	rc = have_key(pg, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (pg_exec_script(pg, "DELETE FROM token_service.oauth_keys k WHERE " REPLACED, err) < 0)
		return -1;
	return add_key(s, pg, err);
}

static int ensure_key(const struct store *s, struct pg *pg, struct err *err)
{
	int rc = have_key(pg, err);

	return rc == 0 ? make_key(s, pg, err) : rc < 0 ? rc : 0;
}

struct keys_listing {
	const struct store *s;
	struct oauth_public_key *out;
	size_t n;
};

/* Repeated it finds the key that it made. */
static int keys_body(struct pg *pg, void *arg, struct err *err)
{
	struct keys_listing *l = arg;
	struct pg_result *res = NULL;
	const void *bytes;
	size_t len;

	if (ensure_key(l->s, pg, err) < 0 ||
		PG_EXEC(pg,
			"SELECT key_id, public_key FROM token_service.oauth_keys k WHERE NOT " REPLACED
			" ORDER BY created_at DESC LIMIT $1",
			&res, err, pg_int8(OAUTH_KEYS_MAX)) < 0)
		return -1;
	l->n = 0;
	for (int row = 0; row < pg_rows(res); row++) {
		struct oauth_public_key *key = &l->out[l->n];

		bytes = pg_value_bytes(res, row, 1, &len);
		if (len != sizeof(key->public_key) ||
			str_copy(key->id, sizeof(key->id), pg_value(res, row, 0)) < 0)
			continue;
		memcpy(key->public_key, bytes, len);
		l->n++;
	}
	pg_result_free(&res);
	return 0;
}

int oauth_keys_list(
	const struct store *s, struct oauth_public_key out[OAUTH_KEYS_MAX], size_t *n_out, struct err *err)
{
	struct keys_listing l = {s, out, 0};
	int rc = store_tx(s, keys_body, &l, err);

	if (rc == 0)
		*n_out = l.n;
	return rc;
}

struct signing {
	const struct store *s;
	struct oauth_key *out;
};

static int open_key(
	const struct store *s, const struct pg_result *res, struct oauth_key *out, struct err *err)
{
	struct buf plain = BUF_INIT(SECRET_MAX_BYTES);
	const char *id = pg_value(res, 0, 0);
	struct keys *keys = keyring_take(s->keyring);
	char *row = key_row(id);
	const void *sealed;
	size_t len;
	int rc;

	sealed = pg_value_bytes(res, 0, 1, &len);
	rc = master_open(keys->master, row, sealed, len, &plain, err);
	if (rc == 0 && (plain.len != sizeof(out->private_key) || str_copy(out->id, sizeof(out->id), id) < 0))
		rc = err_set(err, ERR_REJECT, 0, "not a key");
	if (rc == 0)
		memcpy(out->private_key, plain.data, plain.len);
	else
		err_prefix(err, "%s", row);
	keyring_give(s->keyring, &keys);
	buf_wipe_release(&plain);
	free(row);
	return rc;
}

/* The newest of those that have been listed for an hour; before any has, the oldest. */
static int signing_body(struct pg *pg, void *arg, struct err *err)
{
	const struct signing *a = arg;
	struct pg_result *res = NULL;
	int rc;

	if (ensure_key(a->s, pg, err) < 0 ||
		pg_exec(pg,
			"SELECT key_id, private_key FROM (SELECT *, created_at > now() - interval '1 hour' "
			"AS young"
			" FROM token_service.oauth_keys) k"
			" ORDER BY young, CASE WHEN young THEN created_at - now() ELSE now() - created_at END"
			" LIMIT 1",
			NULL, 0, &res, err) < 0)
		return -1;
	rc = pg_rows(res) > 0 ? open_key(a->s, res, a->out, err) : err_set(err, ERR_RETRY, 0, "no key");
	pg_result_free(&res);
	return rc;
}

int oauth_key_current(const struct store *s, struct oauth_key *out, struct err *err)
{
	struct signing a = {s, out};

	return store_tx(s, signing_body, &a, err);
}
