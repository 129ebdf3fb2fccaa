#include "common/kafka/test_kit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/banned.h"

#define WORKER_WAIT_MS 20000
#define LEFT_OVER_MS   500

static atomic_int warnings;

static void count_line(enum log_level level, const char *subject, const char *message, void *arg)
{
	(void)arg;
	if (level >= LOG_LEVEL_WARN) {
		atomic_fetch_add(&warnings, 1);
		print_message("      log: [%s] %s\n", subject ? subject : "", message);
	}
}

int kit_warnings(void)
{
	return atomic_load(&warnings);
}

int kit_setup(void **state)
{
	struct kit *kit = xcalloc(1, sizeof(*kit));
	struct err err;

	atomic_store(&warnings, 0);
	log_set_sink(count_line, NULL);
	if (kafka_mock_new(&kit->mock, 1, &err) < 0 ||
		kafka_mock_create_topic(kit->mock, KIT_TOPIC, KIT_PARTITIONS, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	kit->conf.bootstrap_servers = xstrdup(kafka_mock_bootstrap(kit->mock));
	kit->conf.topic_prefix = xstrdup("wx.");
	*state = kit;
	return 0;
}

int kit_teardown(void **state)
{
	struct kit *kit = *state;

	kafka_mock_free(&kit->mock);
	log_set_sink(NULL, NULL);
	free(kit->conf.bootstrap_servers);
	free(kit->conf.topic_prefix);
	free(kit);
	return 0;
}

int kit_dead_broker(bool listening, char *bootstrap, size_t size)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	if (listening)
		assert_int_equal(listen(fd, 100), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(bootstrap, size, "127.0.0.1:%d", ntohs(at.sin_port));
	return fd;
}

struct producer *kit_producer(const struct kafka_conf *conf, const struct producer_options *o)
{
	struct producer *p = NULL;
	struct err err = {0};

	if (producer_new(&p, conf, o, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

struct producer *kit_warm_producer(const struct kit *kit)
{
	static const char *const topics[] = {KIT_TOPIC};
	struct producer *p = kit_producer(&kit->conf, &(struct producer_options){.client_id = "test"});
	struct err err = {0};

	if (producer_warm(p, topics, 1, 5000, &err) < 0)
		fail_msg("%s", err.text);
	return p;
}

struct kafka_record kit_record(const char *topic, const char *key, const char *value)
{
	return (struct kafka_record){
		.topic = topic,
		.partition = -1,
		.key = key,
		.key_len = key ? strlen(key) : 0,
		.value = value,
		.value_len = value ? strlen(value) : 0,
	};
}

void kit_publish(struct producer *p, const struct kafka_record *r)
{
	struct err err = {0};

	if (producer_publish(p, r, clock_mono_ms() + 5000, &err) < 0)
		fail_msg("%s", err.text);
}

void kit_wait_worker(struct worker *w)
{
	int64_t until = clock_mono_ms() + WORKER_WAIT_MS;

	while (!worker_ready(w) && clock_mono_ms() < until)
		clock_sleep_ms(10);
	assert_true(worker_ready(w));
	clock_sleep_ms(LEFT_OVER_MS);
}
