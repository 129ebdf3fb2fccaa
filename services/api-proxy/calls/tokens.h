#ifndef API_PROXY_CALLS_TOKENS_H
#define API_PROXY_CALLS_TOKENS_H

#include "common/base/err.h"
#include "common/httpc/httpc.h"
#include "services/sealed/keyring.h"

#include <stddef.h>
#include <stdint.h>

/* Access tokens as token-service hands them out, remembered until shortly before they expire. However many
 * calls want one account's token at once, one of them asks and the others wait for its answer. Any thread. */
struct tokens;

#define TOKEN_MAX_BYTES 1024
#define TOKEN_HASH_LEN  64

struct token {
	char text[TOKEN_MAX_BYTES + 1];  /* a secret: token_wipe() */
	char sha256[TOKEN_HASH_LEN + 1]; /* lower-case hex; what a refresh names it by */
};
void token_wipe(struct token *t);

struct tokens_options {
	struct httpc *http;   /* borrowed */
	const char *url;      /* token-service's /v1, without path; borrowed */
	struct keyring *keys; /* borrowed */
};
struct tokens *tokens_new(const struct tokens_options *o);
void tokens_free(struct tokens **t);

enum tokens_outcome {
	TOKENS_OK = 0,
	TOKENS_UNKNOWN,      /* token-service does not know this account or platform */
	TOKENS_UNAUTHORIZED, /* it knows that the account has not (or no longer) authorized the platform */
	TOKENS_NO_API, /* the account authorized the platform without granting any API: Weixin gives no token
			*/
	TOKENS_UNAVAILABLE /* it cannot be reached, or has no token at this moment */
};

/* The token of an account, or with appid "" of the platform. `refused` NULL: any that is not yet expiring;
 * otherwise the token that Weixin has just refused: if it is still the stored one it is refreshed, once for
 * all who hold it. A refusal is remembered for a second. `err` says why with TOKENS_UNAVAILABLE. */
enum tokens_outcome tokens_get(struct tokens *t, const char *component_appid, const char *appid,
	const struct token *refused, int64_t deadline_mono_ms, struct token *out, struct err *err);

/* Weixin says that the authorization is gone: what is remembered of it counts no more, token-service decides.
 */
void tokens_forget(struct tokens *t, const char *component_appid, const char *appid);

#endif
