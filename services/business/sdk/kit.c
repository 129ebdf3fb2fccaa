#include "services/business/sdk/kit.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "proto/api_call.h"
#include "services/business/sdk/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define COMPONENT "wxcomponent"
#define LIVE      "wx.messages"

struct kit {
	struct business b; /* first: what reach gets */
	struct caller_key caller;
	struct caller_keys callers;
	struct kit_outcome outcome;
	struct arena arena; /* of the outcome */
	struct reply_verdict verdict;
	struct api_request *requests[KIT_CALLS_MAX];
	struct business_def def; /* as the business is, but retries never wait in place */
	int64_t next_id;
	bool away;
};

static struct kit *kit_of(struct business *b)
{
	return (struct kit *)b;
}

/* --- what the business writes ------------------------------------------------------------------------------
 */

static const char *header(struct kit *k, const struct kafka_record *r, const char *name)
{
	const struct kafka_header *h = kafka_record_header(r, name);

	return h ? arena_strndup(&k->arena, h->value, h->value_len) : "";
}

static void take_verdict(struct kit *k, const struct kafka_record *r)
{
	if (k->outcome.has_verdict || reply_verdict_parse(r->value, r->value_len, &k->verdict, NULL) < 0)
		return;
	k->outcome.has_verdict = true;
	k->outcome.verdict = k->verdict.verdict;
	k->outcome.reply = k->verdict.reply;
}

static void take_call(struct kit *k, const struct kafka_record *r)
{
	size_t i = k->outcome.n_calls;
	const char *key = arena_strndup(&k->arena, r->key, r->key_len), *slash = strchr(key, '/');

	if (i == KIT_CALLS_MAX || api_request_parse(r->value, r->value_len, &k->requests[i], NULL) < 0)
		return;
	k->outcome.calls[i] = (struct kit_call){
		.id = header(k, r, "ce_id"),
		.method = k->requests[i]->method,
		.path = k->requests[i]->path,
		.lane = slash ? slash + 1 : "",
		.priority = header(k, r, "ce_priority"),
		.body = k->requests[i]->body,
	};
	k->outcome.n_calls++;
}

static void take_hand_over(struct kit *k, const struct kafka_record *r)
{
	bool dead = strcmp(r->topic, k->b.dead_letter_topic) == 0;

	k->outcome.settlement = dead ? SETTLE_DEAD_LETTER : SETTLE_RETRY;
	k->outcome.reason = header(k, r, ORIGIN_REASON);
	k->outcome.error_class = header(k, r, ORIGIN_CLASS);
}

static int publish(struct business *b, const struct kafka_record *r, struct err *err)
{
	struct kit *k = kit_of(b);

	if (k->away)
		return err_set(err, ERR_RETRY, 0, "Kafka is away");
	if (strcmp(r->topic, b->topics[TOPIC_REPLIES]) == 0)
		take_verdict(k, r);
	else if (strcmp(r->topic, b->topics[TOPIC_API_REQUESTS]) == 0)
		take_call(k, r);
	else
		take_hand_over(k, r);
	return 0;
}

/* A try that is to be followed by another ends the delivery: the test decides what comes next. */
static bool give_back(struct worker_job *job, int64_t ms)
{
	(void)job;
	(void)ms;
	return false;
}

static void stop(struct business *b, const struct err *why)
{
	struct kit *k = kit_of(b);

	k->outcome.settlement = SETTLE_STOP;
	k->outcome.reason = arena_strdup(&k->arena, why->text);
}

static const struct sdk_reach reach = {publish, give_back, stop};

/* --- the kit -----------------------------------------------------------------------------------------------
 */

struct kit *kit_new(const struct business_def *def, const void *conf, struct pg_pool *pool)
{
	struct kit *k = xcalloc(1, sizeof(*k));
	struct business *b = &k->b;
	struct err err;
	int rc;

	k->def = *def;
	k->def.strict_order = false;
	b->def = &k->def;
	b->reach = &reach;
	b->pool = pool;
	b->settled = settled_new();
	b->marks = marks_new();
	pthread_mutex_init(&b->stopped_lock, NULL);
	str_copy(k->caller.component_appid, sizeof(k->caller.component_appid), COMPONENT);
	str_copy(k->caller.caller_id, sizeof(k->caller.caller_id), def->name);
	k->caller.key = xstrdup("the key of the test kit");
	k->callers = (struct caller_keys){&k->caller, 1};
	b->callers = &k->callers;
	rc = sdk_name_things(b, "wx.", false, &err);
	if (def->strict_order || b->manifest.n_delays == 0)
		b->manifest.n_delays = DELAYS_MAX; /* their names do not matter here */
	if (rc == 0 && def->init)
		rc = def->init(b, conf, &b->arg, &err);
	if (rc < 0) {
		log_error(NULL, "%s: %s", def->name, err.text);
		abort();
	}
	return k;
}

static void forget_outcome(struct kit *k)
{
	for (size_t i = 0; i < k->outcome.n_calls; i++)
		api_request_free(&k->requests[i]);
	if (k->outcome.has_verdict)
		reply_verdict_release(&k->verdict);
	arena_release(&k->arena);
	k->arena = (struct arena)ARENA_INIT;
	k->outcome = (struct kit_outcome){.reason = "", .error_class = ""};
}

void kit_free(struct kit **kp)
{
	struct kit *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	forget_outcome(k);
	if (k->b.def->release)
		k->b.def->release(k->b.arg);
	settled_free(&k->b.settled);
	marks_free(&k->b.marks);
	pthread_mutex_destroy(&k->b.stopped_lock);
	free(k->caller.key);
	free(k);
}

void kit_set_kafka_away(struct kit *k, bool is_away)
{
	k->away = is_away;
}

/* --- feeding -----------------------------------------------------------------------------------------------
 */

static const char *or_else(const char *given, const char *preset)
{
	return given ? given : preset;
}

static struct envelope envelope_of(struct kit *k, const struct kit_event *event)
{
	int64_t now = clock_wall_ms();
	struct envelope e = {
		.id = event->id ? event->id : arena_printf(&k->arena, "%032llx", (long long)++k->next_id),
		.type = or_else(event->type, "weixin.message.text"),
		.component_appid = COMPONENT,
		.appid = or_else(event->appid, "wxaccount"),
		.subject = or_else(event->openid, "oFan"),
		.content_type = "application/json",
		.time_ms = event->time_ms ? event->time_ms : now,
		.received_ms = now,
	};

	if (!event->not_asked) {
		e.repliers[e.n_repliers++] = k->b.def->name;
		e.reply_deadline_ms = now + 3800;
	}
	return e;
}

static size_t add_header(struct kafka_header *headers, size_t n, const char *name, const char *value)
{
	headers[n] = (struct kafka_header){name, value, strlen(value)};
	return n + 1;
}

const struct kit_outcome *kit_feed(struct kit *k, const struct kit_event *event)
{
	struct kafka_header headers[ENVELOPE_HEADERS_MAX + 3];
	struct arena arena = ARENA_INIT;
	struct envelope e;
	struct kafka_record r = {.topic = LIVE, .timestamp_ms = clock_wall_ms(), .headers = headers};
	double done = metric_get(&sdk_metrics[M_EVENTS], "done");

	forget_outcome(k);
	e = envelope_of(k, event);
	r.key = arena_printf(&arena, "%s/%s", e.appid, e.subject);
	r.key_len = strlen(r.key);
	r.value = or_else(event->fields, "{}");
	r.value_len = strlen(r.value);
	r.n_headers = envelope_encode(&e, &arena, headers);
	if (event->attempt > 0 || event->run)
		r.n_headers = add_header(headers, r.n_headers, ORIGIN_TOPIC, LIVE);
	if (event->attempt > 0)
		r.n_headers = add_header(
			headers, r.n_headers, ORIGIN_ATTEMPTS, arena_printf(&arena, "%d", event->attempt));
	if (event->run)
		r.n_headers = add_header(headers, r.n_headers, ORIGIN_RUN, event->run);
	k->outcome.settlement = SETTLE_DONE;
	if (!sdk_deliver(&k->b, &r, NULL) && k->outcome.settlement == SETTLE_DONE)
		k->outcome.settlement = SETTLE_RETRY;
	k->outcome.handled =
		k->outcome.settlement != SETTLE_DONE || metric_get(&sdk_metrics[M_EVENTS], "done") > done;
	arena_release(&arena);
	return &k->outcome;
}

const struct kit_outcome *kit_text(struct kit *k, const char *content)
{
	struct json *fields = json_new_object();
	struct buf text = BUF_INIT(MESSAGE_MAX_BYTES);
	const struct kit_outcome *o;

	json_set_str(fields, "MsgType", "text");
	json_set_str(fields, "Content", content);
	json_write(fields, &text);
	o = kit_feed(k, &(struct kit_event){.fields = buf_cstr(&text)});
	buf_release(&text);
	json_free(&fields);
	return o;
}
