#include "tools/weixin-sim/release/release_session.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "tools/weixin-sim/api/api.h"
#include "tools/weixin-sim/release/release_check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define API_THREADS 32

struct release_session {
	struct sim sim;
	struct httpd *api;
	char component_appid[NAME_MAX_LEN];
	int64_t api_limit_ms;
	int64_t ticket_create_time;
};

static int put_platform(struct release_session *s, const struct release_target *t, struct err *err)
{
	struct platform *p;
	int rc = 0;

	state_lock(&s->sim.state);
	p = state_put_platform(&s->sim.state, t->component_appid);
	memcpy(p->key, t->aes_key, sizeof(p->key));
	if (str_copy(p->app_secret, sizeof(p->app_secret), t->app_secret ? t->app_secret : "") < 0 ||
		str_copy(p->token, sizeof(p->token), t->token) < 0 ||
		str_copy(p->event_url, sizeof(p->event_url), t->event_url) < 0 ||
		str_copy(p->message_url, sizeof(p->message_url), t->message_url) < 0)
		rc = err_set(err, ERR_REJECT, EINVAL, "a secret or URL of the platform is too long");
	state_unlock(&s->sim.state);
	return rc;
}

static int start(struct release_session *s, const struct release_target *t, struct err *err)
{
	const struct httpc_options client = {
		.allow_http = true, .connect_timeout_ms = (long)s->sim.conf.push_timeout_ms};
	const struct httpd_options api = {.listen = t->api_listen, .threads = API_THREADS};

	if (httpc_new(&s->sim.httpc, &client, err) < 0 || ticker_new(&s->sim.ticker, &s->sim, 0, err) < 0 ||
		ticker_new(&s->sim.jobs, &s->sim, 0, err) < 0)
		return -1;
	return t->api_listen ? httpd_new(&s->api, &api, api_handle, &s->sim, err) : 0;
}

int release_session_new(struct release_session **out, const struct release_target *t, struct err *err)
{
	struct release_session *s = xcalloc(1, sizeof(*s));

	if (sim_conf_load(&s->sim.conf, 0, NULL, err) < 0) {
		free(s);
		return -1;
	}
	s->sim.conf.push_timeout_ms = t->timeout_ms;
	sim_init(&s->sim);
	s->api_limit_ms = t->api_limit_ms;
	s->ticket_create_time = t->ticket_create_time;
	str_copy(s->component_appid, sizeof(s->component_appid), t->component_appid);
	if (put_platform(s, t, err) < 0 || start(s, t, err) < 0) {
		release_session_free(&s);
		return -1;
	}
	*out = s;
	return 0;
}

void release_session_free(struct release_session **sp)
{
	struct release_session *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	sim_stop(&s->sim);
	httpd_free(&s->api);
	ticker_free(&s->sim.jobs);
	ticker_free(&s->sim.ticker);
	httpc_free(&s->sim.httpc);
	sim_release(&s->sim);
	free(s);
}

int release_session_api_port(const struct release_session *s)
{
	return s->api ? httpd_port(s->api) : 0;
}

int release_session_play(
	struct release_session *s, int group, bool with_ticket, struct json **out, struct err *err)
{
	const struct release_options o = {.component_appid = s->component_appid,
		.group = group,
		.steps = with_ticket ? STEP_ALL : STEP_ALL & ~(unsigned)STEP_TICKET,
		.official = true,
		.miniprogram = true,
		.api_limit_ms = s->api_limit_ms,
		.ticket_create_time = s->ticket_create_time,
		.no_api = s->api == NULL};

	return release_check(&s->sim, &o, out, err) == 0 ? 0 : -1;
}
