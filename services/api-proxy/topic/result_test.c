#include "services/api-proxy/topic/result.h"

#include "common/base/str.h"
#include "common/testing/testing.h"
#include "proto/api_call.h"

#include <string.h>

#include "common/base/banned.h"

static struct api_result *parse(const struct buf *b)
{
	struct api_result *r = NULL;

	assert_false(b->overflow);
	assert_int_equal(api_result_parse(b->data, b->len, &r, NULL), 0);
	return r;
}

static void weixins_answer_goes_into_the_result_as_json(void **state)
{
	struct buf out = BUF_INIT(RESULT_MAX_BYTES);
	struct api_result *r;
	struct answer a;
	int64_t msgid;

	(void)state;
	answer_init(&a, RESULT_BODY_MAX);
	a.http_status = 200;
	a.attempts = 2;
	buf_add_str(&a.body, "{\"errcode\":0,\"errmsg\":\"ok\",\"msgid\":200228332}");
	answer_judge(&a, false);
	result_of_answer("id-1", &a, &out);
	r = parse(&out);
	assert_string_equal(r->request_id, "id-1");
	assert_int_equal(r->outcome, API_OK);
	assert_int_equal(r->attempts, 2);
	assert_int_equal(r->http_status, 200);
	assert_false(r->truncated);
	assert_int_equal(json_get_int(r->body, "msgid", &msgid), 0);
	assert_int_equal(msgid, 200228332);
	api_result_free(&r);
	answer_release(&a);
	buf_release(&out);
}

static void a_file_is_left_out_and_said_so(void **state)
{
	struct buf out = BUF_INIT(RESULT_MAX_BYTES);
	struct api_result *r;
	struct answer a;

	(void)state;
	answer_init(&a, RESULT_BODY_MAX);
	a.http_status = 200;
	assert_int_equal(str_copy(a.content_type, sizeof(a.content_type), "image/jpeg"), 0);
	buf_add_str(&a.body, "\xff\xd8\xff");
	answer_judge(&a, false);
	result_of_answer("id-1", &a, &out);
	r = parse(&out);
	assert_int_equal(r->outcome, API_OK);
	assert_null(r->body);
	assert_true(r->truncated);
	api_result_free(&r);
	answer_release(&a);
	buf_release(&out);
}

static void a_refusal_says_whether_the_call_may_have_taken_effect(void **state)
{
	struct buf out = BUF_INIT(RESULT_MAX_BYTES);
	struct api_result *r;

	(void)state;
	result_of_refusal("id-1", REFUSAL_PATH, &out);
	r = parse(&out);
	assert_int_equal(r->outcome, API_REJECTED);
	assert_int_equal(r->errcode, 48001);
	assert_int_equal(r->attempts, 0);
	api_result_free(&r);
	buf_reset(&out);
	result_of_refusal("id-1", REFUSAL_UNKNOWN, &out);
	r = parse(&out);
	assert_int_equal(r->outcome, API_UNKNOWN);
	api_result_free(&r);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(weixins_answer_goes_into_the_result_as_json),
		TESTING_CASE(a_file_is_left_out_and_said_so),
		TESTING_CASE(a_refusal_says_whether_the_call_may_have_taken_effect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
