#include "services/api-proxy/calls/answer.h"

#include "common/base/str.h"
#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static struct answer judge(int status, const char *content_type, const char *body, bool repeatable)
{
	struct answer a;

	answer_init(&a, 200 * 1024);
	a.http_status = status;
	assert_int_equal(str_copy(a.content_type, sizeof(a.content_type), content_type), 0);
	buf_add_str(&a.body, body);
	answer_judge(&a, repeatable);
	answer_release(&a);
	return a;
}

static void an_errcode_decides_whatever_the_text_says(void **state)
{
	struct answer a;

	(void)state;
	a = judge(200, "application/json", "{\"errcode\":0,\"errmsg\":\"fail\"}", false);
	assert_int_equal(a.outcome, API_OK);
	a = judge(200, "text/plain", "{\"errcode\":45015,\"errmsg\":\"ok rid: 1\"}", false);
	assert_int_equal(a.outcome, API_REJECTED);
	assert_int_equal(a.errcode, 45015);
	assert_string_equal(a.errmsg, "ok rid: 1");
	a = judge(200, "application/json", "{\"errcode\":40001}", false);
	assert_int_equal(a.reaction, REACTION_AUTH);
	a = judge(200, "application/json", "{\"errcode\":45065,\"msgid\":1}", false);
	assert_int_equal(a.outcome, API_OK);
}

static void an_answer_without_errcode_is_a_success(void **state)
{
	(void)state;
	assert_int_equal(judge(200, "application/json", "{\"menu\":{}}", false).outcome, API_OK);
	assert_int_equal(judge(200, "application/json", " [1]", false).outcome, API_OK);
	assert_int_equal(judge(200, "image/jpeg", "\xff\xd8", false).outcome, API_OK);
}

static void a_busy_answer_is_unsure_unless_repeating_is_harmless(void **state)
{
	(void)state;
	assert_int_equal(judge(200, "application/json", "{\"errcode\":-1}", false).outcome, API_UNKNOWN);
	assert_int_equal(judge(200, "application/json", "{\"errcode\":-1}", true).outcome, API_REJECTED);
}

static void what_no_api_answers_is_taken_for_busy(void **state)
{
	(void)state;
	assert_int_equal(judge(502, "text/html", "<html>", false).outcome, API_UNKNOWN);
	assert_int_equal(judge(200, "text/html", "<html>", false).outcome, API_UNKNOWN);
	assert_int_equal(judge(200, "application/json", "{\"errcode\":0", false).outcome, API_UNKNOWN);
	assert_int_equal(judge(200, "application/json", "", false).outcome, API_UNKNOWN);
	assert_int_equal(judge(500, "application/json", "{\"errcode\":0}", true).outcome, API_REJECTED);
}

static void a_long_answer_is_a_success_and_a_long_text_is_cut_between_characters(void **state)
{
	struct buf body = BUF_INIT(200 * 1024);
	struct answer a;
	int i;

	(void)state;
	buf_add_str(&body, "{\"errcode\":40003,\"errmsg\":\"x");
	for (i = 0; i < 1000; i++)
		buf_add_str(&body, "\xe4\xb8\xad");
	buf_add_str(&body, "\"}");
	a = judge(200, "application/json", buf_cstr(&body), false);
	assert_int_equal(a.errcode, 40003);
	assert_int_equal((strlen(a.errmsg) - 1) % 3, 0);
	assert_true(strlen(a.errmsg) > 500);
	buf_reset(&body);
	buf_add_str(&body, "{\"list\":[");
	for (i = 0; i < 20000; i++)
		buf_add_str(&body, "12345,");
	buf_add_str(&body, "1]}");
	assert_int_equal(judge(200, "application/json", buf_cstr(&body), false).outcome, API_OK);
	buf_release(&body);
}

static void an_answer_of_our_own_has_weixins_shape(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a, 10);
	a.attempts = 2;
	answer_refuse(&a, REFUSAL_UNKNOWN);
	assert_int_equal(a.outcome, API_UNKNOWN);
	assert_int_equal(a.errcode, -1);
	assert_int_equal(a.attempts, 2);
	answer_refuse(&a, REFUSAL_UNAUTHORIZED);
	assert_int_equal(a.outcome, API_REJECTED);
	assert_int_equal(a.errcode, 61003);
	answer_release(&a);
}

static void a_file_that_begins_like_json_is_still_a_file(void **state)
{
	(void)state;
	assert_int_equal(judge(200, "image/jpeg", "{\xff\xd8", false).outcome, API_OK);
	assert_int_equal(judge(200, "image/jpeg", "{\"errcode\":40007}", false).outcome, API_REJECTED);
}

static bool is_plain(int status, const char *content_type, size_t len, char first)
{
	struct answer a;
	size_t i;
	bool plain;

	answer_init(&a, 200 * 1024);
	a.http_status = status;
	assert_int_equal(str_copy(a.content_type, sizeof(a.content_type), content_type), 0);
	for (i = 0; i < len; i++)
		buf_add_char(&a.body, i == 0 ? first : 'x');
	plain = answer_is_plain(&a);
	answer_release(&a);
	return plain;
}

static void what_may_be_an_error_is_looked_at_whole(void **state)
{
	(void)state;
	assert_true(is_plain(200, "video/mp4", 1, '\xff'));
	assert_false(is_plain(200, "video/mp4", 1, '{'));
	assert_false(is_plain(502, "video/mp4", 1, '\xff'));
	assert_false(is_plain(200, "application/json", ANSWER_JUDGED_MAX, '{'));
	assert_true(is_plain(200, "application/json", ANSWER_JUDGED_MAX + 1, '{'));
}

static void only_harmless_headers_are_kept(void **state)
{
	struct answer a;

	(void)state;
	answer_init(&a, 10);
	answer_take_header(&a, "content-length", "12");
	answer_take_header(&a, "Location", "https://x/?access_token=t");
	answer_take_header(&a, "Set-Cookie", "a=b");
	answer_take_header(&a, "content-disposition", "attachment");
	assert_int_equal(a.length, 12);
	assert_int_equal(a.n_headers, 1);
	assert_string_equal(a.headers[0].name, "Content-Disposition");
	assert_string_equal(a.headers[0].value, "attachment");
	answer_reset(&a);
	assert_int_equal(a.n_headers, 0);
	assert_int_equal(a.length, -1);
	answer_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(an_errcode_decides_whatever_the_text_says),
		TESTING_CASE(an_answer_without_errcode_is_a_success),
		TESTING_CASE(a_busy_answer_is_unsure_unless_repeating_is_harmless),
		TESTING_CASE(what_no_api_answers_is_taken_for_busy),
		TESTING_CASE(a_long_answer_is_a_success_and_a_long_text_is_cut_between_characters),
		TESTING_CASE(an_answer_of_our_own_has_weixins_shape),
		TESTING_CASE(a_file_that_begins_like_json_is_still_a_file),
		TESTING_CASE(what_may_be_an_error_is_looked_at_whole),
		TESTING_CASE(only_harmless_headers_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
