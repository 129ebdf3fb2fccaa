#ifndef SERVICES_TOKEN_SERVICE_EVENTS_CODE_STORE_H
#define SERVICES_TOKEN_SERVICE_EVENTS_CODE_STORE_H

#include "common/crypto/crypto.h"
#include "services/token-service/accounts/account_store.h"
#include "services/token-service/store.h"

/* Authorization codes that have been seen, by hash. One process at a time exchanges one; the others learn the
 * result from the row. */
struct code_id {
	char component_appid[APPID_MAX + 1];
	uint8_t sha256[CRYPTO_SHA256_LEN];
};
void code_id_make(const char *component_appid, const char *code, struct code_id *out);

struct code_result {
	char appid[APPID_MAX + 1]; /* "": not exchanged */
	int refused;               /* Weixin's errcode when it would not take the code; 0 otherwise */
	struct func_difference difference;
};
void code_result_release(struct code_result *r);

/* 0: ours to exchange. CODE_KNOWN: *result_out tells what became of it. CODE_BUSY: another process is at it.
 */
#define CODE_KNOWN 1
#define CODE_BUSY  2
int code_claim(
	const struct store *s, const struct code_id *id, struct code_result *result_out, struct err *err);

/* Within the transaction that stores the tokens. */
int code_exchanged(struct pg *pg, const struct code_id *id, const char *appid,
	const struct func_difference *d, struct err *err);
int code_refused(const struct store *s, const struct code_id *id, int errcode, struct err *err);
/* Not decided: somebody may try again. */
int code_release(const struct store *s, const struct code_id *id, struct err *err);

/* The difference that this account's newest exchange brought, within the last hour; empty if there was none.
 */
int code_newest_difference(
	const struct store *s, const struct credential_id *id, struct func_difference *out, struct err *err);

#endif
