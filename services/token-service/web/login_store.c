#include "services/token-service/web/login_store.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "services/token-service/seal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct adding {
	const struct credential_id *id;
	const struct weixin_session *session;
	uint8_t hash[CRYPTO_SHA256_LEN];
	struct buf sealed;
};

/* Bound to its row: a key copied to another session does not open there. */
static void seal(const struct store *s, struct adding *a)
{
	struct keys *keys = keyring_take(s->keyring);
	char hex[2 * CRYPTO_SHA256_LEN + 1], *row;

	str_hex(a->hash, sizeof(a->hash), hex);
	row = xasprintf("token_service.login_session/%s/%s/%s/session_key", a->id->component_appid,
		a->id->appid, hex);
	master_seal(keys->master, row, a->session->session_key, strlen(a->session->session_key), &a->sealed);
	keyring_give(s->keyring, &keys);
	free(row);
}

/* Repeated after an uncertain end it finds the name taken, by itself. */
static int add_body(struct pg *pg, void *arg, struct err *err)
{
	const struct adding *a = arg;

	return PG_EXEC(pg,
		"INSERT INTO token_service.login_sessions"
		" (session_sha256, component_appid, appid, openid, unionid, session_key)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
		NULL, err, pg_bytea(a->hash, sizeof(a->hash)), pg_text(a->id->component_appid),
		pg_text(a->id->appid), pg_text(a->session->openid), pg_text(a->session->unionid),
		seal_param(&a->sealed));
}

int login_session_add(const struct store *s, const struct credential_id *id,
	const struct weixin_session *session, char name_out[LOGIN_SESSION_LEN + 1], struct err *err)
{
	struct adding a = {.id = id, .session = session, .sealed = BUF_INIT(2 * SECRET_MAX_BYTES)};
	struct buf name = BUF_INIT(LOGIN_SESSION_LEN + 1); /* room for the padding that is taken off */
	uint8_t random[32];
	int rc;

	crypto_random(random, sizeof(random));
	crypto_base64url(random, sizeof(random), &name);
	crypto_sha256(&(const struct crypto_piece){name.data, name.len}, 1, a.hash);
	seal(s, &a);
	rc = store_run(s, add_body, &a, err);
	if (rc == 0)
		(void)str_copy(name_out, LOGIN_SESSION_LEN + 1, buf_cstr(&name));
	buf_wipe_release(&name);
	buf_release(&a.sealed);
	return rc;
}

static int sweep_body(struct pg *pg, void *arg, struct err *err)
{
	const int64_t *keep_days = arg;

	return PG_EXEC(pg,
		"DELETE FROM token_service.login_sessions WHERE at < now() - $1 * interval '1 day'", NULL,
		err, pg_int8(*keep_days));
}

int login_session_sweep(const struct store *s, int64_t keep_days, struct err *err)
{
	return store_run(s, sweep_body, &keep_days, err);
}
