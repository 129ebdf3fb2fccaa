#include "services/token-service/web/oauth_cookie.h"
#include "services/token-service/web/oauth_target.h"
#include "services/token-service/web/page_text.h"
#include "services/token-service/web/public_route.h"
#include "services/token-service/web/signed_value.h"

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

	if (route->action == PUBLIC_OAUTH_KEYS)
		return;
	if (route->action >= N_PUBLIC_ACTIONS || !appid_ok(name, strlen(name)) ||
		(route->appid[0] && !appid_ok(route->appid, strlen(route->appid))))
		abort();
}

/* Nobody is sent to another origin than the rule's, whatever the address looks like. */
static void check_target(const char *text)
{
	static const char rule[] = "https://a.cn/b";
	size_t len = sizeof(rule) - 1;

	if (oauth_target_allows(rule, text) &&
		(strncmp(text, rule, len) != 0 || !strchr("/?", text[len]) || strpbrk(text, "\\#\r\n ") ||
			oauth_target_origin_len(text) != strlen("https://a.cn")))
		abort();
	if (oauth_target_rule_ok(text) && !oauth_target_allows(text, text))
		abort();
}

static void check_cookies(const struct master_keys *keys, const char *text)
{
	const char *surplus[OAUTH_COOKIES_MAX];
	struct arena arena = ARENA_INIT;
	size_t n = oauth_cookie_surplus(&arena, text, surplus);

	if (oauth_state_check(keys, "wxc", "wxa", text, 0) != SIGNED_VALUE_WRONG)
		abort();
	(void)oauth_cookie_find(&arena, text, "0123456789abcdef");
	for (size_t i = 0; i < n; i++) {
		if (strspn(surplus[i], "0123456789abcdef") != OAUTH_COOKIE_SUFFIX_LEN)
			abort();
	}
	arena_release(&arena);
}

/* A path, a signed value, Accept-Language, an address to go back to and cookies, as strangers send them. */
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
	check_target(text);
	check_cookies(&keys, text);
	free(text);
	return 0;
}
