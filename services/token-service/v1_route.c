#include "services/token-service/v1_route.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

static const struct row {
	const char *collection; /* "accounts" has two appids in its path, "platforms" one, others none */
	const char *what;
	const char *method;
	enum v1_action action;
	enum internal_scope scope;
} rows[] = {
	{"accounts", "token", "GET", V1_TOKEN, SCOPE_TOKEN},
	{"accounts", "refresh", "POST", V1_REFRESH, SCOPE_TOKEN},
	{"accounts", "directory", "GET", V1_DIRECTORY, SCOPE_TOKEN},
	{"accounts", "repliers", "PUT", V1_REPLIERS, SCOPE_ADMIN},
	{"accounts", "channel", "PUT", V1_CHANNEL, SCOPE_ADMIN},
	{"accounts", "status", "GET", V1_STATUS, SCOPE_ADMIN},
	{"accounts", "oauth-targets", "GET", V1_OAUTH_TARGETS, SCOPE_ADMIN},
	{"accounts", "oauth-targets", "PUT", V1_OAUTH_TARGETS_SET, SCOPE_ADMIN},
	{"platforms", "token", "GET", V1_TOKEN, SCOPE_TOKEN},
	{"platforms", "refresh", "POST", V1_REFRESH, SCOPE_TOKEN},
	{"platforms", "exchange", "POST", V1_EXCHANGE, SCOPE_EXCHANGE},
	{"users", "forget", "POST", V1_FORGET, SCOPE_ADMIN},
	{"audit", "list", "POST", V1_AUDIT, SCOPE_ADMIN},
	{"keys", "list", "POST", V1_KEYS, SCOPE_ADMIN},
	{"keys", "reseal", "POST", V1_RESEAL, SCOPE_ADMIN},
};

/* The next segment of a path, without its slash; false at the end. */
static bool next_segment(const char **path, struct str *out)
{
	if (**path != '/')
		return false;
	out->p = *path + 1;
	out->len = strcspn(out->p, "/");
	*path = out->p + out->len;
	return true;
}

static bool take_appid(const char **path, char out[APPID_MAX + 1])
{
	struct str s;

	return next_segment(path, &s) && appid_ok(s.p, s.len) &&
	       str_ncopy(out, APPID_MAX + 1, s.p, s.len) == 0;
}

int v1_route_parse(const char *method, const char *path, struct v1_route *out)
{
	struct str v1, collection, what;
	struct v1_route route = {.action = V1_TOKEN};
	bool accounts, platforms;
	int status = 404;

	if (!next_segment(&path, &v1) || !str_eq_cstr(v1, "v1") || !next_segment(&path, &collection))
		return 404;
	accounts = str_eq_cstr(collection, "accounts");
	platforms = str_eq_cstr(collection, "platforms");
	if (((accounts || platforms) && !take_appid(&path, route.id.component_appid)) ||
		(accounts && !take_appid(&path, route.id.appid)) || !next_segment(&path, &what) ||
		*path != '\0')
		return 404;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!str_eq_cstr(collection, rows[i].collection) || !str_eq_cstr(what, rows[i].what))
			continue;
		status = 405;
		if (strcmp(method, rows[i].method) != 0)
			continue;
		route.action = rows[i].action;
		route.scope = rows[i].scope;
		*out = route;
		return 0;
	}
	return status;
}
