#include "services/token-service/web/oauth_state.h"

#include "common/testing/testing.h"

#include <ctype.h>
#include <string.h>

#include "common/base/banned.h"

static struct master_key list[] = {{"new", {1}}, {"old", {2}}};
static const struct master_keys both = {list, 2}, newer = {list, 1}, older = {list + 1, 1};

static void a_state_comes_back_until_its_end(void **state)
{
	char text[OAUTH_STATE_LEN + 1], other[OAUTH_STATE_LEN + 1];

	(void)state;
	oauth_state_make(&both, "wxc", "wxa", 5000, text);
	assert_int_equal(strlen(text), OAUTH_STATE_LEN);
	assert_int_equal(oauth_state_check(&both, "wxc", "wxa", text, 4999), SIGNED_VALUE_OK);
	assert_int_equal(oauth_state_check(&both, "wxc", "wxa", text, 5000), SIGNED_VALUE_EXPIRED);
	assert_int_equal(oauth_state_check(&older, "wxc", "wxa", text, 1), SIGNED_VALUE_WRONG);
	oauth_state_make(&older, "wxc", "wxa", 5000, other);
	assert_int_equal(oauth_state_check(&both, "wxc", "wxa", other, 1), SIGNED_VALUE_OK);
	assert_int_equal(oauth_state_check(&newer, "wxc", "wxa", other, 1), SIGNED_VALUE_WRONG);
	assert_memory_not_equal(text, other, OAUTH_NUMBER_LEN);
}

static void a_state_is_worth_nothing_elsewhere(void **state)
{
	char text[OAUTH_STATE_LEN + 1];

	(void)state;
	oauth_state_make(&both, "wxc", "wxa", 5000, text);
	assert_int_equal(oauth_state_check(&both, "wxc", "wxb", text, 1), SIGNED_VALUE_WRONG);
	assert_int_equal(oauth_state_check(&both, "wxd", "wxa", text, 1), SIGNED_VALUE_WRONG);
	assert_int_equal(oauth_state_check(&both, "wxcwxa", "", text, 1), SIGNED_VALUE_WRONG);
}

static void every_changed_character_is_refused(void **state)
{
	char text[OAUTH_STATE_LEN + 2];

	(void)state;
	oauth_state_make(&both, "wxc", "wxa", 5000, text);
	for (size_t i = 0; i < OAUTH_STATE_LEN; i++) {
		char kept = text[i];

		text[i] = kept == '0' ? '1' : '0';
		assert_int_equal(oauth_state_check(&both, "wxc", "wxa", text, 1), SIGNED_VALUE_WRONG);
		text[i] = (char)toupper((unsigned char)kept);
		if (text[i] != kept)
			assert_int_equal(oauth_state_check(&both, "wxc", "wxa", text, 1), SIGNED_VALUE_WRONG);
		text[i] = kept;
	}
	text[OAUTH_STATE_LEN] = '0';
	text[OAUTH_STATE_LEN + 1] = '\0';
	assert_int_equal(oauth_state_check(&both, "wxc", "wxa", text, 1), SIGNED_VALUE_WRONG);
	text[OAUTH_STATE_LEN - 1] = '\0';
	assert_int_equal(oauth_state_check(&both, "wxc", "wxa", text, 1), SIGNED_VALUE_WRONG);
	assert_int_equal(oauth_state_check(&both, "wxc", "wxa", "", 1), SIGNED_VALUE_WRONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_state_comes_back_until_its_end),
		TESTING_CASE(a_state_is_worth_nothing_elsewhere),
		TESTING_CASE(every_changed_character_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
