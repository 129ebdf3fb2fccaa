#ifndef SERVICES_TOKEN_SERVICE_TOKENS_FETCH_H
#define SERVICES_TOKEN_SERVICE_TOKENS_FETCH_H

#include "services/token-service/tokens/credentials.h"

/* A token from Weixin, for whoever holds the row's lease. */
struct fetcher {
	struct credentials *credentials;
	const struct store *store;
	struct weixin_api *api;
};

/* `row` as loaded under the lease. No call is begun after deadline_mono_ms. out->refresh_token is NULL if it
 * is the row's own. If Weixin refuses an account's refresh token (61023), the one that it tells itself is
 * tried, then the newest ones of the history, FETCH_CANDIDATES in all; still refused, the error is that of
 * the row's own. */
#define FETCH_CANDIDATES 4
int fetch_token(const struct fetcher *f, const struct credential_id *id, const struct credential_row *row,
	int64_t deadline_mono_ms, struct weixin_token *out, struct err *err);

#endif
