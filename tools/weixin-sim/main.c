#include "tools/weixin-sim/load/load.h"
#include "tools/weixin-sim/scenario/run.h"
#include "tools/weixin-sim/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static int serve(int argc, char **argv)
{
	static struct server server;
	struct err err = {0};
	sigset_t signals;
	int rc, sig;

	server_hold_signals(&signals);
	rc = sim_conf_load(&server.sim.conf, argc, argv, &err);
	if (rc == 0) {
		rc = server_start(&server, &err);
		if (rc == 0)
			sigwait(&signals, &sig);
		server_stop(&server);
	} else {
		sim_conf_release(&server.sim.conf);
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
	} commands[] = {{"run", "weixin-sim run", run_main}, {"load", "weixin-sim load", load_main},
		{"answer", "weixin-sim answer", load_answer_main}};

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
