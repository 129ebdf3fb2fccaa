#include "services/ingress/handler.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/trace.h"
#include "services/ingress/event.h"
#include "services/ingress/metrics.h"
#include "services/ingress/push.h"
#include "services/ingress/route.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define READY_POLL_MS 20

/* One request on its way. */
struct exchange {
	const struct handler *h;
	struct httpd_request *req;
	int64_t came_mono_ms;
	int64_t came_wall_ms;
	struct arena arena;
	struct platform_lease *platforms;
	struct route route;
	const struct platform *platform;
	struct buf body;
};

/* --- answers ---------------------------------------------------------------------------------------------
 */

static void refuse(struct exchange *x, int status, const char *reason)
{
	metric_add(&ingress_metrics[M_REFUSED], reason, 1);
	log_debug(NULL, "refused a request from %s: %s", httpd_peer(x->req), reason);
	httpd_reply_str(x->req, status, "text/plain", "refused\n");
}

static void answered(const struct exchange *x, const char *answer)
{
	int64_t took_ms = clock_mono_ms() - x->came_mono_ms;

	log_debug(NULL, "answered %s after %lld ms", answer, (long long)took_ms);
	metric_add(&ingress_metrics[M_ANSWERED], answer, 1);
	metric_observe_ms(&ingress_metrics[M_ANSWER_SECONDS], answer, took_ms);
}

/* Our side could not make it durable. */
static void unavailable(struct exchange *x, const char *event_id, const char *why)
{
	log_warn(event_id, "not durable in time, Weixin gets 503: %s", why);
	httpd_reply_str(x->req, 503, "text/plain", "unavailable\n");
	answered(x, "unavailable");
}

static void answer_success(struct exchange *x)
{
	httpd_reply_str(x->req, 200, "text/plain", "success");
	answered(x, "success");
}

static void answer_empty(struct exchange *x)
{
	httpd_reply_str(x->req, 200, "text/plain", "");
	answered(x, "empty");
}

/* A reply that cannot be written (its fields were checked by nobody we trust) becomes `success`: the event is
 * durable. */
static void answer_reply(struct exchange *x, const struct push *p, const struct json *fields)
{
	enum message_form form = p->message.form;
	struct buf plain = BUF_INIT(MESSAGE_MAX_BYTES), sealed = BUF_INIT(2 * MESSAGE_MAX_BYTES);
	int64_t now_s = clock_wall_ms() / 1000;
	struct err err;

	if (reply_plain(fields, p->message.from_user_name, p->message.to_user_name, now_s, form, &plain,
		    &err) < 0) {
		log_warn(p->event_id, "the chosen reply cannot be sent, Weixin gets success: %s", err.text);
		answer_success(x);
	} else {
		reply_seal(p->key, p->route.component_appid, p->nonce, now_s, form, plain.data, plain.len,
			&sealed);
		httpd_reply(x->req, 200, form == MESSAGE_JSON ? "application/json" : "application/xml",
			sealed.data, sealed.len, NULL, 0);
		answered(x, "reply");
	}
	buf_release(&plain);
	buf_release(&sealed);
}

/* --- a push ----------------------------------------------------------------------------------------------
 */

/* Before that a push waits as it would for Kafka, and takes a slot like any other. NULL: ready; otherwise why
 * not. */
static const char *wait_until_ready(const struct exchange *x)
{
	const struct handler *h = x->h;
	bool ready = h->ready(h->ready_arg);

	if (ready)
		return NULL;
	if (!desk_reserve(h->desk))
		return "no slot is free";
	while (!ready && clock_mono_ms() < x->came_mono_ms + PUBLISH_LIMIT_MS) {
		clock_sleep_ms(READY_POLL_MS);
		ready = h->ready(h->ready_arg);
	}
	desk_unreserve(h->desk);
	return ready ? NULL : "this ingress is not ready";
}

/* The push on its topic. -1: not known to be durable in time. */
static int publish(
	const struct exchange *x, const struct push *p, const struct event_plan *plan, struct err *err)
{
	struct arena arena = ARENA_INIT;
	struct kafka_record record;
	int64_t began = clock_mono_ms();
	int rc = event_record(
		p, plan, x->h->topics[plan->topic], x->h->event_key, x->came_wall_ms, &arena, &record, err);

	if (rc == 0)
		rc = producer_publish(x->h->producer, &record, x->came_mono_ms + PUBLISH_LIMIT_MS, err);
	if (rc == 0) {
		metric_observe_ms(&ingress_metrics[M_PUBLISH_SECONDS], NULL, clock_mono_ms() - began);
		log_debug(p->event_id, "published to %s", record.topic);
	}
	arena_release(&arena);
	return rc;
}

static void answer_outcome(struct exchange *x, const struct push *p, struct desk_ticket *ticket)
{
	struct desk_answer answer;

	desk_wait(x->h->desk, ticket, &answer);
	if (answer.kind == ANSWER_REPLY)
		answer_reply(x, p, answer.reply);
	else if (answer.kind == ANSWER_EMPTY)
		answer_empty(x);
	else
		answer_success(x);
	json_free(&answer.reply);
}

static void publish_and_answer(struct exchange *x, const struct push *p, const struct event_plan *plan)
{
	const struct desk_push at_desk = {
		.event_id = p->event_id,
		.from = {p->route.component_appid, p->appid, p->message.from_user_name, trace_current()},
		.groups = plan->repliers,
		.n_groups = plan->n_repliers,
		.channel = plan->channel,
		.may_send_customer_service = plan->may_send_customer_service,
		.publish_by_mono_ms = x->came_mono_ms + PUBLISH_LIMIT_MS,
		.answer_by_mono_ms = x->came_mono_ms + ANSWER_LIMIT_MS,
	};
	struct desk_ticket *ticket = NULL;
	struct err err;

	switch (desk_enter(x->h->desk, &at_desk, &ticket)) {
	case DESK_FULL:
		unavailable(x, p->event_id, "no slot is free");
		return;
	case DESK_TOO_LATE:
		unavailable(x, p->event_id, "another request of it is still being written");
		return;
	case DESK_KNOWN:
		answer_outcome(x, p, ticket);
		break;
	case DESK_PUBLISH:
		if (publish(x, p, plan, &err) < 0) {
			desk_failed(x->h->desk, ticket);
			unavailable(x, p->event_id, err.text);
			break;
		}
		desk_published(x->h->desk, ticket);
		answer_outcome(x, p, ticket);
	}
	desk_leave(x->h->desk, &ticket);
}

static void count_key(const struct exchange *x, const struct push *p)
{
	char label[APPID_MAX + 16];

	snprintf(label, sizeof(label), "%s/%zu", x->platform->component_appid,
		(size_t)(p->key - x->platform->keys));
	metric_add(&ingress_metrics[M_KEY_USED], label, 1);
}

static void serve_push(struct exchange *x)
{
	struct push_time time = {.now_s = x->came_wall_ms / 1000, .window_s = x->h->push_window_s};
	struct event_plan plan;
	const char *not_ready;
	enum refusal refusal;
	struct push p;

	refusal = x->route.placeholder ? REFUSE_PATH
				       : push_accept(x->platform, &x->route, httpd_query(x->req),
						 x->body.data, x->body.len, time, &x->arena, &p);
	if (refusal) {
		refuse(x, refusal_status(refusal), refusal_word(refusal));
		return;
	}
	count_key(x, &p);
	not_ready = wait_until_ready(x);
	if (not_ready)
		unavailable(x, p.event_id, not_ready);
	else if ((refusal = event_plan(&p, x->h->directory, x->h->release_check_accounts, &plan)))
		refuse(x, refusal_status(refusal), refusal_word(refusal));
	else
		publish_and_answer(x, &p, &plan);
	push_release(&p);
}

/* --- a handshake -----------------------------------------------------------------------------------------
 */

static void serve_handshake(struct exchange *x)
{
	struct push_time time = {.now_s = x->came_wall_ms / 1000, .window_s = x->h->push_window_s};
	const char *echostr;
	enum refusal refusal = push_handshake(x->platform, httpd_query(x->req), time, &x->arena, &echostr);

	if (refusal) {
		refuse(x, refusal_status(refusal), refusal_word(refusal));
		return;
	}
	httpd_reply_str(x->req, 200, "text/plain", echostr);
	answered(x, "handshake");
}

/* --- any request -----------------------------------------------------------------------------------------
 */

static enum refusal find_platform(struct exchange *x)
{
	if (!route_parse(httpd_path(x->req), &x->route))
		return REFUSE_PATH;
	x->platform = platforms_find(platform_lease_get(x->platforms), x->route.component_appid);
	return x->platform ? ACCEPTED : REFUSE_PLATFORM;
}

static bool is_method(const struct exchange *x, const char *method)
{
	return strcmp(httpd_method(x->req), method) == 0;
}

/* Method and length come first: nothing else is looked at before they are right. */
static bool framing_ok(struct exchange *x)
{
	const char *reason;
	size_t len;
	int status;

	if (!is_method(x, "POST") && !is_method(x, "GET")) {
		refuse(x, refusal_status(REFUSE_METHOD), refusal_word(REFUSE_METHOD));
		return false;
	}
	if (is_method(x, "POST") &&
		(status = httpd_body_check(x->req, MESSAGE_MAX_BYTES, &len, &reason)) != 0) {
		refuse(x, status, reason);
		return false;
	}
	return true;
}

static void serve(struct exchange *x)
{
	enum refusal refusal;
	struct err err;

	if (!framing_ok(x))
		return;
	if ((refusal = find_platform(x)) != ACCEPTED) {
		refuse(x, refusal_status(refusal), refusal_word(refusal));
		return;
	}
	if (is_method(x, "GET")) {
		serve_handshake(x);
	} else if (httpd_body_read(x->req, &x->body, &err) < 0) {
		refuse(x, refusal_status(REFUSE_BODY_READ), refusal_word(REFUSE_BODY_READ));
	} else {
		serve_push(x);
	}
}

void handler_serve(struct httpd_request *req, void *arg)
{
	const struct handler *h = arg;
	struct exchange x = {
		.h = h,
		.req = req,
		.came_mono_ms = clock_mono_ms(),
		.came_wall_ms = clock_wall_ms(),
		.arena = ARENA_INIT,
		.platforms = platform_set_take(h->platforms),
		.body = BUF_INIT(MESSAGE_MAX_BYTES),
	};

	trace_enter(httpd_header_alone(req, TRACE_HEADER));
	serve(&x);
	trace_leave();
	buf_release(&x.body);
	arena_release(&x.arena);
	platform_set_give(h->platforms, &x.platforms);
}
