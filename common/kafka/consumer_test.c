#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/consumer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define JOIN_MS 15000 /* the mock lets a group wait 3 s, and later members for the session time-out */

/* What the rebalance callbacks were told. */
struct told {
	int assigned, revoked;
};

static void on_assigned(void *arg, const char *topic, int32_t partition)
{
	(void)topic;
	(void)partition;
	((struct told *)arg)->assigned++;
}

static void on_revoked(void *arg, const char *topic, int32_t partition)
{
	(void)topic;
	(void)partition;
	((struct told *)arg)->revoked++;
}

static int held(const struct told *t)
{
	return t->assigned - t->revoked;
}

static struct consumer *new_consumer(
	const struct kit *kit, const char *topic, bool from_beginning, struct told *told)
{
	const struct consumer_options o = {
		.client_id = "test",
		.group = "wx.group",
		.topics = &topic,
		.n_topics = 1,
		.from_beginning = from_beginning,
		.assigned = told ? on_assigned : NULL,
		.revoked = told ? on_revoked : NULL,
		.arg = told,
	};
	struct consumer *c = NULL;
	struct err err = {0};

	if (consumer_new(&c, &kit->conf, &o, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

static void wait_ready(struct consumer *c)
{
	int64_t until = clock_mono_ms() + JOIN_MS;
	const struct kafka_record *r;
	struct err err;

	while (!consumer_ready(c) && clock_mono_ms() < until)
		if (consumer_poll(c, 50, &r, &err) < 0)
			print_message("      poll: %s\n", err.text);
	assert_true(consumer_ready(c));
}

/* The next record, whose value must be this one. */
static const struct kafka_record *expect(struct consumer *c, const char *value)
{
	int64_t until = clock_mono_ms() + JOIN_MS;
	const struct kafka_record *r = NULL;
	struct err err;
	int rc;

	do {
		rc = consumer_poll(c, 100, &r, &err);
		if (rc < 0)
			print_message("      poll: %s\n", err.text);
	} while (rc != 0 && clock_mono_ms() < until);
	assert_int_equal(rc, 0);
	assert_int_equal(r->value_len, strlen(value));
	assert_memory_equal(r->value, value, r->value_len);
	return r;
}

static void expect_none(struct consumer *c, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;
	const struct kafka_record *r;

	while (clock_mono_ms() < until)
		assert_int_not_equal(consumer_poll(c, 50, &r, NULL), 0);
}

/* Known once every partition has been fetched from. */
static void expect_lag(struct consumer *c, int64_t lag)
{
	int64_t until = clock_mono_ms() + 3000;

	while (consumer_lag(c) != lag && clock_mono_ms() < until)
		clock_sleep_ms(20);
	assert_int_equal(consumer_lag(c), lag);
}

/* One key, so one partition: in order. */
static void publish(struct producer *p, const char *value)
{
	struct kafka_record r = kit_record(KIT_TOPIC, "fan", value);

	kit_publish(p, &r);
}

static void a_new_group_starts_at_the_end_and_keeps_that_place(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct consumer *c;

	publish(p, "before");
	c = new_consumer(kit, KIT_TOPIC, false, NULL);
	assert_false(consumer_ready(c));
	wait_ready(c);
	/* Leaves without having read anything: its place is committed all the same. */
	consumer_free(&c, 5000);
	assert_null(c);
	publish(p, "meanwhile");
	c = new_consumer(kit, KIT_TOPIC, false, NULL);
	expect(c, "meanwhile");
	expect_none(c, 300);
	consumer_free(&c, 5000);
	producer_free(&p, 0);
}

static void a_new_group_may_start_at_the_beginning(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct told told = {0};
	struct consumer *c;

	publish(p, "one");
	publish(p, "two");
	c = new_consumer(kit, KIT_TOPIC, true, &told);
	expect(c, "one");
	assert_int_equal(told.assigned, 5);
	expect(c, "two");
	expect_lag(c, 2); /* read, but not stored */
	consumer_free(&c, 5000);
	assert_int_equal(told.revoked, 5);
	producer_free(&p, 0);
}

static void only_what_was_stored_is_committed(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct consumer *c;
	struct err err;

	publish(p, "one");
	publish(p, "two");
	publish(p, "three");
	c = new_consumer(kit, KIT_TOPIC, true, NULL);
	assert_int_equal(consumer_store(c, expect(c, "one"), &err), 0);
	expect(c, "two");
	expect(c, "three");
	expect_lag(c, 2);
	consumer_free(&c, 5000);
	c = new_consumer(kit, KIT_TOPIC, true, NULL);
	expect(c, "two");
	assert_int_equal(consumer_store(c, expect(c, "three"), &err), 0);
	assert_int_equal(consumer_commit(c, &err), 0);
	assert_int_equal(consumer_commit(c, &err), 0); /* nothing new */
	expect_lag(c, 0);
	consumer_free(&c, 0); /* gone at once: the commit was made */
	publish(p, "four");
	c = new_consumer(kit, KIT_TOPIC, true, NULL);
	expect(c, "four");
	consumer_free(&c, 5000);
	producer_free(&p, 0);
}

static void seek_pause_and_resume_deliver_again_in_order(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record one;
	struct consumer *c;
	struct err err;

	publish(p, "one");
	publish(p, "two");
	publish(p, "three");
	c = new_consumer(kit, KIT_TOPIC, true, NULL);
	one = *expect(c, "one");
	one.topic = KIT_TOPIC; /* the record's own is gone with the next poll */
	expect(c, "two");
	assert_int_equal(consumer_seek(c, &one, &err), 0);
	expect(c, "one");
	assert_int_equal(consumer_seek(c, &one, &err), 0);
	assert_int_equal(consumer_pause(c, one.topic, one.partition, &err), 0);
	expect_none(c, 300);
	assert_int_equal(consumer_resume(c, one.topic, one.partition, &err), 0);
	expect(c, "one");
	expect(c, "two");
	assert_int_equal(consumer_pause(c, one.topic, one.partition, &err), 0);
	assert_int_equal(consumer_seek(c, &one, &err), 0);
	expect_none(c, 300);
	assert_int_equal(consumer_resume(c, one.topic, one.partition, &err), 0);
	expect(c, "one");
	expect(c, "two");
	expect(c, "three");
	consumer_free(&c, 5000);
	producer_free(&p, 0);
}

static void closing_with_brokers_away_takes_no_longer_than_allowed(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	const struct kafka_record *r;
	struct consumer *c;
	struct err err;
	int64_t begin;

	publish(p, "one");
	c = new_consumer(kit, KIT_TOPIC, true, NULL);
	r = expect(c, "one");
	kafka_mock_set_down(kit->mock, true);
	clock_sleep_ms(200);
	assert_int_equal(consumer_store(c, r, &err), 0); /* so there is something to commit */
	begin = clock_mono_ms();
	consumer_free(&c, 1000);
	print_message("      closed after %lld ms\n", (long long)(clock_mono_ms() - begin));
	assert_in_range(clock_mono_ms() - begin, 0, 1700);
	producer_free(&p, 0);
}

struct storm {
	struct producer *producer;
	atomic_bool over;
	pthread_t thread;
};

static void forget(void *arg, const struct err *failure)
{
	(void)arg;
	(void)failure;
}

static void *rage(void *arg)
{
	struct storm *s = arg;
	char key[] = "a";

	while (!atomic_load(&s->over)) {
		struct kafka_record r = kit_record(KIT_TOPIC, key, "rain");

		key[0] = key[0] == 'z' ? 'a' : (char)(key[0] + 1);
		if (producer_send(s->producer, &r, forget, NULL, NULL) != 0)
			clock_sleep_ms(1);
	}
	return NULL;
}

/* Until its partitions are gone, a member that leaves goes on getting what the brokers send. */
static void a_member_leaves_while_records_pour_in(void **state)
{
	struct kit *kit = *state;
	struct storm s = {.producer = kit_warm_producer(kit)};
	const struct kafka_record *r;
	struct consumer *c;

	assert_int_equal(pthread_create(&s.thread, NULL, rage, &s), 0);
	for (int i = 0; i < 2; i++) {
		c = new_consumer(kit, KIT_TOPIC, false, NULL);
		wait_ready(c);
		for (int n = 0; n < 100; n++)
			consumer_poll(c, 10, &r, NULL);
		consumer_free(&c, 5000);
	}
	atomic_store(&s.over, true);
	pthread_join(s.thread, NULL);
	producer_free(&s.producer, 0);
}

static void polling_survives_brokers_away_without_many_words(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	const struct kafka_record *r;
	struct consumer *c;
	struct err err;
	int64_t until;
	int complaints = 0;

	c = new_consumer(kit, KIT_TOPIC, true, NULL);
	wait_ready(c);
	kafka_mock_set_down(kit->mock, true);
	for (until = clock_mono_ms() + 3000; clock_mono_ms() < until;) {
		if (consumer_poll(c, 50, &r, &err) == -1) {
			print_message("      poll: %s\n", err.text);
			assert_int_equal(err.kind, ERR_RETRY);
			complaints++;
		}
	}
	assert_in_range(complaints, 0, 5);
	kafka_mock_set_down(kit->mock, false);
	publish(p, "after");
	until = clock_mono_ms() + 2000;
	expect(c, "after");
	assert_in_range(clock_mono_ms(), 0, until);
	consumer_free(&c, 5000);
	producer_free(&p, 0);
}

static void a_topic_that_appears_later_is_consumed(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct kafka_record r = kit_record("wx.later", "fan", "value");
	const struct kafka_record *got;
	struct consumer *c;
	struct err err = {0};
	int64_t begin;

	kafka_mock_set_missing(kit->mock, "wx.later", true);
	c = new_consumer(kit, "wx.later", true, NULL);
	begin = clock_mono_ms();
	while (clock_mono_ms() - begin < 2000)
		if (consumer_poll(c, 100, &got, &err) < 0)
			print_message("      poll: %s\n", err.text);
	assert_false(consumer_ready(c));
	assert_non_null(strstr(err.text, "wx.later"));
	kafka_mock_set_missing(kit->mock, "wx.later", false);
	begin = clock_mono_ms();
	kit_publish(p, &r);
	expect(c, "value");
	print_message("      after %lld ms\n", (long long)(clock_mono_ms() - begin));
	assert_in_range(clock_mono_ms() - begin, 0, 6000); /* of which 3 s are the mock's wait for members */
	assert_true(consumer_ready(c));
	consumer_free(&c, 5000);
	producer_free(&p, 0);
}

static void partitions_move_to_a_second_member_with_what_was_stored(void **state)
{
	struct kit *kit = *state;
	struct producer *p = kit_warm_producer(kit);
	struct told first = {0}, second = {0};
	struct consumer *a, *b;
	const struct kafka_record *r;
	struct err err;
	int64_t until;

	publish(p, "one");
	a = new_consumer(kit, KIT_TOPIC, true, &first);
	assert_int_equal(consumer_store(a, expect(a, "one"), &err), 0);
	/* While a group rebalances, the mock refuses the commit that comes with a revocation; Kafka takes it.
	 */
	assert_int_equal(consumer_commit(a, &err), 0);
	b = new_consumer(kit, KIT_TOPIC, true, &second);
	until = clock_mono_ms() + 2 * JOIN_MS;
	while ((held(&first) == 0 || held(&second) == 0 || held(&first) + held(&second) != 5) &&
		clock_mono_ms() < until) {
		assert_int_not_equal(consumer_poll(a, 20, &r, NULL), 0); /* nothing twice */
		assert_int_not_equal(consumer_poll(b, 20, &r, NULL), 0);
	}
	assert_int_equal(held(&first) + held(&second), 5);
	assert_true(held(&first) > 0 && held(&second) > 0);
	for (until = clock_mono_ms() + 500; clock_mono_ms() < until;) {
		assert_int_not_equal(consumer_poll(a, 20, &r, NULL), 0);
		assert_int_not_equal(consumer_poll(b, 20, &r, NULL), 0);
	}
	assert_true(consumer_ready(a));
	assert_true(consumer_ready(b));
	consumer_free(&a, 5000);
	consumer_free(&b, 5000);
	producer_free(&p, 0);
}

static void storing_for_a_partition_of_others_is_refused(void **state)
{
	struct kit *kit = *state;
	struct consumer *c = new_consumer(kit, KIT_TOPIC, true, NULL);
	struct err err;

	assert_int_equal(consumer_store_offset(c, KIT_TOPIC, 3, 7, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_int_equal(consumer_lag(c), -1);
	consumer_free(&c, 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(a_new_group_starts_at_the_end_and_keeps_that_place),
		KIT_CASE(a_new_group_may_start_at_the_beginning),
		KIT_CASE(only_what_was_stored_is_committed),
		KIT_CASE(seek_pause_and_resume_deliver_again_in_order),
		KIT_CASE(closing_with_brokers_away_takes_no_longer_than_allowed),
		KIT_CASE(a_member_leaves_while_records_pour_in),
		KIT_CASE(polling_survives_brokers_away_without_many_words),
		KIT_CASE(a_topic_that_appears_later_is_consumed),
		KIT_CASE(partitions_move_to_a_second_member_with_what_was_stored),
		KIT_CASE(storing_for_a_partition_of_others_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
