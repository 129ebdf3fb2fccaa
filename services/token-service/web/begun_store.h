#ifndef SERVICES_TOKEN_SERVICE_WEB_BEGUN_STORE_H
#define SERVICES_TOKEN_SERVICE_WEB_BEGUN_STORE_H

#include "services/token-service/accounts/account_store.h"
#include "services/token-service/store.h"

/* Authorizations begun on our page. What a business signed (`ref`, `return`) is kept here and found again in
 * two ways, of which one is enough: the browser brings `state` back, and Weixin's push names the pre-auth
 * code. */
#define BEGUN_STATE_LEN 32 /* lower-case hex */

struct begun {
	char state[BEGUN_STATE_LEN + 1];
	char component_appid[APPID_MAX + 1];
	char *choice;
	char *ref;                 /* NULL: none */
	char *return_url;          /* NULL: none */
	char appid[APPID_MAX + 1]; /* "": nobody has authorized yet */
};
void begun_release(struct begun *b);

/* A new row for the page numbered `page`. BEGUN_USED: that page has had its one. */
#define BEGUN_USED 1
int begun_add(const struct store *s, const struct begun *b, const char *page, struct err *err);
int begun_set_code(const struct store *s, const char *state, const char *pre_auth_code, struct err *err);

/* BEGUN_MISSING: there is none, or it is 7 days old, or another platform's. */
#define BEGUN_MISSING 1
int begun_find(const struct store *s, const char *component_appid, const char *state, struct begun *out,
	struct err *err);
/* The same for a code that is to be exchanged; at most BEGUN_TRIES times, so that nobody spends our calls on
 * codes of his own making. BEGUN_MISSING also then. */
#define BEGUN_TRIES 20
int begun_try(const struct store *s, const char *component_appid, const char *state, struct begun *out,
	struct err *err);

/* This account has authorized: it gets the ref. By the browser, in a transaction of its own; by the push,
 * within the caller's: nothing happens if the code is not of our page. Both may come, in either order. */
int begun_end(const struct store *s, const struct begun *b, const char *appid, struct err *err);
int begun_end_by_code(
	struct pg *pg, const struct credential_id *id, const char *pre_auth_code, struct err *err);

/* Those of 7 days ago are forgotten. */
int begun_sweep(const struct store *s, struct err *err);

#endif
