#include "common/base/err.h"
#include "common/base/str.h"
#include "common/testing/testing.h"

#include <string.h>

static void err_set_fills_and_answers_minus_one(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, ERR_RETRY, 503, "answer %d", 503), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(err.code, 503);
	assert_string_equal(err.text, "answer 503");
	assert_int_equal(err_set(NULL, ERR_RETRY, 0, "nobody listens"), -1);
	assert_int_equal(err_prefix(NULL, "nobody"), -1);
}

static void err_text_is_one_line(void **state)
{
	struct err err = {0};

	(void)state;
	err_set(&err, ERR_REJECT, 0, "FATAL:  no such role\nDETAIL:\tnone\x01\x7f\xff\n");
	assert_string_equal(err.text, "FATAL:  no such role DETAIL: none  ?");
}

static void err_text_is_cut_between_characters(void **state)
{
	struct err err = {0};
	char ticket[400];
	size_t i;

	(void)state;
	for (i = 0; i + 3 < sizeof(ticket); i += 3)
		memcpy(ticket + i, "票", 3);
	ticket[i] = '\0';
	for (i = 0; i < 3; i++) {
		err_set(&err, ERR_REJECT, 0, "%s%s", &"xx"[i], ticket);
		assert_true(strlen(err.text) > sizeof(err.text) - 4);
		assert_true(str_is_utf8(err.text, strlen(err.text)));
		assert_null(strchr(err.text, '?'));
	}
}

static void err_prefix_goes_before_the_text(void **state)
{
	struct err err = {0};
	char longest[300];

	(void)state;
	err_set(&err, ERR_UNCERTAIN, 7, "time-out");
	assert_int_equal(err_prefix(&err, "call %d", 1), -1);
	assert_string_equal(err.text, "call 1: time-out");
	assert_int_equal(err.kind, ERR_UNCERTAIN);
	assert_int_equal(err.code, 7);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	err_prefix(&err, "%s", longest);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}

static void err_set_may_quote_its_own_text(void **state)
{
	struct err err = {0};

	(void)state;
	err_set(&err, ERR_RETRY, 0, "inner");
	err_set(&err, ERR_FATAL, 0, "outer, after %s", err.text);
	assert_string_equal(err.text, "outer, after inner");
}

static void err_settlement_follows_the_kind(void **state)
{
	(void)state;
	assert_int_equal(err_settlement(ERR_NONE, false), SETTLE_DONE);
	assert_int_equal(err_settlement(ERR_RETRY, false), SETTLE_RETRY);
	assert_int_equal(err_settlement(ERR_REJECT, true), SETTLE_DEAD_LETTER);
	assert_int_equal(err_settlement(ERR_UNCERTAIN, false), SETTLE_DEAD_LETTER);
	assert_int_equal(err_settlement(ERR_UNCERTAIN, true), SETTLE_RETRY);
	assert_int_equal(err_settlement(ERR_FATAL, true), SETTLE_STOP);
}

static void err_kinds_have_names(void **state)
{
	(void)state;
	assert_string_equal(err_kind_name(ERR_NONE), "none");
	assert_string_equal(err_kind_name(ERR_RETRY), "retry");
	assert_string_equal(err_kind_name(ERR_REJECT), "reject");
	assert_string_equal(err_kind_name(ERR_UNCERTAIN), "uncertain");
	assert_string_equal(err_kind_name(ERR_FATAL), "fatal");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(err_set_fills_and_answers_minus_one),
		TESTING_CASE(err_text_is_one_line),
		TESTING_CASE(err_text_is_cut_between_characters),
		TESTING_CASE(err_prefix_goes_before_the_text),
		TESTING_CASE(err_set_may_quote_its_own_text),
		TESTING_CASE(err_settlement_follows_the_kind),
		TESTING_CASE(err_kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
