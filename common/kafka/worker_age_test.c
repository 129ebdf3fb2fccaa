/* worker_oldest_ms(): what its callers show as the age of the oldest event, and alerts go by. */
#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define RECORDS 200
#define WAIT_MS 20000

static const char *const topics[] = {KIT_TOPIC};

struct seen {
	atomic_bool hold;    /* handlers wait until they may not go on */
	atomic_int given_up; /* of them */
	atomic_int begun, settled;
	bool tomorrow; /* records of the key 'a' are due then */
};

static bool handle(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct seen *s = arg;

	(void)r;
	atomic_fetch_add(&s->begun, 1);
	while (atomic_load(&s->hold)) {
		if (!worker_wait(job, 20)) {
			atomic_fetch_add(&s->given_up, 1);
			return false;
		}
	}
	atomic_fetch_add(&s->settled, 1);
	return true;
}

static int64_t due_ms(void *arg, const struct kafka_record *r)
{
	const struct seen *s = arg;

	return s->tomorrow && ((const char *)r->key)[0] == 'a' ? r->timestamp_ms + 86400000 : 0;
}

static struct worker *start(const struct kit *kit, struct seen *s)
{
	const struct worker_options options = {
		.client_id = "test",
		.group = "wx.workers",
		.topics = topics,
		.n_topics = 1,
		.n_from_beginning = 1,
		.threads = 4,
		.most_pending = 10,
		.due_ms = due_ms,
		.handle = handle,
		.arg = s,
	};
	struct worker *w;
	struct err err;

	assert_int_equal(worker_new(&w, &kit->conf, &options, &err), 0);
	return w;
}

/* RECORDS of the keys 'a' to 'h', in turn. */
static void publish(const struct kit *kit)
{
	struct producer *p = kit_warm_producer(kit);

	for (int i = 0; i < RECORDS; i++) {
		char key[] = {(char)('a' + i % 8), '\0'};
		struct kafka_record r = kit_record(KIT_TOPIC, key, "1");

		kit_publish(p, &r);
	}
	producer_free(&p, 1000);
}

static void wait_settled(struct seen *s, int n)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	while (atomic_load(&s->settled) < n && clock_mono_ms() < until)
		clock_sleep_ms(10);
	assert_true(atomic_load(&s->settled) >= n);
}

/* Until something is in hand: an age may also be that of what is not read yet, before the group is joined. */
static void wait_begun(struct seen *s)
{
	int64_t until = clock_mono_ms() + WAIT_MS;

	while (atomic_load(&s->begun) == 0 && clock_mono_ms() < until)
		clock_sleep_ms(10);
	assert_true(atomic_load(&s->begun) > 0);
}

static void wait_age(struct worker *w, int64_t least_ms, int64_t most_ms)
{
	int64_t until = clock_mono_ms() + WAIT_MS, age_ms;

	while (((age_ms = worker_oldest_ms(w)) < least_ms || age_ms > most_ms) && clock_mono_ms() < until)
		clock_sleep_ms(10);
	assert_in_range(age_ms, least_ms, most_ms);
}

static void end(struct worker *w)
{
	worker_stop(w, 0);
	worker_free(&w);
}

static void what_is_not_settled_grows_old_and_what_is_not_due_does_not(void **state)
{
	struct seen s = {.tomorrow = true, .hold = true};
	struct kit *kit = *state;
	struct worker *w = start(kit, &s);

	wait_age(w, 0, 0);
	publish(kit);
	wait_age(w, 1000, WAIT_MS); /* handlers hang */
	atomic_store(&s.hold, false);
	wait_settled(&s, RECORDS / 8); /* none behind one of the key 'a' */
	wait_age(w, 0, 0);
	end(w);
}

static void what_cannot_be_read_yet_may_be_old(void **state)
{
	struct seen s = {0};
	struct kit *kit = *state;
	struct worker *w;

	kafka_mock_set_missing(kit->mock, KIT_TOPIC, true);
	w = start(kit, &s);
	wait_age(w, 1000, WAIT_MS);
	kafka_mock_set_missing(kit->mock, KIT_TOPIC, false);
	wait_age(w, 0, 0); /* every partition has answered that it has nothing */
	end(w);
}

static void set_leaderless(const struct kit *kit, bool leaderless)
{
	for (int32_t i = 0; i < KIT_PARTITIONS; i++)
		kafka_mock_set_leaderless(kit->mock, KIT_TOPIC, i, leaderless);
}

static void what_kafka_has_and_does_not_bring_grows_old(void **state)
{
	struct seen s = {.hold = true};
	struct kit *kit = *state;
	struct worker *w = start(kit, &s);

	wait_age(w, 0, 0);
	publish(kit);
	wait_begun(&s);
	wait_age(w, 1000, WAIT_MS); /* handlers hang, and what is beyond most_pending is not read */
	set_leaderless(kit, true);
	atomic_store(&s.hold, false);
	wait_age(w, 0, 1000); /* all that is in hand is settled */
	assert_true(atomic_load(&s.settled) < RECORDS);
	wait_age(w, 2000, WAIT_MS);
	set_leaderless(kit, false);
	wait_settled(&s, RECORDS);
	wait_age(w, 0, 0);
	end(w);
}

static void what_was_in_hand_grows_on_while_the_group_is_lost(void **state)
{
	struct seen s = {.hold = true};
	struct kit *kit = *state;
	struct worker *w = start(kit, &s);
	int64_t until = clock_mono_ms() + 3 * WAIT_MS, lost_ms = 0;

	wait_age(w, 0, 0); /* has its partitions, which have nothing */
	publish(kit);
	wait_begun(&s);
	wait_age(w, 2000, WAIT_MS);
	kafka_mock_set_down(kit->mock, true);
	while (clock_mono_ms() < until && (lost_ms == 0 || clock_mono_ms() < lost_ms + 1000)) {
		if (lost_ms == 0 && atomic_load(&s.given_up) > 0)
			lost_ms = clock_mono_ms();
		assert_true(worker_oldest_ms(w) >= 2000);
		clock_sleep_ms(5);
	}
	assert_int_not_equal(lost_ms, 0); /* the partitions were taken away meanwhile */
	atomic_store(&s.hold, false);
	kafka_mock_set_down(kit->mock, false);
	wait_settled(&s, RECORDS);
	wait_age(w, 0, 0);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(what_is_not_settled_grows_old_and_what_is_not_due_does_not),
		KIT_CASE(what_cannot_be_read_yet_may_be_old),
		KIT_CASE(what_kafka_has_and_does_not_bring_grows_old),
		KIT_CASE(what_was_in_hand_grows_on_while_the_group_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
