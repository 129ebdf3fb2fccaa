#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/consumer.h"
#include "common/kafka/worker.h"

#include <librdkafka/rdkafka.h>
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

static atomic_int n_paused;

rd_kafka_resp_err_t __real_rd_kafka_pause_partitions(
	rd_kafka_t *rk, rd_kafka_topic_partition_list_t *partitions);
rd_kafka_resp_err_t __wrap_rd_kafka_pause_partitions(
	rd_kafka_t *rk, rd_kafka_topic_partition_list_t *partitions);
rd_kafka_resp_err_t __wrap_rd_kafka_pause_partitions(
	rd_kafka_t *rk, rd_kafka_topic_partition_list_t *partitions)
{
	atomic_fetch_add(&n_paused, 1);
	return __real_rd_kafka_pause_partitions(rk, partitions);
}

static bool settle_at_once(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	(void)r;
	(void)job;
	atomic_fetch_add((atomic_int *)arg, 1);
	return true;
}

/* A pause throws away what was read ahead. */
static void handlers_that_catch_up_within_moments_pause_nothing(void **state)
{
	struct worker_options options = options_for(NULL);
	int64_t until = clock_mono_ms() + WAIT_MS;
	struct kit *kit = *state;
	atomic_int n = 0;
	struct worker *w;

	options.most_pending = 1;
	options.handle = settle_at_once;
	options.arg = &n;
	publish_all(kit);
	atomic_store(&n_paused, 0);
	w = start_with(kit, &options);
	while (atomic_load(&n) < KEYS * EACH && clock_mono_ms() < until)
		clock_sleep_ms(10);
	worker_free(&w);
	assert_int_equal(atomic_load(&n), KEYS * EACH);
	print_message("      paused %d times\n", atomic_load(&n_paused));
	assert_in_range(atomic_load(&n_paused), 0, KEYS * EACH / 4); /* it is at its limit with each record */
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
	kit_wait_worker(w);
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
	kit_wait_worker(w);
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
	kit_wait_worker(first);
	publish_all(kit);
	wait_count(&s, (KEYS - 1) * EACH);
	second = start_delayed(kit, &s);
	kit_wait_worker(second);
	atomic_store(&s.never, false);
	worker_stop(second, clock_mono_ms() + 5000); /* whichever had the partition, the first has it now */
	worker_free(&second);
	wait_count(&s, KEYS * EACH);
	worker_stop(first, clock_mono_ms() + 5000);
	worker_free(&first);
	assert_int_equal(s.n_new, KEYS * EACH);
	assert_false(atomic_load(&s.early));
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
	kit_wait_worker(w);
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
		KIT_CASE(handlers_that_catch_up_within_moments_pause_nothing),
		KIT_CASE(what_was_not_settled_comes_again_to_the_next_member),
		KIT_CASE(a_member_that_settled_everything_leaves_nothing_to_the_next),
		KIT_CASE(a_record_waits_for_its_time_and_those_of_its_partition_behind_it),
		KIT_CASE(a_partition_that_waited_when_the_group_changed_goes_on_after_it),
		KIT_CASE(a_record_that_is_put_back_holds_its_key_and_no_thread_and_is_not_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
