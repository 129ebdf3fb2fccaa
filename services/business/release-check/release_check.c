#include "services/business/release-check/release_check.h"

#include "common/base/str.h"
#include "services/business/release-check/exchange.h"

#include <string.h>

#include "common/base/banned.h"

#define TEXT_STEP "TESTCOMPONENT_MSG_TYPE_TEXT"
#define API_STEP  "QUERY_AUTH_CODE:"

struct release_check_conf {
	char *token_service_url;
	char *internal_keys_file;
};

#define CONF_STRUCT struct release_check_conf
static const struct conf_item items[] = {
	CONF_URL("WXBUS_TOKEN_SERVICE_URL", token_service_url, NULL, "token-service's internal port",
		"http://token-service:8181"),
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"a line with this process's key and the scope exchange", "/etc/wxbus/internal-keys"),
};

static enum settlement settle(int rc, struct err *err, struct event *e, const char *what)
{
	if (rc == 0)
		return SETTLE_DONE;
	err_prefix(err, "%s", what);
	/* Replies repeat a verdict, calls and exchanges carry an id of their own: repeating any of it is
	 * harmless. */
	return event_failed(e, err, true);
}

/* "TESTCOMPONENT_MSG_TYPE_TEXT" gets "TESTCOMPONENT_MSG_TYPE_TEXT_callback" as passive reply. */
static enum settlement text_step(struct event *e)
{
	struct err err;
	int rc = reply_text(e, TEXT_STEP "_callback", &err);

	return settle(rc, &err, e, "text step");
}

/* "QUERY_AUTH_CODE:<code>" gets an empty answer at once, and then "<code>_from_api" as a customer-service
 * message, sent with the token that this code was exchanged for. The code is everything behind the first
 * colon. */
static enum settlement api_step(struct event *e, struct exchange *exchange, const char *code)
{
	struct err err;
	int rc = reply_empty(e, &err);

	if (rc == 0)
		rc = exchange_code(exchange, e->component_appid, e->appid, code, &err);
	if (rc == 0)
		rc = call_custom_send_text(e, arena_printf(e->arena, "%s_from_api", code), &err);
	return settle(rc, &err, e, "API step");
}

static enum settlement on_text(struct event *e, void *arg)
{
	const char *content = event_str(e, "Content");

	if (!e->replier)
		return SETTLE_DONE;
	if (strcmp(content, TEXT_STEP) == 0)
		return text_step(e);
	if (str_starts_with(content, API_STEP))
		return api_step(e, arg, content + strlen(API_STEP));
	return SETTLE_DONE;
}

/* An event gets its own name with "from_callback" behind it. */
static enum settlement on_event(struct event *e, void *arg)
{
	struct err err;
	int rc;

	(void)arg;
	if (!e->replier)
		return SETTLE_DONE;
	rc = reply_text(e, arena_printf(e->arena, "%sfrom_callback", event_str(e, "Event")), &err);
	return settle(rc, &err, e, "event step");
}

static int init(struct business *b, const void *conf, void **arg_out, struct err *err)
{
	const struct release_check_conf *c = conf;
	struct exchange *exchange;
	int rc;

	(void)b;
	if ((rc = exchange_new(&exchange, c->token_service_url, c->internal_keys_file, err)) < 0)
		return rc;
	*arg_out = exchange;
	return 0;
}

static void release(void *arg)
{
	struct exchange *exchange = arg;

	exchange_free(&exchange);
}

static const struct business_route routes[] = {
	BUSINESS_ROUTE("weixin.message.text", on_text),
	BUSINESS_ROUTE("weixin.event.*", on_event),
};

const struct business_def release_check = {
	.name = "release-check",
	.summary = "Answers Weixin's network-wide release check on its ten test accounts.",
	.admin_listen = "0.0.0.0:9090",
	.manifest = business_manifest,
	.items = items,
	.n_items = sizeof(items) / sizeof(items[0]),
	.conf_size = sizeof(struct release_check_conf),
	.routes = routes,
	.n_routes = sizeof(routes) / sizeof(routes[0]),
	.init = init,
	.release = release,
};
