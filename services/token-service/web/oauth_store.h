#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_STORE_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_STORE_H

#include "common/base/arena.h"
#include "services/token-service/accounts/account_store.h"
#include "services/token-service/web/oauth_result.h"
#include "services/token-service/web/oauth_target.h"

/* What web page authorization keeps: each account's rules of where visitors may be sent back to, the states
 * that have come back, and the keys that sign results. */

/* The account's rules, sorted, in the arena; none for an account that is not there. */
struct oauth_targets {
	size_t n;
	const char *list[OAUTH_TARGETS_MAX];
};
int oauth_targets_list(const struct store *s, const struct credential_id *id, struct arena *arena,
	struct oauth_targets *out, struct err *err);
/* Instead of those there were. ACCOUNT_MISSING. */
int oauth_targets_set(const struct store *s, const struct credential_id *id,
	const struct oauth_targets *targets, struct err *err);

/* A state has come back, and may not again: once it is taken, OAUTH_STATE_USED. oauth_state_give_back():
 * nothing came of it, the visitor may try the same address once more. Forgotten after an hour, longer than
 * any state lives. */
#define OAUTH_STATE_USED 1
int oauth_state_take(const struct store *s, const char *state, struct err *err);
int oauth_state_give_back(const struct store *s, const char *state, struct err *err);
int oauth_state_look(const struct store *s, const char *state, struct err *err); /* 0 or OAUTH_STATE_USED */

/* The keys that sign results: the first is made when it is first needed, by one process; a new one follows
 * every OAUTH_KEY_DAYS, is listed for an hour before it signs, and the one before it for a day after that.
 * The private keys are sealed and bound to their rows. */
#define OAUTH_KEY_DAYS 90
#define OAUTH_KEYS_MAX 8
struct oauth_public_key {
	char id[OAUTH_KEY_ID_LEN + 1];
	uint8_t public_key[32];
};
int oauth_keys_list(
	const struct store *s, struct oauth_public_key out[OAUTH_KEYS_MAX], size_t *n_out, struct err *err);
/* The one to sign with now; the caller wipes it. ERR_REJECT: it was sealed with a master key that is gone. */
int oauth_key_current(const struct store *s, struct oauth_key *out, struct err *err);

#endif
