#include "services/ingress/route.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define PREFIX   "/push/"
#define ACCOUNTS "accounts/"

static bool take_appid(const char *p, size_t len, char out[APPID_MAX + 1])
{
	return appid_ok(p, len) && str_ncopy(out, APPID_MAX + 1, p, len) == 0;
}

bool route_parse(const char *path, struct route *out)
{
	struct route r = {.placeholder = false};
	const char *component, *rest;

	if (!str_starts_with(path, PREFIX))
		return false;
	component = path + strlen(PREFIX);
	rest = strchr(component, '/');
	if (!rest || !take_appid(component, (size_t)(rest - component), r.component_appid))
		return false;
	rest++;
	if (str_starts_with(rest, ACCOUNTS)) {
		const char *appid = rest + strlen(ACCOUNTS);

		r.placeholder = strcmp(appid, "$APPID$") == 0;
		if (!r.placeholder && !take_appid(appid, strlen(appid), r.appid))
			return false;
	} else if (strcmp(rest, "authorization") != 0) {
		return false;
	}
	*out = r;
	return true;
}
