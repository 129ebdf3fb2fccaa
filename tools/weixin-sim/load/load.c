#include "tools/weixin-sim/load/load.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/json/json.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define USAGE 2

enum {
	OPT_URL = 1,
	OPT_COMPONENT,
	OPT_TOKEN,
	OPT_KEY,
	OPT_ACCOUNT,
	OPT_ACCOUNTS,
	OPT_FANS,
	OPT_CONNECTIONS,
	OPT_RATE,
	OPT_DURATION_MS,
	OPT_PUSHES,
	OPT_TIMEOUT_MS,
	OPT_EXPECT,
	OPT_REPEAT,
	OPT_JSON
};

static const struct argp_option options[] = {
	{"url", OPT_URL, "URL", 0,
		"The message-and-event URL, http://, with $APPID$ where the account stands", 0},
	{"component", OPT_COMPONENT, "APPID", 0, "The platform's appid", 0},
	{"token", OPT_TOKEN, "TOKEN", 0, "Its message-check token", 0},
	{"key", OPT_KEY, "KEY", 0, "Its EncodingAESKey, 43 characters", 0},
	{"account", OPT_ACCOUNT, "APPID=GH_ID", 0, "This one account instead of made-up ones", 0},
	{"accounts", OPT_ACCOUNTS, "N", 0, "So many made-up accounts (100)", 0},
	{"fans", OPT_FANS, "N", 0, "So many fans of each (1000)", 0},
	{"connections", OPT_CONNECTIONS, "N", 0, "Kept connections, each with one push under way (64)", 0},
	{"rate", OPT_RATE, "N", 0, "Pushes in a second, on a schedule that waits for nobody (0: flat out)",
		0},
	{"duration-ms", OPT_DURATION_MS, "N", 0, "How long (10000)", 0},
	{"pushes", OPT_PUSHES, "N", 0, "How many to prepare (as many as the rate needs; flat out: 100000)",
		0},
	{"repeat", OPT_REPEAT, NULL, 0, "Begin anew with the same pushes when they are used up", 0},
	{"timeout-ms", OPT_TIMEOUT_MS, "N", 0, "How long an answer may take (5000)", 0},
	{"expect", OPT_EXPECT, "ANSWER", 0, "success, empty, reply, or any of them (any)", 0},
	{"json", OPT_JSON, NULL, 0, "One JSON object instead of the table", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static void number(
	struct argp_state *state, const char *name, const char *arg, int64_t min, int64_t max, int64_t *out)
{
	if (str_to_int64(arg, strlen(arg), min, max, out) < 0)
		argp_error(state, "--%s takes a whole number from %" PRId64 " to %" PRId64, name, min, max);
}

static void end(struct argp_state *state, struct load_options *o)
{
	if (!o->url || !o->component_appid || !o->token || !o->encoding_aes_key)
		argp_error(state, "--url, --component, --token and --key are needed");
	if (strcmp(o->expect, "any") != 0 && strcmp(o->expect, "success") != 0 &&
		strcmp(o->expect, "empty") != 0 && strcmp(o->expect, "reply") != 0)
		argp_error(state, "--expect takes success, empty, reply or any");
	if (!o->pushes && !o->rate)
		o->pushes = 100000;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct load_options *o = state->input;
	const struct {
		int key;
		const char **text;
	} texts[] = {{OPT_URL, &o->url}, {OPT_COMPONENT, &o->component_appid}, {OPT_TOKEN, &o->token},
		{OPT_KEY, &o->encoding_aes_key}, {OPT_ACCOUNT, &o->account}, {OPT_EXPECT, &o->expect}};
	const struct {
		int key;
		const char *name;
		int64_t min, max, *out;
	} numbers[] = {{OPT_ACCOUNTS, "accounts", 1, 1000000, &o->accounts},
		{OPT_FANS, "fans", 1, 1000000000, &o->fans},
		{OPT_CONNECTIONS, "connections", 1, 20000, &o->connections},
		{OPT_RATE, "rate", 0, 10000000, &o->rate},
		{OPT_DURATION_MS, "duration-ms", 1, 86400000, &o->duration_ms},
		{OPT_PUSHES, "pushes", 1, 100000000, &o->pushes},
		{OPT_TIMEOUT_MS, "timeout-ms", 1, 60000, &o->timeout_ms}};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (key == texts[i].key)
			*texts[i].text = arg;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (key == numbers[i].key)
			number(state, numbers[i].name, arg, numbers[i].min, numbers[i].max, numbers[i].out);
	o->repeat |= key == OPT_REPEAT;
	o->json |= key == OPT_JSON;
	if (key == ARGP_KEY_END)
		end(state, o);
	return key == ARGP_KEY_ARG ? ARGP_ERR_UNKNOWN : 0;
}

static const struct {
	const char *name;
	double share;
} percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
#define N_PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

/* The least value that so large a share of them does not pass. */
static uint32_t percentile(const uint32_t *sorted, size_t n, double share)
{
	size_t rank = (size_t)(share * (double)n + 0.999999);

	if (n == 0)
		return 0;
	return sorted[rank < 1 ? 0 : rank > n ? n - 1 : rank - 1];
}

static struct json *times_json(const uint32_t *sorted, size_t n)
{
	struct json *j = json_new_object();

	for (size_t i = 0; i < N_PERCENTILES; i++)
		json_set_int(j, percentiles[i].name, percentile(sorted, n, percentiles[i].share));
	return j;
}

static double per_second(const struct load_result *r)
{
	return r->took_us ? (double)r->n * 1e6 / (double)r->took_us : 0;
}

static void print_json(const struct load_options *o, const struct load_result *r, int64_t prepared_ms)
{
	struct json *j = json_new_object(), *answers = json_new_object();
	struct buf out = BUF_INIT(65536);

	json_set_int(j, "pushes", (int64_t)r->n);
	json_set_int(j, "took_ms", r->took_us / 1000);
	json_set_int(j, "prepared_ms", prepared_ms);
	json_set_int(j, "per_second", (int64_t)per_second(r));
	for (int a = 0; a < ANSWER_SHIELDED; a++)
		json_set_int(answers, answer_name((enum answer)a), (int64_t)r->answers[a]);
	json_set(j, "answers", answers);
	json_set_int(j, "unexpected", (int64_t)r->unexpected);
	json_set_int(j, "unsent", (int64_t)r->unsent);
	json_set_int(j, "reconnects", (int64_t)r->reconnects);
	json_set_str(j, "why", r->why);
	json_set_bool(j, "corrected", o->rate > 0);
	json_set(j, "latency_us", times_json(r->latency_us, r->n));
	json_set(j, "service_us", times_json(r->service_us, r->n));
	json_write(j, &out);
	printf("%s\n", buf_cstr(&out));
	buf_release(&out);
	json_free(&j);
}

static void print_times(const char *title, const uint32_t *sorted, size_t n)
{
	printf("%-34s", title);
	for (size_t i = 0; i < N_PERCENTILES; i++)
		printf("  %s %.2f", percentiles[i].name,
			percentile(sorted, n, percentiles[i].share) / 1000.0);
	printf("\n");
}

static void print_table(const struct load_options *o, const struct load_result *r, int64_t prepared_ms)
{
	printf("%zu pushes in %.2f s, %.0f/s, %" PRId64 " connections (prepared in %.2f s)\n", r->n,
		(double)r->took_us / 1e6, per_second(r), o->connections, (double)prepared_ms / 1e3);
	printf("answers:");
	for (int a = 0; a < ANSWER_SHIELDED; a++)
		if (r->answers[a])
			printf("  %s %" PRIu64, answer_name((enum answer)a), r->answers[a]);
	printf("\n");
	if (r->unexpected)
		printf("unexpected: %" PRIu64 " (never sent: %" PRIu64 "); the first: %s\n", r->unexpected,
			r->unsent, r->why);
	if (r->reconnects)
		printf("connections made anew: %" PRIu64 "\n", r->reconnects);
	if (o->rate)
		print_times("ms from the time it was due:", r->latency_us, r->n);
	print_times("ms from the time it was sent:", r->service_us, r->n);
}

static int run(const struct load_options *o, struct err *err)
{
	int64_t started_ms = clock_mono_ms(), prepared_ms;
	struct load_result result = {0};
	struct load_pushes pushes;
	int rc = load_pushes_init(&pushes, o, err);

	prepared_ms = clock_mono_ms() - started_ms;
	if (rc == 0 && (rc = load_run(&pushes, o, &result, err)) == 0) {
		(o->json ? print_json : print_table)(o, &result, prepared_ms);
		rc = result.unexpected || result.n == 0;
	}
	load_result_release(&result);
	load_pushes_release(&pushes);
	return rc;
}

int load_main(int argc, char **argv)
{
	static const struct argp argp = {.options = options,
		.parser = parse,
		.doc = "Many pushes at one receiver, correctly signed and encrypted, all prepared before the "
		       "first is "
		       "sent. Every answer is checked.\v"
		       "At a rate, times count from when a push was due by the schedule, so that a receiver "
		       "that "
		       "stalls cannot hide it by making the generator wait. Flat out there is no schedule: "
		       "each "
		       "connection sends when its last answer came."};
	struct load_options o = {.accounts = 100,
		.fans = 1000,
		.connections = 64,
		.duration_ms = 10000,
		.timeout_ms = 5000,
		.expect = "any"};
	struct err err;
	int rc;

	argp_err_exit_status = USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
		return USAGE;
	rc = run(&o, &err);
	if (rc >= 0)
		return rc;
	fprintf(stderr, "weixin-sim load: %s\n", err.text);
	return err.kind == ERR_REJECT ? USAGE : EXIT_FAILURE;
}
