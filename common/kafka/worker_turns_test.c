/* Records that give way to others: those of a background topic, and those that are marked. */
#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BACKGROUND "wx.background"
#define BEHIND     20
#define MARK       "wx-gives-way"
#define OTHERS     8
#define WAIT_MS    20000

struct turns {
	atomic_bool hold; /* background records do not end */
	atomic_int background, most_background, ended, others;
	atomic_int ended_before; /* background records that ended before the other one of their key began */
};

static bool is_marked(void *arg, const struct kafka_record *r)
{
	(void)arg;
	return kafka_record_header(r, MARK) != NULL;
}

static bool handle_in_turns(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct turns *t = arg;
	int n;

	if (strcmp(r->topic, BACKGROUND) != 0 && !is_marked(NULL, r)) {
		if (((const char *)r->key)[0] == 'a')
			atomic_store(&t->ended_before, atomic_load(&t->ended));
		atomic_fetch_add(&t->others, 1);
		return true;
	}
	n = atomic_fetch_add(&t->background, 1) + 1;
	if (n > atomic_load(&t->most_background))
		atomic_store(&t->most_background, n);
	while (atomic_load(&t->hold))
		if (!worker_wait(job, 5))
			return false;
	atomic_fetch_sub(&t->background, 1);
	atomic_fetch_add(&t->ended, 1);
	return true;
}

static void publish_marked(
	const struct kit *kit, const char *topic, const char *keys, int each, const struct kafka_header *mark)
{
	const char *const topics[] = {topic};
	struct producer *p = kit_producer(&kit->conf, &(struct producer_options){.client_id = "test"});
	struct err err;

	assert_int_equal(producer_warm(p, topics, 1, 10000, &err), 0);
	for (; *keys; keys++) {
		for (int i = 0; i < each; i++) {
			char key[] = {*keys, '\0'};
			struct kafka_record r = kit_record(topic, key, "1");

			r.headers = mark;
			r.n_headers = mark ? 1 : 0;
			kit_publish(p, &r);
		}
	}
	producer_free(&p, 1000);
}

static void publish_keys(const struct kit *kit, const char *topic, const char *keys, int each)
{
	publish_marked(kit, topic, keys, each, NULL);
}

static void wait_number(atomic_int *n, int wanted)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	while (atomic_load(n) < wanted && clock_mono_ms() < until)
		clock_sleep_ms(5);
	assert_int_equal(atomic_load(n), wanted);
}

static struct worker *start_with_most(const struct kit *kit, struct turns *t, size_t most_pending)
{
	static const char *const topics[] = {KIT_TOPIC, BACKGROUND};
	const struct worker_options options = {
		.client_id = "test",
		.group = "wx.workers",
		.topics = topics,
		.n_topics = 2,
		.n_from_beginning = 2,
		.n_background = 1,
		.gives_way = is_marked,
		.threads = 4,
		.most_pending = most_pending,
		.handle = handle_in_turns,
		.arg = t,
	};
	struct worker *w;
	struct err err;

	assert_int_equal(worker_new(&w, &kit->conf, &options, &err), 0);
	return w;
}

static struct worker *start_with_background(const struct kit *kit, struct turns *t)
{
	return start_with_most(kit, t, 0);
}

static void make_background(const struct kit *kit)
{
	struct err err;

	assert_int_equal(kafka_mock_create_topic(kit->mock, BACKGROUND, 2, &err), 0);
}

static void records_of_background_topics_give_way_to_the_others(void **state)
{
	struct turns t = {.hold = true};
	struct kit *kit = *state;
	struct worker *w;

	make_background(kit);
	w = start_with_background(kit, &t);
	kit_wait_worker(w);
	publish_keys(kit, BACKGROUND, "a", BEHIND);
	wait_number(&t.background, 1);
	publish_keys(kit, KIT_TOPIC, "abcdefgh", 1);
	wait_number(&t.others, OTHERS - 1); /* all but that of the key whose turn a background record has */
	atomic_store(&t.hold, false);
	wait_number(&t.ended, BEHIND);
	wait_number(&t.others, OTHERS);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(atomic_load(&t.most_background), 1); /* a quarter of the threads */
	assert_int_equal(atomic_load(&t.ended_before), 1);    /* behind one of its key, not behind all */
}

static void background_records_that_wait_at_the_end_come_again(void **state)
{
	struct turns t = {.hold = true};
	struct kit *kit = *state;
	struct worker *w;
	int64_t began;

	make_background(kit);
	w = start_with_background(kit, &t);
	publish_keys(kit, BACKGROUND, "a", BEHIND);
	wait_number(&t.background, 1);
	began = clock_mono_ms();
	worker_stop(w, began + 200);
	assert_true(clock_mono_ms() - began < 10000);
	worker_free(&w);
	assert_int_equal(atomic_load(&t.ended), 0);

	atomic_store(&t.hold, false);
	w = start_with_background(kit, &t);
	wait_number(&t.ended, BEHIND);
	worker_free(&w);
}

#define MOST      30
#define PARTITION 3

static void publish_behind(const struct kit *kit, const struct kafka_header *mark, int n)
{
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record(KIT_TOPIC, mark ? "replayed" : "live", "1");

	r.partition = PARTITION;
	r.headers = mark;
	r.n_headers = mark ? 1 : 0;
	for (int i = 0; i < n; i++)
		kit_publish(p, &r);
	producer_free(&p, 1000);
}

/* As a live retry behind those of a replay, on one partition of a retry topic. */
static void more_marked_records_may_wait_than_others_so_that_these_are_read(void **state)
{
	const struct kafka_header mark = {MARK, "", 0};
	struct turns t = {.hold = true};
	struct kit *kit = *state;
	struct worker *w;

	make_background(kit);
	w = start_with_most(kit, &t, MOST);
	kit_wait_worker(w);
	publish_behind(kit, &mark, 5 * MOST);
	publish_behind(kit, NULL, 1);
	wait_number(&t.others, 1);
	publish_behind(kit, &mark, 6 * MOST); /* but not any number */
	publish_behind(kit, NULL, 1);
	clock_sleep_ms(500);
	assert_int_equal(atomic_load(&t.others), 1);
	atomic_store(&t.hold, false);
	wait_number(&t.others, 2);
	wait_number(&t.ended, 11 * MOST);
	worker_free(&w);
}

static void *let_go_soon(void *arg)
{
	struct turns *t = arg;

	clock_sleep_ms(300);
	atomic_store(&t->hold, false);
	return NULL;
}

/* They stand among others of their topic, which may be settled behind them. */
static void marked_records_of_other_topics_give_way_and_do_not_come_again(void **state)
{
	const struct kafka_header mark = {MARK, "", 0};
	struct turns t = {.hold = true};
	struct kit *kit = *state;
	pthread_t thread;
	struct worker *w;

	make_background(kit);
	w = start_with_background(kit, &t);
	kit_wait_worker(w);
	publish_marked(kit, KIT_TOPIC, "abcdefgh", 2, &mark);
	wait_number(&t.background, 1);
	publish_keys(kit, KIT_TOPIC, "ijklmnop", 1);
	wait_number(&t.others, 8);
	assert_int_equal(atomic_load(&t.most_background), 1);
	assert_int_equal(pthread_create(&thread, NULL, let_go_soon, &t), 0);
	worker_stop(w, clock_mono_ms() + WAIT_MS);
	pthread_join(thread, NULL);
	worker_free(&w);
	assert_int_equal(atomic_load(&t.ended), 16);

	w = start_with_background(kit, &t);
	kit_wait_worker(w);
	publish_keys(kit, KIT_TOPIC, "ijklmnop", 1);
	wait_number(&t.others, 16);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(atomic_load(&t.ended), 16);
	assert_int_equal(atomic_load(&t.others), 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(records_of_background_topics_give_way_to_the_others),
		KIT_CASE(background_records_that_wait_at_the_end_come_again),
		KIT_CASE(more_marked_records_may_wait_than_others_so_that_these_are_read),
		KIT_CASE(marked_records_of_other_topics_give_way_and_do_not_come_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
