#include "services/token-service/web/public_route.h"

#include "common/base/str.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/banned.h"

/* In a pattern "*" stands for an appid: the first is the component's. */
static const struct row {
	const char *pattern;
	const char *method;
	enum public_action action;
	const char *label;
} rows[] = {
	{"/authorize/*", "GET", PUBLIC_AUTHORIZE, "authorize"},
	{"/authorize/*/code", "POST", PUBLIC_AUTHORIZE_CODE, "authorize_code"},
	{"/authorize/*/link", "POST", PUBLIC_AUTHORIZE_LINK, "authorize_link"},
	{"/authorize/*/callback", "GET", PUBLIC_AUTHORIZE_CALLBACK, "authorize_callback"},
	{"/login/*/*", "POST", PUBLIC_LOGIN, "login"},
	{"/oauth/*/*/start", "GET", PUBLIC_OAUTH_START, "oauth_start"},
	{"/oauth/*/*/callback", "GET", PUBLIC_OAUTH_CALLBACK, "oauth_callback"},
	{"/oauth/keys", "GET", PUBLIC_OAUTH_KEYS, "oauth_keys"},
};

/* The rest of `path` behind an appid; NULL: there is none. */
static const char *take_appid(const char *path, struct public_route *out)
{
	char *field = out->component_appid[0] ? out->appid : out->component_appid;
	size_t len = strcspn(path, "/");

	if (!appid_ok(path, len) || str_ncopy(field, APPID_MAX + 1, path, len) < 0)
		return NULL;
	return path + len;
}

static bool matches(const char *pattern, const char *path, struct public_route *out)
{
	for (; *pattern; pattern++) {
		if (*pattern == '*') {
			path = take_appid(path, out);
			if (!path)
				return false;
		} else if (*path++ != *pattern) {
			return false;
		}
	}
	return *path == '\0';
}

/* "/name.txt", with a name of the same letters as an appid. */
static bool is_verification_file(const char *path, struct public_route *out)
{
	size_t len = path[0] == '/' ? strcspn(path + 1, ".") : 0;

	return len > 0 && strcmp(path + 1 + len, ".txt") == 0 && appid_ok(path + 1, len) &&
	       str_ncopy(out->name, sizeof(out->name), path + 1, len) == 0;
}

int public_route_parse(const char *method, const char *path, struct public_route *out)
{
	struct public_route file = {.action = PUBLIC_VERIFICATION_FILE, .label = "verification_file"};
	int status = 404;

	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	if (is_verification_file(path, &file)) {
		if (strcmp(method, "GET") != 0)
			return 405;
		*out = file;
		return 0;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct public_route route = {.action = rows[i].action, .label = rows[i].label};

		if (!matches(rows[i].pattern, path, &route))
			continue;
		status = 405;
		if (strcmp(method, rows[i].method) == 0) {
			*out = route;
			return 0;
		}
	}
	return status;
}
