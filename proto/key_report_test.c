#include "proto/key_report.h"

#include "common/json/json.h"
#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

#define GOLDEN                                                                                               \
	"{\"keys\":[{\"kind\":\"master\",\"id\":\"k2\",\"held\":true,\"current\":true,\"rows\":12,"          \
	"\"used_at\":\"2026-11-20T08:15:30.125Z\",\"needed_until\":null},"                                   \
	"{\"kind\":\"event\",\"id\":\"00ff00ff00ff00ff\",\"held\":false,\"current\":false,\"rows\":0,"       \
	"\"used_at\":null,\"needed_until\":\"2026-11-28T08:15:30.125Z\"},"                                   \
	"{\"kind\":\"ref\",\"id\":\"shop\",\"held\":true,\"current\":false,\"rows\":0,"                      \
	"\"used_at\":\"2026-11-20T08:15:30.125Z\",\"needed_until\":\"2027-01-01T00:00:00.000Z\"}]}"

static struct json *parse(const char *text)
{
	static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4};
	struct json *j = NULL;

	assert_int_equal(json_parse(text, strlen(text), &limits, &j, NULL), 0);
	return j;
}

static void key_report_encode_is_golden(void **state)
{
	struct key_report r = {NULL, 0};
	struct buf out = BUF_INIT(4096);

	(void)state;
	assert_int_equal(key_report_parse(GOLDEN, strlen(GOLDEN), &r, NULL), 0);
	assert_int_equal(r.n, 3);
	assert_int_equal(key_report_row(&r, KEY_MASTER, "k2")->rows, 12);
	assert_int_equal(
		key_report_row(&r, KEY_EVENT, "00ff00ff00ff00ff")->needed_until_ms, INT64_C(1795853730125));
	assert_int_equal(r.n, 3);
	key_report_encode(&r, &out);
	assert_string_equal(buf_cstr(&out), GOLDEN);
	buf_release(&out);
	key_report_release(&r);
}

static void a_key_is_removable_when_nothing_needs_it(void **state)
{
	struct key_row row = {.held = true, .needed_until_ms = 1000};

	(void)state;
	assert_true(key_row_removable(&row, 1000));
	assert_false(key_row_removable(&row, 999));
	row.rows = 1;
	assert_false(key_row_removable(&row, 1000));
	row.rows = 0;
	row.current = true;
	assert_false(key_row_removable(&row, 1000));
	row.current = row.held = false;
	assert_false(key_row_removable(&row, 1000));
	row = (struct key_row){.kind = KEY_REF, .held = true};
	assert_false(key_row_removable(&row, 1000));
}

static void resealing_goes_both_ways_as_json(void **state)
{
	struct reseal_request request = {.to = "k2", .place = "accounts.token:wx1/wx2", .limit = 100};
	struct reseal_answer answer = {.end = false, .place = "x:1", .resealed = 7, .unopened = 1};
	struct json *j = reseal_request_json(&request);

	(void)state;
	memset(&request, 0, sizeof(request));
	assert_int_equal(reseal_request_read(j, &request, NULL), 0);
	assert_string_equal(request.to, "k2");
	assert_string_equal(request.place, "accounts.token:wx1/wx2");
	assert_int_equal(request.limit, 100);
	json_free(&j);
	j = reseal_answer_json(&answer);
	memset(&answer, 0, sizeof(answer));
	assert_int_equal(reseal_answer_read(j, &answer, NULL), 0);
	assert_false(answer.end);
	assert_string_equal(answer.place, "x:1");
	assert_int_equal(answer.resealed, 7);
	assert_int_equal(answer.unopened, 1);
	json_free(&j);
	answer.end = true;
	j = reseal_answer_json(&answer);
	assert_int_equal(reseal_answer_read(j, &answer, NULL), 0);
	assert_true(answer.end);
	json_free(&j);
}

static void what_is_malformed_is_refused(void **state)
{
	static const char *const bad[] = {"{}", "{\"to\":\"\",\"place\":\"\",\"limit\":1}",
		"{\"to\":\"k\",\"limit\":1}", "{\"to\":\"k\",\"place\":\"\",\"limit\":0}",
		"{\"to\":\"k\",\"place\":\"\",\"limit\":1001}"};
	struct key_report r = {NULL, 0};
	struct reseal_request request;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *j = parse(bad[i]);

		assert_int_equal(reseal_request_read(j, &request, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		json_free(&j);
	}
	assert_int_equal(key_report_parse("{\"keys\":[{\"kind\":\"x\"}]}", 23, &r, &err), -1);
	assert_int_equal(key_report_parse("{}", 2, &r, &err), -1);
	assert_int_equal(r.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(key_report_encode_is_golden),
		TESTING_CASE(a_key_is_removable_when_nothing_needs_it),
		TESTING_CASE(resealing_goes_both_ways_as_json),
		TESTING_CASE(what_is_malformed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
