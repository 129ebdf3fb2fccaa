#include "tools/wxbus/events/event_mask.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static void assert_masked(const char *text, const char *expected)
{
	static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 8};
	struct buf out = BUF_INIT(4096);
	struct json *fields = NULL, *masked;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &limits, &fields, &err), 0);
	masked = event_masked(fields);
	json_write(masked, &out);
	assert_string_equal(buf_cstr(&out), expected);
	buf_release(&out);
	json_free(&masked);
	json_free(&fields);
}

static void what_a_fan_said_and_who_and_where_he_is_are_hidden(void **state)
{
	(void)state;
	assert_masked(
		"{\"ToUserName\":\"gh_1\",\"FromUserName\":\"oFan\",\"CreateTime\":1,\"MsgType\":\"text\","
		"\"Content\":\"我的电话\",\"MsgId\":\"7\"}",
		"{\"ToUserName\":\"gh_1\",\"FromUserName\":\"*** (4)\",\"CreateTime\":1,\"MsgType\":\"text\","
		"\"Content\":\"*** (4)\",\"MsgId\":\"7\"}");
	assert_masked(
		"{\"Latitude\":23.1,\"Label\":\"\",\"SendLocationInfo\":{\"Poiname\":\"home\",\"Scale\":5}}",
		"{\"Latitude\":\"***\",\"Label\":\"\",\"SendLocationInfo\":{\"Poiname\":\"*** "
		"(4)\",\"Scale\":\"***\"}}");
	assert_masked("{\"info\":{\"legal_persona_name\":\"张三\"},\"status\":0,\"func_ids\":[1,2],\"other\":"
		      "[\"a\",null,true]}",
		"{\"info\":{\"legal_persona_name\":\"*** (2)\"},\"status\":0,\"func_ids\":[1,2],"
		"\"other\":[\"*** (1)\",null,\"***\"]}");
}

static void menu_keys_are_shown_and_links_are_not(void **state)
{
	(void)state;
	assert_masked(
		"{\"Event\":\"CLICK\",\"EventKey\":\"HELP\"}", "{\"Event\":\"CLICK\",\"EventKey\":\"HELP\"}");
	assert_masked("{\"Event\":\"VIEW\",\"EventKey\":\"https://a/?u=1\"}",
		"{\"Event\":\"VIEW\",\"EventKey\":\"*** (14)\"}");
}

static void of_an_openid_only_the_end_is_shown(void **state)
{
	char out[EVENT_OPENID_SHOWN];

	(void)state;
	event_mask_openid("oMgHVjngRipVsoxg6TuX3vz6glDg", out);
	assert_string_equal(out, "***glDg");
	event_mask_openid("oShort", out);
	assert_string_equal(out, "***");
	event_mask_openid("", out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(what_a_fan_said_and_who_and_where_he_is_are_hidden),
		TESTING_CASE(menu_keys_are_shown_and_links_are_not),
		TESTING_CASE(of_an_openid_only_the_end_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
