#ifndef SERVICES_TOKEN_SERVICE_ACCOUNTS_FAN_STORE_H
#define SERVICES_TOKEN_SERVICE_ACCOUNTS_FAN_STORE_H

#include "services/token-service/store.h"

#include <stdint.h>

/* Forgetting a fan (proto/erasure.h): what we keep of him, which is his logins, is deleted, everybody else is
 * told by a notice, and the audit notes that it was done, not whom it was about. All at once or not at all;
 * repeated it says the same again. */
struct forgetting {
	const char *component_appid; /* NULL: every platform that knows the account, else all of ours */
	const char *appid;
	const char *openid;
	int64_t before_ms;
	const char *why; /* a constant word: "asked", "unsubscribed" */
};

/* How many notices; 0: there is no platform to tell it for. */
int fan_forget(const struct store *s, const struct forgetting *f, struct err *err);

#endif
