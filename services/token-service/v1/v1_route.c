#include "services/token-service/v1/v1_route.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define OPERATION_NAME_MAX 40

static const struct row {
	const char *collection; /* "accounts" has two appids in its path, "platforms" one, others none */
	const char *what;       /* NULL: the collection itself, without appids */
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
	{"platforms", "sync", "POST", V1_SYNC_ASK, SCOPE_ADMIN},
	{"platforms", "sync", "GET", V1_SYNC, SCOPE_ADMIN},
	{"platforms", "sync-findings", "GET", V1_SYNC_FINDINGS, SCOPE_ADMIN},
	{"platforms", "weixin", "POST", V1_WEIXIN, SCOPE_ADMIN},
	{"accounts", "weixin", "POST", V1_WEIXIN, SCOPE_ADMIN},
	{"users", "forget", "POST", V1_FORGET, SCOPE_ADMIN},
	{"audit", "list", "POST", V1_AUDIT, SCOPE_ADMIN},
	{"keys", "list", "POST", V1_KEYS, SCOPE_ADMIN},
	{"keys", "reseal", "POST", V1_RESEAL, SCOPE_ADMIN},
	{"platforms", NULL, "GET", V1_PLATFORMS, SCOPE_ADMIN},
	{"accounts", NULL, "GET", V1_ACCOUNTS, SCOPE_ADMIN},
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

static bool names(const struct row *row, struct str collection, const struct str *what)
{
	if (!str_eq_cstr(collection, row->collection) || !row->what != !what)
		return false;
	return !what || str_eq_cstr(*what, row->what);
}

/* what NULL: the collection itself. */
static int find_row(const char *method, struct str collection, const struct str *what, struct v1_route *route)
{
	int status = 404;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!names(&rows[i], collection, what))
			continue;
		if (strcmp(method, rows[i].method) == 0) {
			route->action = rows[i].action;
			route->scope = rows[i].scope;
			return 0;
		}
		status = 405;
	}
	return status;
}

static bool take_operation(const char **path, struct v1_route *route)
{
	char name[OPERATION_NAME_MAX];
	struct str s;

	if (!next_segment(path, &s) || str_ncopy(name, sizeof(name), s.p, s.len) < 0)
		return false;
	route->operation = operation_find(name, route->id.appid[0] != '\0');
	return route->operation != NULL;
}

int v1_route_parse(const char *method, const char *path, struct v1_route *out)
{
	struct v1_route route = {.action = V1_TOKEN};
	struct str v1, collection, what;
	bool accounts;
	int status;

	if (!next_segment(&path, &v1) || !str_eq_cstr(v1, "v1") || !next_segment(&path, &collection))
		return 404;
	if (*path == '\0') {
		status = find_row(method, collection, NULL, &route);
	} else {
		accounts = str_eq_cstr(collection, "accounts");
		if (((accounts || str_eq_cstr(collection, "platforms")) &&
			    !take_appid(&path, route.id.component_appid)) ||
			(accounts && !take_appid(&path, route.id.appid)) || !next_segment(&path, &what))
			return 404;
		status = find_row(method, collection, &what, &route);
		if (status == 0 && route.action == V1_WEIXIN && !take_operation(&path, &route))
			status = 404;
		if (*path != '\0' && !(status == 405 && str_eq_cstr(what, "weixin")))
			status = 404;
	}
	if (status == 0)
		*out = route;
	return status;
}
