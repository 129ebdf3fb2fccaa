#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/consumer.h"
#include "common/kafka/worker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEYS     8
#define EACH     25
#define GROUP    "wx.workers"
#define WAIT_MS  20000
#define DELAY_MS 3000

/* What the handlers saw, and how they behave. */
struct seen {
	pthread_mutex_t lock;
	int n;
	int n_new;                /* without those that came before */
	bool settled[KEYS][EACH]; /* by key and number */
	int last[KEYS];           /* number of the newest record of each key */
	bool out_of_order;
	int running[KEYS];
	bool side_by_side; /* two of one key at once */
	atomic_bool hold;  /* handlers wait until they may not go on */
	atomic_int given_up;
	atomic_bool early; /* handled before it was due */
	int64_t delay_ms;  /* of records of the key 'a' */
	atomic_bool never; /* they are not due before tomorrow */
	atomic_bool back;  /* they are put back */
};

static bool handle(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct seen *s = arg;
	int key = ((const char *)r->key)[0] - 'a';
	int number = (int)strtol(r->value, NULL, 10);

	pthread_mutex_lock(&s->lock);
	s->side_by_side |= s->running[key]++ > 0;
	pthread_mutex_unlock(&s->lock);
	clock_sleep_ms(number % 3);
	while (atomic_load(&s->hold)) {
		if (!worker_wait(job, 20)) {
			atomic_fetch_add(&s->given_up, 1);
			return false;
		}
	}
	pthread_mutex_lock(&s->lock);
	s->running[key]--;
	s->out_of_order |= number < s->last[key];
	s->last[key] = number;
	s->n_new += !s->settled[key][number];
	s->settled[key][number] = true;
	s->n++;
	pthread_mutex_unlock(&s->lock);
	return true;
}

/* Records of the key 'a' have to wait. */
static int64_t due_ms(void *arg, const struct kafka_record *r)
{
	struct seen *s = arg;

	if (((const char *)r->key)[0] != 'a')
		return 0;
	return r->timestamp_ms + (atomic_load(&s->never) ? 86400000 : s->delay_ms);
}

static bool handle_due(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct seen *s = arg;

	if (clock_wall_ms() < due_ms(s, r))
		atomic_store(&s->early, true);
	return handle(arg, r, job);
}

static bool handle_or_put_back(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct seen *s = arg;

	if (((const char *)r->key)[0] == 'a' && atomic_load(&s->back))
		return worker_put_back(job, 20);
	return handle(arg, r, job);
}

static int count(struct seen *s)
{
	int n;

	pthread_mutex_lock(&s->lock);
	n = s->n_new;
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void wait_count(struct seen *s, int n)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	while (count(s) < n && clock_mono_ms() < until)
		clock_sleep_ms(10);
}

static void wait_ready(struct worker *w)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	while (!worker_ready(w) && clock_mono_ms() < until)
		clock_sleep_ms(10);
	assert_true(worker_ready(w));
	clock_sleep_ms(500); /* what was left would come now */
}

static struct worker_options options_for(struct seen *s)
{
	static const char *const topics[] = {KIT_TOPIC};

	return (struct worker_options){
		.client_id = "test",
		.group = GROUP,
		.topics = topics,
		.n_topics = 1,
		.n_from_beginning = 1,
		.threads = 4,
		.most_pending = 10,
		.handle = handle,
		.arg = s,
	};
}

static struct worker *start_with(const struct kit *kit, const struct worker_options *options)
{
	struct worker *w;
	struct err err;

	assert_int_equal(worker_new(&w, &kit->conf, options, &err), 0);
	return w;
}

static struct worker *start(const struct kit *kit, struct seen *s)
{
	const struct worker_options options = options_for(s);

	return start_with(kit, &options);
}

static struct worker *start_delayed(const struct kit *kit, struct seen *s)
{
	struct worker_options options = options_for(s);

	options.due_ms = due_ms;
	options.handle = handle_due;
	return start_with(kit, &options);
}

/* One thread: a record that held it would hold up all. */
static struct worker *start_patient(const struct kit *kit, struct seen *s)
{
	struct worker_options options = options_for(s);

	options.threads = 1;
	options.most_pending = 2 * KEYS * EACH;
	options.begin_ms = 300;
	options.handle = handle_or_put_back;
	return start_with(kit, &options);
}

static void publish_all(const struct kit *kit)
{
	struct producer *p = kit_warm_producer(kit);

	for (int i = 0; i < EACH; i++) {
		for (int k = 0; k < KEYS; k++) {
			char key[] = {(char)('a' + k), '\0'}, value[16];

			snprintf(value, sizeof(value), "%d", i);
			struct kafka_record r = kit_record(KIT_TOPIC, key, value);
			kit_publish(p, &r);
		}
	}
	producer_free(&p, 1000);
}

static void records_of_one_key_are_handled_in_order_and_all_are_settled(void **state)
{
	struct seen s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct kit *kit = *state;
	struct worker *w;

	publish_all(kit);
	w = start(kit, &s);
	wait_count(&s, KEYS * EACH);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(s.n, KEYS * EACH);
	assert_false(s.out_of_order);
	assert_false(s.side_by_side);
}

static void what_was_not_settled_comes_again_to_the_next_member(void **state)
{
	struct seen s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct kit *kit = *state;
	struct worker *w;
	int64_t began;

	publish_all(kit);
	w = start(kit, &s);
	wait_count(&s, KEYS * EACH / 2);
	atomic_store(&s.hold, true);
	clock_sleep_ms(100);
	began = clock_mono_ms();
	worker_stop(w, clock_mono_ms() + 200);
	assert_true(clock_mono_ms() - began < 5000);
	worker_free(&w);
	assert_true(atomic_load(&s.given_up) > 0);
	assert_true(s.n_new < KEYS * EACH);

	memset(s.running, 0, sizeof(s.running));
	memset(s.last, 0, sizeof(s.last)); /* some come again */
	atomic_store(&s.hold, false);
	w = start(kit, &s);
	wait_count(&s, KEYS * EACH);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(s.n_new, KEYS * EACH);
	assert_false(s.out_of_order);
}

static void a_member_that_settled_everything_leaves_nothing_to_the_next(void **state)
{
	struct seen first = {.lock = PTHREAD_MUTEX_INITIALIZER}, next = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct kit *kit = *state;
	struct worker *w;

	publish_all(kit);
	w = start(kit, &first);
	wait_count(&first, KEYS * EACH);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(first.n, KEYS * EACH);

	w = start(kit, &next);
	wait_ready(w);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(next.n, 0);
}

static void a_record_waits_for_its_time_and_those_of_its_partition_behind_it(void **state)
{
	struct seen s = {.lock = PTHREAD_MUTEX_INITIALIZER, .delay_ms = DELAY_MS};
	struct kit *kit = *state;
	struct worker *w;
	int64_t began;

	w = start_delayed(kit, &s);
	wait_ready(w);
	publish_all(kit);
	wait_count(&s, 1);
	began = clock_mono_ms();
	worker_stop(w, began + 20000); /* does not wait for what waits itself */
	assert_true(clock_mono_ms() - began < 10000);
	worker_free(&w);
	assert_true(s.n_new < KEYS * EACH);

	w = start_delayed(kit, &s); /* none is lost */
	wait_count(&s, KEYS * EACH);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(s.n_new, KEYS * EACH);
	assert_false(s.out_of_order);
	assert_false(atomic_load(&s.early));
}

/* The library keeps a partition paused that was taken away and has come back. */
static void a_partition_that_waited_when_the_group_changed_goes_on_after_it(void **state)
{
	struct seen s = {.lock = PTHREAD_MUTEX_INITIALIZER, .never = true};
	struct kit *kit = *state;
	struct worker *first, *second;

	first = start_delayed(kit, &s);
	wait_ready(first);
	publish_all(kit);
	wait_count(&s, (KEYS - 1) * EACH);
	second = start_delayed(kit, &s);
	wait_ready(second);
	atomic_store(&s.never, false);
	worker_stop(second, clock_mono_ms() + 5000); /* whichever had the partition, the first has it now */
	worker_free(&second);
	wait_count(&s, KEYS * EACH);
	worker_stop(first, clock_mono_ms() + 5000);
	worker_free(&first);
	assert_int_equal(s.n_new, KEYS * EACH);
	assert_false(atomic_load(&s.early));
}

/* --- topics that give way
 * ------------------------------------------------------------------------------------
 */

#define BACKGROUND "wx.background"
#define BEHIND     20
#define MARK       "wx-gives-way"

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
	struct worker_options options = options_for(NULL);

	options.topics = topics;
	options.n_topics = options.n_from_beginning = 2;
	options.n_background = 1;
	options.gives_way = is_marked;
	options.most_pending = most_pending;
	options.handle = handle_in_turns;
	options.arg = t;
	return start_with(kit, &options);
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
	wait_ready(w);
	publish_keys(kit, BACKGROUND, "a", BEHIND);
	wait_number(&t.background, 1);
	publish_keys(kit, KIT_TOPIC, "abcdefgh", 1);
	wait_number(&t.others, KEYS - 1); /* all but that of the key whose turn a background record has */
	atomic_store(&t.hold, false);
	wait_number(&t.ended, BEHIND);
	wait_number(&t.others, KEYS);
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
	wait_ready(w);
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
	wait_ready(w);
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
	wait_ready(w);
	publish_keys(kit, KIT_TOPIC, "ijklmnop", 1);
	wait_number(&t.others, 16);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(atomic_load(&t.ended), 16);
	assert_int_equal(atomic_load(&t.others), 16);
}

static void a_record_that_is_put_back_holds_its_key_and_no_thread_and_is_not_lost(void **state)
{
	struct seen s = {.lock = PTHREAD_MUTEX_INITIALIZER, .back = true};
	struct kit *kit = *state;
	struct worker *w;
	int64_t began;

	publish_all(kit);
	w = start_patient(kit, &s);
	wait_count(&s, (KEYS - 1) * EACH);
	assert_int_equal(count(&s), (KEYS - 1) * EACH);
	assert_false(s.settled[0][0]);
	began = clock_mono_ms();
	worker_stop(w, began + 20000); /* does not wait for what is put back again and again */
	assert_true(clock_mono_ms() - began < 10000);
	worker_free(&w);

	memset(s.last, 0, sizeof(s.last)); /* the others come again, too: they stand behind the first */
	w = start_patient(kit, &s);
	wait_ready(w);
	assert_false(s.settled[0][0]);
	atomic_store(&s.back, false);
	wait_count(&s, KEYS * EACH);
	worker_stop(w, clock_mono_ms() + 5000);
	worker_free(&w);
	assert_int_equal(s.n_new, KEYS * EACH);
	assert_false(s.out_of_order);
	assert_false(s.side_by_side);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(records_of_one_key_are_handled_in_order_and_all_are_settled),
		KIT_CASE(what_was_not_settled_comes_again_to_the_next_member),
		KIT_CASE(a_member_that_settled_everything_leaves_nothing_to_the_next),
		KIT_CASE(a_record_waits_for_its_time_and_those_of_its_partition_behind_it),
		KIT_CASE(a_partition_that_waited_when_the_group_changed_goes_on_after_it),
		KIT_CASE(records_of_background_topics_give_way_to_the_others),
		KIT_CASE(background_records_that_wait_at_the_end_come_again),
		KIT_CASE(more_marked_records_may_wait_than_others_so_that_these_are_read),
		KIT_CASE(marked_records_of_other_topics_give_way_and_do_not_come_again),
		KIT_CASE(a_record_that_is_put_back_holds_its_key_and_no_thread_and_is_not_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
