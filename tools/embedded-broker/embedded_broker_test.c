#include "common/base/clock.h"
#include "common/kafka/admin.h"
#include "common/kafka/producer.h"
#include "common/testing/lateness.h"
#include "common/testing/testing.h"
#include "proto/topics.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/banned.h"

/* The real process, and what a stopped one looks like to a producer: it accepts connections and never
 * answers. */

#define BROKER       EMBEDDED_BROKER /* the program's path, from CMake */
#define TOLERANCE_MS 100

struct broker {
	pid_t pid;
	FILE *out;
	char address[64];
	struct kafka_conf conf;
};

static pid_t running; /* 0: none; a failed test must not leave a stopped process behind */

static void start(struct broker *b, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	extern char **environ;
	char line[128];
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
	assert_int_equal(
		posix_spawn(&b->pid, BROKER, &actions, NULL, (char *const *)(uintptr_t)argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
	running = b->pid;
	close(fds[1]);
	b->out = fdopen(fds[0], "r");
	assert_non_null(fgets(line, sizeof(line), b->out));
	assert_int_equal(sscanf(line, "bootstrap.servers=%63s", b->address), 1);
	b->conf.bootstrap_servers = b->address;
}

static int stop(struct broker *b, int signal_number)
{
	int status;

	kill(b->pid, signal_number);
	assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
	running = 0;
	fclose(b->out);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect_topic(const struct broker *b, const char *name, int partitions)
{
	struct kafka_topic_state topic;
	struct err err = {0};

	if (kafka_admin_describe(&b->conf, name, &topic, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	assert_true(topic.exists);
	assert_int_equal(topic.partitions, partitions);
}

static void it_has_every_topic_once_it_says_so_and_ends_on_a_signal(void **state)
{
	static const char *const argv[] = {
		BROKER, "--topic-prefix", "my.", "--partitions=3", "--topic", "my.shop.retry.1m:2", NULL};
	struct broker b = {0};
	char name[TOPIC_NAME_MAX + 1];
	int i;

	(void)state;
	start(&b, argv);
	for (i = 0; i < N_TOPICS; i++) {
		assert_int_equal(topic_name((enum topic)i, "my.", name, NULL), 0);
		expect_topic(&b, name, 3);
	}
	expect_topic(&b, "my.shop.retry.1m", 2);
	assert_int_equal(stop(&b, SIGTERM), 0);
	start(&b, argv);
	assert_int_equal(stop(&b, SIGINT), 0);
}

/* *late_ms: what the machine was late by meanwhile. */
static int publish(struct producer *p, int64_t timeout_ms, int64_t *took_ms, int64_t *late_ms)
{
	const struct kafka_record r = {.topic = "wx.messages",
		.partition = -1,
		.key = "fan",
		.key_len = 3,
		.value = "hello",
		.value_len = 5};
	struct lateness *lateness = lateness_begin();
	int64_t begin = clock_mono_ms();
	struct err err;
	int rc = producer_publish(p, &r, begin + timeout_ms, &err);

	*took_ms = clock_mono_ms() - begin;
	*late_ms = lateness_end(&lateness);
	print_message("      %s after %lld ms, the machine late by %lld\n",
		rc == 0 ? "acknowledged" : err.text, (long long)*took_ms, (long long)*late_ms);
	return rc;
}

/* On a machine that has time for it. */
static void expect_acknowledged(struct producer *p)
{
	int64_t took, late = TOLERANCE_MS;
	int rc = -1;

	for (int tries = 0; rc < 0 && late >= TOLERANCE_MS && tries < LATENESS_TRIES; tries++)
		rc = publish(p, 2000, &took, &late);
	assert_int_equal(rc, 0);
}

static void expect_given_up_in_time(struct producer *p)
{
	int64_t took, late;
	int tries = 0;

	do
		assert_int_equal(publish(p, 1000, &took, &late), -1);
	while (late >= TOLERANCE_MS && took > 1000 + TOLERANCE_MS && ++tries < LATENESS_TRIES);
	assert_in_range(took, 998, 1100);
}

/* Some of its threads may go on until all are stopped. */
static void stop_for_a_while(const struct broker *b)
{
	int status;

	kill(b->pid, SIGSTOP);
	assert_int_equal(waitpid(b->pid, &status, WUNTRACED), b->pid);
	assert_true(WIFSTOPPED(status));
}

static void a_stopped_broker_holds_no_publish_beyond_its_deadline(void **state)
{
	static const char *const argv[] = {BROKER, NULL};
	static const char *const topics[] = {"wx.messages"};
	struct broker b = {0};
	struct producer *p = NULL;
	struct err err;
	int i;

	(void)state;
	log_set_sink(NULL, NULL); /* how often the library complains is a matter of timing */
	start(&b, argv);
	assert_int_equal(producer_new(&p, &b.conf, &(struct producer_options){.client_id = "test"}, &err), 0);
	assert_int_equal(producer_warm(p, topics, 1, 5000, &err), 0);
	expect_acknowledged(p);
	stop_for_a_while(&b);
	for (i = 0; i < 4; i++)
		expect_given_up_in_time(p);
	kill(b.pid, SIGCONT);
	expect_acknowledged(p);
	producer_free(&p, 1000);
	assert_int_equal(stop(&b, SIGTERM), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(it_has_every_topic_once_it_says_so_and_ends_on_a_signal),
		TESTING_CASE(a_stopped_broker_holds_no_publish_beyond_its_deadline),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (running)
		kill(running, SIGKILL);
	return failed;
}
