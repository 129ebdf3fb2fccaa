#ifndef SERVICES_TOKEN_SERVICE_ACCOUNTS_ACCOUNT_STORE_H
#define SERVICES_TOKEN_SERVICE_ACCOUNTS_ACCOUNT_STORE_H

#include "services/token-service/audit.h"
#include "services/token-service/tokens/credential_store.h"
#include "services/token-service/store.h"
#include "services/token-service/tokens/weixin_decode.h"

/* The accounts of the directory. Each change locks the account's row, raises its version and puts the
 * account's record into the outbox, all in the caller's transaction. */

#define ACCOUNT_STALE   1
#define ACCOUNT_MISSING 2

/* Permission sets that a change brought and took. */
struct func_difference {
	int64_t *added;
	size_t n_added;
	int64_t *removed;
	size_t n_removed;
};
void func_difference_make(const int64_t *before, size_t n_before, const int64_t *after, size_t n_after,
	struct func_difference *out);
void func_difference_release(struct func_difference *d);

/* An authorization: tokens replaced, whatever refresh is under way overtaken. A new account gets the
 * platform's default repliers. ACCOUNT_STALE: only with if_version; nothing is done. */
struct account_authorizing {
	const char *component_appid;
	const struct weixin_authorization *authorization;
	int64_t event_s; /* the push's CreateTime; 0: it did not come by a push */
	const struct weixin_info
		*info;             /* NULL: Weixin is asked for it next (an event of type EVENT_TYPE_INFO) */
	const int64_t *if_version; /* only if the account's version is still this; NULL: whatever it is */
};
int account_authorize(const struct store *s, struct pg *pg, const struct account_authorizing *a,
	struct func_difference *difference_out, struct err *err);

/* Names, kind and permission sets as Weixin tells them; if we hold no refresh token, Weixin's. Nothing
 * happens to an account that is not authorized. */
int account_set_info(const struct store *s, struct pg *pg, const struct credential_id *id,
	const struct weixin_info *info, struct err *err);

/* A refresh token that Weixin's list tells and we do not know: into the history, where it is found when ours
 * is refused; if ours is refused already, or we have none, it is tried at once. Nothing happens to an account
 * that is not authorized. */
int account_offer_refresh_token(const struct store *s, struct pg *pg, const struct credential_id *id,
	const char *refresh_token, struct err *err);

/* 0: unauthorized, tokens and their history deleted. ACCOUNT_STALE: it has been authorized since; nothing is
 * done. */
int account_unauthorize(struct pg *pg, const struct credential_id *id, int64_t event_s, struct err *err);

/* repliers: up to REPLIERS_MAX groups, NULL after the last. ACCOUNT_MISSING. */
int account_set_repliers(const struct store *s, const struct credential_id *id,
	char *const repliers[REPLIERS_MAX], struct err *err);

/* Within a transaction: the customer's own id for this account. An account that is not there is left alone.
 */
int account_set_ref(struct pg *pg, const struct credential_id *id, const char *ref, struct err *err);

/* "" while Weixin has not told it. */
int account_nick_name(
	const struct store *s, const struct credential_id *id, char *out, size_t size, struct err *err);

/* Whether its messages go to `messages` or to `messages.test`. ACCOUNT_MISSING. */
int account_set_channel(
	const struct store *s, const struct credential_id *id, enum account_channel channel, struct err *err);

/* What only the operator sees of an account, beside its record: how its token stands. No secrets.
 * ACCOUNT_MISSING. */
struct account_status {
	int64_t token_left_s;   /* negative: expired; INT64_MIN: none */
	int64_t refresh_in_s;   /* INT64_MIN: it is not refreshed */
	int failures;           /* refreshes that failed in a row */
	int calls_today;        /* refreshes begun on this day of UTC */
	int refused_errcode;    /* Weixin takes none of its refresh tokens; 0: it does */
	int64_t refresh_tokens; /* in the history */
	int64_t refreshes;      /* since the account is known here */
	int64_t refreshed_ms;   /* the last one; 0: none */
	char refreshed_by[AUDIT_WHO_MAX + 1];
};
int account_status(
	const struct store *s, const struct credential_id *id, struct account_status *out, struct err *err);

/* What an authorization's handling asks. All of an account that is not there are false or 0. */
struct account_state {
	bool exists;
	int64_t version;
	bool authorized;
	bool has_refresh_token;
	bool newer_event;         /* an event with a later CreateTime than event_s has been applied */
	int64_t authorized_ago_s; /* -1: never */
};
int account_look(const struct store *s, const struct credential_id *id, int64_t event_s,
	struct account_state *out, struct err *err);

/* The account's record of the directory, as JSON, as the database has it now. ACCOUNT_MISSING. */
int account_record(const struct store *s, const struct credential_id *id, struct buf *out, struct err *err);

/* The account that this platform's newest authorization within the last `within_s` is of. ACCOUNT_MISSING:
 * none. */
int account_newest(const struct store *s, const char *component_appid, int64_t within_s,
	struct credential_id *out, struct err *err);

/* What is left of accounts that left `days` ago and have not come back: names, permission sets, `ref`, their
 * people's logins (tokens went at once). Kept are the appid, the state, the version and what was set here.
 * The directory and the notice wxbus.account.erased {"component_appid","appid"} tell the others. How many; up
 * to `limit` at a time. By Weixin's rules for developers, what a service brought is deleted once its use
 * ends. */
int account_erase_left(const struct store *s, int64_t days, int64_t limit, struct err *err);

#endif
