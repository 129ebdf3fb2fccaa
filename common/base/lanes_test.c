#include "common/base/lanes.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct seen {
	pthread_mutex_t lock;
	char order[256];
	size_t n;
	int running, most, dropped;
	bool stall; /* jobs called 's' do not end */
};

static int64_t seen_run(void *arg, void *job)
{
	struct seen *s = arg;

	pthread_mutex_lock(&s->lock);
	if (++s->running > s->most)
		s->most = s->running;
	pthread_mutex_unlock(&s->lock);
	clock_sleep_ms(5);
	pthread_mutex_lock(&s->lock);
	while (s->stall && *(char *)job == 's') {
		pthread_mutex_unlock(&s->lock);
		clock_sleep_ms(2);
		pthread_mutex_lock(&s->lock);
	}
	s->running--;
	s->order[s->n++] = *(char *)job;
	pthread_mutex_unlock(&s->lock);
	free(job);
	return 0;
}

/* Jobs that are capitals are not due before the moment that their letter stands for; then they are small. */
static int64_t sleepy_run(void *arg, void *job)
{
	char *name = job;

	if (*name < 'A' || *name > 'Z')
		return seen_run(arg, job);
	*name += 'a' - 'A';
	return 1 + *name - 'a';
}

static void seen_drop(void *arg, void *job)
{
	struct seen *s = arg;

	s->dropped++;
	free(job);
}

static void wait_for(struct seen *s, size_t n)
{
	int64_t until = clock_mono_ms() + 10000;
	size_t now = 0;

	while (now < n && clock_mono_ms() < until) {
		clock_sleep_ms(2);
		pthread_mutex_lock(&s->lock);
		now = s->n;
		pthread_mutex_unlock(&s->lock);
	}
	assert_int_equal(now, n);
}

static void stall(struct seen *s, bool on)
{
	pthread_mutex_lock(&s->lock);
	s->stall = on;
	pthread_mutex_unlock(&s->lock);
}

static void wait_for_running(struct seen *s, int n)
{
	int64_t until = clock_mono_ms() + 10000;
	int now = -1;

	while (now != n && clock_mono_ms() < until) {
		clock_sleep_ms(2);
		pthread_mutex_lock(&s->lock);
		now = s->running;
		pthread_mutex_unlock(&s->lock);
	}
	assert_int_equal(now, n);
}

static struct lanes *start_with(struct seen *s, int threads, int64_t (*run)(void *, void *))
{
	struct lanes_work work = {run, seen_drop, s};
	struct lanes *l = NULL;

	*s = (struct seen){.n = 0};
	pthread_mutex_init(&s->lock, NULL);
	assert_int_equal(lanes_new(&l, threads, &work, NULL), 0);
	return l;
}

static struct lanes *start(struct seen *s, int threads)
{
	return start_with(s, threads, seen_run);
}

static void jobs_of_one_lane_run_in_order_and_lanes_side_by_side(void **state)
{
	struct seen s;
	struct lanes *l = start(&s, 4);
	char last[3] = {0, 0, 0};
	size_t i;

	(void)state;
	for (i = 0; i < 60; i++) {
		char name = (char)('a' + i / 3);

		lanes_add(
			l, &"xyz"[i % 3], 1, xmemdup((char[]){(char)((name - 'a') * 3 + (char)(i % 3))}, 1));
	}
	wait_for(&s, 60);
	assert_in_range(s.most, 2, 3);
	for (i = 0; i < 60; i++) {
		int lane = s.order[i] % 3;

		assert_true(s.order[i] / 3 >= last[lane]);
		last[lane] = (char)(s.order[i] / 3);
	}
	lanes_free(&l);
	assert_int_equal(s.dropped, 0);
}

static void jobs_that_come_together_keep_their_order_and_wake_all_that_are_needed(void **state)
{
	struct lanes_entry entries[40];
	struct seen s;
	struct lanes *l = start(&s, 4);
	char last[4] = {0};

	(void)state;
	for (size_t i = 0; i < 40; i++)
		entries[i] = (struct lanes_entry){
			.key = &"wxyz"[i % 4], .key_len = 1, .job = xmemdup((char[]){(char)(i + 1)}, 1)};
	lanes_add_all(l, entries, 40);
	wait_for(&s, 40);
	assert_int_equal(s.most, 4);
	for (size_t i = 0; i < 40; i++) {
		int lane = (s.order[i] - 1) % 4;

		assert_true(s.order[i] > last[lane]);
		last[lane] = s.order[i];
	}
	lanes_free(&l);
}

static void jobs_without_a_lane_run_side_by_side(void **state)
{
	struct seen s;
	struct lanes *l = start(&s, 4);
	int i;

	(void)state;
	stall(&s, true);
	for (i = 0; i < 20; i++)
		lanes_add(l, NULL, 0, xmemdup("s", 1));
	wait_for_running(&s, 4);
	stall(&s, false);
	wait_for(&s, 20);
	assert_int_equal(s.most, 4);
	lanes_free(&l);
}

static void jobs_that_stall_get_all_threads(void **state)
{
	struct lanes_entry entries[40] = {{.key_len = 0}};
	struct seen s;
	struct lanes *l = start(&s, 32);

	(void)state;
	stall(&s, true);
	for (int i = 0; i < 40; i++)
		entries[i].job = xmemdup("s", 1);
	lanes_add_all(l, entries, 40);
	wait_for_running(&s, 32); /* by one another: nothing is added any more */
	stall(&s, false);
	wait_for(&s, 40);
	lanes_free(&l);
}

static void what_has_not_begun_is_dropped_at_the_end(void **state)
{
	struct seen s;
	struct lanes *l = start(&s, 1);
	int i;

	(void)state;
	for (i = 0; i < 50; i++)
		lanes_add(l, "one lane", 8, xmemdup("n", 1));
	lanes_free(&l);
	assert_int_equal(s.n + (size_t)s.dropped, 50);
	assert_true(s.dropped > 40);
}

static void lanes_of_a_full_share_leave_threads_to_the_others(void **state)
{
	const struct lanes_share slow = {"slow", 4, 2}, quick = {"quick", 5, 2};
	struct seen s;
	struct lanes *l = start(&s, 8);
	size_t i, first_quick = 0;

	(void)state;
	for (i = 0; i < 40; i++)
		lanes_add_shared(l, NULL, 0, &slow, 1, xmemdup("s", 1));
	lanes_add_shared(l, NULL, 0, &quick, 1, xmemdup("q", 1));
	wait_for(&s, 41);
	while (s.order[first_quick] != 'q')
		first_quick++;
	assert_true(first_quick < 10);
	assert_in_range(s.most, 2, 3);
	lanes_free(&l);
	assert_int_equal(s.dropped, 0);
}

static void the_narrower_of_two_shares_counts(void **state)
{
	const struct lanes_share shares[] = {{"account", 7, 3}, {"caller", 6, 1}};
	struct seen s;
	struct lanes *l = start(&s, 8);
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		lanes_add_shared(l, NULL, 0, shares, 2, xmemdup("n", 1));
	wait_for(&s, 20);
	assert_int_equal(s.most, 1);
	stall(&s, true);
	for (i = 0; i < 20; i++)
		lanes_add_shared(l, NULL, 0, shares, 1, xmemdup("s", 1));
	wait_for_running(&s, 3);
	stall(&s, false);
	wait_for(&s, 40);
	assert_int_equal(s.most, 3);
	lanes_free(&l);
}

static void the_end_of_a_job_moves_one_waiting_lane_not_all(void **state)
{
	const struct lanes_share share = {"account", 7, 2};
	struct seen s;
	struct lanes *l = start(&s, 4);
	int i;

	(void)state;
	for (i = 0; i < 200; i++)
		lanes_add_shared(l, NULL, 0, &share, 1, xmemdup("n", 1));
	wait_for(&s, 200);
	assert_int_equal(s.most, 2);
	assert_true(lanes_unparked(l) <= 200);
	lanes_free(&l);
}

/* Room in a share that its first waiting lane cannot use, because one within it is full, is the next one's.
 */
static void room_in_a_share_is_handed_on_by_who_cannot_use_it(void **state)
{
	struct seen s;
	struct lanes *l = start(&s, 24);
	int i;

	(void)state;
	for (i = 0; i < 240; i++) {
		const struct lanes_share shares[] = {{"a", 1, 8}, {&"xyz"[i % 3], 1, 1 + i % 3}};

		lanes_add_shared(l, NULL, 0, shares, 2, xmemdup("n", 1));
	}
	wait_for(&s, 240);
	assert_in_range(s.most, 2, 6);
	lanes_free(&l);
	assert_int_equal(s.dropped, 0);
}

static void add_of(struct lanes *l, const char *caller, const char *account, const char *job, int n)
{
	const struct lanes_share shares[] = {{caller, 1, 100}, {account, 1, 100}};

	while (n-- > 0)
		lanes_add_shared(l, NULL, 0, shares, 2, xmemdup(job, 1));
}

/* Of 16 threads the first takes 8, the second half of what it leaves, the third half of that; each of its two
 * accounts half of what it may take. */
static void shares_whose_jobs_stall_leave_threads_to_the_others(void **state)
{
	static const int held[3] = {4 + 2, 6 + 3 + 1, 10 + 2 + 1};
	struct seen s;
	struct lanes *l = start(&s, 16);

	(void)state;
	stall(&s, true);
	for (int i = 0; i < 3; i++) {
		add_of(l, &"abc"[i], "x", "s", 40);
		clock_sleep_ms(20);
		add_of(l, &"abc"[i], "y", "s", 40);
		wait_for_running(&s, held[i]);
	}
	add_of(l, "d", "z", "q", 1); /* one who comes now */
	wait_for(&s, 1);
	stall(&s, false);
	wait_for(&s, 241);
	lanes_free(&l);
	assert_int_equal(s.dropped, 0);
}

static void an_account_whose_jobs_stall_leaves_threads_to_the_others_of_its_caller(void **state)
{
	struct seen s;
	struct lanes *l = start(&s, 16);

	(void)state;
	stall(&s, true);
	add_of(l, "a", "x", "s", 40);
	wait_for_running(&s, 4);
	add_of(l, "a", "y", "s", 40);
	wait_for_running(&s, 6);
	add_of(l, "a", "z", "q", 20);
	wait_for(&s, 20);
	stall(&s, false);
	wait_for(&s, 100);
	lanes_free(&l);
	assert_int_equal(s.dropped, 0);
}

static int64_t count_run(void *arg, void *job)
{
	struct seen *s = arg;

	pthread_mutex_lock(&s->lock);
	s->n++;
	pthread_mutex_unlock(&s->lock);
	free(job);
	return 0;
}

static void none_is_forgotten_in_whatever_mix(void **state)
{
	struct seen s;
	struct lanes *l = start_with(&s, 8, count_run);
	unsigned x = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		x = x * 1103515245 + 12345;
		add_of(l, &"abcde"[x >> 16 & 3], &"tuvwxyz"[(x >> 20) % 7], "n", 1);
	}
	wait_for(&s, 20000);
	lanes_free(&l);
	assert_int_equal(s.dropped, 0);
}

static void what_a_share_holds_back_is_dropped_at_the_end(void **state)
{
	const struct lanes_share share = {"account", 7, 1};
	struct seen s;
	struct lanes *l = start(&s, 4);
	int i;

	(void)state;
	for (i = 0; i < 30; i++)
		lanes_add_shared(l, NULL, 0, &share, 1, xmemdup("n", 1));
	lanes_free(&l);
	assert_int_equal(s.n + (size_t)s.dropped, 30);
	assert_true(s.dropped > 20);
}

/* One thread and a share for one: whoever held either would hold up all. */
static void a_job_that_is_to_run_later_holds_its_lane_and_nothing_else(void **state)
{
	const struct lanes_share share = {"caller", 6, 1};
	struct seen s;
	struct lanes *l = start_with(&s, 1, sleepy_run);

	(void)state;
	lanes_add_shared(l, "lane", 4, &share, 1, xmemdup("Z", 1));
	lanes_add_shared(l, "lane", 4, &share, 1, xmemdup("b", 1));
	lanes_add_shared(l, "other", 5, &share, 1, xmemdup("c", 1));
	wait_for(&s, 1);
	assert_memory_equal(s.order, "c", 1);
	lanes_resume(l, 25);
	lanes_add(l, NULL, 0, xmemdup("d", 1));
	wait_for(&s, 2);
	assert_memory_equal(s.order, "cd", 2);
	lanes_resume(l, 26);
	wait_for(&s, 4);
	assert_memory_equal(s.order, "cdzb", 4);
	lanes_free(&l);
	assert_int_equal(s.dropped, 0);
}

static void jobs_that_are_to_run_later_run_in_the_order_of_their_moments(void **state)
{
	struct seen s;
	struct lanes *l = start_with(&s, 1, sleepy_run);
	const char *c;

	(void)state;
	for (c = "QWERTYUIOPASDFGHJKLZXCVBNM"; *c; c++)
		lanes_add(l, c, 1, xmemdup(c, 1));
	lanes_add(l, NULL, 0, xmemdup("0", 1));
	wait_for(&s, 1); /* all the others have been put off before */
	lanes_resume(l, 13);
	wait_for(&s, 14);
	lanes_resume(l, INT64_MAX);
	wait_for(&s, 27);
	assert_memory_equal(s.order, "0abcdefghijklmnopqrstuvwxyz", 27);
	lanes_free(&l);
}

static void what_is_to_run_later_is_dropped_at_the_end(void **state)
{
	struct seen s;
	struct lanes *l = start_with(&s, 2, sleepy_run);

	(void)state;
	lanes_add(l, "a", 1, xmemdup("A", 1));
	lanes_add(l, "b", 1, xmemdup("B", 1));
	lanes_add(l, "b", 1, xmemdup("c", 1));
	lanes_free(&l);
	assert_int_equal(s.dropped, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(jobs_of_one_lane_run_in_order_and_lanes_side_by_side),
		TESTING_CASE(jobs_that_come_together_keep_their_order_and_wake_all_that_are_needed),
		TESTING_CASE(jobs_without_a_lane_run_side_by_side),
		TESTING_CASE(jobs_that_stall_get_all_threads),
		TESTING_CASE(what_has_not_begun_is_dropped_at_the_end),
		TESTING_CASE(lanes_of_a_full_share_leave_threads_to_the_others),
		TESTING_CASE(the_narrower_of_two_shares_counts),
		TESTING_CASE(the_end_of_a_job_moves_one_waiting_lane_not_all),
		TESTING_CASE(room_in_a_share_is_handed_on_by_who_cannot_use_it),
		TESTING_CASE(shares_whose_jobs_stall_leave_threads_to_the_others),
		TESTING_CASE(an_account_whose_jobs_stall_leaves_threads_to_the_others_of_its_caller),
		TESTING_CASE(none_is_forgotten_in_whatever_mix),
		TESTING_CASE(what_a_share_holds_back_is_dropped_at_the_end),
		TESTING_CASE(a_job_that_is_to_run_later_holds_its_lane_and_nothing_else),
		TESTING_CASE(jobs_that_are_to_run_later_run_in_the_order_of_their_moments),
		TESTING_CASE(what_is_to_run_later_is_dropped_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
