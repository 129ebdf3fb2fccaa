#include "services/token-service/web/begun_store.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEPT "7 days"

void begun_release(struct begun *b)
{
	free(b->choice);
	free(b->ref);
	free(b->return_url);
	*b = (struct begun){.choice = NULL};
}

struct adding {
	const struct begun *b;
	const char *page;
};

/* Repeated after an uncertain end it finds its own row and says BEGUN_USED: the person clicks once more. */
static int add_body(struct pg *pg, void *arg, struct err *err)
{
	const struct adding *a = arg;
	struct pg_result *res = NULL;
	int rc;

	if (PG_EXEC(pg,
		    "INSERT INTO token_service.authorizations_begun"
		    " (state, component_appid, page, choice, ref, return_url)"
		    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (page) DO NOTHING",
		    &res, err, pg_text(a->b->state), pg_text(a->b->component_appid), pg_text(a->page),
		    pg_text(a->b->choice), pg_text(a->b->ref), pg_text(a->b->return_url)) < 0)
		return -1;
	rc = pg_affected(res) > 0 ? 0 : BEGUN_USED;
	pg_result_free(&res);
	return rc;
}

int begun_add(const struct store *s, const struct begun *b, const char *page, struct err *err)
{
	struct adding a = {b, page};

	return store_run(s, add_body, &a, err);
}

static int sweep_body(struct pg *pg, void *arg, struct err *err)
{
	(void)arg;
	return pg_exec(pg,
		"DELETE FROM token_service.authorizations_begun WHERE at < now() - interval '" KEPT "'", NULL,
		0, NULL, err);
}

int begun_sweep(const struct store *s, struct err *err)
{
	return store_run(s, sweep_body, NULL, err);
}

static void hash_code(const char *code, uint8_t out[CRYPTO_SHA256_LEN])
{
	crypto_sha256(&(const struct crypto_piece){code, strlen(code)}, 1, out);
}

struct coding {
	const char *state;
	const char *code;
};

static int set_code_body(struct pg *pg, void *arg, struct err *err)
{
	const struct coding *c = arg;
	uint8_t hash[CRYPTO_SHA256_LEN];

	hash_code(c->code, hash);
	return PG_EXEC(pg,
		"UPDATE token_service.authorizations_begun SET pre_auth_sha256 = $2 WHERE state = $1", NULL,
		err, pg_text(c->state), pg_bytea(hash, sizeof(hash)));
}

int begun_set_code(const struct store *s, const char *state, const char *pre_auth_code, struct err *err)
{
	struct coding c = {state, pre_auth_code};

	return store_run(s, set_code_body, &c, err);
}

struct finding {
	const char *component_appid;
	const char *state;
	int tries; /* that this look counts for */
	struct begun *out;
};

static int find_body(struct pg *pg, void *arg, struct err *err)
{
	const struct finding *f = arg;
	struct pg_result *res = NULL;
	int rc = BEGUN_MISSING;

	if (PG_EXEC(pg,
		    "UPDATE token_service.authorizations_begun SET tries = tries + $3"
		    " WHERE state = $1 AND component_appid = $2 AND at > now() - interval '" KEPT "'"
		    " AND tries + $3 <= $4 RETURNING choice, ref, return_url, appid",
		    &res, err, pg_text(f->state), pg_text(f->component_appid), pg_int8(f->tries),
		    pg_int8(BEGUN_TRIES)) < 0)
		return -1;
	if (pg_rows(res) > 0) {
		(void)str_copy(f->out->state, sizeof(f->out->state), f->state);
		(void)str_copy(f->out->component_appid, sizeof(f->out->component_appid), f->component_appid);
		f->out->choice = xstrdup(pg_value(res, 0, 0));
		f->out->ref = pg_is_null(res, 0, 1) ? NULL : xstrdup(pg_value(res, 0, 1));
		f->out->return_url = pg_is_null(res, 0, 2) ? NULL : xstrdup(pg_value(res, 0, 2));
		(void)str_copy(f->out->appid, sizeof(f->out->appid), pg_value(res, 0, 3));
		rc = 0;
	}
	pg_result_free(&res);
	return rc;
}

static int find(const struct store *s, struct finding *f, struct err *err)
{
	if (strlen(f->state) != BEGUN_STATE_LEN)
		return BEGUN_MISSING;
	return store_run(s, find_body, f, err);
}

int begun_find(const struct store *s, const char *component_appid, const char *state, struct begun *out,
	struct err *err)
{
	struct finding f = {component_appid, state, 0, out};

	return find(s, &f, err);
}

int begun_try(const struct store *s, const char *component_appid, const char *state, struct begun *out,
	struct err *err)
{
	struct finding f = {component_appid, state, 1, out};

	return find(s, &f, err);
}

struct ending {
	const struct begun *b;
	const char *appid;
};

/* Both updates say the same again when repeated. */
static int end_body(struct pg *pg, void *arg, struct err *err)
{
	const struct ending *e = arg;
	struct credential_id id = {"", ""};

	(void)str_copy(id.component_appid, sizeof(id.component_appid), e->b->component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), e->appid);
	if (PG_EXEC(pg, "UPDATE token_service.authorizations_begun SET appid = $2 WHERE state = $1", NULL,
		    err, pg_text(e->b->state), pg_text(e->appid)) < 0)
		return -1;
	return e->b->ref ? account_set_ref(pg, &id, e->b->ref, err) : 0;
}

int begun_end(const struct store *s, const struct begun *b, const char *appid, struct err *err)
{
	struct ending e = {b, appid};

	return store_tx(s, end_body, &e, err);
}

int begun_end_by_code(
	struct pg *pg, const struct credential_id *id, const char *pre_auth_code, struct err *err)
{
	uint8_t hash[CRYPTO_SHA256_LEN];
	struct pg_result *res = NULL;
	int rc = 0;

	if (!pre_auth_code[0])
		return 0;
	hash_code(pre_auth_code, hash);
	if (PG_EXEC(pg,
		    "UPDATE token_service.authorizations_begun SET appid = $3"
		    " WHERE component_appid = $1 AND pre_auth_sha256 = $2 RETURNING ref",
		    &res, err, pg_text(id->component_appid), pg_bytea(hash, sizeof(hash)),
		    pg_text(id->appid)) < 0)
		return -1;
	if (pg_rows(res) > 0 && !pg_is_null(res, 0, 0))
		rc = account_set_ref(pg, id, pg_value(res, 0, 0), err);
	pg_result_free(&res);
	return rc;
}
