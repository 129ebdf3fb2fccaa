#include "services/business/template/my-shop/my_shop.h"

#include "common/testing/testing.h"

#include "services/business/sdk/kit.h"

#include "common/base/banned.h"

static struct kit *kit;

static int setup(void **state)
{
	int rc = testing_setup(state);

	kit = kit_new(&my_shop_business, NULL, NULL);
	return rc;
}

static int teardown(void **state)
{
	kit_free(&kit);
	return testing_teardown(state);
}

static const char *content(const struct kit_outcome *o)
{
	return json_get_str(o->reply, "Content");
}

static void a_text_is_answered(void **state)
{
	const struct kit_outcome *o = kit_text(kit, "hello");

	(void)state;
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_int_equal(o->verdict, VERDICT_REPLY);
	assert_string_equal(content(o), "my-shop has read your message.");
	assert_int_equal(o->n_calls, 0);
}

static void a_new_fan_is_welcomed(void **state)
{
	const struct kit_outcome *o = kit_feed(kit, &(struct kit_event){.type = "weixin.event.subscribe"});

	(void)state;
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_string_equal(content(o), "Welcome to my-shop!");
}

static void what_it_does_not_know_is_left_to_the_next(void **state)
{
	const struct kit_outcome *o = kit_feed(kit, &(struct kit_event){.type = "weixin.message.image"});

	(void)state;
	assert_int_equal(o->settlement, SETTLE_DONE);
	assert_false(o->handled);
	assert_int_equal(o->verdict, VERDICT_NONE);
}

static void nothing_is_settled_while_kafka_is_away(void **state)
{
	(void)state;
	kit_set_kafka_away(kit, true);
	assert_int_equal(kit_text(kit, "hello")->settlement, SETTLE_RETRY);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_text_is_answered),
		CASE(a_new_fan_is_welcomed),
		CASE(what_it_does_not_know_is_left_to_the_next),
		CASE(nothing_is_settled_while_kafka_is_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
