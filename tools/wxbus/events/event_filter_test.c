#include "tools/wxbus/events/event_filter.h"

#include "common/testing/testing.h"

#include "common/base/banned.h"

static const struct kafka_record record = {.timestamp_ms = 5000};
static const struct envelope envelope = {
	.type = "weixin.message.text", .component_appid = "wxc", .appid = "wxa", .subject = "oFan"};

static bool wanted(struct event_filter f)
{
	return event_wanted(&f, &record, &envelope);
}

static void each_part_of_a_filter_must_fit(void **state)
{
	(void)state;
	assert_true(wanted((struct event_filter){.appid = NULL}));
	assert_true(wanted((struct event_filter){
		.component_appid = "wxc", .appid = "wxa", .openid = "oFan", .type = "weixin.message.text"}));
	assert_false(wanted((struct event_filter){.appid = "wxb"}));
	assert_false(wanted((struct event_filter){.component_appid = "wxb"}));
	assert_false(wanted((struct event_filter){.openid = "oFa"}));
	assert_true(wanted((struct event_filter){.type = "weixin.message.*"}));
	assert_true(wanted((struct event_filter){.type = "*"}));
	assert_false(wanted((struct event_filter){.type = "weixin.event.*"}));
	assert_false(wanted((struct event_filter){.type = "weixin.message"}));
}

static void a_span_of_time_includes_its_beginning_only(void **state)
{
	(void)state;
	assert_true(wanted((struct event_filter){.since_ms = 5000, .until_ms = 5001}));
	assert_false(wanted((struct event_filter){.since_ms = 5001}));
	assert_false(wanted((struct event_filter){.until_ms = 5000}));
}

static void an_event_without_a_fan_is_no_fan_s(void **state)
{
	const struct envelope of_platform = {.type = "t", .component_appid = "wxc", .appid = ""};
	const struct event_filter f = {.openid = "oFan"};

	(void)state;
	assert_false(event_wanted(&f, &record, &of_platform));
}

static void times_are_moments_or_how_long_ago(void **state)
{
	static const char *const bad[] = {"", "m", "15", "-5m", "5y", "yesterday", "2026-12-31"};
	int64_t ms = 0;

	(void)state;
	assert_true(event_time("15m", 10000000, &ms) && ms == 10000000 - 900000);
	assert_true(event_time("0s", 10000000, &ms) && ms == 10000000);
	assert_true(event_time("1970-01-01T08:00:01+08:00", 10000000, &ms) && ms == 1000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(event_time(bad[i], 10000000, &ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(each_part_of_a_filter_must_fit),
		TESTING_CASE(a_span_of_time_includes_its_beginning_only),
		TESTING_CASE(an_event_without_a_fan_is_no_fan_s),
		TESTING_CASE(times_are_moments_or_how_long_ago),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
