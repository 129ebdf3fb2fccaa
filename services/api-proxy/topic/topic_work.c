/* The order of steps is what makes a request id take effect at most once:
 *   claim a ledger row -> call -> record the result -> publish it -> settle the record.
 * A crash between any two of them leaves a row from which the next reader of the record knows what to do: no
 * row, call; a claimed row, wait until that call is surely over and say that nobody knows; a result, publish
 * it (again). */
#include "services/api-proxy/topic/topic_work.h"

#include "common/base/alloc.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/topics.h"
#include "proto/trace.h"
#include "services/api-proxy/calls/route.h"
#include "services/api-proxy/metrics.h"
#include "services/api-proxy/topic/ledger.h"
#include "services/api-proxy/topic/result.h"
#include "services/api-proxy/topic/topic_request.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define LEDGER_GRACE_MS 1000 /* between our last moment for a call and the moment that others judge it */
#define RETRY_MIN_MS    50
#define RETRY_MAX_MS    2000
#define WAIT_STARTED_MS 200
#define PUBLISH_TRY_MS  3000
#define TOPIC_CHECK_MS  2000
#define BODY_MAX_BYTES  PAYLOAD_KEPT_MAX
#define RESULT_TYPE     "wxbus.api.result"

/* --- reply topics that exist ------------------------------------------------------------------- */

struct known_topics {
	pthread_mutex_t lock;
	char **names;
	size_t n;
};

struct known_topics *known_topics_new(void)
{
	struct known_topics *k = xcalloc(1, sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	return k;
}

void known_topics_free(struct known_topics **kp)
{
	struct known_topics *k = *kp;
	size_t i;

	*kp = NULL;
	if (!k)
		return;
	for (i = 0; i < k->n; i++)
		free(k->names[i]);
	free(k->names);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static bool known_topics_has(struct known_topics *k, const char *name, bool add)
{
	bool found = false;
	size_t i;

	pthread_mutex_lock(&k->lock);
	for (i = 0; i < k->n && !found; i++)
		found = strcmp(k->names[i], name) == 0;
	if (!found && add) {
		k->names = xrealloc(k->names, (k->n + 1) * sizeof(*k->names));
		k->names[k->n++] = xstrdup(name);
	}
	pthread_mutex_unlock(&k->lock);
	return found;
}

/* --- one request's state ----------------------------------------------------------------------- */

struct work {
	const struct topic_work *env;
	struct worker_job *job;
	const struct kafka_record *record;
	struct topic_request request;
	struct caller *caller;
	char reply_topic[TOPIC_NAME_MAX + 1];
	struct backoff backoff;
	bool told; /* a failure that is being waited out was logged */
};

/* Something that we need is away: wait a little. False: give up. */
static bool wait_out(struct work *w, const char *what, const struct err *err)
{
	if (!w->told)
		log_warn(w->request.envelope.id, "waiting: %s: %s", what, err->text);
	w->told = true;
	return worker_wait(w->job, backoff_next_ms(&w->backoff));
}

static void count(const char *result)
{
	metric_add(&api_proxy_metrics[M_TOPIC_REQUESTS], result, 1);
}

/* --- who writes, and where to answer ----------------------------------------------------------- */

enum step { STEP_ON, STEP_SETTLED, STEP_GIVEN_UP };

static enum step pass_over(struct work *w, const char *result, const char *why)
{
	count(result);
	log_warn(NULL, "api-requests, partition %d, offset %lld: passed over: %s", w->record->partition,
		(long long)w->record->offset, why);
	return STEP_SETTLED;
}

static enum step find_caller(struct work *w)
{
	const char *name = w->request.envelope.caller;
	struct err err;
	int rc;

	if (!name)
		return pass_over(w, "unsigned", "no ce_caller");
	while ((rc = callers_by_id(w->env->callers, w->request.component_appid, name, &w->caller, &err)) < 0)
		if (!wait_out(w, "the caller cannot be looked up", &err))
			return STEP_GIVEN_UP;
	if (rc == CALLER_NONE)
		return pass_over(w, "no_caller", "no such caller");
	if (!topic_request_signed(&w->request, w->record, w->caller->key))
		return pass_over(w, "forged", "the signature is not the caller's");
	return STEP_ON;
}

/* A result that nobody can ever take would hold up its partition for ever, so a request whose reply topic
 * does not exist is not begun. While Kafka is away that cannot be told: then we wait. */
static enum step check_topic_exists(struct work *w)
{
	const char *names[] = {w->reply_topic}, *results[1];
	char results_topic[TOPIC_NAME_MAX + 1];
	struct err err;

	if (known_topics_has(w->env->known, w->reply_topic, false))
		return STEP_ON;
	if (topic_name(TOPIC_API_RESULTS, w->env->topic_prefix, results_topic, &err) < 0)
		return pass_over(w, "reply_topic", err.text);
	results[0] = results_topic;
	while (producer_warm(w->env->producer, names, 1, TOPIC_CHECK_MS, &err) < 0) {
		if (strcmp(results_topic, w->reply_topic) != 0 &&
			producer_warm(w->env->producer, results, 1, TOPIC_CHECK_MS, NULL) == 0)
			return pass_over(w, "reply_topic", "the topic of ce_replyto does not exist");
		if (!wait_out(w, "the reply topic is not known", &err))
			return STEP_GIVEN_UP;
	}
	known_topics_has(w->env->known, w->reply_topic, true);
	return STEP_ON;
}

static enum step find_reply_topic(struct work *w)
{
	const char *reply_to = w->request.envelope.reply_to;

	if (!grants_reply_topic(&w->caller->grants, reply_to))
		return pass_over(w, "reply_topic", "ce_replyto is no topic of this caller's");
	if (strlen(w->env->topic_prefix) + strlen(reply_to) > TOPIC_NAME_MAX)
		return pass_over(w, "reply_topic", "ce_replyto is too long");
	str_copy(w->reply_topic, sizeof(w->reply_topic), w->env->topic_prefix);
	str_copy(w->reply_topic + strlen(w->reply_topic), sizeof(w->reply_topic) - strlen(w->reply_topic),
		reply_to);
	return check_topic_exists(w);
}

/* Over HTTP a caller beyond its rate is told to come again; here the record is put back until its turn, so
 * that however many callers are beyond their rates, no thread waits for them. */
static enum step wait_for_rate(struct work *w)
{
	const struct api_request *call = w->request.call;
	const char *account = call && call->appid[0] ? call->appid : w->caller->component_appid;
	int64_t left_ms = call && call->not_after_ms ? call->not_after_ms - clock_wall_ms() : INT64_MAX;
	int64_t wait_ms;

	if (left_ms < 0)
		return STEP_ON; /* refused in its place */
	wait_ms = admission_turn(w->env->admission, w->caller, account, worker_was_put_back(w->job));
	if (wait_ms == 0)
		return STEP_ON;
	worker_put_back(w->job, wait_ms <= left_ms ? wait_ms : left_ms + 1);
	return STEP_GIVEN_UP;
}

/* --- the answer ---------------------------------------------------------------------------------- */

/* What a repeated request gets is the ledger's, so the outcome is read from what was published. */
static void count_result(const struct buf *result)
{
	struct api_result *r = NULL;

	if (api_result_parse(result->data, result->len, &r, NULL) == 0)
		metric_add(&api_proxy_metrics[M_RESULTS], api_outcome_name(r->outcome), 1);
	api_result_free(&r);
}

static enum step publish(struct work *w, const struct buf *result)
{
	const struct envelope *asked = &w->request.envelope;
	const struct envelope e = {
		.id = asked->id,
		.type = RESULT_TYPE,
		.component_appid = w->caller->component_appid,
		.appid = w->request.call ? w->request.call->appid : "",
		.content_type = "application/json",
		.traceparent = trace_current(),
		.time_ms = clock_wall_ms(),
		.received_ms = clock_wall_ms(),
	};
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	const struct kafka_record r = {
		.topic = w->reply_topic,
		.partition = -1,
		.timestamp_ms = e.received_ms,
		.key = asked->id,
		.key_len = strlen(asked->id),
		.value = result->data,
		.value_len = result->len,
		.headers = headers,
		.n_headers = envelope_encode(&e, &w->request.arena, headers),
	};
	struct err err;

	while (producer_publish(w->env->producer, &r, clock_mono_ms() + PUBLISH_TRY_MS, &err) < 0)
		if (!wait_out(w, "the result is not published", &err))
			return STEP_GIVEN_UP;
	count_result(result);
	log_debug(asked->id, "its result is published to %s", w->reply_topic);
	return STEP_SETTLED;
}

static enum step refuse(struct work *w, enum refusal refusal)
{
	struct buf result = BUF_INIT(RESULT_MAX_BYTES);
	enum step step;

	count(refusal_table[refusal].name);
	result_of_refusal(w->request.envelope.id, refusal, &result);
	step = publish(w, &result);
	buf_release(&result);
	return step;
}

/* --- the call ------------------------------------------------------------------------------------ */

/* Into `pairs` (room for ROUTE_QUERY_MAX). REFUSAL_BAD_REQUEST: too many. */
static enum refusal take_query(const struct json *query, struct httpc_pair *pairs, size_t *n_out)
{
	const struct json *value;
	const char *name;
	size_t it = 0, n = 0;

	while (json_next(query, &it, &name, &value)) {
		if (route_is_token(name))
			continue;
		if (n == ROUTE_QUERY_MAX)
			return REFUSAL_BAD_REQUEST;
		pairs[n++] = (struct httpc_pair){name, json_str(value)};
	}
	*n_out = n;
	return REFUSAL_NONE;
}

static void encode_body(const struct api_request *call, struct buf *out)
{
	if (call->body)
		json_write(call->body, out);
	else if (strcmp(call->method, "POST") == 0)
		buf_add_str(out, "{}"); /* Weixin refuses an empty body with 44002 */
}

static void call_weixin(struct work *w, int64_t deadline_mono_ms, struct answer *answer)
{
	const struct api_request *q = w->request.call;
	struct httpc_pair query[ROUTE_QUERY_MAX];
	struct buf body = BUF_INIT(BODY_MAX_BYTES);
	struct payload payload = PAYLOAD_INIT(NULL); /* it never grows into a file */
	struct call call = {
		.door = "topic",
		.caller_id = w->caller->id,
		.payload = &payload,
		.priority = w->request.envelope.priority,
		.component_appid = q->component_appid,
		.appid = q->appid,
		.method = q->method,
		.path = q->path,
		.query = query,
		.repeatable = topic_request_repeatable(&w->request),
		.deadline_mono_ms = deadline_mono_ms,
	};

	encode_body(q, &body);
	call.content_type = body.len > 0 ? "application/json" : NULL;
	if (body.overflow || payload_add(&payload, body.data, body.len, NULL) < 0)
		answer_refuse(answer, REFUSAL_TOO_LARGE);
	else if (take_query(q->query, query, &call.n_query) != REFUSAL_NONE)
		answer_refuse(answer, REFUSAL_BAD_REQUEST);
	else
		call_run(w->env->weixin, &call, answer);
	payload_release(&payload);
	buf_release(&body);
}

static void make_call(struct work *w, int64_t deadline_mono_ms, struct buf *result)
{
	struct answer answer;

	answer_init(&answer, RESULT_BODY_MAX);
	call_weixin(w, deadline_mono_ms, &answer);
	count(answer.refusal == REFUSAL_NONE ? "called" : refusal_table[answer.refusal].name);
	result_of_answer(w->request.envelope.id, &answer, result);
	answer_release(&answer);
}

/* While the database is away the request waits, as long as there is time for its call. */
static enum refusal count_day(struct work *w, int64_t deadline_mono_ms)
{
	const char *appid = w->request.call->appid[0] ? w->request.call->appid : w->caller->component_appid;
	enum refusal refusal;
	struct err err;

	while ((refusal = admission_day(w->env->admission, w->caller, appid, &err)) == REFUSAL_STORE)
		if (clock_mono_ms() >= deadline_mono_ms ||
			!wait_out(w, "today's calls cannot be counted", &err))
			break;
	return refusal;
}

/* The row is ours: whatever comes of it now is the one result. */
static void carry_out(struct work *w, int64_t deadline_mono_ms, struct buf *result)
{
	const char *id = w->request.envelope.id;
	enum refusal refusal = topic_request_judge(&w->request, w->caller);

	if (refusal == REFUSAL_NONE && w->request.call->not_after_ms &&
		clock_wall_ms() > w->request.call->not_after_ms)
		refusal = REFUSAL_NOT_AFTER;
	if (refusal == REFUSAL_NONE)
		refusal = count_day(w, deadline_mono_ms);
	if (refusal == REFUSAL_NONE) {
		make_call(w, deadline_mono_ms, result);
		return;
	}
	count(refusal_table[refusal].name);
	result_of_refusal(id, refusal, result);
}

/* Recorded, then published as the ledger has it: another process may have judged this request first. */
static enum step finish(struct work *w, const struct ledger_key *key, const struct buf *result)
{
	struct buf counts = BUF_INIT(RESULT_MAX_BYTES);
	enum step step;
	struct err err;

	while (ledger_finish(w->env->pool, key, result, &counts, &err) < 0) {
		buf_reset(&counts);
		if (!wait_out(w, "the result is not recorded", &err)) {
			buf_release(&counts);
			return STEP_GIVEN_UP;
		}
	}
	step = publish(w, &counts);
	buf_release(&counts);
	return step;
}

static enum step settle_claim(struct work *w, const struct ledger_key *key, enum ledger_claim claim,
	int64_t deadline_mono_ms, struct buf *result)
{
	switch (claim) {
	case LEDGER_OURS:
		carry_out(w, deadline_mono_ms, result);
		return finish(w, key, result);
	case LEDGER_EXPIRED:
		count("unknown_after_crash");
		result_of_refusal(w->request.envelope.id, REFUSAL_UNKNOWN, result);
		return finish(w, key, result);
	case LEDGER_DONE:
		count("repeated");
		return publish(w, result);
	case LEDGER_STARTED:
		break;
	}
	return worker_wait(w->job, WAIT_STARTED_MS) ? STEP_ON : STEP_GIVEN_UP;
}

static enum step claim_and_settle(struct work *w)
{
	struct ledger_key key = {w->caller->component_appid, w->caller->id, w->request.envelope.id, 0};
	struct buf result = BUF_INIT(RESULT_MAX_BYTES);
	enum ledger_claim claim;
	enum step step = STEP_ON;
	int64_t started;
	struct err err;

	crypto_random(&key.owner, sizeof(key.owner));
	while (step == STEP_ON) {
		started = clock_mono_ms();
		buf_reset(&result);
		if (ledger_claim(w->env->pool, &key, w->env->call_timeout_ms + LEDGER_GRACE_MS,
			    topic_request_repeatable(&w->request), &claim, &result, &err) == 0)
			step = settle_claim(w, &key, claim, started + w->env->call_timeout_ms, &result);
		else if (!wait_out(w, "the ledger cannot be asked", &err))
			step = STEP_GIVEN_UP;
	}
	buf_release(&result);
	return step;
}

static bool serve(const struct topic_work *env, const struct kafka_record *r, struct worker_job *job)
{
	struct work w = {
		.env = env, .job = job, .record = r, .backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS)};
	enum step step;
	struct err err;

	if (topic_request_read(r, &w.request, &err) < 0)
		return pass_over(&w, "malformed", err.text) == STEP_SETTLED;
	step = find_caller(&w);
	if (step == STEP_ON)
		step = find_reply_topic(&w);
	if (step == STEP_ON && strlen(w.request.envelope.id) > REQUEST_ID_MAX)
		step = refuse(&w, REFUSAL_BAD_REQUEST); /* too long to be a key of the ledger */
	if (step == STEP_ON)
		step = wait_for_rate(&w);
	if (step == STEP_ON)
		step = claim_and_settle(&w);
	caller_put(&w.caller);
	topic_request_release(&w.request);
	return step == STEP_SETTLED;
}

bool topic_work_serve(const struct topic_work *env, const struct kafka_record *r, struct worker_job *job)
{
	bool settled;

	trace_enter_record(r);
	settled = serve(env, r, job);
	trace_leave();
	return settled;
}
