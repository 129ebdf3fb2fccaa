#include "common/kafka/test_kit.h"

#include "common/base/clock.h"
#include "common/kafka/admin.h"

#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

/* What needs a broker with topic administration is in broker_test.c. */

static void tells_what_a_topic_is(void **state)
{
	struct kit *kit = *state;
	struct kafka_topic_state topic;
	struct err err;

	assert_int_equal(kafka_admin_describe(&kit->conf, KIT_TOPIC, &topic, &err), 0);
	assert_true(topic.exists);
	assert_int_equal(topic.partitions, 5);
	assert_int_equal(topic.replication, 1);
	assert_int_equal(topic.retention_ms, -2);
	kafka_mock_set_missing(kit->mock, "wx.missing", true);
	assert_int_equal(kafka_admin_describe(&kit->conf, "wx.missing", &topic, &err), 0);
	assert_false(topic.exists);
	assert_int_equal(kafka_admin_brokers(&kit->conf, &err), 1);
}

static void makes_a_topic_where_the_broker_has_no_administration(void **state)
{
	struct kit *kit = *state;
	const struct kafka_topic_spec spec = {
		.name = "wx.group.retry.1m", .partitions = 3, .replication = 1, .retention_ms = 604800000};
	enum kafka_topic_change change;
	struct kafka_topic_state topic;
	struct err err;
	int64_t begin = clock_mono_ms();

	assert_int_equal(kafka_admin_ensure(&kit->conf, &spec, &change, &err), 0);
	assert_int_equal(kafka_admin_ensure(&kit->conf, &spec, &change, &err), 0);
	assert_int_equal(change, KAFKA_TOPIC_SAME);
	assert_int_equal(kafka_admin_describe(&kit->conf, spec.name, &topic, &err), 0);
	assert_true(topic.exists);
	/* A request that the broker does not know would have taken ten seconds alone. Closing a connection
	 * may take one: the library's main thread can miss the wake-up. */
	assert_in_range(clock_mono_ms() - begin, 0, 9000);
}

static void says_that_no_broker_is_there(void **state)
{
	char address[32];
	struct kafka_conf conf = {.bootstrap_servers = address};
	struct kafka_topic_state topic;
	struct err err;
	int fd = kit_dead_broker(false, address, sizeof(address));

	(void)state;
	assert_int_equal(kafka_admin_describe(&conf, KIT_TOPIC, &topic, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_CASE(tells_what_a_topic_is),
		KIT_CASE(makes_a_topic_where_the_broker_has_no_administration),
		KIT_CASE(says_that_no_broker_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
