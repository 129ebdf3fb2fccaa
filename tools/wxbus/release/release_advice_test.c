#include "tools/wxbus/release/release_advice.h"

#include "common/testing/testing.h"

#include <string.h>

/* The first advice for an item of these members. */
static struct release_advice advise(const char *members, bool first_group_passed)
{
	const struct json_limits limits = {.max_bytes = 4096, .max_depth = 8};
	struct release_advice out[RELEASE_ADVICE_MAX];
	struct json *item = NULL;

	assert_int_equal(json_parse(members, strlen(members), &limits, &item, NULL), 0);
	assert_true(release_advise(item, first_group_passed, out) >= 1);
	json_free(&item);
	return out[0];
}

static void every_symptom_has_its_cause(void **state)
{
	static const struct {
		const char *item;
		const char *cause;
	} cases[] = {
		{"{\"item\":\"ticket\",\"answer\":\"illegal\",\"status\":200,\"body\":\"\\ufeffsuccess\"}",
			"byte-order"},
		{"{\"item\":\"ticket\",\"answer\":\"illegal\",\"status\":200,\"body\":\"success\\n\"}",
			"line end"},
		{"{\"item\":\"ticket\",\"answer\":\"illegal\",\"status\":200,\"body\":\"\\\"success\\\"\"}",
			"quotes"},
		{"{\"item\":\"ticket\",\"answer\":\"illegal\",\"status\":200,\"body\":\"Success\"}",
			"other letters"},
		{"{\"item\":\"authorized\",\"answer\":\"illegal\",\"status\":200,\"body\":\"\"}", "empty"},
		{"{\"item\":\"authorized\",\"answer\":\"illegal\",\"status\":200,\"body\":\"{}\"}", "JSON"},
		{"{\"item\":\"ticket\",\"answer\":\"refused\",\"status\":403,\"body\":\"\"}", "CSRF"},
		{"{\"item\":\"ticket\",\"answer\":\"refused\",\"status\":302,\"body\":\"\"}", "redirect"},
		{"{\"item\":\"ticket\",\"answer\":\"refused\",\"status\":0,\"body\":\"\"}", "no connection"},
		{"{\"item\":\"text\",\"answer\":\"timeout\",\"status\":0,\"body\":\"\"}", "too late"},
		{"{\"item\":\"text\",\"answer\":\"success\",\"status\":200,\"body\":\"success\"}",
			"does not know"},
		{"{\"item\":\"text\",\"answer\":\"reply\",\"status\":200,\"why\":\"the reply says another "
		 "text\"}",
			"something else"},
		{"{\"item\":\"api_text\",\"answer\":\"success\",\"status\":200,\"body\":\"success\"}",
			"with success"},
		{"{\"item\":\"api_text\",\"answer\":\"empty\",\"status\":200,\"body\":\"\",\"calls\":[],"
		 "\"why\":\"no customer-service message within 5 ms\"}",
			"no call at all"},
		{"{\"item\":\"api_text\",\"answer\":\"empty\",\"status\":200,\"body\":\"\",\"calls\":[{"
		 "\"path\":\"/a\","
		 "\"errcode\":61009}],\"why\":\"no customer-service message within 5 ms\"}",
			"exchanged before"},
		{"{\"item\":\"text\",\"answer\":\"unheard of\"}", "none of the usual"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strstr(advise(cases[i].item, false).cause, cases[i].cause))
			fail_msg("%s: %s", cases[i].item, advise(cases[i].item, false).cause);
}

static void another_group_that_passed_is_told_first(void **state)
{
	(void)state;
	assert_non_null(
		strstr(advise("{\"item\":\"text\",\"answer\":\"success\",\"status\":200}", true).cause,
			"group 1 passes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_symptom_has_its_cause),
		TESTING_CASE(another_group_that_passed_is_told_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
