#include "tools/weixin-sim/push/ticker.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/weixin-sim/push/plays.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/banned.h"

struct wish {
	struct ticker_template about; /* without an account: a ticket for the platform */
	struct wish *next;
};

struct ticker {
	struct sim *sim;
	int64_t interval_ms;
	pthread_t thread;
	pthread_mutex_t lock; /* wishes, stopping */
	pthread_cond_t changed;
	struct wish *wishes;
	bool stopping;
};

static void push_ticket(struct sim *sim, const char *component_appid)
{
	const struct platform *p;
	struct push_result result;
	char ticket[TOKEN_MAX];
	bool same;

	state_lock(&sim->state);
	p = state_platform(&sim->state, component_appid);
	same = p && state_ticket_age_ms(p, clock_wall_ms()) < sim->conf.ticket_keep_s * 1000;
	state_unlock(&sim->state);
	/* Not 0: the platform is gone since, or has no URL. */
	if (play_ticket(sim, component_appid, same, &play_defaults, ticket, &result, NULL) == 0)
		push_result_release(&result);
}

/* https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html */
static void push_template_end(struct sim *sim, const struct ticker_template *sent)
{
	struct json *fields = json_new_object();
	const struct play_message m = {.component_appid = sent->component_appid,
		.appid = sent->appid,
		.openid = sent->openid,
		.fields = fields,
		.by_weixin = true};
	struct push_result result;

	json_set_str(fields, "MsgType", "event");
	json_set_str(fields, "Event", "TEMPLATESENDJOBFINISH");
	json_set_int(fields, "MsgID", sent->msg_id);
	json_set_str(fields, "Status", sent->status);
	/* Not 0: the platform is gone since, or has no URL. */
	if (play_message(sim, &m, &play_defaults, &result, NULL) == 0)
		push_result_release(&result);
	json_free(&fields);
}

static void fulfil(struct sim *sim, const struct wish *w)
{
	if (w->about.appid[0])
		push_template_end(sim, &w->about);
	else
		push_ticket(sim, w->about.component_appid);
}

static void wish_for_all(struct ticker *t)
{
	struct platform *p, *next;

	state_lock(&t->sim->state);
	HASH_ITER (hh, t->sim->state.platforms, p, next) {
		ticker_push_soon(t, p->component_appid);
	}
	state_unlock(&t->sim->state);
}

/* The next wish, or NULL at `until_mono_ms` or when it is time to stop. */
static struct wish *await_wish(struct ticker *t, int64_t until_mono_ms, bool *stopping_out)
{
	struct timespec until = clock_mono_timespec(until_mono_ms);
	struct wish *w;

	pthread_mutex_lock(&t->lock);
	while (!t->wishes && !t->stopping && pthread_cond_timedwait(&t->changed, &t->lock, &until) == 0)
		continue;
	w = t->wishes;
	if (w)
		LL_DELETE(t->wishes, w);
	*stopping_out = t->stopping;
	pthread_mutex_unlock(&t->lock);
	return w;
}

static void *run(void *arg)
{
	struct ticker *t = arg;
	int64_t interval_ms =
		t->interval_ms ? t->interval_ms : INT64_C(3600000); /* to wait for wishes only */
	int64_t due_ms = clock_mono_ms() + interval_ms;
	bool stopping = false;

	while (!stopping) {
		struct wish *w = await_wish(t, due_ms, &stopping);

		if (w && !stopping)
			fulfil(t->sim, w);
		free(w);
		if (clock_mono_ms() < due_ms)
			continue;
		due_ms += interval_ms;
		if (t->interval_ms)
			wish_for_all(t);
	}
	return NULL;
}

int ticker_new(struct ticker **out, struct sim *sim, int64_t interval_s, struct err *err)
{
	struct ticker *t = xcalloc(1, sizeof(*t));
	int rc;

	t->sim = sim;
	t->interval_ms = interval_s * 1000;
	pthread_mutex_init(&t->lock, NULL);
	clock_cond_init(&t->changed);
	if ((rc = pthread_create(&t->thread, NULL, run, t)) != 0) {
		free(t);
		return err_set(err, ERR_FATAL, rc, "no thread for the tickets: %s", strerror(rc));
	}
	*out = t;
	return 0;
}

void ticker_free(struct ticker **tp)
{
	struct ticker *t = *tp;
	struct wish *w, *next;

	*tp = NULL;
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stopping = true;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
	LL_FOREACH_SAFE (t->wishes, w, next) {
		LL_DELETE(t->wishes, w);
		free(w);
	}
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void wish(struct ticker *t, const struct ticker_template *about)
{
	struct wish *w = xcalloc(1, sizeof(*w));

	w->about = *about;
	pthread_mutex_lock(&t->lock);
	LL_APPEND(t->wishes, w);
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

void ticker_push_soon(struct ticker *t, const char *component_appid)
{
	struct ticker_template ticket = {.appid = ""};

	str_copy(ticket.component_appid, sizeof(ticket.component_appid), component_appid);
	wish(t, &ticket);
}

void ticker_finish_template(struct ticker *t, const struct ticker_template *sent)
{
	wish(t, sent);
}
