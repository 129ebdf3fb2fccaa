#ifndef SERVICES_BUSINESS_RELEASE_CHECK_EXCHANGE_H
#define SERVICES_BUSINESS_RELEASE_CHECK_EXCHANGE_H

#include "common/base/err.h"

/* token-service exchanges an authorization code for tokens, which it keeps. Any thread. */
struct exchange;

int exchange_new(struct exchange **out, const char *token_service_url, const char *internal_keys_file,
	struct err *err);
void exchange_free(struct exchange **e);

/* Returns when the account's token can be served. A code that has been exchanged before is fine too: it is
 * good once only, and the `authorized` push carries the same one. `appid` says whom the code is about.
 * ERR_RETRY: try again; ERR_REJECT: token-service refuses the code. Takes at most some seconds. */
int exchange_code(struct exchange *e, const char *component_appid, const char *appid, const char *code,
	struct err *err);

#endif
