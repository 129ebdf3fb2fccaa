#include "services/business/sdk/internal.h"

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <string.h>

#include "common/base/banned.h"

#define ATTEMPTS_MAX 12 /* about two minutes; then the record is somebody's to look at */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 30000

static const struct json_limits event_limits = {.max_bytes = 4 * MESSAGE_MAX_BYTES, .max_depth = 32};

/* A record on its way to its settlement. */
struct delivery {
	struct business *business;
	const struct kafka_record *record;
	struct worker_job *job;
	struct arena arena;
	struct envelope envelope;
	struct json *fields;
};

const char *event_str(const struct event *e, const char *field)
{
	const char *s = json_get_str(e->fields, field);

	return s ? s : "";
}

static bool fits(const char *pattern, const char *type)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, type, len - 1) == 0;
	return strcmp(pattern, type) == 0;
}

static event_handler find_handler(const struct business_def *def, const char *type)
{
	for (size_t i = 0; i < def->n_routes; i++)
		if (fits(def->routes[i].type, type))
			return def->routes[i].handler;
	return NULL;
}

static int decode(struct delivery *d, struct err *err)
{
	int rc = envelope_decode(d->record, &d->arena, &d->envelope, err);

	if (rc == 0)
		rc = json_parse(d->record->value, d->record->value_len, &event_limits, &d->fields, err);
	if (rc == 0 && (strlen(d->envelope.id) > EVENT_ID_LEN || !d->envelope.component_appid ||
			       !d->envelope.appid || json_kind(d->fields) != JSON_OBJECT))
		rc = err_set(err, ERR_REJECT, 0, "not a message of an account");
	return rc;
}

static bool asked(const struct delivery *d)
{
	for (size_t i = 0; i < d->envelope.n_repliers; i++)
		if (strcmp(d->envelope.repliers[i], d->business->def->name) == 0)
			return true;
	return false;
}

static struct event event_of(struct delivery *d, struct event_work *work)
{
	const struct envelope *e = &d->envelope;

	return (struct event){
		.id = e->id,
		.type = e->type,
		.component_appid = e->component_appid,
		.appid = e->appid,
		.openid = e->subject ? e->subject : "",
		.fields = d->fields,
		.time_ms = e->time_ms,
		.received_ms = e->received_ms,
		.unverified_account = e->unverified_account,
		.replier = asked(d),
		.reply_deadline_ms = e->reply_deadline_ms,
		.arena = &d->arena,
		.business = d->business,
		.work = work,
	};
}

/* --- one try ---------------------------------------------------------------------------------------------
 */

static enum settlement handle(struct delivery *d, event_handler handler, struct event *e)
{
	int64_t began = clock_mono_ms();
	enum settlement s = handler ? handler(e, d->business->arg) : SETTLE_DONE;

	metric_observe_ms(&sdk_metrics[M_HANDLE_SECONDS], NULL, clock_mono_ms() - began);
	return s;
}

/* Whoever is asked answers, also when there is nothing to say: the ingress waits for it. */
static int say_none(struct event *e, struct err *err)
{
	int rc;

	if (!e->replier || e->work->verdict_given)
		return 0;
	if ((rc = sdk_write_verdict(e->business, e, VERDICT_NONE, NULL, err)) < 0) {
		e->work->kafka_away = true;
		return rc;
	}
	e->work->verdict_given = true;
	e->work->verdict = VERDICT_NONE;
	return 0;
}

/* --- repeated events -------------------------------------------------------------------------------------
 */

/* Settled before: nothing is done again, but the verdict is repeated for the ingress that waits. Where the
 * group was not asked before and is now, it has nothing to say. */
static bool repeat_settled(struct delivery *d, struct event *e)
{
	struct json *reply = NULL;
	enum verdict verdict;
	bool has_verdict;
	struct err err;

	if (!settled_find(d->business->settled, e->id, &has_verdict, &verdict, &reply))
		return false;
	if (e->replier &&
		sdk_write_verdict(d->business, e, has_verdict ? verdict : VERDICT_NONE, reply, &err) < 0)
		log_warn(e->id, "its verdict was not repeated: %s", err.text);
	json_free(&reply);
	metric_add(&sdk_metrics[M_EVENTS], "repeated", 1);
	return true;
}

/* --- to the end ------------------------------------------------------------------------------------------
 */

/* Hand the record over to the dead letters. False: Kafka does not take it and we may not go on. */
static bool bury(struct delivery *d, const char *reason, int attempts)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	struct err err;

	while (sdk_dead_letter(d->business, d->record, reason, attempts, &err) < 0) {
		log_error(
			d->envelope.id, "the dead letter was not written, its partition waits: %s", err.text);
		if (!d->business->reach->wait(d->job, backoff_next_ms(&backoff)))
			return false;
	}
	log_warn(d->envelope.id, "dead letter after %d attempts: %s", attempts, reason);
	metric_add(&sdk_metrics[M_EVENTS], "dead_letter", 1);
	return true;
}

static void remember(struct delivery *d, const struct event *e)
{
	const struct event_work *w = e->work;

	settled_add(d->business->settled, e->id, w->verdict_given, w->verdict, w->reply);
}

static bool stop_process(struct delivery *d)
{
	struct err why;

	err_set(&why, ERR_FATAL, 0, "a handler asked to stop at event %s", d->envelope.id);
	service_fail(d->business->svc, &why);
	return false;
}

static enum settlement try_once(struct delivery *d, event_handler handler, struct event *e)
{
	enum settlement s;
	struct err err;

	e->work->calls = 0;
	e->work->kafka_away = false;
	s = handle(d, handler, e);
	if (s == SETTLE_DONE && say_none(e, &err) < 0) {
		log_warn(e->id, "its verdict was not written: %s", err.text);
		s = SETTLE_RETRY;
	}
	return s;
}

static bool give_up(struct delivery *d, struct event *e, enum settlement s, int attempts)
{
	struct err err;

	if (say_none(e, &err) < 0)
		log_warn(e->id, "its verdict was not written: %s", err.text);
	return bury(d, s == SETTLE_RETRY ? "tried too often" : "the handler gave it up", attempts);
}

/* Try until it is settled one way or the other. Tries that failed because Kafka was away do not count: the
 * event is none the worse for it. */
static bool settle(struct delivery *d, event_handler handler, struct event *e)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	int attempts = 0;

	do {
		enum settlement s = try_once(d, handler, e);

		if (s == SETTLE_DONE) {
			metric_add(&sdk_metrics[M_EVENTS], handler ? "done" : "passed_over", 1);
			return true;
		}
		if (s == SETTLE_STOP)
			return stop_process(d);
		attempts += s == SETTLE_DEAD_LETTER || !e->work->kafka_away;
		if (s == SETTLE_DEAD_LETTER || attempts == ATTEMPTS_MAX)
			return give_up(d, e, s, attempts);
		metric_add(&sdk_metrics[M_RETRIES], NULL, 1);
	} while (d->business->reach->wait(d->job, backoff_next_ms(&backoff)));
	return false;
}

bool sdk_deliver(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct delivery d = {.business = arg, .record = r, .job = job, .arena = ARENA_INIT};
	struct event_work work = {.verdict = VERDICT_NONE};
	struct err err;
	bool settled;

	if (decode(&d, &err) < 0) {
		settled = bury(&d, err.text, 1);
	} else {
		struct event e = event_of(&d, &work);

		settled = repeat_settled(&d, &e) || settle(&d, find_handler(d.business->def, e.type), &e);
		if (settled)
			remember(&d, &e);
	}
	json_free(&work.reply);
	json_free(&d.fields);
	arena_release(&d.arena);
	return settled;
}
