#include "proto/topics.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static void topic_name_puts_the_prefix_before_the_name(void **state)
{
	char out[TOPIC_NAME_MAX + 1];

	(void)state;
	assert_int_equal(topic_name(TOPIC_MESSAGES_TEST, "wx.", out, NULL), 0);
	assert_string_equal(out, "wx.messages.test");
	assert_int_equal(topic_name(TOPIC_REPLIES, "", out, NULL), 0);
	assert_string_equal(out, "replies");
}

static void topic_name_rejects_a_prefix_kafka_does_not_allow(void **state)
{
	static const char *const bad[] = {"wx/", "wx ", "w\xc3\xa9.", "a:b", "a\n"};
	char out[TOPIC_NAME_MAX + 1] = "untouched";
	struct err err = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(topic_name(TOPIC_MESSAGES, bad[i], out, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_string_equal(out, "untouched");
	}
}

static void topic_name_rejects_more_than_kafka_holds(void **state)
{
	char prefix[TOPIC_NAME_MAX + 1], out[TOPIC_NAME_MAX + 1];
	struct err err = {0};
	size_t most = TOPIC_NAME_MAX - strlen("messages");

	(void)state;
	memset(prefix, 'p', sizeof(prefix));
	prefix[most] = '\0';
	assert_int_equal(topic_name(TOPIC_MESSAGES, prefix, out, &err), 0);
	assert_int_equal(strlen(out), TOPIC_NAME_MAX);
	prefix[most] = 'p';
	prefix[most + 1] = '\0';
	assert_int_equal(topic_name(TOPIC_MESSAGES, prefix, out, &err), -1);
}

static void topics_of_a_group_carry_its_name(void **state)
{
	static const char *const kinds[] = {"dead-letter", "replay", "results", "retry.30s", "retry.5m"};
	static const char *const names[] = {"wx.desk.test.dead-letter", "wx.desk.test.replay",
		"wx.desk.test.results", "wx.desk.test.retry.30s", "wx.desk.test.retry.5m"};
	char out[TOPIC_NAME_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_int_equal(topic_of_group("desk.test", kinds[i], "wx.", out, NULL), 0);
		assert_string_equal(out, names[i]);
	}
}

static void topics_of_a_group_are_the_table_s_alone(void **state)
{
	static const char *const bad[] = {
		"", "retry", "retry.", "retry.1_s", "retry.1.2", "results2", "test", "dead"};
	char out[TOPIC_NAME_MAX + 1];
	struct err err = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(topic_of_group("desk", bad[i], "wx.", out, &err), -1);
	assert_int_equal(topic_of_group("De sk", "results", "wx.", out, &err), -1);
}

static void group_names_are_told_from_others(void **state)
{
	static const char *const good[] = {"desk", "a", "auto-reply", "desk.test", "shop2",
		"0123456789012345678901234567890123456789012345678901234567890123"};
	static const char *const bad[] = {"", ".", "..", "-desk", "desk.", "Desk", "a_b", "a,b", "a b", "a/b",
		"\xe4", "01234567890123456789012345678901234567890123456789012345678901234"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(group_name_ok(good[i]), 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(group_name_ok(bad[i]), 0);
}

static void every_topic_says_how_long_it_is_kept(void **state)
{
	(void)state;
	assert_int_equal(topic_table[TOPIC_REPLIES].kept_ms, 600000);
	assert_int_equal(topic_table[TOPIC_MESSAGES].kept_ms, 7 * 86400000LL);
	assert_int_equal(topic_table[TOPIC_ACCOUNTS].kept_ms, TOPIC_COMPACTED);
	assert_int_equal(group_topic_table[GROUP_TOPIC_DEAD_LETTER].kept_ms, 30 * 86400000LL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(topic_name_puts_the_prefix_before_the_name),
		TESTING_CASE(topic_name_rejects_a_prefix_kafka_does_not_allow),
		TESTING_CASE(topic_name_rejects_more_than_kafka_holds),
		TESTING_CASE(topics_of_a_group_carry_its_name),
		TESTING_CASE(topics_of_a_group_are_the_table_s_alone),
		TESTING_CASE(group_names_are_told_from_others),
		TESTING_CASE(every_topic_says_how_long_it_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
