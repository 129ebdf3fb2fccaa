#include "services/api-proxy/callers/gate.h"

#include "common/testing/testing.h"

#include "common/base/banned.h"

static void a_name_is_held_to_its_number_and_others_are_not(void **state)
{
	struct gate *g = gate_new();

	(void)state;
	assert_true(gate_enter(g, "a", 2));
	assert_true(gate_enter(g, "a", 2));
	assert_false(gate_enter(g, "a", 2));
	assert_true(gate_enter(g, "b", 2));
	gate_leave(g, "a");
	assert_true(gate_enter(g, "a", 2));
	gate_leave(g, "a");
	gate_leave(g, "a");
	gate_leave(g, "b");
	assert_false(gate_enter(g, "a", 0));
	gate_free(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_name_is_held_to_its_number_and_others_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
