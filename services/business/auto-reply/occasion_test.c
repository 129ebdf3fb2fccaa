#include "services/business/auto-reply/occasion.h"

#include "common/testing/testing.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 8};

static bool occasion(const char *type, const char *fields, enum rule_on *on_out, char *text_out, size_t size)
{
	struct json *j = NULL;
	struct occasion o;
	struct err err;
	bool is;

	assert_int_equal(json_parse(fields, strlen(fields), &limits, &j, &err), 0);
	is = occasion_of(type, j, 5, &o);
	if (is) {
		assert_true(o.at_ms == 5);
		*on_out = o.on;
		(void)snprintf(text_out, size, "%s", o.text);
	}
	json_free(&j);
	return is;
}

static void each_kind_of_event_is_its_occasion(void **state)
{
	static const struct {
		const char *type, *fields;
		enum rule_on on;
		const char *text;
	} all[] = {
		{"weixin.message.text", "{\"MsgType\":\"text\",\"Content\":\"价格\"}", ON_KEYWORD, "价格"},
		{"weixin.message.image", "{\"MsgType\":\"image\",\"MediaId\":\"m\"}", ON_MEDIA, "image"},
		{"weixin.message.shortvideo", "{\"MsgType\":\"shortvideo\"}", ON_MEDIA, "shortvideo"},
		{"weixin.message.location", "{\"MsgType\":\"location\",\"Label\":\"x\"}", ON_LOCATION, ""},
		{"weixin.event.subscribe", "{\"Event\":\"subscribe\"}", ON_SUBSCRIBE, ""},
		{"weixin.event.subscribe", "{\"Event\":\"subscribe\",\"EventKey\":\"qrscene_spring\"}",
			ON_SUBSCRIBE, "spring"},
		{"weixin.event.subscribe", "{\"Event\":\"subscribe\",\"EventKey\":{}}", ON_SUBSCRIBE, ""},
		{"weixin.event.scan", "{\"Event\":\"SCAN\",\"EventKey\":\"123\"}", ON_SCAN, "123"},
		{"weixin.event.click", "{\"Event\":\"CLICK\",\"EventKey\":\"HELP\"}", ON_MENU, "HELP"},
		{"weixin.event.scancode_waitmsg", "{\"EventKey\":\"SCAN_IT\"}", ON_MENU, "SCAN_IT"},
	};
	enum rule_on on = ON_DEFAULT;
	char text[64] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_true(occasion(all[i].type, all[i].fields, &on, text, sizeof(text)));
		assert_int_equal(on, all[i].on);
		assert_string_equal(text, all[i].text);
	}
}

static void what_takes_no_reply_is_none(void **state)
{
	static const char *const types[] = {"weixin.event.view", "weixin.event.location",
		"weixin.event.unsubscribe", "weixin.event.templatesendjobfinish",
		"weixin.event.masssendjobfinish", "weixin.event.location_select", "wxbus.user.erased", ""};
	enum rule_on on;
	char text[8];

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_false(occasion(types[i], "{\"EventKey\":\"k\"}", &on, text, sizeof(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(each_kind_of_event_is_its_occasion),
		TESTING_CASE(what_takes_no_reply_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
