#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/api/api.h"
#include "tools/weixin-sim/load/load.h"
#include "tools/weixin-sim/sim.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Long enough that callers do not meet the end of a kept connection in the pauses of a test. */
#define API_KEEP_ALIVE_MS 20000

/* Blocked for every thread that is made later; main() waits for them. */
static void hold_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

struct ports {
	struct httpd *api;
	struct httpd *admin;
};

static int start(struct sim *sim, struct ports *ports, struct err *err)
{
	const struct httpd_options api = {.listen = sim->conf.listen,
		.threads = (int)sim->conf.api_threads,
		.keep_alive_timeout_ms = API_KEEP_ALIVE_MS};
	const struct httpd_options admin = {
		.listen = sim->conf.admin_listen, .threads = (int)sim->conf.admin_threads};
	const struct httpc_options client = {
		.allow_http = true, .connect_timeout_ms = (long)sim->conf.push_timeout_ms};

	if (httpc_new(&sim->httpc, &client, err) < 0)
		return -1;
	if (ticker_new(&sim->ticker, sim, sim->conf.ticket_interval_s, err) < 0 ||
		ticker_new(&sim->jobs, sim, 0, err) < 0)
		return -1;
	if (httpd_new(&ports->api, &api, api_handle, sim, err) < 0)
		return err_prefix(err, "WEIXIN_SIM_LISTEN");
	if (httpd_new(&ports->admin, &admin, admin_handle, sim, err) < 0)
		return err_prefix(err, "WEIXIN_SIM_ADMIN_LISTEN");
	printf("api=http://127.0.0.1:%d\nadmin=http://127.0.0.1:%d\n", httpd_port(ports->api),
		httpd_port(ports->admin));
	fflush(stdout);
	return 0;
}

static void stop(struct sim *sim, struct ports *ports)
{
	atomic_store(&sim->stopping, true);
	record_stop(&sim->record);
	state_lock(&sim->state);
	pthread_cond_broadcast(&sim->state.received);
	state_unlock(&sim->state);
	httpd_free(&ports->admin);
	httpd_free(&ports->api);
	ticker_free(&sim->jobs);
	ticker_free(&sim->ticker);
	httpc_free(&sim->httpc);
}

static int serve(int argc, char **argv)
{
	struct ports ports = {0};
	static struct sim sim;
	struct err err = {0};
	sigset_t signals;
	int rc, sig;

	hold_signals(&signals);
	rc = sim_conf_load(&sim.conf, argc, argv, &err);
	if (rc == 0) {
		sim_init(&sim);
		rc = start(&sim, &ports, &err);
		if (rc == 0)
			sigwait(&signals, &sig);
		stop(&sim, &ports);
		sim_release(&sim);
	} else {
		sim_conf_release(&sim.conf);
	}
	if (rc < 0)
		fprintf(stderr, "weixin-sim: %s\n", err.text);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		const char *title; /* argp names the program so */
		int (*run)(int argc, char **argv);
	} commands[] = {
		{"load", "weixin-sim load", load_main}, {"answer", "weixin-sim answer", load_answer_main}};

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].word) != 0)
			continue;
		char title[32];

		(void)snprintf(title, sizeof(title), "%s", commands[i].title);
		argv[1] = title;
		return commands[i].run(argc - 1, argv + 1);
	}
	return serve(argc, argv);
}
