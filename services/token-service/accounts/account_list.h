#ifndef SERVICES_TOKEN_SERVICE_ACCOUNTS_ACCOUNT_LIST_H
#define SERVICES_TOKEN_SERVICE_ACCOUNTS_ACCOUNT_LIST_H

#include "common/json/json.h"
#include "services/token-service/store.h"

/* The accounts as an operator looks through them, a page at a time, in the order of component appid and
 * appid. */
#define ACCOUNT_LIST_MAX 200 /* of one page */

enum account_mark {
	ACCOUNT_ANY,
	ACCOUNT_REFUSED, /* Weixin takes none of its refresh tokens: it has to authorize again */
	ACCOUNT_FAILING, /* its last refresh failed, for whatever reason */
	ACCOUNT_NO_TOKEN /* authorized, but there is no refresh token */
};
int account_mark_parse(const char *name, enum account_mark *out); /* "refused", "failing", "no-token" */

struct account_filter {
	const char *component_appid; /* NULL: any */
	const char *state;           /* "authorized", "unauthorized"; NULL: any */
	const char *channel;         /* "live", "test"; NULL: any */
	enum account_mark mark;
	const char *after_component; /* the page begins after this account; both "": with the first */
	const char *after_appid;
	int limit;
};

/* {"accounts":[{what the directory has of it, "token":{"expires_in"|null,"failures","refused_errcode",
 * "has_refresh_token"}},...],"next":{"component_appid","appid"}|null} */
int account_list(const struct store *s, const struct account_filter *f, struct json **out, struct err *err);

#endif
