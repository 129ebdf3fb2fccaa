#include "tools/weixin-sim/server.h"

#include "tools/weixin-sim/admin/admin.h"
#include "tools/weixin-sim/api/api.h"

#include <stdio.h>

#include "common/base/banned.h"

/* Long enough that callers do not meet the end of a kept connection in the pauses of a test. */
#define API_KEEP_ALIVE_MS 20000

void server_hold_signals(sigset_t *set_out)
{
	sigemptyset(set_out);
	sigaddset(set_out, SIGTERM);
	sigaddset(set_out, SIGINT);
	pthread_sigmask(SIG_BLOCK, set_out, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int server_start(struct server *s, struct err *err)
{
	const struct sim_conf *conf = &s->sim.conf;
	const struct httpd_options api = {.listen = conf->listen,
		.threads = (int)conf->api_threads,
		.keep_alive_timeout_ms = API_KEEP_ALIVE_MS};
	const struct httpd_options admin = {
		.listen = conf->admin_listen, .threads = (int)conf->admin_threads};
	const struct httpc_options client = {
		.allow_http = true, .connect_timeout_ms = (long)conf->push_timeout_ms};

	sim_init(&s->sim);
	if (httpc_new(&s->sim.httpc, &client, err) < 0)
		return -1;
	if (ticker_new(&s->sim.ticker, &s->sim, conf->ticket_interval_s, err) < 0 ||
		ticker_new(&s->sim.jobs, &s->sim, 0, err) < 0)
		return -1;
	if (httpd_new(&s->api, &api, api_handle, &s->sim, err) < 0)
		return err_prefix(err, "WEIXIN_SIM_LISTEN");
	if (httpd_new(&s->admin, &admin, admin_handle, &s->sim, err) < 0)
		return err_prefix(err, "WEIXIN_SIM_ADMIN_LISTEN");
	printf("api=http://127.0.0.1:%d\nadmin=http://127.0.0.1:%d\n", httpd_port(s->api),
		httpd_port(s->admin));
	fflush(stdout);
	return 0;
}

void server_stop(struct server *s)
{
	sim_stop(&s->sim);
	httpd_free(&s->admin);
	httpd_free(&s->api);
	ticker_free(&s->sim.jobs);
	ticker_free(&s->sim.ticker);
	httpc_free(&s->sim.httpc);
	sim_release(&s->sim);
}
