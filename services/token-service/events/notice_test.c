#include "services/token-service/events/notice.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static void check(const char *in, const struct func_difference *difference, const char *expected)
{
	const struct json_limits limits = {.max_bytes = 4096, .max_depth = 16};
	struct buf out = BUF_INIT(4096);
	struct json *fields = NULL;
	struct err err;

	assert_int_equal(json_parse(in, strlen(in), &limits, &fields, &err), 0);
	notice_write(fields, difference, &out);
	assert_string_equal(buf_cstr(&out), expected);
	json_free(&fields);
	buf_release(&out);
}

static void credentials_are_taken_out_at_any_depth(void **state)
{
	(void)state;
	check("{\"AppId\":\"c\",\"ComponentVerifyTicket\":\"t\",\"InfoType\":\"x\"}", NULL,
		"{\"AppId\":\"c\",\"InfoType\":\"x\"}");
	check("{\"AuthorizationCode\":\"a\",\"AuthorizationCodeExpiredTime\":1,\"PreAuthCode\":\"p\",\"a\":"
	      "1}",
		NULL, "{\"a\":1}");
	check("{\"info\":{\"auth_code\":\"a\",\"n\":[{\"access_token\":\"b\",\"k\":2}]},\"app_secret\":"
	      "\"s\"}",
		NULL, "{\"info\":{\"n\":[{\"k\":2}]}}");
	check("{\"session_key\":\"a\",\"EncodingAESKey\":\"b\"}", NULL, "{}");
}

static void names_that_only_look_alike_stay(void **state)
{
	static const char text[] = "{\"info\":{\"code\":\"91\",\"code_type\":1,\"list\":[{\"ret_code\":0}]}}";

	(void)state;
	check(text, NULL, text);
}

static void an_authorization_tells_what_it_brought_and_took(void **state)
{
	int64_t before[] = {1, 2, 3}, after[] = {2, 3, 7, 7};
	struct func_difference d;

	(void)state;
	func_difference_make(before, 3, after, 4, &d);
	check("{\"InfoType\":\"updateauthorized\"}", &d,
		"{\"InfoType\":\"updateauthorized\",\"added\":[7],\"removed\":[1]}");
	func_difference_release(&d);
	func_difference_make(NULL, 0, NULL, 0, &d);
	check("{}", &d, "{\"added\":[],\"removed\":[]}");
	func_difference_release(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(credentials_are_taken_out_at_any_depth),
		TESTING_CASE(names_that_only_look_alike_stay),
		TESTING_CASE(an_authorization_tells_what_it_brought_and_took),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
