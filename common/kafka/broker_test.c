#include "common/kafka/test_kit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/admin.h"
#include "common/kafka/client.h"
#include "common/kafka/consumer.h"
#include "common/kafka/reader.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

/* What only a real Kafka can show. Its address is the one argument; the integration tests pass it. */

static struct kafka_conf conf;

struct fixture {
	char topic[64];
	struct producer *producer;
};

static void create(const char *topic)
{
	const struct kafka_topic_spec spec = {
		.name = topic, .partitions = 2, .replication = 1, .retention_ms = 600000};
	enum kafka_topic_change change;
	struct err err = {0};

	if (kafka_admin_ensure(&conf, &spec, &change, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(change, KAFKA_TOPIC_CREATED);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->topic, sizeof(f->topic), "wx.broker-test.%d.%lld", getpid(), (long long)clock_mono_us());
	f->producer = kit_producer(&conf, &(struct producer_options){.client_id = "test"});
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	producer_free(&f->producer, 1000);
	free(f);
	return 0;
}

static void publish(struct fixture *f, const char *value, int64_t age_ms)
{
	struct kafka_record r = kit_record(f->topic, "fan", value);

	r.timestamp_ms = clock_wall_ms() - age_ms;
	kit_publish(f->producer, &r);
}

static void a_topic_is_created_configured_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct kafka_topic_spec spec = {.name = f->topic,
		.partitions = 3,
		.replication = 1,
		.retention_ms = 600000,
		.segment_ms = 150000};
	enum kafka_topic_change change;
	struct kafka_topic_state topic;
	struct err err;

	assert_int_equal(kafka_admin_ensure(&conf, &spec, &change, &err), 0);
	assert_int_equal(change, KAFKA_TOPIC_CREATED);
	assert_int_equal(kafka_admin_ensure(&conf, &spec, &change, &err), 0);
	assert_int_equal(change, KAFKA_TOPIC_SAME);
	spec.partitions = 7; /* is not changed */
	spec.retention_ms = 1200000;
	spec.segment_ms = 0; /* is left */
	assert_int_equal(kafka_admin_ensure(&conf, &spec, &change, &err), 0);
	assert_int_equal(change, KAFKA_TOPIC_CONFIGURED);
	assert_int_equal(kafka_admin_describe(&conf, f->topic, &topic, &err), 0);
	assert_int_equal(topic.partitions, 3);
	assert_int_equal(topic.replication, 1);
	assert_int_equal(topic.retention_ms, 1200000);
	assert_int_equal(topic.segment_ms, 150000);
}

static void a_topic_created_later_is_usable_within_a_second_or_so(void **state)
{
	struct fixture *f = *state;
	struct kafka_record r = kit_record(f->topic, "fan", "value");
	struct err err;
	int64_t begin;
	int i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(producer_publish(f->producer, &r, clock_mono_ms() + 700, &err), -1);
		assert_true(err.kind == ERR_RETRY || err.kind == ERR_UNCERTAIN);
	}
	create(f->topic);
	begin = clock_mono_ms();
	kit_publish(f->producer, &r);
	assert_in_range(clock_mono_ms() - begin, 0, 1500);
}

static void the_producer_survives_a_fatal_error(void **state)
{
	struct fixture *f = *state;

	create(f->topic);
	publish(f, "one", 0);
	producer_test_fatal(f->producer);
	publish(f, "two", 0);
}

static void count(void *arg, const struct kafka_record *r)
{
	(void)r;
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void a_reader_starts_by_the_look_up_by_time(void **state)
{
	struct fixture *f = *state;
	atomic_int n = 0;
	const struct reader_options o = {
		.client_id = "test", .topic = f->topic, .back_ms = 20000, .record = count, .arg = &n};
	struct reader *reader = NULL;
	struct err err;
	int64_t until;

	create(f->topic);
	publish(f, "old", 60000);
	publish(f, "recent", 5000);
	assert_int_equal(reader_new(&reader, &conf, &o, &err), 0);
	until = clock_mono_ms() + 5000;
	while (!reader_caught_up(reader) && clock_mono_ms() < until)
		clock_sleep_ms(10);
	assert_true(reader_caught_up(reader));
	assert_int_equal(atomic_load(&n), 1);
	reader_free(&reader);
}

static void a_reader_has_caught_up_with_what_is_older_than_its_end(void **state)
{
	struct fixture *f = *state;
	atomic_int n = 0;
	const struct reader_options o = {.client_id = "test",
		.topic = f->topic,
		.back_ms = READER_FROM_BEGINNING,
		.until_ms = clock_wall_ms() - 30000,
		.record = count,
		.arg = &n};
	struct reader *reader = NULL;
	struct err err;
	int64_t until;

	create(f->topic);
	publish(f, "old", 60000);
	publish(f, "older than its end", 40000);
	publish(f, "recent", 5000);
	assert_int_equal(reader_new(&reader, &conf, &o, &err), 0);
	until = clock_mono_ms() + 5000;
	while (!reader_caught_up(reader) && clock_mono_ms() < until)
		clock_sleep_ms(10);
	assert_true(reader_caught_up(reader) && !reader_scans(reader));
	assert_true(atomic_load(&n) >= 2);
	reader_free(&reader);
}

#define TIMES 21

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* fetch.wait.max.ms is how long a broker without anything new may take, not how long a record does. Each
 * comes when the request that brought the one before has just been followed by the next. */
static void a_record_comes_at_once_however_long_a_fetch_may_wait(void **state)
{
	struct fixture *f = *state;
	atomic_int n = 0;
	const struct reader_options o = {.client_id = "test",
		.topic = f->topic,
		.back_ms = READER_FROM_BEGINNING,
		.record = count,
		.arg = &n};
	int64_t took_us[TIMES], began, until = clock_mono_ms() + 20000;
	struct reader *reader = NULL;
	struct err err;

	create(f->topic);
	assert_int_equal(reader_new(&reader, &conf, &o, &err), 0);
	while (!reader_caught_up(reader) && clock_mono_ms() < until)
		clock_sleep_ms(10);
	for (int i = 0; i < TIMES; i++) {
		began = clock_mono_us();
		publish(f, "value", 0);
		while (atomic_load(&n) <= i && clock_mono_ms() < until)
			clock_sleep_ms(1);
		took_us[i] = clock_mono_us() - began;
	}
	assert_int_equal(atomic_load(&n), TIMES);
	reader_free(&reader);
	qsort(took_us, TIMES, sizeof(took_us[0]), by_size);
	assert_in_range(took_us[TIMES / 2], 0, strtol(KAFKA_FETCH_WAIT_MS, NULL, 10) * 1000 / 2);
}

static struct consumer *new_consumer(const struct fixture *f, bool from_beginning)
{
	const char *topic = f->topic;
	const struct consumer_options o = {.client_id = "test",
		.group = f->topic,
		.topics = &topic,
		.n_topics = 1,
		.from_beginning = from_beginning};
	struct consumer *c = NULL;
	struct err err = {0};

	if (consumer_new(&c, &conf, &o, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

/* The next record must have this value. */
static const struct kafka_record *expect(struct consumer *c, const char *value)
{
	int64_t until = clock_mono_ms() + 15000;
	const struct kafka_record *r = NULL;

	while (consumer_poll(c, 100, &r, NULL) != 0 && clock_mono_ms() < until)
		;
	assert_non_null(r);
	assert_int_equal(r->value_len, strlen(value));
	assert_memory_equal(r->value, value, r->value_len);
	return r;
}

static void a_new_group_starts_at_the_end_and_keeps_that_place(void **state)
{
	struct fixture *f = *state;
	int64_t until = clock_mono_ms() + 15000;
	const struct kafka_record *r;
	struct consumer *c;

	create(f->topic);
	publish(f, "before", 0);
	c = new_consumer(f, false);
	while (!consumer_ready(c) && clock_mono_ms() < until)
		consumer_poll(c, 100, &r, NULL);
	assert_true(consumer_ready(c));
	consumer_free(&c, 5000);
	publish(f, "meanwhile", 0);
	c = new_consumer(f, false);
	assert_int_equal(consumer_store(c, expect(c, "meanwhile"), NULL), 0);
	consumer_free(&c, 5000); /* commits */
	publish(f, "later", 0);
	c = new_consumer(f, false);
	expect(c, "later");
	consumer_free(&c, 5000);
}

/* The first member stores, a second one joins, the first one gives up its partitions: its commit comes first.
 */
static void nothing_stored_is_delivered_again_after_a_rebalance(void **state)
{
	struct fixture *f = *state;
	const struct kafka_record *r;
	struct consumer *a, *b;
	int64_t until;

	create(f->topic);
	publish(f, "one", 0);
	a = new_consumer(f, true);
	assert_int_equal(consumer_store(a, expect(a, "one"), NULL), 0);
	b = new_consumer(f, true);
	until = clock_mono_ms() + 15000;
	while (!consumer_ready(b) && clock_mono_ms() < until) {
		assert_int_not_equal(consumer_poll(a, 20, &r, NULL), 0);
		assert_int_not_equal(consumer_poll(b, 20, &r, NULL), 0);
	}
	assert_true(consumer_ready(b));
	for (until = clock_mono_ms() + 1000; clock_mono_ms() < until;) {
		assert_int_not_equal(consumer_poll(a, 20, &r, NULL), 0);
		assert_int_not_equal(consumer_poll(b, 20, &r, NULL), 0);
	}
	consumer_free(&a, 5000);
	consumer_free(&b, 5000);
}

#define BROKER_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		BROKER_CASE(a_topic_is_created_configured_and_left_alone),
		BROKER_CASE(a_topic_created_later_is_usable_within_a_second_or_so),
		BROKER_CASE(the_producer_survives_a_fatal_error),
		BROKER_CASE(a_reader_starts_by_the_look_up_by_time),
		BROKER_CASE(a_record_comes_at_once_however_long_a_fetch_may_wait),
		BROKER_CASE(a_reader_has_caught_up_with_what_is_older_than_its_end),
		BROKER_CASE(a_new_group_starts_at_the_end_and_keeps_that_place),
		BROKER_CASE(nothing_stored_is_delivered_again_after_a_rebalance),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s HOST:PORT of a Kafka with topic administration\n", argv[0]);
		return 2;
	}
	conf.bootstrap_servers = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
