#include "common/base/alloc.h"
#include "common/kafka/kafka_conf.h"
#include "common/testing/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static char servers[] = "127.0.0.1:9092, kafka-2.example.com:9093";
static char prefix[] = "wx.";
static const struct kafka_conf good = {.bootstrap_servers = servers, .topic_prefix = prefix};

static void expect_good(void)
{
	struct err err = {0};

	if (kafka_conf_check(&good, &err) < 0)
		fail_msg("%s", err.text);
}

/* One line that begins with the variable and contains `part`. */
static void expect_refused(const char *variable, const char *value, const char *part)
{
	struct err err = {0};

	setenv(variable, value, 1);
	assert_int_equal(kafka_conf_check(&good, &err), -1);
	print_message("      %s\n", err.text);
	assert_int_equal(err.kind, ERR_FATAL);
	assert_memory_equal(err.text, variable, strlen(variable));
	assert_non_null(strstr(err.text, part));
	assert_null(strchr(err.text, '\n'));
	unsetenv(variable);
}

static char *printed(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	kafka_conf_print(out);
	fclose(out);
	return text;
}

static void any_property_of_the_library_may_be_set(void **state)
{
	(void)state;
	expect_good();
	setenv("WXBUS_KAFKA_SOCKET_KEEPALIVE_ENABLE", "false", 1);
	setenv("WXBUS_KAFKA_COMPRESSION_TYPE", "lz4", 1); /* of a topic */
	setenv("WXBUS_KAFKA_FETCH_MIN_BYTES", "1", 1);    /* of a consumer */
	setenv("WXBUS_KAFKA_LOG_LEVEL", "5", 1);          /* the one with an underscore */
	setenv("WXBUS_KAFKA_DEBUG", "", 1);               /* empty is unset */
	expect_good();
	unsetenv("WXBUS_KAFKA_SOCKET_KEEPALIVE_ENABLE");
	unsetenv("WXBUS_KAFKA_COMPRESSION_TYPE");
	unsetenv("WXBUS_KAFKA_FETCH_MIN_BYTES");
	unsetenv("WXBUS_KAFKA_LOG_LEVEL");
	unsetenv("WXBUS_KAFKA_DEBUG");
}

static void what_would_break_a_promise_is_refused_with_the_reason(void **state)
{
	static const char *const refused[] = {"ACKS", "REQUEST_REQUIRED_ACKS", "ENABLE_IDEMPOTENCE",
		"ENABLE_AUTO_COMMIT", "AUTO_COMMIT_INTERVAL_MS", "ENABLE_AUTO_OFFSET_STORE",
		"OFFSET_STORE_METHOD", "GROUP_ID", "GROUP_INSTANCE_ID", "DELIVERY_TIMEOUT_MS",
		"MESSAGE_TIMEOUT_MS", "REQUEST_TIMEOUT_MS", "PARTITIONER", "AUTO_OFFSET_RESET",
		"PARTITION_ASSIGNMENT_STRATEGY", "METADATA_BROKER_LIST", "TRANSACTIONAL_ID", "MAX_IN_FLIGHT",
		"DELIVERY_REPORT_ONLY_ERROR", "TEST_MOCK_NUM_BROKERS", "ALLOW_AUTO_CREATE_TOPICS"};
	char variable[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(variable, sizeof(variable), "WXBUS_KAFKA_%s", refused[i]);
		expect_refused(variable, "1", "is fixed by wxbus (");
		expect_refused(variable, "1", "because ");
		expect_refused(variable, "1", "; remove it");
	}
	expect_refused("WXBUS_KAFKA_ACKS", "1", "WXBUS_KAFKA_ACKS: is fixed by wxbus (all), because ");
}

static void what_is_wrong_is_said_in_one_line(void **state)
{
	struct kafka_conf bad = good;
	struct err err;

	(void)state;
	expect_refused("WXBUS_KAFKA_NO_SUCH_THING", "1", "no property \"no.such.thing\"; for example ");
	expect_refused("WXBUS_KAFKA_FETCH_MIN_BYTES", "many", "for example WXBUS_KAFKA_FETCH_MIN_BYTES=1");
	expect_refused("WXBUS_KAFKA_SECURITY_PROTOCOL", "tls",
		"for example WXBUS_KAFKA_SECURITY_PROTOCOL=plaintext");
	setenv("WXBUS_KAFKA_SECURITY_PROTOCOL", "ssl", 1); /* shows only when a client is made */
	setenv("WXBUS_KAFKA_SSL_CA_LOCATION", "/nonexistent", 1);
	assert_int_equal(kafka_conf_check(&good, &err), -1);
	print_message("      %s\n", err.text);
	assert_non_null(strstr(err.text, "ssl.ca.location"));
	unsetenv("WXBUS_KAFKA_SECURITY_PROTOCOL");
	unsetenv("WXBUS_KAFKA_SSL_CA_LOCATION");
	bad.bootstrap_servers = prefix;
	assert_int_equal(kafka_conf_check(&bad, &err), -1);
	assert_non_null(strstr(err.text, "WXBUS_KAFKA_BOOTSTRAP_SERVERS: must be host:port"));
	bad = good;
	bad.topic_prefix = servers;
	assert_int_equal(kafka_conf_check(&bad, &err), -1);
	assert_non_null(strstr(err.text, "WXBUS_TOPIC_PREFIX: "));
}

static void a_secret_comes_from_a_file_and_is_never_shown(void **state)
{
	char *text;

	(void)state;
	setenv("WXBUS_KAFKA_SASL_PASSWORD_FILE", testing_temp_file("hunter2\n", 8), 1);
	setenv("WXBUS_KAFKA_SASL_USERNAME", "wxbus", 1);
	setenv("WXBUS_KAFKA_SASL_MECHANISM", "PLAIN", 1);
	setenv("WXBUS_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext", 1);
	expect_good();
	text = printed();
	assert_non_null(strstr(text, "WXBUS_KAFKA_SASL_PASSWORD=(hidden)\n"));
	assert_non_null(strstr(text, "WXBUS_KAFKA_SASL_USERNAME=wxbus\n"));
	assert_null(strstr(text, "hunter2"));
	free(text);
	expect_refused("WXBUS_KAFKA_SASL_PASSWORD", "both", "must not be set together with its _FILE");
	setenv("WXBUS_KAFKA_SASL_PASSWORD_FILE", "/nonexistent", 1);
	expect_refused("WXBUS_KAFKA_SASL_PASSWORD_FILE", "/nonexistent", "WXBUS_KAFKA_SASL_PASSWORD_FILE: ");
	unsetenv("WXBUS_KAFKA_SASL_USERNAME");
	unsetenv("WXBUS_KAFKA_SASL_MECHANISM");
	unsetenv("WXBUS_KAFKA_SECURITY_PROTOCOL");
	expect_good();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(any_property_of_the_library_may_be_set),
		TESTING_CASE(what_would_break_a_promise_is_refused_with_the_reason),
		TESTING_CASE(what_is_wrong_is_said_in_one_line),
		TESTING_CASE(a_secret_comes_from_a_file_and_is_never_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
