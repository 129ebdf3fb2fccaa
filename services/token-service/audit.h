#ifndef SERVICES_TOKEN_SERVICE_AUDIT_H
#define SERVICES_TOKEN_SERVICE_AUDIT_H

#include "services/token-service/tokens/credential_store.h"

#include <stdint.h>

/* Who authorized, refreshed, changed what and when: a row in the transaction of the change itself, so that
 * what is not in the table did not happen. No secrets, and nobody's openid.
 *
 * Of an account's refreshes only those are rows that somebody would look for: those that somebody asked for,
 * the first that fails in a row, and the one that works again. The others, over a million a day with 100,000
 * accounts, are counted in the account's own row (`refreshed_at`, `refreshed_by`, `refreshes`), which the
 * refresh writes anyway. */

/* On whose behalf this thread works from now on: audit_add() writes it as `who`. Set where a request, a push
 * or a page comes in, so that nothing between there and the change has to know; copied. */
#define AUDIT_WEIXIN  "weixin"        /* a push */
#define AUDIT_BROWSER "browser"       /* a person on a page of ours */
#define AUDIT_SELF    "token-service" /* nobody: what goes on by itself; every thread begins so */
#define AUDIT_WHO_MAX 64
void audit_as(const char *who);
const char *audit_actor(void); /* the thread's own, until its next audit_as() */

/* Within a transaction. `what`: a constant word; `detail`: for people, "" if there is nothing to say. */
int audit_add(
	struct pg *pg, const struct credential_id *id, const char *what, const char *detail, struct err *err);

/* Which rows; newest first. */
struct audit_filter {
	const char *component_appid; /* NULL: any */
	const char *appid;           /* NULL: any */
	int64_t since_ms;            /* wall clock; 0: all */
	int64_t before_id;           /* 0: from the newest */
	int64_t limit;
};
/* [{"id","at","component_appid","appid","who","what","detail"},...] as JSON. */
int audit_list(const struct store *s, const struct audit_filter *f, struct buf *out, struct err *err);

int audit_sweep(const struct store *s, int64_t keep_days, struct err *err);

#endif
