#include "services/api-proxy/callers/caller_memory.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <stdio.h>

#include "common/base/banned.h"

static struct caller_memory *memory;

static int setup(void **state)
{
	int rc = testing_setup(state);

	clock_fake(0, 1000);
	memory = caller_memory_new();
	return rc;
}

static int teardown(void **state)
{
	caller_memory_free(&memory);
	clock_real();
	return testing_teardown(state);
}

static void learn_caller(const char *name, const char *origin)
{
	struct caller *c = xcalloc(1, sizeof(*c));

	c->refs = 1;
	caller_memory_learn(memory, name, origin, c);
	caller_put(&c);
}

static enum memory find(const char *name, const char *origin, bool caller)
{
	struct caller *c = NULL;
	enum memory found = caller_memory_find(memory, name, origin, &c);

	assert_int_equal(c != NULL, caller);
	caller_put(&c);
	return found;
}

/* So many names that are nobody's, each asked for once: how often the database was. */
static int strangers(const char *origin, int n)
{
	static int number;
	char name[32];
	int asked = 0;

	while (n-- > 0) {
		(void)snprintf(name, sizeof(name), "stranger-%d", number++);
		if (find(name, origin, false) != MEMORY_ASK)
			continue;
		asked++;
		caller_memory_learn(memory, name, origin, NULL);
	}
	return asked;
}

static void what_was_learnt_is_known_for_a_while(void **state)
{
	(void)state;
	assert_int_equal(find("a", "10.0.0.1", false), MEMORY_ASK);
	learn_caller("a", "10.0.0.1");
	caller_memory_learn(memory, "b", "10.0.0.1", NULL);
	clock_fake_advance(CALLER_MEMORY_NONE_MS - 1);
	assert_int_equal(find("a", "10.0.0.1", true), MEMORY_KNOWN);
	assert_int_equal(find("b", "10.0.0.1", false), MEMORY_KNOWN);
	clock_fake_advance(1);
	assert_int_equal(find("b", "10.0.0.1", false), MEMORY_ASK);
	clock_fake_advance(CALLERS_CACHE_MS - CALLER_MEMORY_NONE_MS - 1);
	assert_int_equal(find("a", "10.0.0.1", true), MEMORY_KNOWN);
	clock_fake_advance(1);
	assert_int_equal(find("a", "10.0.0.1", false), MEMORY_ASK);
	caller_memory_learn(memory, "a", "10.0.0.1", NULL); /* revoked */
	assert_int_equal(find("a", "10.0.0.1", false), MEMORY_KNOWN);
}

static void strangers_have_the_database_asked_so_often_only(void **state)
{
	char origin[32];
	int i, asked = 0;

	(void)state;
	assert_int_equal(strangers("10.0.0.1", 10000), STRANGERS_OF_ONE_PER_S);
	clock_fake_advance(1000);
	assert_int_equal(strangers("10.0.0.1", 10000), STRANGERS_OF_ONE_PER_S);
	clock_fake_advance(1000);
	for (i = 0; i < 100; i++) {
		(void)snprintf(origin, sizeof(origin), "10.0.1.%d", i);
		asked += strangers(origin, 100);
	}
	assert_int_equal(asked, STRANGERS_PER_S);
}

static void a_known_caller_is_found_whatever_strangers_do(void **state)
{
	int second;

	(void)state;
	learn_caller("a", "10.0.0.1");
	for (second = 0; second < 20; second++) {
		strangers("10.0.0.1", 5000);
		if (find("a", "10.0.0.1", second == 0 || second % 5 != 0) == MEMORY_ASK)
			learn_caller("a", "10.0.0.1");
		clock_fake_advance(1000);
	}
}

/* Otherwise those behind one proxy would refuse each other after a start. */
static void those_who_prove_to_be_callers_do_not_count(void **state)
{
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), "caller-%d", i);
		assert_int_equal(find(name, "10.0.0.1", false), MEMORY_ASK);
		learn_caller(name, "10.0.0.1");
	}
	assert_int_equal(strangers("10.0.0.1", 100), STRANGERS_OF_ONE_PER_S);
	assert_int_equal(strangers("10.0.0.2", 100), STRANGERS_OF_ONE_PER_S); /* another's are his own */
}

static void memory_is_bounded_and_the_oldest_go_first(void **state)
{
	char name[32];
	int i;

	(void)state;
	for (i = 0; i <= CALLER_MEMORY_MAX; i++) {
		(void)snprintf(name, sizeof(name), "caller-%d", i);
		learn_caller(name, NULL);
	}
	assert_int_equal(find("caller-0", NULL, false), MEMORY_ASK);
	assert_int_equal(find("caller-1", NULL, true), MEMORY_KNOWN);
	assert_int_equal(
		strangers(NULL, 3 * CALLER_MEMORY_MAX), 3 * CALLER_MEMORY_MAX); /* bounded elsewhere */
	assert_int_equal(find("caller-1", NULL, true), MEMORY_KNOWN);
}

static void after_a_change_all_is_asked_anew(void **state)
{
	(void)state;
	learn_caller("a", "10.0.0.1");
	caller_memory_learn(memory, "b", "10.0.0.1", NULL);
	caller_memory_expire(memory);
	strangers("10.0.0.1", 100);
	assert_int_equal(find("a", "10.0.0.1", false), MEMORY_ASK); /* still no stranger */
	assert_int_equal(find("b", "10.0.0.2", false), MEMORY_ASK);
}

#define MEMORY_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_CASE(what_was_learnt_is_known_for_a_while),
		MEMORY_CASE(strangers_have_the_database_asked_so_often_only),
		MEMORY_CASE(a_known_caller_is_found_whatever_strangers_do),
		MEMORY_CASE(those_who_prove_to_be_callers_do_not_count),
		MEMORY_CASE(memory_is_bounded_and_the_oldest_go_first),
		MEMORY_CASE(after_a_change_all_is_asked_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
