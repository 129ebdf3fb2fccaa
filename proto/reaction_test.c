#include "proto/reaction.h"

#include "common/testing/testing.h"

#include "common/base/banned.h"

static void every_kind_of_answer_has_its_reaction(void **state)
{
	static const struct {
		int64_t errcode;
		enum reaction expected;
	} rows[] = {
		{0, REACTION_OK},
		{45065, REACTION_OK},
		{-1, REACTION_BUSY},
		{-1000, REACTION_BUSY},
		{45061, REACTION_BACKOFF},
		{40001, REACTION_AUTH},
		{40014, REACTION_AUTH},
		{42001, REACTION_AUTH},
		{42006, REACTION_AUTH},
		{61005, REACTION_TICKET},
		{61006, REACTION_TICKET},
		{61003, REACTION_REAUTH},
		{61004, REACTION_CONF},
		{61007, REACTION_CONF},
		{48001, REACTION_CONF},
		{45009, REACTION_QUOTA},
		{45011, REACTION_MINUTE},
		{45015, REACTION_FINAL},
		{45047, REACTION_FINAL},
		{40003, REACTION_FINAL},
		{61020, REACTION_FINAL},
		{61009, REACTION_FINAL},
		{99999999, REACTION_FINAL},
		{-40001, REACTION_FINAL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(reaction_of(rows[i].errcode), rows[i].expected);
}

static void every_reaction_has_a_name(void **state)
{
	int r;

	(void)state;
	for (r = REACTION_OK; r <= REACTION_FINAL; r++)
		assert_non_null(reaction_name((enum reaction)r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_kind_of_answer_has_its_reaction),
		TESTING_CASE(every_reaction_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
