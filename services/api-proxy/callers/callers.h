#ifndef API_PROXY_CALLERS_CALLERS_H
#define API_PROXY_CALLERS_CALLERS_H

#include "common/base/err.h"
#include "common/crypto/crypto.h"
#include "common/pg/pg.h"
#include "services/api-proxy/callers/grants.h"
#include "services/sealed/keyring.h"

#include <stdint.h>

/* Those who may call: each has one platform, its grants and one key. Kept in PostgreSQL, the key as SHA-256
 * (to find its caller, so that no comparison of secrets takes longer for a better guess) and sealed (to check
 * signatures). What was read is remembered for a few seconds; so long a revoked key goes on working. Any
 * thread. */
struct callers;

#define CALLERS_CACHE_MS 5000
#define CALLER_KEY_MIN   32
#define CALLER_KEY_MAX   256
#define CALLER_ID_MAX    64
#define CALLER_LIMIT_MAX 1000000000

/* 0: none. account_...: for each single account. */
struct caller_limits {
	int64_t rate_per_s, calls_per_day;
	int64_t account_rate_per_s, account_per_day;
};

/* Immutable; held until caller_put(). */
struct caller {
	char component_appid[65];
	char id[CALLER_ID_MAX + 1];
	struct grants grants;
	struct caller_limits limits;
	char *key;
	int refs; /* atomic */
};
void caller_put(struct caller **c);           /* accepts NULL in it */
struct caller *caller_hold(struct caller *c); /* accepts NULL; c */

/* Borrows both. */
struct callers *callers_new(struct pg_pool *pool, struct keyring *keys);
void callers_free(struct callers **c);

/* 0: *out is held. CALLER_NONE: no such caller, or revoked. CALLERS_BUSY: this name is of no caller known
 * here, and too many such came from its origin lately, or in all (caller_memory.h). -1: ERR_RETRY: the
 * database cannot be asked; ERR_FATAL: the key is sealed under a master key that is not there. */
#define CALLER_NONE  1
#define CALLERS_BUSY 3
/* `origin`: the client's address; NULL: another limit bounds how often strangers can make us ask. */
int callers_by_key(
	struct callers *c, const char *key, const char *origin, struct caller **out, struct err *err);
/* Of a proxy token, which nobody else can make. Never CALLERS_BUSY. */
int callers_by_key_hash(
	struct callers *c, const uint8_t key_sha256[CRYPTO_SHA256_LEN], struct caller **out, struct err *err);
/* For the topic, where a record that cannot be judged yet would hold up others: not bounded but by the
 * threads there. Never CALLERS_BUSY. */
int callers_by_id(
	struct callers *c, const char *component_appid, const char *id, struct caller **out, struct err *err);

/* A new caller. The lists are JSON arrays that grants_init() accepts. CALLER_EXISTS: this id (or this key) is
 * taken. */
#define CALLER_EXISTS 2
int callers_add(struct callers *c, const char *component_appid, const char *id, const char *key,
	const struct json *accounts, const struct json *paths, const struct json *groups,
	const struct caller_limits *limits, struct err *err);

void callers_hash_key(const char *key, uint8_t out[CRYPTO_SHA256_LEN]);
/* What is known of a platform's callers, as a JSON array of objects, by id; never a key. */
int callers_list(struct callers *c, const char *component_appid, struct buf *out, struct err *err);
/* Its key opens nothing any more; its id stays taken. CALLER_NONE: no such caller. Revoked again: 0. */
int callers_revoke(struct callers *c, const char *component_appid, const char *id, struct err *err);
/* This key in place of the old one. CALLER_NONE: no such caller, or revoked. CALLER_EXISTS: another's key. */
int callers_rotate(
	struct callers *c, const char *component_appid, const char *id, const char *key, struct err *err);

int caller_id_ok(const char *id);   /* a-z, 0-9, '-', '.', '_'; 1 or 0 */
int caller_key_ok(const char *key); /* printable ASCII without blanks, long enough; 1 or 0 */

#endif
