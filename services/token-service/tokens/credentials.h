#ifndef SERVICES_TOKEN_SERVICE_TOKENS_CREDENTIALS_H
#define SERVICES_TOKEN_SERVICE_TOKENS_CREDENTIALS_H

#include "services/token-service/tokens/credential_store.h"
#include "services/token-service/tokens/weixin_api.h"

/* The one refresher of every token. Within the process one thread fetches a token and the others who want it
 * wait; between processes the lease in PostgreSQL does the same. Weixin makes the previous token void some
 * minutes after a new one, and at once when two are fetched, so whoever gets the lease looks again before he
 * calls. Any thread. */
struct credentials;

struct token {
	char *text; /* a secret */
	char sha256[65];
	int64_t left_ms; /* until it expires */
};
void token_release(struct token *t);

/* A token is served while it lives longer than this: a call made with it must still arrive. */
#define TOKEN_LEAST_MS 10000

/* calls_per_day: no token is refreshed more often on one day of UTC, whoever asks. */
struct credentials *credentials_new(const struct store *s, struct weixin_api *api, int calls_per_day);
void credentials_free(struct credentials **c);

#define CREDENTIAL_UNKNOWN      1 /* no such account or platform */
#define CREDENTIAL_UNAUTHORIZED 2 /* the account does not authorize the platform (any more) */
#define CREDENTIAL_NONE         3 /* authorized, but Weixin gave no tokens: it granted no API */

/* The token as it is stored, fetched anew only if it is missing or expired. */
int credentials_get(struct credentials *c, const struct credential_id *id, int64_t deadline_mono_ms,
	struct token *out, struct err *err);

/* The same for somebody to whom Weixin refused a token: fetched anew if the stored one still has this hash
 * (hex of SHA-256), else the stored one is the newer one that he wants. */
int credentials_replace(struct credentials *c, const struct credential_id *id, const char *refused_sha256,
	int64_t deadline_mono_ms, struct token *out, struct err *err);

/* One call that needs the component's token; made once more, with a newer one, if Weixin says that the token
 * is no longer good; none is begun after the deadline. ERR_RETRY: there is no token now, also when Weixin
 * refuses the platform's own credential: no refusal of that reaches the caller as one of his call. Otherwise
 * what `call` returns. */
typedef int (*component_call)(struct weixin_api *w, const char *token, void *arg, struct err *err);
int credentials_call(struct credentials *c, const char *component_appid, component_call call, void *arg,
	int64_t deadline_mono_ms, struct err *err);

/* The same with an account's token (`call` gets that), or with the component's if the appid is "". Also
 * CREDENTIAL_UNKNOWN, _UNAUTHORIZED, _NONE; ERR_REJECT also if Weixin refuses the account a token. */
int credentials_call_as(struct credentials *c, const struct credential_id *id, component_call call, void *arg,
	int64_t deadline_mono_ms, struct err *err);

/* One token that is due, claimed for whoever then refreshes it. */
struct due {
	struct credential_id id;
	int64_t fence;
	int64_t claimed_ms;
};
/* CREDENTIAL_NONE: none is due. */
int credentials_claim_due(struct credentials *c, struct due *out, struct err *err);
/* -1: it failed; logged already. */
int credentials_refresh_due(struct credentials *c, const struct due *due, struct err *err);

#endif
