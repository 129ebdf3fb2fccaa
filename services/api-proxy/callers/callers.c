#include "services/api-proxy/callers/callers.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/platforms.h"
#include "services/api-proxy/callers/caller_memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define POOL_WAIT_MS   2000
#define LIST_MAX_BYTES (256 * 1024)

#define SQL_COLUMNS                                                                                          \
	"SELECT component_appid, caller_id, array_to_json(accounts)::text, array_to_json(paths)::text, "     \
	"array_to_json(groups)::text, key_sealed, COALESCE(rate_per_s, 0), COALESCE(calls_per_day, 0), "     \
	"COALESCE(account_rate_per_s, 0), COALESCE(account_per_day, 0) FROM api_proxy.callers "
static const char sql_by_key[] = SQL_COLUMNS "WHERE key_sha256 = $1 AND revoked_at IS NULL";
static const char sql_by_id[] =
	SQL_COLUMNS "WHERE component_appid = $1 AND caller_id = $2 AND revoked_at IS NULL";
static const char sql_add[] =
	"INSERT INTO api_proxy.callers (component_appid, caller_id, key_sha256, key_sealed, accounts, paths, "
	"groups, rate_per_s, calls_per_day, account_rate_per_s, account_per_day) "
	"VALUES ($1, $2, $3, $4, ARRAY(SELECT json_array_elements_text($5::json)), "
	"ARRAY(SELECT json_array_elements_text($6::json)), ARRAY(SELECT json_array_elements_text($7::json)), "
	"NULLIF($8, 0), NULLIF($9, 0), NULLIF($10, 0), NULLIF($11, 0))";

static const char sql_list[] =
	"SELECT COALESCE(json_agg(json_build_object('caller_id', caller_id, 'accounts', accounts, 'paths', "
	"paths, "
	"'groups', groups, 'rate_per_s', rate_per_s, 'calls_per_day', calls_per_day, 'account_rate_per_s', "
	"account_rate_per_s, 'account_per_day', account_per_day, 'created_at', created_at, 'revoked_at', "
	"revoked_at) "
	"ORDER BY caller_id), '[]')::text FROM api_proxy.callers WHERE component_appid = $1";
static const char sql_revoke[] = "UPDATE api_proxy.callers SET revoked_at = COALESCE(revoked_at, now()) "
				 "WHERE component_appid = $1 AND caller_id = $2";
static const char sql_rotate[] = "UPDATE api_proxy.callers SET key_sha256 = $3, key_sealed = $4 "
				 "WHERE component_appid = $1 AND caller_id = $2 AND revoked_at IS NULL";

struct callers {
	struct pg_pool *pool;
	struct keyring *keys;
	struct caller_memory *memory;
};

static atomic_int *refs_of(struct caller *c)
{
	return (atomic_int *)&c->refs;
}

struct caller *caller_hold(struct caller *c)
{
	if (c)
		atomic_fetch_add(refs_of(c), 1);
	return c;
}

void caller_put(struct caller **cp)
{
	struct caller *c = *cp;

	*cp = NULL;
	if (!c || atomic_fetch_sub(refs_of(c), 1) != 1)
		return;
	grants_release(&c->grants);
	secret_free(&c->key);
	free(c);
}

struct callers *callers_new(struct pg_pool *pool, struct keyring *keys)
{
	struct callers *c = xcalloc(1, sizeof(*c));

	c->pool = pool;
	c->keys = keys;
	c->memory = caller_memory_new();
	return c;
}

void callers_free(struct callers **cp)
{
	struct callers *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	caller_memory_free(&c->memory);
	free(c);
}

int caller_id_ok(const char *id)
{
	size_t i, len = strlen(id);

	for (i = 0; i < len; i++)
		if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= '0' && id[i] <= '9') ||
			    strchr("-._", id[i])))
			return 0;
	return len >= 1 && len <= CALLER_ID_MAX;
}

int caller_key_ok(const char *key)
{
	size_t i, len = strlen(key);

	for (i = 0; i < len; i++)
		if (key[i] <= ' ' || key[i] > '~')
			return 0;
	return len >= CALLER_KEY_MIN && len <= CALLER_KEY_MAX;
}

/* --- database ---------------------------------------------------------------------------------- */

static void sealed_row(const char *component_appid, const char *id, struct buf *out)
{
	buf_addf(out, "api_proxy.callers/%s/%s/key", component_appid, id);
}

static int open_key(struct callers *c, const struct pg_result *res, struct caller *caller, struct err *err)
{
	struct buf row = BUF_INIT(256), key = BUF_INIT(CALLER_KEY_MAX);
	const void *sealed;
	size_t len;
	int rc;

	sealed = pg_value_bytes(res, 0, 5, &len);
	sealed_row(caller->component_appid, caller->id, &row);
	rc = keyring_open(c->keys, buf_cstr(&row), sealed, len, &key, err);
	if (rc == 0)
		caller->key = buf_detach(&key);
	else if (err)
		err->kind = ERR_FATAL;
	buf_wipe_release(&key);
	buf_release(&row);
	return rc;
}

static int read_grants(const struct pg_result *res, struct grants *out, struct err *err)
{
	const struct json_limits limits = {.max_bytes = LIST_MAX_BYTES, .max_depth = 2};
	struct json *lists[3] = {NULL, NULL, NULL};
	int i, rc = 0;

	for (i = 0; i < 3 && rc == 0; i++) {
		const char *text = pg_value(res, 0, 2 + i);

		rc = json_parse(text, strlen(text), &limits, &lists[i], err);
	}
	if (rc == 0)
		rc = grants_init(out, lists[0], lists[1], lists[2], err);
	for (i = 0; i < 3; i++)
		json_free(&lists[i]);
	if (rc < 0)
		err_prefix(err, "grants of a caller");
	return rc;
}

static int caller_of_row(struct callers *c, const struct pg_result *res, struct caller **out, struct err *err)
{
	struct caller *caller = xcalloc(1, sizeof(*caller));

	caller->refs = 1;
	if (str_copy(caller->component_appid, sizeof(caller->component_appid), pg_value(res, 0, 0)) < 0 ||
		str_copy(caller->id, sizeof(caller->id), pg_value(res, 0, 1)) < 0) {
		caller_put(&caller);
		return err_set(err, ERR_FATAL, 0, "a caller's name in the database is too long");
	}
	if (read_grants(res, &caller->grants, err) < 0 || open_key(c, res, caller, err) < 0) {
		caller_put(&caller);
		return -1;
	}
	caller->limits = (struct caller_limits){pg_value_int(res, 0, 6), pg_value_int(res, 0, 7),
		pg_value_int(res, 0, 8), pg_value_int(res, 0, 9)};
	*out = caller;
	return 0;
}

static int query(struct callers *c, const char *sql, const struct pg_param *params, size_t n,
	struct caller **out, struct err *err)
{
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(c->pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = pg_exec(pg, sql, params, n, &res, err);
	pg_give(c->pool, &pg);
	if (rc == 0)
		rc = pg_rows(res) == 0 ? CALLER_NONE : caller_of_row(c, res, out, err);
	pg_result_free(&res);
	return rc;
}

/* From memory, or by this statement. */
static int look_up(struct callers *c, const char *name, const char *origin, const char *sql,
	const struct pg_param *params, size_t n, struct caller **out, struct err *err)
{
	struct caller *caller = NULL;
	enum memory found =
		caller_memory_find(c->memory, name, origin, clock_mono_ms() + POOL_WAIT_MS, &caller, err);
	int rc;

	if (found == MEMORY_BUSY)
		return CALLERS_BUSY;
	if (found == MEMORY_FAILED)
		return -1;
	if (found == MEMORY_ASK) {
		if ((rc = query(c, sql, params, n, &caller, err)) < 0) {
			caller_memory_fail(c->memory, name, err);
			return rc;
		}
		caller_memory_learn(c->memory, name, caller);
	}
	*out = caller;
	return caller ? 0 : CALLER_NONE;
}

void callers_hash_key(const char *key, uint8_t out[CRYPTO_SHA256_LEN])
{
	const struct crypto_piece piece = {key, strlen(key)};

	crypto_sha256(&piece, 1, out);
}

static int by_hash(struct callers *c, const uint8_t hash[CRYPTO_SHA256_LEN], const char *origin,
	struct caller **out, struct err *err)
{
	char name[2 + 2 * CRYPTO_SHA256_LEN + 1] = "k:";
	const struct pg_param params[] = {pg_bytea(hash, CRYPTO_SHA256_LEN)};

	str_hex(hash, CRYPTO_SHA256_LEN, name + 2);
	return look_up(c, name, origin, sql_by_key, params, 1, out, err);
}

int callers_by_key_hash(
	struct callers *c, const uint8_t hash[CRYPTO_SHA256_LEN], struct caller **out, struct err *err)
{
	return by_hash(c, hash, NULL, out, err);
}

int callers_by_key(
	struct callers *c, const char *key, const char *origin, struct caller **out, struct err *err)
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	if (!caller_key_ok(key))
		return CALLER_NONE;
	callers_hash_key(key, hash);
	return by_hash(c, hash, origin, out, err);
}

int callers_by_id(
	struct callers *c, const char *component_appid, const char *id, struct caller **out, struct err *err)
{
	const struct pg_param params[] = {pg_text(component_appid), pg_text(id)};
	struct buf name = BUF_INIT(256);
	int rc;

	if (!appid_ok(component_appid, strlen(component_appid)) || !caller_id_ok(id))
		return CALLER_NONE;
	buf_addf(&name, "i:%s/%s", component_appid, id);
	rc = look_up(c, buf_cstr(&name), NULL, sql_by_id, params, 2, out, err);
	buf_release(&name);
	return rc;
}

static void add_list(const struct json *list, struct buf *out)
{
	if (list)
		json_write(list, out);
	else
		buf_add_str(out, "[]");
}

static int insert(struct callers *c, const struct pg_param *params, size_t n, struct err *err)
{
	struct err own;
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(c->pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = pg_exec(pg, sql_add, params, n, NULL, &own);
	pg_give(c->pool, &pg);
	if (rc < 0 && own.code == PG_UNIQUE_VIOLATION)
		return CALLER_EXISTS;
	if (rc < 0 && err)
		*err = own;
	return rc;
}

int callers_add(struct callers *c, const char *component_appid, const char *id, const char *key,
	const struct json *accounts, const struct json *paths, const struct json *groups,
	const struct caller_limits *limits, struct err *err)
{
	struct buf row = BUF_INIT(256), sealed = BUF_INIT(1024);
	struct buf a = BUF_INIT(LIST_MAX_BYTES), p = BUF_INIT(LIST_MAX_BYTES), g = BUF_INIT(LIST_MAX_BYTES);
	uint8_t hash[CRYPTO_SHA256_LEN];
	int rc;

	callers_hash_key(key, hash);
	sealed_row(component_appid, id, &row);
	keyring_seal(c->keys, buf_cstr(&row), key, strlen(key), &sealed);
	add_list(accounts, &a);
	add_list(paths, &p);
	add_list(groups, &g);
	if (a.overflow || p.overflow || g.overflow) {
		rc = err_set(err, ERR_REJECT, 0, "a list is longer than %d bytes", LIST_MAX_BYTES);
	} else {
		const struct pg_param params[] = {pg_text(component_appid), pg_text(id),
			pg_bytea(hash, sizeof(hash)), pg_bytea(sealed.data, sealed.len),
			pg_text_len(a.data, a.len), pg_text_len(p.data, p.len), pg_text_len(g.data, g.len),
			pg_int8(limits->rate_per_s), pg_int8(limits->calls_per_day),
			pg_int8(limits->account_rate_per_s), pg_int8(limits->account_per_day)};

		rc = insert(c, params, sizeof(params) / sizeof(params[0]), err);
	}
	caller_memory_expire(c->memory); /* "there is no such caller" may stand in it */
	buf_release(&row);
	buf_release(&sealed);
	buf_release(&a);
	buf_release(&p);
	buf_release(&g);
	return rc;
}

static int change(
	struct callers *c, const char *sql, const struct pg_param *params, size_t n, struct err *err)
{
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	struct err own;
	int rc;

	if ((rc = pg_take(c->pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = pg_exec(pg, sql, params, n, &res, &own);
	pg_give(c->pool, &pg);
	if (rc == 0)
		rc = pg_affected(res) == 1 ? 0 : CALLER_NONE;
	else if (own.code == PG_UNIQUE_VIOLATION)
		rc = CALLER_EXISTS;
	else if (err)
		*err = own;
	pg_result_free(&res);
	caller_memory_expire(c->memory); /* what other processes remember holds for CALLERS_CACHE_MS */
	return rc;
}

int callers_list(struct callers *c, const char *component_appid, struct buf *out, struct err *err)
{
	const struct pg_param params[] = {pg_text(component_appid)};
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(c->pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = pg_exec(pg, sql_list, params, 1, &res, err);
	pg_give(c->pool, &pg);
	if (rc == 0)
		buf_add_str(out, pg_value(res, 0, 0));
	pg_result_free(&res);
	return rc;
}

int callers_revoke(struct callers *c, const char *component_appid, const char *id, struct err *err)
{
	const struct pg_param params[] = {pg_text(component_appid), pg_text(id)};

	return change(c, sql_revoke, params, 2, err);
}

int callers_rotate(
	struct callers *c, const char *component_appid, const char *id, const char *key, struct err *err)
{
	struct buf row = BUF_INIT(256), sealed = BUF_INIT(1024);
	uint8_t hash[CRYPTO_SHA256_LEN];
	int rc;

	callers_hash_key(key, hash);
	sealed_row(component_appid, id, &row);
	keyring_seal(c->keys, buf_cstr(&row), key, strlen(key), &sealed);
	const struct pg_param params[] = {pg_text(component_appid), pg_text(id), pg_bytea(hash, sizeof(hash)),
		pg_bytea(sealed.data, sealed.len)};

	rc = change(c, sql_rotate, params, 4, err);
	buf_release(&sealed);
	buf_release(&row);
	return rc;
}
