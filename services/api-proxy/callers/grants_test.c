#include "services/api-proxy/callers/grants.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static struct json *parse(const char *text)
{
	const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4};
	struct json *j = NULL;

	assert_int_equal(json_parse(text, strlen(text), &limits, &j, NULL), 0);
	return j;
}

static int fill(struct grants *g, const char *accounts, const char *paths, const char *groups)
{
	struct json *a = parse(accounts), *p = parse(paths), *gr = parse(groups);
	struct err err;
	int rc = grants_init(g, a, p, gr, &err);

	json_free(&a);
	json_free(&p);
	json_free(&gr);
	if (rc < 0)
		assert_int_equal(err.kind, ERR_REJECT);
	return rc;
}

static void an_account_is_granted_by_its_name_or_by_the_star(void **state)
{
	struct grants g;

	(void)state;
	assert_int_equal(fill(&g, "[\"wx1\",\"wx2\"]", "[]", "[]"), 0);
	assert_true(grants_account(&g, "wx1"));
	assert_false(grants_account(&g, "wx"));
	assert_false(grants_account(&g, "wx11"));
	assert_false(grants_account(&g, "*"));
	grants_release(&g);
	assert_int_equal(fill(&g, "[\"*\"]", "[]", "[]"), 0);
	assert_true(grants_account(&g, "wx9"));
	grants_release(&g);
}

static void a_path_is_granted_whole_or_by_its_beginning(void **state)
{
	struct grants g;

	(void)state;
	assert_int_equal(fill(&g, "[]", "[\"/cgi-bin/message/custom/*\",\"/cgi-bin/menu/get\"]", "[]"), 0);
	assert_true(grants_path(&g, "/cgi-bin/message/custom/send"));
	assert_true(grants_path(&g, "/cgi-bin/menu/get"));
	assert_false(grants_path(&g, "/cgi-bin/menu/getx"));
	assert_false(grants_path(&g, "/cgi-bin/message/customx"));
	assert_false(grants_path(&g, "/x/cgi-bin/menu/get"));
	grants_release(&g);
	assert_int_equal(fill(&g, "[]", "[\"*\"]", "[]"), 0);
	assert_true(grants_path(&g, "/anything"));
	grants_release(&g);
	assert_int_equal(fill(&g, "[]", "[]", "[]"), 0);
	assert_false(grants_path(&g, "/anything"));
	grants_release(&g);
}

static void an_answer_goes_to_api_results_or_to_a_group_of_the_caller(void **state)
{
	struct grants g;

	(void)state;
	assert_int_equal(fill(&g, "[]", "[]", "[\"desk\"]"), 0);
	assert_true(grants_reply_topic(&g, "api-results"));
	assert_true(grants_reply_topic(&g, "desk.results"));
	assert_true(grants_reply_topic(&g, "desk.test.results"));
	assert_false(grants_reply_topic(&g, "shop.results"));
	assert_false(grants_reply_topic(&g, "accounts"));
	assert_false(grants_reply_topic(&g, "desk.dead-letter"));
	assert_false(grants_reply_topic(&g, "desk"));
	assert_false(grants_reply_topic(&g, ".results"));
	assert_false(grants_reply_topic(&g, "wx.api-results"));
	assert_false(grants_reply_topic(&g, "xdesk.results"));
	assert_false(grants_reply_topic(&g, ""));
	grants_release(&g);
}

static void patterns_that_cannot_be_meant_are_refused(void **state)
{
	struct grants g;

	(void)state;
	assert_int_equal(fill(&g, "[\"wx*\"]", "[]", "[]"), -1);
	assert_int_equal(fill(&g, "[\"\"]", "[]", "[]"), -1);
	assert_int_equal(fill(&g, "\"*\"", "[]", "[]"), -1);
	assert_int_equal(fill(&g, "[]", "[\"cgi-bin\"]", "[]"), -1);
	assert_int_equal(fill(&g, "[]", "[\"/a*b\"]", "[]"), -1);
	assert_int_equal(fill(&g, "[]", "[7]", "[]"), -1);
	assert_int_equal(fill(&g, "[]", "[]", "[\"Desk\"]"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(an_account_is_granted_by_its_name_or_by_the_star),
		TESTING_CASE(a_path_is_granted_whole_or_by_its_beginning),
		TESTING_CASE(an_answer_goes_to_api_results_or_to_a_group_of_the_caller),
		TESTING_CASE(patterns_that_cannot_be_meant_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
