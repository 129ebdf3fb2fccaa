#include "common/base/str.h"
#include "common/kafka/mock.h"
#include "proto/topics.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* A broker in memory as a process, for the first demo and for tests: librdkafka's mock cluster with every
 * topic of the table. The kernel chooses its port; whoever starts it reads the address from its standard
 * output. */

#define EXTRA_MAX      64
#define PARTITIONS_MAX 1000

enum { OPTION_TOPIC = 't', OPTION_PREFIX = 'x', OPTION_PARTITIONS = 'p' };

struct settings {
	const char *prefix;
	int partitions;
	const char *extra[EXTRA_MAX]; /* NAME:PARTITIONS */
	size_t n_extra;
};

const char *argp_program_version = "wxbus-embedded-broker " WXBUS_VERSION;

static const struct argp_option options[] = {
	{"topic-prefix", OPTION_PREFIX, "PREFIX", 0,
		"Put before the name of every topic of the table; default wx.", 0},
	{"partitions", OPTION_PARTITIONS, "N", 0, "Of every topic of the table; default 4", 0},
	{"topic", OPTION_TOPIC, "NAME:PARTITIONS", 0, "A further topic, by its whole name; may be repeated",
		0},
	{0},
};

static const char doc[] = "A Kafka broker in memory on 127.0.0.1, with every topic of wxbus."
			  "\vPrints bootstrap.servers=127.0.0.1:PORT when ready and runs until SIGTERM or "
			  "SIGINT; the records are gone then. "
			  "It keeps 5 MiB of each partition and has no look-up by time and no topic "
			  "administration. It answers a fetch that finds nothing new only after the whole of "
			  "fetch.wait.max.ms: give the services WXBUS_KAFKA_FETCH_WAIT_MAX_MS=10. For trying "
			  "wxbus out; not for anything that must not be lost.";

static int parse_count(const char *s, int *out)
{
	int64_t n;

	if (str_to_int64(s, strlen(s), 1, PARTITIONS_MAX, &n) < 0)
		return -1;
	*out = (int)n;
	return 0;
}

/* "NAME:PARTITIONS" into its parts. -1: not of that form. */
static int parse_topic(const char *arg, char *name, size_t size, int *partitions)
{
	const char *colon = strrchr(arg, ':');

	if (!colon || colon == arg || parse_count(colon + 1, partitions) < 0)
		return -1;
	return str_ncopy(name, size, arg, (size_t)(colon - arg));
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct settings *s = state->input;
	char name[TOPIC_NAME_MAX + 1];
	int n;

	switch (key) {
	case OPTION_PREFIX:
		s->prefix = arg;
		return 0;
	case OPTION_PARTITIONS:
		if (parse_count(arg, &s->partitions) < 0)
			argp_error(state, "--partitions: must be 1 to %d; for example --partitions=4",
				PARTITIONS_MAX);
		return 0;
	case OPTION_TOPIC:
		if (parse_topic(arg, name, sizeof(name), &n) < 0 || s->n_extra == EXTRA_MAX)
			argp_error(state,
				"--topic: must be NAME:PARTITIONS, at most %d of them; for example "
				"--topic=wx.shop.retry.1m:4",
				EXTRA_MAX);
		s->extra[s->n_extra++] = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument: %s", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int create_topics(struct kafka_mock *mock, const struct settings *s, struct err *err)
{
	char name[TOPIC_NAME_MAX + 1];
	int partitions = 0;
	size_t i;

	for (i = 0; i < N_TOPICS; i++)
		if (topic_name((enum topic)i, s->prefix, name, err) < 0 ||
			kafka_mock_create_topic(mock, name, s->partitions, err) < 0)
			return -1;
	for (i = 0; i < s->n_extra; i++) {
		parse_topic(s->extra[i], name, sizeof(name), &partitions);
		if (kafka_mock_create_topic(mock, name, partitions, err) < 0)
			return -1;
	}
	return 0;
}

static int serve(const struct settings *s, struct err *err)
{
	struct kafka_mock *mock = NULL;
	sigset_t ends;
	int rc, which;

	/* Before the mock's threads start, so that the signals come here. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);

	rc = kafka_mock_new(&mock, 1, err);
	if (rc == 0)
		rc = create_topics(mock, s, err);
	if (rc == 0) {
		printf("bootstrap.servers=%s\n", kafka_mock_bootstrap(mock));
		fflush(stdout);
		sigwait(&ends, &which);
	}
	kafka_mock_free(&mock);
	return rc;
}

int main(int argc, char **argv)
{
	const struct argp argp = {.options = options, .parser = parse_option, .doc = doc};
	struct settings settings = {.prefix = "wx.", .partitions = 4};
	struct err err;

	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (serve(&settings, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "wxbus-embedded-broker: %s\n", err.text);
	return EXIT_FAILURE;
}
