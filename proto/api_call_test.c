#include "proto/api_call.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define REQUEST                                                                                              \
	"{\"component_appid\":\"wx134c8103faa5a59e\",\"appid\":\"wxba5fad812f8e6fb9\",\"method\":\"POST\","  \
	"\"path\":\"/cgi-bin/message/custom/send\",\"query\":{\"lang\":\"zh_CN\"},"                          \
	"\"body\":{\"touser\":\"o1\",\"text\":{\"content\":\"你/好\"},\"n\":1.10},\"idempotent\":true,"    \
	"\"not_after\":\"2026-11-20T08:15:30.125Z\"}"

#define PLATFORM_REQUEST                                                                                     \
	"{\"component_appid\":\"wx1\",\"appid\":null,\"method\":\"GET\",\"path\":\"/wxa/gettemplatelist\","  \
	"\"query\":{},\"body\":null,\"idempotent\":false}"

#define RESULT                                                                                               \
	"{\"request_id\":\"late:1\",\"outcome\":\"rejected\",\"errcode\":45015,\"errmsg\":\"out of time\","  \
	"\"http_status\":200,\"body\":{\"errcode\":45015,\"errmsg\":\"out of time\"},\"attempts\":2,"        \
	"\"truncated\":true}"

#define UNKNOWN_RESULT                                                                                       \
	"{\"request_id\":\"1\",\"outcome\":\"unknown\",\"errcode\":-1,\"errmsg\":\"\",\"http_status\":0,"    \
	"\"body\":null,\"attempts\":1}"

/* The text with one part replaced. */
static char *changed(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("%s is not in %s", from, text);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void requests_are_golden_and_go_both_ways(void **state)
{
	static const char *const all[] = {REQUEST, PLATFORM_REQUEST};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct api_request *r = NULL;
		struct buf out = BUF_INIT(4096);
		struct err err = {0};

		if (api_request_parse(all[i], strlen(all[i]), &r, &err) < 0)
			fail_msg("%s", err.text);
		api_request_encode(r, &out);
		assert_string_equal(buf_cstr(&out), all[i]);
		buf_release(&out);
		api_request_free(&r);
		assert_null(r);
		api_request_free(&r);
	}
}

static void request_fields_are_at_hand(void **state)
{
	struct api_request *r = NULL;

	(void)state;
	assert_int_equal(api_request_parse(REQUEST, strlen(REQUEST), &r, NULL), 0);
	assert_string_equal(r->component_appid, "wx134c8103faa5a59e");
	assert_string_equal(r->appid, "wxba5fad812f8e6fb9");
	assert_string_equal(r->method, "POST");
	assert_string_equal(r->path, "/cgi-bin/message/custom/send");
	assert_string_equal(json_get_str(r->query, "lang"), "zh_CN");
	assert_string_equal(json_get_str(r->body, "touser"), "o1");
	assert_true(r->idempotent);
	assert_int_equal(r->not_after_ms, INT64_C(1795162530125));
	api_request_free(&r);
	assert_int_equal(api_request_parse(PLATFORM_REQUEST, strlen(PLATFORM_REQUEST), &r, NULL), 0);
	assert_string_equal(r->appid, "");
	assert_null(r->query);
	assert_null(r->body);
	assert_int_equal(r->not_after_ms, 0);
	api_request_free(&r);
}

static void requests_may_leave_out_what_has_a_careful_default(void **state)
{
	static const char json[] =
		"{\"component_appid\":\"wx1\",\"method\":\"GET\",\"path\":\"/a\",\"new\":[]}";
	struct api_request *r = NULL;

	(void)state;
	assert_int_equal(api_request_parse(json, strlen(json), &r, NULL), 0);
	assert_false(r->idempotent);
	assert_string_equal(r->appid, "");
	api_request_free(&r);
}

static void requests_are_read_strictly(void **state)
{
	static const char *const cases[][3] = {
		{"\"wx134c8103faa5a59e\"", "null", "component_appid"},
		{"\"wx134c8103faa5a59e\"", "\"\"", "component_appid"},
		{"\"wxba5fad812f8e6fb9\"", "\"../x\"", "appid"},
		{"\"wxba5fad812f8e6fb9\"", "7", "appid"},
		{"\"POST\"", "\"PUT\"", "method"},
		{"\"POST\"", "\"post\"", "method"},
		{"\"POST\"", "\"DELETE\"", "method"},
		{"\"POST\"", "null", "method"},
		{"\"/cgi-bin/message/custom/send\"", "\"cgi-bin\"", "path"},
		{"\"/cgi-bin/message/custom/send\"", "\"\"", "path"},
		{"\"/cgi-bin/message/custom/send\"", "[]", "path"},
		{"{\"lang\":\"zh_CN\"}", "{\"lang\":1}", "query"},
		{"{\"lang\":\"zh_CN\"}", "\"lang=1\"", "query"},
		{"{\"lang\":\"zh_CN\"}", "[]", "query"},
		{"\"idempotent\":true", "\"idempotent\":\"true\"", "idempotent"},
		{"\"idempotent\":true", "\"idempotent\":null", "idempotent"},
		{"\"2026-11-20T08:15:30.125Z\"", "1795162530", "not_after"},
		{"\"2026-11-20T08:15:30.125Z\"", "\"soon\"", "not_after"},
		{"\"2026-11-20T08:15:30.125Z\"", "\"1969-12-31T23:59:59Z\"", "not_after"},
		{"{\"touser\":\"o1\",\"text\":{\"content\":\"你/好\"},\"n\":1.10}", "\"x\"", "body"},
		{"{\"touser\":\"o1\",\"text\":{\"content\":\"你/好\"},\"n\":1.10}", "[1]", "body"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *json = changed(REQUEST, cases[i][0], cases[i][1]);
		struct api_request *r = NULL;
		struct err err = {0};

		if (api_request_parse(json, strlen(json), &r, &err) == 0)
			fail_msg("%s was taken", json);
		assert_null(r);
		assert_int_equal(err.kind, ERR_REJECT);
		if (!strstr(err.text, cases[i][2]))
			fail_msg("\"%s\" does not name %s", err.text, cases[i][2]);
		free(json);
	}
}

static void paths_have_a_limit(void **state)
{
	char path[1026];
	struct api_request *r = NULL;
	char *json;

	(void)state;
	memset(path, '/', sizeof(path));
	path[1025] = '\0';
	json = changed(REQUEST, "/cgi-bin/message/custom/send", path);
	assert_int_equal(api_request_parse(json, strlen(json), &r, NULL), -1);
	free(json);
	path[1024] = '\0';
	json = changed(REQUEST, "/cgi-bin/message/custom/send", path);
	assert_int_equal(api_request_parse(json, strlen(json), &r, NULL), 0);
	free(json);
	api_request_free(&r);
}

static void a_time_limit_in_the_far_past_is_one(void **state)
{
	char *json = changed(REQUEST, "2026-11-20T08:15:30.125Z", "1970-01-01T00:00:00Z");
	struct api_request *r = NULL;

	(void)state;
	assert_int_equal(api_request_parse(json, strlen(json), &r, NULL), 0);
	assert_int_equal(r->not_after_ms, 1);
	api_request_free(&r);
	free(json);
}

static void results_are_golden_and_go_both_ways(void **state)
{
	static const char *const all[] = {RESULT, UNKNOWN_RESULT};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct api_result *r = NULL;
		struct buf out = BUF_INIT(4096);
		struct err err = {0};

		if (api_result_parse(all[i], strlen(all[i]), &r, &err) < 0)
			fail_msg("%s", err.text);
		api_result_encode(r, &out);
		assert_string_equal(buf_cstr(&out), all[i]);
		buf_release(&out);
		api_result_free(&r);
		assert_null(r);
		api_result_free(&r);
	}
}

static void result_fields_are_at_hand(void **state)
{
	struct api_result *r = NULL;

	(void)state;
	assert_int_equal(api_result_parse(RESULT, strlen(RESULT), &r, NULL), 0);
	assert_string_equal(r->request_id, "late:1");
	assert_int_equal(r->outcome, API_REJECTED);
	assert_string_equal(api_outcome_name(r->outcome), "rejected");
	assert_int_equal(r->errcode, 45015);
	assert_string_equal(r->errmsg, "out of time");
	assert_int_equal(r->http_status, 200);
	assert_int_equal(json_len(r->body), 2);
	assert_int_equal(r->attempts, 2);
	assert_true(r->truncated);
	api_result_free(&r);
}

static void results_are_read_strictly(void **state)
{
	static const char *const cases[][3] = {
		{"\"late:1\"", "\"\"", "request_id"},
		{"\"late:1\"", "1", "request_id"},
		{"\"rejected\"", "\"failed\"", "outcome"},
		{"45015,", "\"45015\",", "errcode"},
		{"\"out of time\"", "7", "errmsg"},
		{"200", "1000", "http_status"},
		{"200", "-1", "http_status"},
		{"200", "2e-1", "http_status"},
		{"\"attempts\":2", "\"attempts\":-2", "attempts"},
		{"\"attempts\":2,", "", "attempts"},
		{"\"truncated\":true", "\"truncated\":1", "truncated"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *json = changed(RESULT, cases[i][0], cases[i][1]);
		struct api_result *r = NULL;
		struct err err = {0};

		if (api_result_parse(json, strlen(json), &r, &err) == 0)
			fail_msg("%s was taken", json);
		assert_null(r);
		if (!strstr(err.text, cases[i][2]))
			fail_msg("\"%s\" does not name %s", err.text, cases[i][2]);
		free(json);
	}
}

static void signatures_are_golden(void **state)
{
	char hex[65];

	(void)state;
	/* HMAC-SHA-256, key "caller key", each part after its length: computed with another implementation */
	api_call_sign("caller key", "id-1", "desk.results", "service", "wx2/o1", 6, "{}", 2, hex);
	assert_string_equal(hex, "75010128e5188c9a4365bb2ce768f75624362372778525e4f9d46a1c6c26e4db");
	api_call_sign("caller key", "id-1", NULL, NULL, NULL, 0, NULL, 0, hex);
	assert_string_equal(hex, "4e2cf98564807b784b4b592dd4d72d39d8f1eecb66e48f7c49d3993a10040752");
}

static void signatures_bind_each_part_to_its_place(void **state)
{
	char a[65], b[65];

	(void)state;
	api_call_sign("k", "ab", "c", NULL, "d", 1, "e", 1, a);
	api_call_sign("k", "a", "bc", NULL, "d", 1, "e", 1, b);
	assert_string_not_equal(a, b);
	api_call_sign("k", "ab", "c", "", "d", 1, "e", 1, b);
	assert_string_equal(a, b); /* an absent one counts as empty */
	api_call_sign("k", "ab", NULL, "c", "d", 1, "e", 1, b);
	assert_string_not_equal(a, b);
	api_call_sign("K", "ab", "c", NULL, "d", 1, "e", 1, b);
	assert_string_not_equal(a, b);
}

static void credential_paths_are_known_however_they_are_written(void **state)
{
	static const char *const forbidden[] = {"/cgi-bin/token", "/cgi-bin/stable_token",
		"/cgi-bin/component/api_component_token", "/cgi-bin/component/api_start_push_ticket",
		"/cgi-bin/component/api_create_preauthcode", "/cgi-bin/component/api_query_auth",
		"/cgi-bin/component/api_authorizer_token", "/cgi-bin/component/api_get_authorizer_list",
		"/cgi-bin/component/api_get_authorizer_info", "/CGI-BIN/Token", "/cgi-bin/token/",
		"//cgi-bin//token", "/cgi-bin/%74oken", "/cgi-bin%2Ftoken", "/cgi-bin/token?a=b",
		"/cgi-bin/token#x", "/cgi-bin/token;x", "/cgi-bin/token%00x"};
	static const char *const open[] = {"", "/", "/cgi-bin/tokens", "/cgi-bin/message/custom/send",
		"/cgi-bin/component/api_get_authorizer_option", "/token", "/cgi-bin/token/x",
		"/cgi-bin/token%", "/cgi-bin/token%zz", "/sns/component/jscode2session"};
	char longest[300] = "/cgi-bin/token";
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (!api_path_is_credential(forbidden[i]))
			fail_msg("%s is open", forbidden[i]);
	for (i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		if (api_path_is_credential(open[i]))
			fail_msg("%s is closed", open[i]);
	memset(longest + 14, '/', sizeof(longest) - 15);
	assert_int_equal(api_path_is_credential(longest), 1);
	memset(longest + 14, 'x', sizeof(longest) - 15);
	assert_int_equal(api_path_is_credential(longest), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(requests_are_golden_and_go_both_ways),
		TESTING_CASE(request_fields_are_at_hand),
		TESTING_CASE(requests_may_leave_out_what_has_a_careful_default),
		TESTING_CASE(requests_are_read_strictly),
		TESTING_CASE(paths_have_a_limit),
		TESTING_CASE(a_time_limit_in_the_far_past_is_one),
		TESTING_CASE(results_are_golden_and_go_both_ways),
		TESTING_CASE(result_fields_are_at_hand),
		TESTING_CASE(results_are_read_strictly),
		TESTING_CASE(signatures_are_golden),
		TESTING_CASE(signatures_bind_each_part_to_its_place),
		TESTING_CASE(credential_paths_are_known_however_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
