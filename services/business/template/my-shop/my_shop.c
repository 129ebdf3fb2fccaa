#include "services/business/template/my-shop/my_shop.h"

#include "common/base/banned.h"

/* The end of a handler. Handling an event again is harmless: a verdict repeats, a call keeps its id. */
static enum settlement settle(struct event *e, int rc, const struct err *err)
{
	return rc < 0 ? event_failed(e, err, true) : SETTLE_DONE;
}

static enum settlement on_text(struct event *e, void *arg)
{
	struct err err;
	int rc = reply_text(e, "my-shop has read your message.", &err);

	(void)arg;
	return settle(e, rc, &err);
}

static enum settlement on_subscribe(struct event *e, void *arg)
{
	struct err err;
	int rc = reply_text(e, "Welcome to my-shop!", &err);

	(void)arg;
	return settle(e, rc, &err);
}

/* Whatever has no row here is answered with the verdict "none": the next group is asked. */
static const struct business_route routes[] = {
	BUSINESS_ROUTE("weixin.message.text", on_text),
	BUSINESS_ROUTE("weixin.event.subscribe", on_subscribe),
};

const struct business_def my_shop_business = {
	.name = "my-shop",
	.summary = "Answers fans of my-shop.",
	.admin_listen = "0.0.0.0:9199",
	.manifest = business_manifest,
	.routes = routes,
	.n_routes = sizeof(routes) / sizeof(routes[0]),
};
