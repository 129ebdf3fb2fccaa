/* How a business is tested: one is made up here. */
#include "common/testing/testing.h"

#include "common/base/clock.h"
#include "services/business/sdk/kit.h"

#include <string.h>

#include "common/base/banned.h"

/* --- the business ------------------------------------------------------------------------------------------
 */

struct greeter {
	const char *greeting;
	bool closed;
	int released;
};

static struct greeter greeter;

static enum settlement on_text(struct event *e, void *arg)
{
	const struct greeter *g = arg;
	struct err err;
	int rc;

	if (g->closed)
		return event_settle(e, SETTLE_RETRY, "closed", "come back later");
	if (strcmp(event_str(e, "Content"), "nonsense") == 0)
		return event_settle(e, SETTLE_DEAD_LETTER, "nonsense", "nobody understands this");
	rc = reply_text(e, arena_printf(e->arena, "%s, %s", g->greeting, e->openid), &err);
	return rc < 0 ? event_failed(e, &err, true) : SETTLE_DONE;
}

static enum settlement on_subscribe(struct event *e, void *arg)
{
	static const struct article welcome[] = {{.title = "Welcome", .url = "https://example.com/"}};
	struct err err;
	int rc;

	(void)arg;
	rc = reply_news(e, welcome, 1, &err);
	if (rc == 0)
		rc = call_custom_send_text(e, "and here is a coupon", &err);
	return rc < 0 ? event_failed(e, &err, true) : SETTLE_DONE;
}

static enum settlement on_result(struct event *e, void *arg)
{
	(void)arg;
	return strcmp(event_str(e, "outcome"), "ok") == 0
		       ? SETTLE_DONE
		       : event_settle(e, SETTLE_STOP, "fatal", "Weixin refused");
}

static int init(struct business *b, const void *conf, void **arg_out, struct err *err)
{
	(void)err;
	assert_null(business_service(b));
	assert_null(business_pool(b));
	greeter = (struct greeter){.greeting = conf};
	*arg_out = &greeter;
	return 0;
}

static void release(void *arg)
{
	((struct greeter *)arg)->released++;
}

static const struct business_route routes[] = {
	BUSINESS_ROUTE("weixin.message.text", on_text),
	BUSINESS_ONCE("weixin.event.subscribe", on_subscribe),
	BUSINESS_ROUTE("wxbus.api.result.*", on_result),
};
static const struct business_def hello = {.name = "hello",
	.manifest = "{\"group\":\"hello\",\"delays\":[\"5s\"],\"topics\":[\"dead-letter\",\"results\"]}",
	.routes = routes,
	.n_routes = sizeof(routes) / sizeof(routes[0]),
	.init = init,
	.release = release};

static struct kit *kit;

static int setup(void **state)
{
	int rc = testing_setup(state);

	kit = kit_new(&hello, "hello", NULL);
	return rc;
}

static int teardown(void **state)
{
	kit_free(&kit);
	assert_int_equal(greeter.released, 1);
	return testing_teardown(state);
}

/* --- its tests ---------------------------------------------------------------------------------------------
 */

static void a_text_is_answered(void **state)
{
	const struct kit_outcome *o = kit_text(kit, "hi");

	(void)state;
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_true(o->handled);
	assert_true(o->has_verdict);
	assert_int_equal(o->verdict, VERDICT_REPLY);
	assert_string_equal(json_get_str(o->reply, "Content"), "hello, oFan");
	assert_int_equal(o->n_calls, 0);
}

static void a_new_fan_gets_news_and_a_message(void **state)
{
	const struct kit_outcome *o =
		kit_feed(kit, &(struct kit_event){.type = "weixin.event.subscribe", .openid = "oNew"});

	(void)state;
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_string_equal(json_get_str(json_at(json_get(o->reply, "Articles"), 0), "Title"), "Welcome");
	assert_int_equal(o->n_calls, 1);
	assert_string_equal(o->calls[0].method, "POST");
	assert_string_equal(o->calls[0].path, "/cgi-bin/message/custom/send");
	assert_string_equal(o->calls[0].lane, "oNew");
	assert_string_equal(json_get_str(o->calls[0].body, "touser"), "oNew");
}

static void nobody_who_was_not_asked_answers(void **state)
{
	const struct kit_outcome *o =
		kit_feed(kit, &(struct kit_event){.fields = "{\"Content\":\"hi\"}", .not_asked = true});

	(void)state;
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_false(o->has_verdict);
}

static void an_event_without_a_handler_gets_none(void **state)
{
	const struct kit_outcome *o = kit_feed(kit, &(struct kit_event){.type = "weixin.message.image"});

	(void)state;
	assert_false(o->handled);
	assert_int_equal(o->verdict, VERDICT_NONE);
}

static void a_failure_tells_why(void **state)
{
	const struct kit_outcome *o;

	(void)state;
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 2 attempts: come back later");
	testing_expect_log(LOG_LEVEL_WARN, "dead letter after 1 attempts: nobody understands this");
	greeter.closed = true;
	o = kit_text(kit, "hi");
	assert_int_equal(o->settlement, SETTLE_RETRY);
	assert_string_equal(o->error_class, "closed");
	assert_string_equal(o->reason, "come back later");
	assert_int_equal(o->verdict, VERDICT_NONE); /* nobody waits for the next try */
	o = kit_feed(kit, &(struct kit_event){.attempt = 1});
	assert_int_equal(o->settlement, SETTLE_DEAD_LETTER); /* it was the last */
	greeter.closed = false;
	o = kit_text(kit, "nonsense");
	assert_int_equal(o->settlement, SETTLE_DEAD_LETTER);
	assert_string_equal(o->error_class, "nonsense");
}

static void a_repeated_event_is_handled_once_and_answered_again(void **state)
{
	const struct kit_event event = {.id = "0123456789abcdef0123456789abcdef", .fields = "{}"};
	const struct kit_outcome *o;

	(void)state;
	assert_true(kit_feed(kit, &event)->handled);
	o = kit_feed(kit, &event);
	assert_false(o->handled);
	assert_string_equal(json_get_str(o->reply, "Content"), "hello, oFan");
}

static void a_result_is_an_event(void **state)
{
	struct kit_event event = {
		.type = "wxbus.api.result.coupon", .fields = "{\"outcome\":\"ok\"}", .not_asked = true};

	(void)state;
	assert_int_equal(kit_feed(kit, &event)->settlement, SETTLE_DONE);
	event.fields = "{\"outcome\":\"rejected\"}";
	assert_int_equal(kit_feed(kit, &event)->settlement, SETTLE_STOP);
}

static void without_kafka_nothing_is_settled(void **state)
{
	const struct kit_outcome *o;

	(void)state;
	kit_set_kafka_away(kit, true);
	o = kit_text(kit, "hi");
	assert_int_equal(o->settlement, SETTLE_RETRY);
	assert_false(o->has_verdict);
	kit_set_kafka_away(kit, false);
	assert_int_equal(kit_text(kit, "hi")->settlement, SETTLE_DONE);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_text_is_answered),
		CASE(a_new_fan_gets_news_and_a_message),
		CASE(nobody_who_was_not_asked_answers),
		CASE(an_event_without_a_handler_gets_none),
		CASE(a_failure_tells_why),
		CASE(a_repeated_event_is_handled_once_and_answered_again),
		CASE(a_result_is_an_event),
		CASE(without_kafka_nothing_is_settled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
