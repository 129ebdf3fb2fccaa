#include "tools/wxbus/events/topic_scan.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/kafka/mock.h"
#include "common/kafka/producer.h"
#include "common/testing/testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define TOPIC      "wx.probe.replay"
#define PARTITIONS 2
#define RECORDS    4                    /* of each partition ... */
#define BIG        ((size_t)900 * 1000) /* ... on the first so large that each is fetched by itself */
#define SILENCE_MS 3000
#define LATENCY_MS 150 /* each record's: the rest is yet to come when the first is here */

static struct kafka_mock *mock;
static struct kafka_conf conf;
static struct producer *producer;

/* How often the library complains about brokers is a matter of timing. */
static void pass_over(enum log_level level, const char *subject, const char *message, void *arg)
{
	(void)level;
	(void)subject;
	(void)arg;
	print_message("      %s\n", message);
}

static void publish(int32_t partition)
{
	static const char value[BIG];
	const struct kafka_record r = {.topic = TOPIC,
		.partition = partition,
		.key = "k",
		.key_len = 1,
		.value = value,
		.value_len = partition == 0 ? BIG : 1};
	struct err err = {0};

	if (producer_publish(producer, &r, clock_mono_ms() + 5000, &err) < 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	struct err err;

	(void)state;
	log_set_sink(pass_over, NULL);
	if (kafka_mock_new(&mock, 1, &err) < 0 || kafka_mock_create_topic(mock, TOPIC, PARTITIONS, &err) < 0)
		return -1;
	conf = (struct kafka_conf){
		.bootstrap_servers = xstrdup(kafka_mock_bootstrap(mock)), .topic_prefix = xstrdup("wx.")};
	if (producer_new(&producer, &conf, &(struct producer_options){.client_id = "test"}, &err) < 0 ||
		producer_warm(producer, (const char *const[]){TOPIC}, 1, 5000, &err) < 0)
		return -1;
	for (int i = 0; i < RECORDS * PARTITIONS; i++)
		publish(i % PARTITIONS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	producer_free(&producer, 0);
	kafka_mock_free(&mock);
	free(conf.bootstrap_servers);
	free(conf.topic_prefix);
	log_set_sink(NULL, NULL);
	return 0;
}

static atomic_int seen;

static void count(void *arg, const struct kafka_record *r)
{
	(void)arg;
	(void)r;
	atomic_fetch_add(&seen, 1);
}

static int scan(void (*record)(void *arg, const struct kafka_record *r), struct err *err)
{
	const struct topic_scan s = {
		.topic = TOPIC, .back_ms = READER_FROM_BEGINNING, .record = record, .silence_ms = SILENCE_MS};

	atomic_store(&seen, 0);
	return topic_scan(&conf, &s, err);
}

static void what_is_there_is_read(void **state)
{
	struct err err = {0};

	(void)state;
	if (scan(count, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(seen, RECORDS * PARTITIONS);
}

static void lose_leader(void *arg, const struct kafka_record *r)
{
	count(arg, r);
	if (r->partition == 0)
		kafka_mock_set_leaderless(mock, TOPIC, 0, true);
}

static atomic_bool writing;

static void *write_on(void *arg)
{
	(void)arg;
	while (atomic_load(&writing)) {
		publish(1);
		clock_sleep_ms(20);
	}
	return NULL;
}

static void a_partition_without_a_leader_is_no_end_while_others_flow(void **state)
{
	struct err err = {0};
	pthread_t writer;
	int rc;

	(void)state;
	kafka_mock_set_latency(mock, LATENCY_MS);
	atomic_store(&writing, true);
	assert_int_equal(pthread_create(&writer, NULL, write_on, NULL), 0);
	rc = scan(lose_leader, &err);
	atomic_store(&writing, false);
	pthread_join(writer, NULL);
	assert_int_equal(rc, -1);
	print_message("      %s\n", err.text);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_non_null(strstr(err.text, "not read to the end: " TOPIC));
	assert_true(seen > RECORDS); /* the others came */
}

static void go_away(void *arg, const struct kafka_record *r)
{
	count(arg, r);
	kafka_mock_set_down(mock, true);
}

static void brokers_that_go_away_are_no_end(void **state)
{
	struct err err = {0};

	(void)state;
	kafka_mock_set_latency(mock, LATENCY_MS);
	assert_int_equal(scan(go_away, &err), -1);
	print_message("      %s\n", err.text);
	assert_int_equal(err.kind, ERR_RETRY);
	assert_in_range(atomic_load(&seen), 1,
		RECORDS * PARTITIONS - 1); /* it was while they came that brokers went */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_there_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_partition_without_a_leader_is_no_end_while_others_flow, setup, teardown),
		cmocka_unit_test_setup_teardown(brokers_that_go_away_are_no_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
