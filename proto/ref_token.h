#ifndef PROTO_REF_TOKEN_H
#define PROTO_REF_TOKEN_H

#include "common/base/buf.h"
#include "proto/keyfiles.h"

/* What a business sends a merchant with to token-service's authorization page: its own id for that merchant
 * (`ref`, ends up in the account directory) and where the merchant is to be sent afterwards (`return`).
 * Signed, so that nobody else can put an account under somebody's id or make the page a redirector:
 *
 *     /authorize/{component_appid}?ref=customer-7&return=https%3A%2F%2Fshop.example.com%2Fdone
 *         &until=1763650000&signer=<key name>&signature=<hex>
 *
 * signature: HMAC-SHA-256, lower-case hex, with the named internal key of scope `ref`, over
 *     "wxbus.ref.v1" \n component appid \n ref \n return \n until
 * of the decoded values; one that is left out counts as empty. Whoever holds such an address may use it until
 * then (unix seconds): give it to that merchant only. */
#define REF_MAX       128                    /* bytes of UTF-8 without control characters */
#define REF_UNTIL_MAX (366LL * 24 * 60 * 60) /* how far ahead `until` may lie (s) */

struct ref_token {
	const char *ref;        /* "": none */
	const char *return_url; /* "": none; else as common/base/web_url.h takes it */
	const char *until;
	const char *signer;
	const char *signature;
};

enum ref_token_result {
	REF_TOKEN_OK = 0,
	REF_TOKEN_WRONG,  /* malformed, unknown signer or one without the scope, wrong signature */
	REF_TOKEN_EXPIRED /* rightly signed, but its time has passed */
};
/* Members are borrowed, and never NULL. */
enum ref_token_result ref_token_check(const struct internal_keys *keys, const char *component_appid,
	const struct ref_token *t, int64_t now_ms);

/* The query of an authorization address, without '?'. ref and return_url may be "". ERR_REJECT: one of them
 * has not the form above, or the key lacks the scope. */
int ref_token_query(const struct internal_key *key, const char *component_appid, const char *ref,
	const char *return_url, int64_t until_s, struct buf *out, struct err *err);

#endif
