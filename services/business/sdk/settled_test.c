#include "common/testing/testing.h"

#include "common/base/clock.h"
#include "services/business/sdk/settled.h"

#define ID "0123456789abcdef0123456789abcdef"

static void a_settled_event_is_known_with_its_verdict(void **state)
{
	struct settled *s = settled_new();
	struct json *reply = json_new_object(), *again = NULL;
	enum verdict verdict;
	bool has_verdict;

	(void)state;
	json_set_str(reply, "Content", "hi");
	assert_false(settled_find(s, ID, &has_verdict, &verdict, &again));
	settled_add(s, ID, true, VERDICT_REPLY, reply);
	assert_true(settled_find(s, ID, &has_verdict, &verdict, &again));
	assert_true(has_verdict);
	assert_int_equal(verdict, VERDICT_REPLY);
	assert_string_equal(json_get_str(again, "Content"), "hi");
	json_free(&again);
	json_free(&reply);
	settled_free(&s);
}

static void a_settled_event_is_forgotten_after_ten_minutes(void **state)
{
	struct settled *s = settled_new();
	struct json *reply = NULL;
	enum verdict verdict;
	bool has_verdict;

	(void)state;
	clock_fake(1760000000000, 1000);
	settled_add(s, ID, false, VERDICT_NONE, NULL);
	clock_fake_advance(SETTLED_KEEP_MS - 1);
	assert_true(settled_find(s, ID, &has_verdict, &verdict, &reply));
	assert_false(has_verdict);
	clock_fake_advance(1);
	assert_false(settled_find(s, ID, &has_verdict, &verdict, &reply));
	settled_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_settled_event_is_known_with_its_verdict),
		TESTING_CASE(a_settled_event_is_forgotten_after_ten_minutes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
