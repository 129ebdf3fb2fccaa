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

static struct worker *start_member(const struct kit *kit, struct seen *s, bool with_delay)
{
	static const char *const topics[] = {KIT_TOPIC};
	const struct worker_options options = {
		.client_id = "test",
		.group = GROUP,
		.topics = topics,
		.n_topics = 1,
		.n_from_beginning = 1,
		.threads = 4,
		.most_pending = 10,
		.due_ms = with_delay ? due_ms : NULL,
		.handle = with_delay ? handle_due : handle,
		.arg = s,
	};
	struct worker *w;
	struct err err;

	assert_int_equal(worker_new(&w, &kit->conf, &options, &err), 0);
	return w;
}

static struct worker *start(const struct kit *kit, struct seen *s)
{
	return start_member(kit, s, false);
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

	w = start_member(kit, &s, true);
	wait_ready(w);
	publish_all(kit);
	wait_count(&s, 1);
	began = clock_mono_ms();
	worker_stop(w, began + 20000); /* does not wait for what waits itself */
	assert_true(clock_mono_ms() - began < 10000);
	worker_free(&w);
	assert_true(s.n_new < KEYS * EACH);

	w = start_member(kit, &s, true); /* none is lost */
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

	first = start_member(kit, &s, true);
	wait_ready(first);
	publish_all(kit);
	wait_count(&s, (KEYS - 1) * EACH);
	second = start_member(kit, &s, true);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(records_of_one_key_are_handled_in_order_and_all_are_settled),
		KIT_CASE(what_was_not_settled_comes_again_to_the_next_member),
		KIT_CASE(a_member_that_settled_everything_leaves_nothing_to_the_next),
		KIT_CASE(a_record_waits_for_its_time_and_those_of_its_partition_behind_it),
		KIT_CASE(a_partition_that_waited_when_the_group_changed_goes_on_after_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
