#include "common/testing/testing.h"

#include "services/business/sdk/group_manifest.h"

#include <string.h>

#include "common/base/banned.h"

static void the_manifest_names_delays_and_topics(void **state)
{
	struct group_manifest m;

	(void)state;
	assert_int_equal(group_manifest_parse("{\"group\":\"shop\",\"delays\":[\"5s\",\"1m\",\"10m\",\"1h\"],"
					      "\"topics\":[\"dead-letter\",\"results\"]}",
				 "shop", &m, NULL),
		0);
	assert_int_equal(m.n_delays, 4);
	assert_int_equal(m.delays[0].ms, 5000);
	assert_int_equal(m.delays[1].ms, 60000);
	assert_int_equal(m.delays[2].ms, 600000);
	assert_int_equal(m.delays[3].ms, 3600000);
	assert_string_equal(m.delays[2].name, "10m");
	assert_true(m.has_results);
	assert_false(m.has_replay);
	assert_false(m.once);
	assert_int_equal(group_manifest_parse("{\"group\":\"shop\",\"once\":true,"
					      "\"topics\":[\"dead-letter\",\"replay\"]}",
				 "shop", &m, NULL),
		0);
	assert_true(m.once && m.has_replay);
}

static void a_manifest_that_cannot_be_followed_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"group\":\"desk\",\"topics\":[\"dead-letter\"]}",
		"{\"group\":\"shop\",\"topics\":[\"results\"]}",
		"{\"group\":\"shop\",\"topics\":[\"dead-letter\"],\"delays\":[\"5\"]}",
		"{\"group\":\"shop\",\"topics\":[\"dead-letter\"],\"delays\":[5]}",
		"{\"group\":\"shop\",\"topics\":[\"dead-letter\"],\"delays\":[\"0s\"]}",
		"{\"group\":\"shop\",\"topics\":[\"dead-letter\"],\"delays\":[\"5w\"]}",
		"{\"group\":\"shop\",\"topics\":[\"dead-letter\"],\"delays\":[\"1m\",\"60s\"]}",
		"{\"group\":\"shop\",\"topics\":[\"dead-letter\"],\"delays\":[\"1s\",\"2s\",\"3s\",\"4s\","
		"\"5s\","
		"\"6s\",\"7s\",\"8s\",\"9s\"]}",
	};
	struct group_manifest m;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(group_manifest_parse(bad[i], "shop", &m, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_non_null(strstr(err.text, "manifest.json"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(the_manifest_names_delays_and_topics),
		TESTING_CASE(a_manifest_that_cannot_be_followed_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
