/* One lock for everything: a push takes it a few times for microseconds, and what waits does so on the
 * event's own condition. An event lives in a hash by id and in a list by age; it is removed DESK_KEEP_MS
 * after it was settled. */
#include "services/ingress/desk.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "proto/topics.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "common/base/banned.h"

#define VERDICTS_MAX 8 /* more groups than can be repliers; whatever else speaks up is not listened to */

/* A group of repliers on one channel, as this ingress has come to know it. */
struct group {
	UT_hash_handle hh;
	struct group_key {
		char name[GROUP_NAME_MAX + 1];
		int channel;
	} key;
	int waiting; /* events that wait for its verdict */
	int misses;  /* in a row */
};

struct verdict_row {
	char group[GROUP_NAME_MAX + 1];
	enum verdict verdict;
	struct json *reply;
};

enum event_state {
	EVENT_HEARD,      /* on its topic: published here, or known from `replies` */
	EVENT_PUBLISHING, /* a request at this ingress is writing it */
	EVENT_FAILED      /* nobody knows whether it is on its topic; the next request tries again */
};

struct event {
	UT_hash_handle hh;
	struct event *prev, *next;
	char id[EVENT_ID_LEN + 1];
	enum event_state state;
	int users; /* tickets */
	int64_t expires_ms;
	pthread_cond_t changed;

	struct verdict_row
		*verdicts; /* VERDICTS_MAX of them once one has come: most events are asked of nobody */
	size_t n_verdicts;
	struct group
		*awaited[REPLIERS_MAX]; /* groups whose `waiting` counts this event; NULL: not, or no more */

	char *from; /* a struct desk_address, a NUL behind each of its strings; NULL: no repliers */
	bool decided;
	bool ours;                       /* this ingress wrote `chosen` */
	char chosen[GROUP_NAME_MAX + 1]; /* "": success */
	struct json *chosen_reply;       /* NULL with a group: the empty body */
	bool may_send_customer_service;
	bool late_written;
};

struct desk_ticket {
	struct desk_push push;
	struct event *event;
	bool replying; /* holds one of the 3W/4 places */
};

struct desk {
	pthread_mutex_t lock;
	int waiters; /* W */
	int waiting, replying;
	int64_t missed;
	struct event *by_id;
	struct event *by_age;
	struct group *groups;
	desk_write write;
	void *write_arg;
};

struct desk *desk_new(int waiters, desk_write write, void *arg)
{
	struct desk *d = xcalloc(1, sizeof(*d));

	pthread_mutex_init(&d->lock, NULL);
	d->waiters = waiters;
	d->write = write;
	d->write_arg = arg;
	return d;
}

/* --- events ----------------------------------------------------------------------------------------------
 */

static void event_remove(struct desk *d, struct event *e)
{
	HASH_DEL(d->by_id, e);
	DL_DELETE(d->by_age, e);
	for (size_t i = 0; i < e->n_verdicts; i++)
		json_free(&e->verdicts[i].reply);
	json_free(&e->chosen_reply);
	pthread_cond_destroy(&e->changed);
	free(e->verdicts);
	free(e->from);
	free(e);
}

static void event_touch(struct desk *d, struct event *e)
{
	e->expires_ms = clock_mono_ms() + DESK_KEEP_MS;
	DL_DELETE(d->by_age, e);
	DL_APPEND(d->by_age, e);
}

/* Forget what is old enough. One that is still used goes to the list's end and is looked at again later. */
static void purge(struct desk *d)
{
	int64_t now = clock_mono_ms();

	while (d->by_age && (d->by_age->expires_ms <= now || HASH_COUNT(d->by_id) > DESK_EVENTS_MAX)) {
		if (d->by_age->users > 0)
			event_touch(d, d->by_age);
		else
			event_remove(d, d->by_age);
		if (d->by_age && d->by_age->users > 0)
			break;
	}
}

static struct event *event_find(struct desk *d, const char *id)
{
	struct event *e;

	HASH_FIND_STR(d->by_id, id, e);
	return e;
}

static struct event *event_add(struct desk *d, const char *id, enum event_state state)
{
	struct event *e = xcalloc(1, sizeof(*e));

	str_copy(e->id, sizeof(e->id), id);
	e->state = state;
	e->expires_ms = clock_mono_ms() + DESK_KEEP_MS;
	clock_cond_init(&e->changed);
	HASH_ADD_STR(d->by_id, id, e);
	DL_APPEND(d->by_age, e);
	return e;
}

void desk_free(struct desk **dp)
{
	struct desk *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	while (d->by_age)
		event_remove(d, d->by_age);
	while (d->groups) {
		struct group *g = d->groups;

		HASH_DEL(d->groups, g);
		free(g);
	}
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* Wait for a change of the event. False: it is `until`. */
static bool wait_change(struct desk *d, struct event *e, int64_t until_mono_ms)
{
	struct timespec until = clock_mono_timespec(until_mono_ms);

	if (clock_mono_ms() >= until_mono_ms)
		return false;
	pthread_cond_timedwait(&e->changed, &d->lock, &until);
	return true;
}

/* --- groups ----------------------------------------------------------------------------------------------
 */

static struct group *group_of(struct desk *d, const char *name, enum account_channel channel)
{
	struct group_key key;
	struct group *g;

	memset(&key, 0, sizeof(key)); /* the padding is hashed too */
	key.channel = (int)channel;
	str_copy(key.name, sizeof(key.name), name);
	HASH_FIND(hh, d->groups, &key, sizeof(key), g);
	if (g)
		return g;
	g = xcalloc(1, sizeof(*g));
	g->key = key;
	HASH_ADD(hh, d->groups, key, sizeof(key), g);
	return g;
}

/* Does this group count as `none` for a push that begins to wait now? */
static bool passed_over(const struct desk *d, const struct group *g)
{
	int most = d->waiters / 4 > 0 ? d->waiters / 4 : 1;

	return g->misses >= DESK_MISSES || g->waiting >= most;
}

/* A verdict does not say its channel: that of the event is used where it is known here, both otherwise (at
 * worst a dead test release gets another five tries). */
static void revive(struct desk *d, const struct event *e, const char *group)
{
	for (size_t i = 0; i < REPLIERS_MAX; i++) {
		if (e->awaited[i] && strcmp(e->awaited[i]->key.name, group) == 0) {
			e->awaited[i]->misses = 0;
			return;
		}
	}
	group_of(d, group, CHANNEL_LIVE)->misses = 0;
	group_of(d, group, CHANNEL_TEST)->misses = 0;
}

static void stop_awaiting(struct event *e, const char *group)
{
	for (size_t i = 0; i < REPLIERS_MAX; i++) {
		if (e->awaited[i] && (!group || strcmp(e->awaited[i]->key.name, group) == 0)) {
			e->awaited[i]->waiting--;
			e->awaited[i] = NULL;
		}
	}
}

/* --- the rule --------------------------------------------------------------------------------------------
 */

static const struct verdict_row *verdict_of(const struct event *e, const char *group)
{
	for (size_t i = 0; i < e->n_verdicts; i++)
		if (strcmp(e->verdicts[i].group, group) == 0)
			return &e->verdicts[i];
	return NULL;
}

/* The first group in order whose verdict is not `none`, as soon as all before it have said so (or are not
 * awaited: passed over, or the limit is reached). False: not decided yet. */
static bool rule(const struct event *e, const struct desk_push *p, bool at_limit,
	const struct verdict_row **chosen_out)
{
	*chosen_out = NULL;
	for (size_t i = 0; i < p->n_groups; i++) {
		const struct verdict_row *v = verdict_of(e, p->groups[i]);

		if (!v && e->awaited[i] && !at_limit)
			return false;
		if (v && v->verdict != VERDICT_NONE) {
			*chosen_out = v;
			return true;
		}
	}
	return true;
}

static void write_verdict(struct desk *d, const struct event *e, enum verdict verdict, const char *group,
	const struct json *reply)
{
	struct reply_verdict v = {.verdict = verdict, .reply = reply ? json_copy(reply) : NULL};
	struct desk_address from = {.component_appid = e->from};

	from.appid = from.component_appid + strlen(from.component_appid) + 1;
	from.traceparent = from.appid + strlen(from.appid) + 1;
	from.openid = from.traceparent + strlen(from.traceparent) + 1;
	str_copy(v.event_id, sizeof(v.event_id), e->id);
	str_copy(v.group, sizeof(v.group), group);
	d->write(d->write_arg, &v, &from);
	reply_verdict_release(&v);
}

static void settle(struct desk *d, struct event *e, const char *group, const struct json *reply)
{
	json_free(&e->chosen_reply);
	e->decided = true;
	str_copy(e->chosen, sizeof(e->chosen), group);
	e->chosen_reply = reply ? json_copy(reply) : NULL;
	event_touch(d, e);
	pthread_cond_broadcast(&e->changed);
}

/* This ingress decides, and tells the others. */
static void decide(struct desk *d, struct desk_ticket *t, const struct verdict_row *chosen)
{
	struct event *e = t->event;

	settle(d, e, chosen ? chosen->group : "", chosen ? chosen->reply : NULL);
	e->ours = true;
	e->may_send_customer_service = t->push.may_send_customer_service;
	if (t->push.n_groups > 0)
		write_verdict(d, e, VERDICT_CHOSEN, e->chosen, e->chosen_reply);
}

/* --- coming, waiting, leaving ----------------------------------------------------------------------------
 */

/* After `success` to an account that cannot be written to later, a retry is another chance: it waits anew. */
static bool final(const struct event *e, const struct desk_push *p)
{
	return e->decided &&
	       (e->chosen[0] || e->late_written || p->may_send_customer_service || p->n_groups == 0);
}

/* One allocation: most events have no repliers and need none. */
static char *join_address(const struct desk_address *a)
{
	struct buf b = BUF_INIT(1024);

	buf_add(&b, a->component_appid, strlen(a->component_appid) + 1);
	buf_add(&b, a->appid, strlen(a->appid) + 1);
	buf_add_str(&b, a->traceparent ? a->traceparent : "");
	buf_add_char(&b, '\0');
	buf_add(&b, a->openid, strlen(a->openid) + 1); /* the last: one that does not fit is "" */
	return buf_detach(&b);
}

static struct desk_ticket *ticket_new(struct desk *d, const struct desk_push *push, struct event *e)
{
	struct desk_ticket *t = xcalloc(1, sizeof(*t));

	t->push = *push;
	t->event = e;
	if (push->n_groups > 0 && !e->from)
		e->from = join_address(&push->from);
	e->users++;
	d->waiting++;
	return t;
}

bool desk_reserve(struct desk *d)
{
	bool free_slot;

	pthread_mutex_lock(&d->lock);
	free_slot = d->waiting < d->waiters;
	d->waiting += free_slot;
	pthread_mutex_unlock(&d->lock);
	return free_slot;
}

void desk_unreserve(struct desk *d)
{
	pthread_mutex_lock(&d->lock);
	d->waiting--;
	pthread_mutex_unlock(&d->lock);
}

enum desk_arrival desk_enter(struct desk *d, const struct desk_push *push, struct desk_ticket **ticket_out)
{
	enum desk_arrival arrival = DESK_KNOWN;
	struct event *e;

	pthread_mutex_lock(&d->lock);
	purge(d);
	e = event_find(d, push->event_id);
	if (d->waiting >= d->waiters && !(e && final(e, push))) {
		pthread_mutex_unlock(&d->lock);
		return DESK_FULL;
	}
	if (!e)
		e = event_add(d, push->event_id, EVENT_FAILED);
	*ticket_out = ticket_new(d, push, e);
	while (e->state == EVENT_PUBLISHING && arrival == DESK_KNOWN)
		if (!wait_change(d, e, push->publish_by_mono_ms))
			arrival = DESK_TOO_LATE;
	if (e->state == EVENT_FAILED) {
		e->state = EVENT_PUBLISHING;
		arrival = DESK_PUBLISH;
	}
	pthread_mutex_unlock(&d->lock);
	if (arrival == DESK_TOO_LATE)
		desk_leave(d, ticket_out);
	return arrival;
}

static void publishing_ended(struct desk *d, struct event *e, enum event_state state)
{
	pthread_mutex_lock(&d->lock);
	e->state = state;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&d->lock);
}

void desk_published(struct desk *d, struct desk_ticket *t)
{
	publishing_ended(d, t->event, EVENT_HEARD);
}

void desk_failed(struct desk *d, struct desk_ticket *t)
{
	publishing_ended(d, t->event, EVENT_FAILED);
}

/* Count this event for each group whose verdict is still to come, within the limits. */
static void await_groups(struct desk *d, struct desk_ticket *t)
{
	struct event *e = t->event;

	if (d->replying >= d->waiters * 3 / 4)
		return;
	d->replying++;
	t->replying = true;
	for (size_t i = 0; i < t->push.n_groups; i++) {
		struct group *g = group_of(d, t->push.groups[i], t->push.channel);

		if (e->awaited[i] || verdict_of(e, t->push.groups[i]) || passed_over(d, g))
			continue;
		g->waiting++;
		e->awaited[i] = g;
	}
}

static void count_misses(struct desk *d, struct event *e)
{
	for (size_t i = 0; i < REPLIERS_MAX; i++) {
		if (e->awaited[i]) {
			e->awaited[i]->misses++;
			d->missed++;
		}
	}
}

static void wait_for_verdicts(struct desk *d, struct desk_ticket *t)
{
	const struct verdict_row *chosen;
	struct event *e = t->event;
	bool at_limit = false;

	e->decided = false;
	await_groups(d, t);
	while (!e->decided) {
		if (rule(e, &t->push, at_limit, &chosen))
			decide(d, t, chosen);
		else if (!wait_change(d, e, t->push.answer_by_mono_ms))
			at_limit = true;
	}
	if (at_limit && e->ours)
		count_misses(d, e);
	stop_awaiting(e, NULL);
}

static void answer_of(const struct event *e, struct desk_answer *out)
{
	out->kind = !e->chosen[0] ? ANSWER_SUCCESS : e->chosen_reply ? ANSWER_REPLY : ANSWER_EMPTY;
	out->reply = out->kind == ANSWER_REPLY ? json_copy(e->chosen_reply) : NULL;
}

void desk_wait(struct desk *d, struct desk_ticket *t, struct desk_answer *out)
{
	pthread_mutex_lock(&d->lock);
	if (!final(t->event, &t->push))
		wait_for_verdicts(d, t);
	answer_of(t->event, out);
	pthread_mutex_unlock(&d->lock);
}

void desk_leave(struct desk *d, struct desk_ticket **tp)
{
	struct desk_ticket *t = *tp;

	*tp = NULL;
	if (!t)
		return;
	pthread_mutex_lock(&d->lock);
	d->waiting--;
	if (t->replying)
		d->replying--;
	t->event->users--;
	pthread_mutex_unlock(&d->lock);
	free(t);
}

/* --- what the topic says ---------------------------------------------------------------------------------
 */

static void hear_chosen(struct desk *d, struct event *e, const struct reply_verdict *v)
{
	if (!e->decided)
		settle(d, e, v->group, v->reply);
}

/* The fan has been told `success`; the reply that comes now can only reach him as a customer-service message.
 */
static void write_late(struct desk *d, struct event *e, const struct verdict_row *row)
{
	if (!e->decided || e->chosen[0] || !e->ours || e->late_written || !e->may_send_customer_service ||
		!e->from)
		return;
	e->late_written = true;
	write_verdict(d, e, VERDICT_LATE, row->group, row->reply);
}

static void hear_group(struct desk *d, struct event *e, const struct reply_verdict *v)
{
	struct verdict_row *row;

	revive(d, e, v->group);
	if (verdict_of(e, v->group) || e->n_verdicts == VERDICTS_MAX)
		return;
	if (!e->verdicts)
		e->verdicts = xcalloc(VERDICTS_MAX, sizeof(*e->verdicts));
	row = &e->verdicts[e->n_verdicts++];
	str_copy(row->group, sizeof(row->group), v->group);
	row->verdict = v->verdict;
	row->reply = v->reply ? json_copy(v->reply) : NULL;
	stop_awaiting(e, v->group);
	if (v->verdict == VERDICT_REPLY)
		write_late(d, e, row);
	pthread_cond_broadcast(&e->changed);
}

void desk_verdict(struct desk *d, const struct reply_verdict *v)
{
	struct event *e;

	pthread_mutex_lock(&d->lock);
	purge(d);
	e = event_find(d, v->event_id);
	if (!e)
		e = event_add(d, v->event_id, EVENT_HEARD);
	else if (e->state == EVENT_FAILED)
		e->state = EVENT_HEARD; /* somebody has read it: it is on its topic after all */
	if (v->verdict == VERDICT_CHOSEN)
		hear_chosen(d, e, v);
	else if (v->verdict == VERDICT_LATE)
		e->late_written = true;
	else
		hear_group(d, e, v);
	pthread_mutex_unlock(&d->lock);
}

void desk_get_stats(struct desk *d, struct desk_stats *out)
{
	pthread_mutex_lock(&d->lock);
	*out = (struct desk_stats){
		.waiting = d->waiting,
		.replying = d->replying,
		.events = HASH_COUNT(d->by_id),
		.missed = d->missed,
	};
	for (struct group *g = d->groups; g; g = g->hh.next)
		out->passed_over += g->misses >= DESK_MISSES;
	pthread_mutex_unlock(&d->lock);
}
