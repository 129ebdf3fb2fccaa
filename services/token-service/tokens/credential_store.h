#ifndef SERVICES_TOKEN_SERVICE_TOKENS_CREDENTIAL_STORE_H
#define SERVICES_TOKEN_SERVICE_TOKENS_CREDENTIAL_STORE_H

#include "proto/platforms.h"
#include "services/token-service/store.h"
#include "services/token-service/tokens/weixin_decode.h"

#include <stdbool.h>
#include <stdint.h>

/* The token columns and the lease columns of `platforms` and `accounts`, alike for both. A lease is claimed
 * with one UPDATE that raises the fence; a result is stored only under the fence it was claimed with. No
 * transaction and no connection is held in between. Errors are common/pg's; ERR_UNCERTAIN may be repeated
 * here like ERR_RETRY, for a store under a fence happens once and a lost claim runs out. */
struct credential_id {
	char component_appid[APPID_MAX + 1];
	char appid[APPID_MAX + 1]; /* "": the platform's own */
};

/* Longer than any work under it: no call to Weixin is begun later than LEASE_CALLS_MS after the claim, none
 * lasts longer than WEIXIN_CALL_MS, and the rest is for storing what it brought. */
#define LEASE_MS       30000
#define LEASE_CALLS_MS 17000

struct credential_row {
	bool exists;
	bool authorized; /* platforms: true */
	char *token;     /* a secret; NULL: none */
	int64_t left_ms; /* until it expires; negative: it has */
	char *grant;     /* a secret, with which a token is fetched: ticket or refresh token; NULL: none */
	int failures;
	int64_t blocked_ms; /* no attempt for so long; 0: allowed */
	bool due;           /* refresh_at has passed */
	int calls_today;    /* refreshes begun on this day of UTC */
	int64_t day_ends_ms;
};
void credential_row_release(struct credential_row *row);

int credential_load(
	const struct store *s, const struct credential_id *id, struct credential_row *out, struct err *err);

#define LEASE_BUSY 1 /* claim: somebody else holds the lease; store, fail: they have overtaken us */

int credential_claim(
	const struct store *s, const struct credential_id *id, int64_t *fence_out, struct err *err);

/* Claim one that is due: a platform's own token, or one of the accounts of these platforms (their appids in
 * PostgreSQL's array form). LEASE_BUSY: none is. */
int credential_claim_due(const struct store *s, const char *platforms, struct credential_id *id_out,
	int64_t *fence_out, struct err *err);

/* The new token, and its refresh token unless that is NULL (also into the history); lease given back.
 * elapsed_ms: since the call began, from when the token's life is counted. */
int credential_store(const struct store *s, const struct credential_id *id, int64_t fence,
	const struct weixin_token *token, int64_t elapsed_ms, struct err *err);

/* Within a transaction: a refresh token, and the same sealed, into the history, so that no bad write can lose
 * it. One that is there already becomes its newest. */
int credential_keep_in_history(struct pg *pg, const struct credential_id *id, const char *refresh_token,
	const struct buf *sealed, struct err *err);

/* The same in a transaction of its own, if the account is still authorized. */
int credential_keep(
	const struct store *s, const struct credential_id *id, const char *refresh_token, struct err *err);

/* It failed: no attempt for retry_ms; the old token stays. Lease given back. The first failure in a row is
 * audited with `why`, without secrets. */
int credential_fail(const struct store *s, const struct credential_id *id, int64_t fence, int64_t retry_ms,
	const char *why, struct err *err);

/* The same, because Weixin takes none of the account's refresh tokens, or says that it is not authorized. 1:
 * this is new, and has been told as notice wxbus.account.refused. A token that is stored, or an
 * authorization, ends it. */
int credential_refuse(const struct store *s, const struct credential_id *id, int64_t fence, int errcode,
	int64_t retry_ms, struct err *err);

/* Up to n different refresh tokens of the history, the newest first, each a secret of the caller's; one that
 * does not open any more is left out. */
int credential_history(
	const struct store *s, const struct credential_id *id, char **out, int n, struct err *err);

/* Let a stored token be refreshed soon, whatever its age. */
int credential_due_now(const struct store *s, const struct credential_id *id, struct err *err);

/* Claims that ran out with no result stored: Weixin may have made a new token that nobody has, and the stored
 * one is void some minutes later. So they are due at once, though their token was not. */
int credential_take_up_abandoned(const struct store *s, struct err *err);

/* Nothing was to be done: lease given back. */
int credential_release(const struct store *s, const struct credential_id *id, int64_t fence, struct err *err);

/* Tokens whose refresh is due, into the metrics: how many, and for how long the first of them.
 * Accounts that have to authorize again are left out: nobody can refresh theirs. */
int credential_look(const struct store *s, struct err *err);

#endif
