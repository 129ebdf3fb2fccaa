#include "tools/weixin-sim/scenario/run.h"

#include "common/base/conf.h"
#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/scenario/play.h"
#include "tools/weixin-sim/server.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define WRONG    2
#define FILE_MAX ((size_t)1 << 20)
#define SETS_MAX 64

enum { OPT_SET = 1, OPT_STAY };

struct run {
	const char *file;
	char *sets[SETS_MAX]; /* NAME=VALUE, of the command line */
	size_t n_sets;
	bool stay;
};

static const struct argp_option options[] = {
	{"set", OPT_SET, "NAME=VALUE", 0, "The value of a variable; may be given more than once", 0},
	{"stay", OPT_STAY, NULL, 0, "When all went well, go on until SIGTERM or SIGINT", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct run *run = state->input;

	switch (key) {
	case OPT_SET:
		if (!strchr(arg, '='))
			argp_error(state, "--set %s has no =", arg);
		if (run->n_sets == SETS_MAX)
			argp_error(state, "more than %d times --set", SETS_MAX);
		run->sets[run->n_sets++] = arg;
		return 0;
	case OPT_STAY:
		run->stay = true;
		return 0;
	case ARGP_KEY_ARG:
		if (run->file)
			argp_error(state, "more than one file");
		run->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (!run->file)
			argp_error(state, "which file?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int set_variables(const struct run *run, struct scenario *s, struct err *err)
{
	const char *missing;

	for (size_t i = 0; i < run->n_sets; i++) {
		char *equals = strchr(run->sets[i], '=');

		*equals = '\0';
		if (scenario_set(s, run->sets[i], equals + 1, err) < 0)
			return -1;
	}
	missing = scenario_missing(s);
	return missing ? err_set(err, ERR_REJECT, EINVAL,
				 "variables.%.60s: has no value; give it by --set %.60s=VALUE", missing,
				 missing)
		       : 0;
}

static int load(const struct run *run, struct scenario *s, struct err *err)
{
	struct json *root = NULL;
	char *text = NULL;
	size_t len;
	int rc;

	if (conf_read_file(run->file, FILE_MAX, &text, &len, err) < 0)
		return -1;
	rc = scenario_parse(text, len, &root, err);
	free(text);
	if (rc < 0 || scenario_init(s, root, admin_knows, err) < 0)
		return -1;
	if (set_variables(run, s, err) < 0) {
		scenario_release(s);
		return -1;
	}
	return 0;
}

/* A signal ends the scenario, wherever it is. */
struct watch {
	struct sim *sim;
	sigset_t signals;
	pthread_t thread;
};

static void *watch_signals(void *arg)
{
	struct watch *w = arg;
	int sig;

	sigwait(&w->signals, &sig);
	sim_stop(w->sim);
	return NULL;
}

static void tell(const struct json *step, void *arg)
{
	bool ok = json_get_bool(step, "ok", false);
	int64_t number = 0, ms = 0;

	(void)arg;
	(void)json_get_int(step, "step", &number);
	(void)json_get_int(step, "ms", &ms);
	printf("%-6s %3" PRId64 "  %s  %" PRId64 " ms\n", ok ? "ok" : "FAILED", number,
		json_get_str(step, "name"), ms);
	if (!ok)
		printf("            %s\n", json_get_str(step, "why"));
	fflush(stdout);
}

static int play_all(
	const struct run *run, struct server *server, const struct scenario *s, struct watch *watch)
{
	struct json *report;
	bool ok = play(&server->sim, s, tell, NULL, &report);

	json_free(&report);
	if (!ok || !run->stay)
		pthread_kill(watch->thread, SIGTERM); /* nothing to wait for any more */
	pthread_join(watch->thread, NULL);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int run_main(int argc, char **argv)
{
	const struct argp argp = {options, parse_option, "FILE",
		"Starts a weixin-sim and plays a scenario file on it, step by step, up to the first step "
		"that fails.\v"
		"The settings come from the environment (weixin-sim --help). Exit status: 0 all went well; 1 "
		"a step "
		"failed; 2 the file, a variable or a setting is wrong.",
		NULL, NULL, NULL};
	static struct server server;
	struct watch watch = {.sim = &server.sim};
	struct scenario scenario;
	struct run run = {0};
	struct err err = {0};
	int status = WRONG;

	argp_err_exit_status = WRONG;
	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (load(&run, &scenario, &err) < 0) {
		fprintf(stderr, "weixin-sim: %s: %s\n", run.file, err.text);
		return WRONG;
	}
	server_hold_signals(&watch.signals);
	if (sim_conf_load(&server.sim.conf, 1, argv, &err) < 0) {
		sim_conf_release(&server.sim.conf);
	} else {
		if (server_start(&server, &err) == 0 &&
			pthread_create(&watch.thread, NULL, watch_signals, &watch) == 0)
			status = play_all(&run, &server, &scenario, &watch);
		server_stop(&server);
	}
	if (status == WRONG)
		fprintf(stderr, "weixin-sim: %s\n", err.text);
	scenario_release(&scenario);
	return status;
}
