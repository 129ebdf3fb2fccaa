#ifndef API_PROXY_KEY_WATCH_H
#define API_PROXY_KEY_WATCH_H

#include "common/pg/pg.h"
#include "services/sealed/keyring.h"
#include "services/sealed/sealed.h"

/* Which master keys are still needed, by rows and by proxy tokens, and sealing rows anew (services/sealed).
 * proto/key_report.h says how it is asked for. */

/* About every minute: this process's keys are in use, or were seen. */
int key_watch_note(struct pg_pool *pool, struct keyring *keyring, struct err *err);

/* *out is the caller's, also half-filled. */
int key_watch_report(struct pg_pool *pool, struct keyring *keyring, struct key_report *out, struct err *err);

/* One batch. SEALED_NOT_CURRENT (services/sealed/sealed.h). */
int key_watch_reseal(struct pg_pool *pool, struct keyring *keyring, const struct reseal_request *request,
	struct reseal_answer *out, struct err *err);

#endif
