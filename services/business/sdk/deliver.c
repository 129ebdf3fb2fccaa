/* One record from its delivery to its settlement: handled, put aside for another try, or kept as a dead
 * letter. A record is settled only when Kafka (and the database) hold what became of it; until then it waits
 * here, and its partition's offset with it. */
#include "services/business/sdk/internal.h"

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "proto/api_call.h"
#include "proto/trace.h"
#include "services/business/sdk/once.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define ATTEMPTS_MAX 12 /* in place: about two minutes; then the record is somebody's to look at */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 30000
#define RESULT_TYPE  "wxbus.api.result"
#define TELL_AFTER   3 /* tries without Kafka or the database, before the log is told */

static const struct json_limits event_limits = {.max_bytes = 4 * MESSAGE_MAX_BYTES, .max_depth = 32};

/* A record on its way to its settlement. */
struct delivery {
	struct business *business;
	const struct kafka_record *record;
	struct worker_job *job;
	struct arena arena;
	struct envelope envelope;
	struct origin origin;
	struct json *fields;
	const char *key; /* of the event and its run, for those that are settled */
};

const char *event_str(const struct event *e, const char *field)
{
	const char *s = json_get_str(e->fields, field);

	return s ? s : "";
}

static void count(bool again, const char *outcome)
{
	metric_add(&sdk_metrics[M_EVENTS], outcome, 1);
	if (again)
		metric_add(&sdk_metrics[M_AGAIN], outcome, 1);
}

/* --- from record to event ----------------------------------------------------------------------------------
 */

static bool fits(const char *pattern, const char *type)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, type, len - 1) == 0;
	return strcmp(pattern, type) == 0;
}

static const struct business_route *find_route(const struct business_def *def, const char *type)
{
	if (strcmp(type, ERASURE_TYPE) == 0)
		return &sdk_erasure_route;
	for (size_t i = 0; i < def->n_routes; i++)
		if (fits(def->routes[i].type, type))
			return &def->routes[i];
	return NULL;
}

/* A result goes to the handler that its request's id names. */
static const char *type_of(struct delivery *d)
{
	const struct envelope *e = &d->envelope;
	const char *then = strchr(e->id, '.');

	if (strcmp(e->type, RESULT_TYPE) != 0 || !then)
		return e->type;
	return arena_printf(&d->arena, "%s%s", e->type, then);
}

static bool asked(const struct delivery *d)
{
	for (size_t i = 0; i < d->envelope.n_repliers; i++)
		if (strcmp(d->envelope.repliers[i], d->business->def->name) == 0)
			return true;
	return false;
}

static int decode(struct delivery *d, struct err *err)
{
	const struct envelope *e = &d->envelope;
	int rc = envelope_decode(d->record, &d->arena, &d->envelope, err);

	if (rc == 0)
		rc = json_parse(d->record->value, d->record->value_len, &event_limits, &d->fields, err);
	if (rc < 0)
		return rc;
	if (strlen(e->id) > CALL_ID_MAX || (asked(d) && strlen(e->id) > EVENT_ID_LEN) ||
		!e->component_appid || !e->appid || json_kind(d->fields) != JSON_OBJECT)
		return err_set(err, ERR_REJECT, 0, "not a message of an account");
	d->key = d->origin.run[0] ? arena_printf(&d->arena, "%s/%s", e->id, d->origin.run) : e->id;
	return 0;
}

static struct event event_of(struct delivery *d, struct event_work *work)
{
	const struct envelope *e = &d->envelope;

	work->again = d->origin.again;
	work->moved = d->origin.handed_over;
	work->alone = e->n_repliers == 1;
	work->effects = d->origin.effects;
	work->answered = d->origin.answered;
	return (struct event){
		.id = e->id,
		.type = type_of(d),
		.component_appid = e->component_appid,
		.appid = e->appid,
		.openid = e->subject ? e->subject : "",
		.fields = d->fields,
		.time_ms = e->time_ms,
		.received_ms = e->received_ms,
		.unverified_account = e->unverified_account,
		.replier = asked(d),
		.reply_deadline_ms = e->reply_deadline_ms,
		.attempt = d->origin.attempts,
		.run = d->origin.run,
		.arena = &d->arena,
		.business = d->business,
		.work = work,
	};
}

/* --- why it failed -----------------------------------------------------------------------------------------
 */

enum settlement event_settle(struct event *e, enum settlement s, const char *class_name, const char *why)
{
	struct event_work *w = e->work;

	snprintf(w->error_class, sizeof(w->error_class), "%s", class_name);
	snprintf(w->reason, sizeof(w->reason), "%s", why);
	return s;
}

enum settlement event_failed(struct event *e, const struct err *err, bool repeat_harmless)
{
	return event_settle(
		e, err_settlement(err->kind, repeat_harmless), err_kind_name(err->kind), err->text);
}

static void unless_given(struct event_work *w, const char *class_name, const char *why)
{
	if (w->reason[0])
		return;
	snprintf(w->error_class, sizeof(w->error_class), "%s", class_name);
	snprintf(w->reason, sizeof(w->reason), "%s", why);
}

static enum settlement away(struct event *e, const struct err *err)
{
	e->work->away = true;
	return event_settle(e, SETTLE_RETRY, err_kind_name(err->kind), err->text);
}

/* --- one try -----------------------------------------------------------------------------------------------
 */

static void forget_try(struct event_work *w)
{
	w->calls = 0;
	w->away = false;
	w->reason[0] = w->error_class[0] = '\0';
	if (!w->deferred)
		return;
	json_free(&w->verdict.reply);
	json_free(&w->outbox);
	w->verdict.given = false;
}

static enum settlement handle(struct delivery *d, const struct business_route *route, struct event *e)
{
	int64_t began = clock_mono_ms();
	enum settlement s = route->handler(e, d->business->arg);

	metric_observe_ms(&sdk_metrics[M_HANDLE_SECONDS], NULL, clock_mono_ms() - began);
	return s;
}

/* Whoever is asked answers, also when there is nothing to say: the ingress waits for it. */
static int say_none(struct event *e, struct err *err)
{
	struct event_work *w = e->work;
	int rc;

	if (!e->replier || w->moved || !w->effects || w->verdict.given || w->answered)
		return 0;
	if ((rc = sdk_write_verdict(e->business, e, VERDICT_NONE, NULL, err)) < 0)
		return rc;
	w->verdict.given = true;
	w->verdict.verdict = VERDICT_NONE;
	return 0;
}

static enum settlement try_at_once(struct delivery *d, const struct business_route *route, struct event *e)
{
	enum settlement s = route ? handle(d, route, e) : SETTLE_DONE;
	struct err err;

	if (s == SETTLE_DONE && say_none(e, &err) < 0)
		s = away(e, &err);
	return s;
}

/* After the commit: what the event says outside. */
static int say(struct event *e, const struct once_row *row, struct err *err)
{
	int rc = row->verdict.given ? sdk_give_verdict(e, row->verdict.verdict, row->verdict.reply, err)
				    : say_none(e, err);

	return rc == 0 ? sdk_send_calls(e, row->calls, err) : rc;
}

static enum settlement say_and_note(struct event *e, const struct once_row *row)
{
	struct pg_pool *pool = e->business->pool;
	struct err err;

	/* What is no trouble of Kafka's (no caller key for the platform any more) does not pass by waiting: a
	 * dead letter, which says the rest when it is driven again. */
	if (say(e, row, &err) < 0)
		return err.kind == ERR_RETRY ? away(e, &err) : event_failed(e, &err, true);
	/* Without the note they are said once more if this event is delivered again, under the same ids. */
	if (pool && (row->verdict.given || row->calls) && once_sent(pool, e->id, e->run, &err) < 0)
		log_warn(e->id, "that its verdict and calls are sent is not noted: %s", err.text);
	return SETTLE_DONE;
}

static struct once_row row_of(const struct event_work *w)
{
	if (!w->effects)
		return (struct once_row){.calls = NULL};
	return (struct once_row){.verdict = w->verdict, .calls = w->outbox};
}

static enum settlement handle_in_transaction(
	struct delivery *d, const struct business_route *route, struct event *e)
{
	struct pg_pool *pool = d->business->pool;
	enum settlement s = handle(d, route, e);
	struct once_row row = row_of(e->work);
	struct err err;

	if (s == SETTLE_DONE && once_commit(e->pg, e->id, e->run, &row, &err) < 0)
		s = err.kind == ERR_UNCERTAIN ? away(e, &err) : event_failed(e, &err, true);
	e->work->away |= s == SETTLE_RETRY && (pg_server_failed(e->pg) || !pg_pool_healthy(pool));
	pg_give(pool, &e->pg);
	return s;
}

/* It had its effect in an earlier try or delivery. */
static enum settlement repeat_row(struct event *e, struct once_row *row)
{
	/* The ingress may be waiting for it again; the fan is not. A replay without effects leaves what is
	 * still to be said to the delivery that has begun it. */
	bool said = (row->sent && e->work->moved) || !e->work->effects;
	enum settlement s = said ? SETTLE_DONE : say_and_note(e, row);

	e->work->unsaid = !e->work->effects && !row->sent && (row->verdict.given || row->calls);
	if (s == SETTLE_DONE) {
		e->work->verdict = row->verdict;
		row->verdict.reply = NULL;
		count(e->work->again, "repeated");
	}
	once_row_release(row);
	return s;
}

/* *repeated_out: nothing was handled. */
static enum settlement try_once(
	struct delivery *d, const struct business_route *route, struct event *e, bool *repeated_out)
{
	struct pg_pool *pool = d->business->pool;
	struct once_row row;
	enum settlement s;
	struct err err;
	int rc = pool ? once_begin(pool, e->id, e->run, &e->pg, &row, &err) : 0;

	if (rc < 0)
		return away(e, &err);
	*repeated_out = rc == ONCE_KNOWN;
	if (rc == ONCE_KNOWN)
		return repeat_row(e, &row);
	s = pool ? handle_in_transaction(d, route, e) : handle(d, route, e);
	if (s != SETTLE_DONE)
		return s;
	row = row_of(e->work);
	return say_and_note(e, &row);
}

static enum settlement try_route(
	struct delivery *d, const struct business_route *route, struct event *e, bool *repeated_out)
{
	e->work->deferred = route && route->once;
	forget_try(e->work);
	*repeated_out = false;
	return e->work->deferred ? try_once(d, route, e, repeated_out) : try_at_once(d, route, e);
}

/* --- repeated events ---------------------------------------------------------------------------------------
 */

/* Settled before: nothing is done again, but the verdict is repeated for the ingress that waits. Where the
 * group was not asked before and is now, it has nothing to say. */
static bool repeat_settled(struct delivery *d, struct event *e)
{
	struct settled_verdict v = {.reply = NULL};
	enum settled_state state = settled_find(d->business->settled, d->key, &v);
	bool dropped = state == SETTLED_DONE || (state == SETTLED_HANDED_OVER && !d->origin.handed_over);
	struct err err;

	if (dropped && e->replier && !e->work->moved &&
		sdk_write_verdict(d->business, e, v.given ? v.verdict : VERDICT_NONE, v.reply, &err) < 0)
		log_warn(e->id, "its verdict was not repeated: %s", err.text);
	json_free(&v.reply);
	if (dropped)
		count(d->origin.again, "repeated");
	return dropped;
}

static bool repeat_erased(struct delivery *d, struct event *e)
{
	struct business *b = d->business;
	struct err err;

	if (!e->openid[0] || strcmp(e->type, ERASURE_TYPE) == 0 ||
		!marks_cover(b->marks, e->appid, e->openid, e->time_ms ? e->time_ms : e->received_ms,
			clock_wall_ms()))
		return false;
	if (say_none(e, &err) < 0)
		log_warn(e->id, "its verdict was not written: %s", err.text);
	count(d->origin.again, "erased");
	return true;
}

/* --- handing over ------------------------------------------------------------------------------------------
 */

static void stop_partition(struct delivery *d, const char *topic, const char *why, bool first)
{
	struct business *b = d->business;

	pthread_mutex_lock(&b->stopped_lock);
	snprintf(b->stopped_why, sizeof(b->stopped_why), "%s: %s", topic, why);
	pthread_mutex_unlock(&b->stopped_lock);
	if (first)
		atomic_fetch_add(&b->stopped, 1);
	log_error(d->envelope.id, "not handed over to %s, partition %d of %s waits: %s", topic,
		d->record->partition, d->record->topic, why);
}

/* False: Kafka does not take it and we may not go on. */
static bool hand_over(struct delivery *d, const char *topic, const struct handover *h)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	bool stopped = false, ours = true;
	struct err err;
	int rc;

	while ((rc = sdk_hand_over(d->business, d->record, &d->origin, topic, h, &err)) < 0 && ours) {
		stop_partition(d, topic, err.text, !stopped);
		stopped = true;
		ours = d->business->reach->wait(d->job, backoff_next_ms(&backoff));
	}
	if (stopped)
		atomic_fetch_sub(&d->business->stopped, 1);
	return rc == 0;
}

static bool bury(struct delivery *d, const char *error_class, const char *reason, int attempts, bool answered)
{
	const struct handover h = {.answered = answered,
		.reason = reason,
		.error_class = error_class,
		.version = WXBUS_VERSION,
		.attempts = attempts,
		.now_ms = clock_wall_ms()};

	if (!hand_over(d, d->business->dead_letter_topic, &h))
		return false;
	log_warn(d->envelope.id, "dead letter after %d attempts: %s", attempts, reason);
	count(d->origin.again, "dead_letter");
	return true;
}

/* What is put aside keeps nobody waiting. */
static void say_none_if_possible(struct event *e)
{
	struct err err;

	if (e->work->deferred && !e->work->answered) { /* it was never sent */
		json_free(&e->work->verdict.reply);
		e->work->verdict.given = false;
	}
	if (say_none(e, &err) < 0)
		log_warn(e->id, "its verdict was not written: %s", err.text);
}

static bool give_up(struct delivery *d, struct event *e, enum settlement s, int attempts)
{
	say_none_if_possible(e);
	if (s == SETTLE_RETRY)
		unless_given(e->work, "retry", "tried too often");
	unless_given(e->work, "reject", "the handler gave it up");
	return bury(d, e->work->error_class, e->work->reason, attempts, e->work->answered);
}

static bool put_aside(struct delivery *d, struct event *e, int attempts)
{
	const struct retry_delay *delay = &d->business->manifest.delays[attempts - 1];
	struct handover h = {.version = WXBUS_VERSION, .attempts = attempts};

	say_none_if_possible(e);
	unless_given(e->work, "retry", "the handler asked for another try");
	h.answered = e->work->answered;
	h.reason = e->work->reason;
	h.error_class = e->work->error_class;
	h.now_ms = clock_wall_ms();
	h.due_ms = h.now_ms + delay->ms;
	if (!hand_over(d, d->business->retry_topics[attempts - 1], &h))
		return false;
	log_info(e->id, "tried again in %s: %s", delay->name, h.reason);
	metric_add(&sdk_metrics[M_RETRIES], delay->name, 1);
	count(d->origin.again, "retry");
	return true;
}

/* --- to the end --------------------------------------------------------------------------------------------
 */

static bool stop_process(struct delivery *d, const struct event_work *w)
{
	struct err why;

	err_set(&why, ERR_FATAL, 0, "a handler asked to stop at event %s%s%s", d->envelope.id,
		w->reason[0] ? ": " : "", w->reason);
	d->business->reach->stop(d->business, &why);
	return false;
}

static bool remember(struct delivery *d, const struct event *e, enum settled_state state)
{
	settled_add(d->business->settled, d->key, state, &e->work->verdict);
	return true;
}

static bool waits_in_place(const struct business *b)
{
	return b->def->strict_order || b->manifest.n_delays == 0;
}

/* It failed. True: it is settled, *settled_out says whether this process may forget it. */
static bool put_away(struct delivery *d, struct event *e, enum settlement s, int attempts, bool *settled_out)
{
	const struct business *b = d->business;
	bool last = waits_in_place(b) ? attempts >= ATTEMPTS_MAX : attempts > (int)b->manifest.n_delays;

	if (s == SETTLE_DEAD_LETTER || last)
		*settled_out = give_up(d, e, s, attempts) && remember(d, e, SETTLED_HANDED_OVER);
	else if (!waits_in_place(b))
		*settled_out = put_aside(d, e, attempts) && remember(d, e, SETTLED_HANDED_OVER);
	else
		return false;
	return true;
}

/* Try until it is settled one way or the other. Tries that failed because Kafka or the database were away do
 * not count, and wait in place: the event is none the worse for it, and the next would fare no better. */
static bool settle(struct delivery *d, const struct business_route *route, struct event *e)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	int attempts = d->origin.attempts, times_away = 0;
	bool repeated, settled;

	do {
		enum settlement s;

		e->attempt = attempts;
		s = try_route(d, route, e, &repeated);
		if (s == SETTLE_DONE) {
			log_debug(e->id, "%s is %s", e->type,
				repeated ? "repeated"
				: route  ? "handled"
					 : "passed over");
			if (!repeated)
				count(d->origin.again, route ? "done" : "passed_over");
			return e->work->unsaid || remember(d, e, SETTLED_DONE);
		}
		if (s == SETTLE_STOP)
			return stop_process(d, e->work);
		if (s == SETTLE_RETRY && e->work->away) {
			if (++times_away == TELL_AFTER)
				log_warn(e->id, "waiting: %s", e->work->reason);
		} else if (put_away(d, e, s, ++attempts, &settled)) {
			return settled;
		}
		metric_add(&sdk_metrics[M_RETRIES], "in_place", 1);
	} while (d->business->reach->wait(d->job, backoff_next_ms(&backoff)));
	return false;
}

/* Before the marks are read, nobody knows whose events are not to be handled. */
static bool wait_for_marks(struct delivery *d)
{
	const struct business *b = d->business;

	while (!sdk_marks_ready(b))
		if (!b->reach->wait(d->job, RETRY_MIN_MS))
			return false;
	return true;
}

static void count_result(const struct event *e)
{
	enum api_outcome o;

	if (!str_starts_with(e->type, RESULT_TYPE))
		return;
	for (o = API_OK; o < API_UNKNOWN && strcmp(api_outcome_name(o), event_str(e, "outcome")) != 0; o++)
		;
	metric_add(&sdk_metrics[M_RESULTS], api_outcome_name(o), 1);
}

static bool deliver_event(struct delivery *d, struct event *e)
{
	const struct business_route *route = find_route(d->business->def, e->type);

	count_result(e);
	return wait_for_marks(d) && (repeat_settled(d, e) || repeat_erased(d, e) || settle(d, route, e));
}

bool sdk_gives_way(void *arg, const struct kafka_record *r)
{
	(void)arg;
	return origin_again(r);
}

bool sdk_deliver(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct delivery d = {.business = arg, .record = r, .job = job, .arena = ARENA_INIT};
	struct event_work work = {.calls = 0};
	struct err err;
	bool settled;

	trace_enter_record(r);
	origin_read(r, &d.arena, &d.origin);
	if (decode(&d, &err) < 0) {
		settled = bury(&d, "malformed", err.text, d.origin.attempts + 1, false);
	} else {
		struct event e = event_of(&d, &work);

		settled = deliver_event(&d, &e);
	}
	json_free(&work.verdict.reply);
	json_free(&work.outbox);
	json_free(&d.fields);
	arena_release(&d.arena);
	trace_leave();
	return settled;
}

/* From now on never longer than the topic's own delay: the clock of the process that wrote the record may
 * have been ahead of ours, and everything behind it in its partition waits with it. */
int64_t sdk_due_ms(void *arg, const struct kafka_record *r)
{
	const struct business *b = arg;
	int64_t due_ms = origin_due_ms(r), latest_ms;

	for (size_t i = 0; i < b->manifest.n_delays; i++) {
		if (strcmp(r->topic, b->retry_topics[i]) != 0)
			continue;
		latest_ms = clock_wall_ms() + b->manifest.delays[i].ms;
		return due_ms < latest_ms ? due_ms : latest_ms;
	}
	return due_ms;
}
