#include "services/token-service/page_text.h"
#include "services/token-service/public_route.h"
#include "services/token-service/signed_value.h"

#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nobody without the key makes a value that opens. */
static void open_value(const struct master_keys *keys, const char *text)
{
	struct buf payload = BUF_INIT(SIGNED_VALUE_PAYLOAD_MAX);

	if (signed_value_open(keys, "page", text, 0, &payload) != SIGNED_VALUE_WRONG)
		abort();
	buf_release(&payload);
}

/* What a route names may stand in a path, in a query and in the name of a file. */
static void check_route(const struct public_route *route)
{
	const char *name = route->action == PUBLIC_VERIFICATION_FILE ? route->name : route->component_appid;

	if (route->action >= N_PUBLIC_ACTIONS || !appid_ok(name, strlen(name)) ||
		(route->appid[0] && !appid_ok(route->appid, strlen(route->appid))))
		abort();
}

/* A path, a signed value and Accept-Language, as strangers send them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct master_key key = {"fuzz", {7}};
	static const struct master_keys keys = {&key, 1};
	char *text = xstrndup((const char *)data, size);
	struct public_route route;

	if (public_route_parse("GET", text, &route) == 0 || public_route_parse("POST", text, &route) == 0)
		check_route(&route);
	if (lang_choose(NULL, text) > LANG_EN)
		abort();
	open_value(&keys, text);
	free(text);
	return 0;
}
