#include "services/api-proxy/allowance/allowance_rule.h"

#include "common/testing/testing.h"

#include "common/base/banned.h"

static void a_message_opens_two_days_and_an_action_a_minute(void **state)
{
	static const struct {
		const char *type;
		int count;
		int64_t window_ms;
	} cases[] = {
		{"weixin.message.text", 5, 172800000},
		{"weixin.message.miniprogrampage", 5, 172800000},
		{"weixin.event.subscribe", 3, 60000},
		{"weixin.event.scan", 3, 60000},
		{"weixin.event.click", 3, 60000},
		{"weixin.event.scancode_push", 3, 60000},
		{"weixin.event.scancode_waitmsg", 3, 60000},
		{"weixin.event.user_enter_tempsession", 2, 60000},
	};
	static const char *const nothing[] = {"weixin.event.view", "weixin.event.unsubscribe",
		"weixin.event.location", "weixin.event.pic_weixin", "weixin.platform.authorized", "",
		"weixin.event"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_non_null(allowance_rule_of(cases[i].type));
		assert_int_equal(allowance_rule_of(cases[i].type)->count, cases[i].count);
		assert_int_equal(allowance_rule_of(cases[i].type)->window_ms, cases[i].window_ms);
	}
	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		assert_null(allowance_rule_of(nothing[i]));
}

static void only_sends_take_one_however_they_are_written(void **state)
{
	(void)state;
	assert_true(allowance_applies("POST", "/cgi-bin/message/custom/send"));
	assert_true(allowance_applies("POST", "/CGI-BIN/message/custom/Send//"));
	assert_true(allowance_applies("POST", "/cgi-bin/message/custom/business/send"));
	assert_false(allowance_applies("GET", "/cgi-bin/message/custom/send"));
	assert_false(allowance_applies("POST", "/cgi-bin/message/custom/typing"));
	assert_false(allowance_applies("POST", "/cgi-bin/message/custom/sender"));
	assert_false(allowance_applies("POST", "/"));
}

static void marketing_leaves_two(void **state)
{
	(void)state;
	assert_int_equal(allowance_reserve_of(NULL), 0);
	assert_int_equal(allowance_reserve_of(""), 0);
	assert_int_equal(allowance_reserve_of("agent"), 0);
	assert_int_equal(allowance_reserve_of("service"), 0);
	assert_int_equal(allowance_reserve_of("marketing"), 2);
	assert_int_equal(allowance_reserve_of("Marketing"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_message_opens_two_days_and_an_action_a_minute),
		TESTING_CASE(only_sends_take_one_however_they_are_written),
		TESTING_CASE(marketing_leaves_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
