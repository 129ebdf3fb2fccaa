#include "services/token-service/v1/operation.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static struct json *parsed(const char *text)
{
	const struct json_limits limits = {.max_bytes = 65536, .max_depth = 16};
	struct json *j = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &limits, &j, &err), 0);
	return j;
}

static int check(const char *operation, bool with_account, const char *fields)
{
	const struct operation *op = operation_find(operation, with_account);
	struct json *j = parsed(fields);
	struct err err;
	int rc;

	assert_non_null(op);
	rc = operation_check(op, j, &err);
	if (rc < 0)
		assert_int_equal(err.kind, ERR_REJECT);
	json_free(&j);
	return rc;
}

static void an_operation_takes_its_own_fields_only(void **state)
{
	(void)state;
	assert_int_equal(check("option-get", true, "{\"option_name\":\"voice_recognize\"}"), 0);
	assert_int_equal(check("option-get", true, "{}"), -1);
	assert_int_equal(check("option-get", true, "{\"option_name\":\"\"}"), -1);
	assert_int_equal(check("option-get", true, "{\"option_name\":1}"), -1);
	assert_int_equal(check("option-get", true, "[]"), -1);
	assert_int_equal(
		check("option-get", true, "{\"option_name\":\"x\",\"authorizer_appid\":\"wxother\"}"), -1);
	assert_int_equal(check("quota-clear", false, "{\"appsecret\":\"x\"}"), -1);
	assert_int_equal(
		check("register-enterprise", false,
			"{\"name\":\"n\",\"code\":\"c\",\"code_type\":1,\"legal_persona_wechat\":\"w\","
			"\"legal_persona_name\":\"l\"}"),
		0);
	assert_int_equal(
		check("register-enterprise", false,
			"{\"name\":\"n\",\"code\":\"c\",\"code_type\":\"1\",\"legal_persona_wechat\":"
			"\"w\",\"legal_persona_name\":\"l\"}"),
		-1);
}

static void an_operation_is_for_a_platform_an_account_or_both(void **state)
{
	(void)state;
	assert_null(operation_find("open-get", false));
	assert_non_null(operation_find("open-get", true));
	assert_null(operation_find("register-personal", true));
	assert_non_null(operation_find("rid-get", false));
	assert_non_null(operation_find("rid-get", true));
	assert_null(operation_find("api_component_token", false));
}

static void what_a_rid_tells_shows_no_credential(void **state)
{
	struct json *request = parsed("{\"invoke_time\":1635156704,\"cost_in_ms\":30,"
				      "\"request_url\":\"/cgi-bin/ticket/"
				      "getticket?access_token=SECRET1&type=jsapi&code=SECRET2&SECRET3\","
				      "\"request_body\":\"{\\\"component_appid\\\":\\\"wxc\\\",\\\"component_"
				      "appsecret\\\":\\\"SECRET4\\\"}\","
				      "\"response_body\":\"{\\\"errcode\\\":45009,\\\"a\\\":[{\\\"authorizer_"
				      "access_token\\\":\\\"SECRET5\\\"}]}\","
				      "\"unknown\":\"SECRET6\",\"client_ip\":\"10.0.0.1\"}");
	struct json *tidy = operation_tidy_request(request);
	struct buf text = BUF_INIT(65536);

	(void)state;
	json_write(tidy, &text);
	assert_null(strstr(buf_cstr(&text), "SECRET"));
	assert_string_equal(json_get_str(tidy, "request_url"),
		"/cgi-bin/ticket/getticket?access_token=...&type=jsapi&code=...&");
	assert_string_equal(json_get_str(tidy, "request_body"), "{\"component_appid\":\"wxc\"}");
	assert_string_equal(json_get_str(tidy, "response_body"), "{\"errcode\":45009,\"a\":[{}]}");
	assert_string_equal(json_get_str(tidy, "client_ip"), "10.0.0.1");
	buf_release(&text);
	json_free(&tidy);
	json_free(&request);
}

static void a_rid_s_url_may_be_its_parameters_alone(void **state)
{
	struct json *request =
		parsed("{\"request_url\":\"access_token=50_Im7xxxx\",\"request_body\":\"ticket=SECRET\"}");
	struct json *tidy = operation_tidy_request(request);

	(void)state;
	assert_string_equal(json_get_str(tidy, "request_url"), "access_token=...");
	assert_string_equal(json_get_str(tidy, "request_body"), "(not shown)");
	json_free(&tidy);
	json_free(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(an_operation_takes_its_own_fields_only),
		TESTING_CASE(an_operation_is_for_a_platform_an_account_or_both),
		TESTING_CASE(what_a_rid_tells_shows_no_credential),
		TESTING_CASE(a_rid_s_url_may_be_its_parameters_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
