#include "services/api-proxy/callers/caller_memory.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <pthread.h>
#include <stdatomic.h>
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

#define WAIT_MS 60000 /* for another's answer; the test ends long before */

static void learn_caller(const char *name)
{
	struct caller *c = xcalloc(1, sizeof(*c));

	c->refs = 1;
	caller_memory_learn(memory, name, c);
	caller_put(&c);
}

static enum memory find(const char *name, const char *origin, bool caller)
{
	struct caller *c = NULL;
	enum memory found = caller_memory_find(memory, name, origin, clock_mono_ms() + WAIT_MS, &c, NULL);

	assert_int_equal(c != NULL, caller);
	caller_put(&c);
	return found;
}

static void meet_caller(const char *name, const char *origin)
{
	assert_int_equal(find(name, origin, false), MEMORY_ASK);
	learn_caller(name);
}

static void meet_nobody(const char *name, const char *origin)
{
	assert_int_equal(find(name, origin, false), MEMORY_ASK);
	caller_memory_learn(memory, name, NULL);
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
		caller_memory_learn(memory, name, NULL);
	}
	return asked;
}

static void what_was_learnt_is_known_for_a_while(void **state)
{
	(void)state;
	meet_caller("a", "10.0.0.1");
	meet_nobody("b", "10.0.0.1");
	clock_fake_advance(CALLER_MEMORY_NONE_MS - 1);
	assert_int_equal(find("a", "10.0.0.1", true), MEMORY_KNOWN);
	assert_int_equal(find("b", "10.0.0.1", false), MEMORY_KNOWN);
	clock_fake_advance(1);
	assert_int_equal(find("b", "10.0.0.1", false), MEMORY_ASK);
	clock_fake_advance(CALLERS_CACHE_MS - CALLER_MEMORY_NONE_MS - 1);
	assert_int_equal(find("a", "10.0.0.1", true), MEMORY_KNOWN);
	clock_fake_advance(1);
	meet_nobody("a", "10.0.0.1"); /* revoked */
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
	meet_caller("a", "10.0.0.1");
	for (second = 0; second < 20; second++) {
		strangers("10.0.0.1", 5000);
		if (find("a", "10.0.0.1", second == 0 || second % 5 != 0) == MEMORY_ASK)
			learn_caller("a");
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
		meet_caller(name, "10.0.0.1");
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
		meet_caller(name, NULL);
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
	meet_caller("a", "10.0.0.1");
	meet_nobody("b", "10.0.0.1");
	caller_memory_expire(memory);
	strangers("10.0.0.1", 100);
	assert_int_equal(find("a", "10.0.0.1", false), MEMORY_ASK); /* still no stranger */
	assert_int_equal(find("b", "10.0.0.2", false), MEMORY_ASK);
}

/* A known caller is asked for again as often as its time is over; that is no stranger's to spend. */
static void who_was_not_counted_is_not_given_back(void **state)
{
	(void)state;
	meet_caller("a", "10.0.0.1");
	assert_int_equal(strangers("10.0.0.1", 100), STRANGERS_OF_ONE_PER_S);
	caller_memory_expire(memory);
	meet_caller("a", "10.0.0.1");
	assert_int_equal(strangers("10.0.0.1", 100), 0);
}

/* --- several at once ------------------------------------------------------------------------------ */

#define THREADS (2 * STRANGERS_OF_ONE_PER_S)

struct together {
	pthread_t threads[THREADS];
	int64_t wait_ms;
	atomic_int begun;
	atomic_int known, nobody, failed, asked, busy;
	atomic_int fatal; /* of those that failed */
};

static void *one_comes(void *arg)
{
	struct together *t = arg;
	struct caller *c = NULL;
	struct err err = {.kind = ERR_RETRY};
	enum memory found;

	atomic_fetch_add(&t->begun, 1);
	found = caller_memory_find(memory, "a", "10.0.0.1", clock_mono_ms() + t->wait_ms, &c, &err);
	atomic_fetch_add(found == MEMORY_ASK      ? &t->asked
			 : found == MEMORY_BUSY   ? &t->busy
			 : found == MEMORY_FAILED ? &t->failed
			 : c                      ? &t->known
						  : &t->nobody,
		1);
	if (found == MEMORY_FAILED && err.kind == ERR_FATAL)
		atomic_fetch_add(&t->fatal, 1);
	caller_put(&c);
	return NULL;
}

static void come(struct together *t, int64_t wait_ms)
{
	t->wait_ms = wait_ms;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t->threads[i], NULL, one_comes, t), 0);
	while (atomic_load(&t->begun) < THREADS)
		clock_sleep_ms(1);
}

/* While one asks already. The real clock: they wait. */
static void come_together(struct together *t, int64_t wait_ms)
{
	clock_real();
	assert_int_equal(find("a", "10.0.0.1", false), MEMORY_ASK);
	come(t, wait_ms);
}

static void join(struct together *t)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(t->threads[i], NULL);
}

static void those_of_one_name_are_asked_for_once(void **state)
{
	struct together t = {.wait_ms = 0};

	(void)state;
	come_together(&t, WAIT_MS);
	clock_sleep_ms(20); /* so that most of them wait already; it does not matter how many */
	learn_caller("a");
	join(&t);
	assert_int_equal(t.known, THREADS);
}

/* Who came after a failure asks anew, and fails as well: each is told, or asked himself. */
static void those_of_one_name_are_all_told_of_a_failure(void **state)
{
	struct err why;
	struct together t = {.wait_ms = 0};
	int asked = 0;

	(void)state;
	(void)err_set(&why, ERR_FATAL, 0, "no such master key");
	come_together(&t, WAIT_MS);
	clock_sleep_ms(20);
	caller_memory_fail(memory, "a", &why);
	while (t.failed + t.asked < THREADS) {
		if (t.asked > asked) {
			asked++;
			caller_memory_fail(memory, "a", &why);
		}
		clock_sleep_ms(1);
	}
	join(&t);
	assert_int_equal(t.fatal, t.failed);
	assert_int_equal(t.known + t.nobody + t.busy, 0);
}

static void nobody_waits_beyond_his_deadline(void **state)
{
	struct together t = {.wait_ms = 0};

	(void)state;
	come_together(&t, 20);
	join(&t);
	assert_int_equal(t.failed, THREADS);
	assert_int_equal(t.fatal, 0);
	learn_caller("a"); /* late, but not in vain */
	assert_int_equal(find("a", "10.0.0.1", true), MEMORY_KNOWN);
}

/* A caller is added while he is asked for: what the database said is for those who came before. */
static void an_answer_from_before_a_change_is_for_nobody_after_it(void **state)
{
	struct together t = {.wait_ms = 0};

	(void)state;
	clock_real();
	assert_int_equal(find("a", "10.0.0.1", false), MEMORY_ASK);
	caller_memory_expire(memory);
	come(&t, WAIT_MS);
	clock_sleep_ms(20);
	caller_memory_learn(memory, "a", NULL);
	while (t.asked == 0)
		clock_sleep_ms(1);
	learn_caller("a");
	join(&t);
	assert_int_equal(t.asked, 1);
	assert_int_equal(t.known, THREADS - 1);
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
		MEMORY_CASE(who_was_not_counted_is_not_given_back),
		MEMORY_CASE(those_of_one_name_are_asked_for_once),
		MEMORY_CASE(those_of_one_name_are_all_told_of_a_failure),
		MEMORY_CASE(nobody_waits_beyond_his_deadline),
		MEMORY_CASE(an_answer_from_before_a_change_is_for_nobody_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
