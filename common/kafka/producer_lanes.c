#include "common/kafka/producer_internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/banned.h"

/* What a partition has under way is one batch: what comes for it meanwhile is gathered here, and handed over
 * once that batch is reported. The library would let such records wait too (with idempotence it has no more
 * than five of a partition under way), but its thread asks the kernel for news in a loop as long as one of
 * them is older than linger.ms: 22 poll() for each record were counted. And what is gathered makes fewer and
 * larger requests the longer the broker takes. What was gathered HOLD_MS ago is handed over in any case, so
 * that the time in which a record is reported stays the library's own and this. Drawback: a copy of each
 * record that has to wait. */

#define HOLD_MS 100 /* looked at every POLL_MS, so a record is held for twice that at most */

/* Under the lock. */
void producer_settle_lane(struct producer *p, struct lane *lane)
{
	if (lane->under_way > 0 || !lane->gathered || lane->due)
		return;
	lane->due = true;
	LL_PREPEND2(p->due, lane, next_due);
}

/* Under the lock. NULL: the record has none, and is handed over as it comes. */
struct lane *producer_lane_of(const struct producer *p, const struct kafka_record *r)
{
	const struct warm_topic *t = NULL;
	size_t i;

	for (i = 0; i < p->warmed.n && !t; i++)
		if (strcmp(p->warmed.topics[i]->name, r->topic) == 0)
			t = p->warmed.topics[i];
	if (!t || !t->lanes || !r->key || r->partition >= t->n_lanes)
		return NULL;
	if (r->partition >= 0)
		return &t->lanes[r->partition];
	return &t->lanes[rd_kafka_msg_partitioner_murmur2_random(
		NULL, r->key, r->key_len, t->n_lanes, NULL, NULL)];
}

static const void *copy_to(char **w, const void *bytes, size_t len)
{
	void *at = *w;

	if (!bytes)
		return NULL;
	memcpy(at, bytes, len);
	*w += len;
	return at;
}

static struct gathered *gathered_new(
	const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d)
{
	size_t topic_len = strlen(r->topic) + 1;
	struct gathered *g = xmalloc(sizeof(*g) + topic_len + r->key_len + r->value_len);
	char *w = g->bytes;

	g->delivery = d;
	g->since_mono_ms = clock_mono_ms();
	g->headers = headers;
	g->record = *r;
	g->record.topic = copy_to(&w, r->topic, topic_len);
	g->record.key = copy_to(&w, r->key, r->key_len);
	g->record.value = copy_to(&w, r->value, r->value_len);
	return g;
}

static size_t gathered_bytes(const struct kafka_record *r)
{
	return r->key_len + r->value_len;
}

/* Under the lock. False: there is no room. */
bool producer_gather(
	struct producer *p, const struct kafka_record *r, rd_kafka_headers_t *headers, struct delivery *d)
{
	struct gathered *g;

	if (p->n_under_way >= p->max_queued ||
		p->gathered_bytes + gathered_bytes(r) > (size_t)QUEUED_MAX_KB * 1024)
		return false;
	g = gathered_new(r, headers, d);
	DL_APPEND(d->lane->gathered, g);
	p->gathered_bytes += gathered_bytes(r);
	producer_begin(p, d);
	return true;
}

/* All of it, which counts as under way from now on: what comes later stays behind it. */
static struct gathered *take_gathered(struct producer *p, struct lane *lane)
{
	struct gathered *all, *g;

	pthread_mutex_lock(&p->lock);
	all = lane->gathered;
	lane->gathered = NULL;
	if (lane->due)
		LL_DELETE2(p->due, lane, next_due);
	lane->due = false;
	DL_FOREACH (all, g) {
		lane->under_way++;
		p->gathered_bytes -= gathered_bytes(&g->record);
	}
	pthread_mutex_unlock(&p->lock);
	return all;
}

static void put_back(struct producer *p, struct lane *lane, struct gathered *rest)
{
	struct gathered *g;

	pthread_mutex_lock(&p->lock);
	DL_FOREACH (rest, g) {
		lane->under_way--;
		p->gathered_bytes += gathered_bytes(&g->record);
	}
	DL_CONCAT(rest, lane->gathered);
	lane->gathered = rest;
	producer_settle_lane(p, lane);
	pthread_mutex_unlock(&p->lock);
}

static void gathered_fail(struct gathered *g, const struct err *failure)
{
	rd_kafka_headers_destroy(g->headers);
	producer_report(g->delivery, failure);
	free(g);
}

/* The rest: what the library's queue has no room for. */
static struct gathered *hand_over_all(rd_kafka_t *rk, struct gathered *all)
{
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	struct gathered *g, *next;
	struct err refused;

	DL_FOREACH_SAFE (all, g, next) {
		code = producer_hand_over(rk, &g->record, g->headers, g->delivery);
		if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			break;
		DL_DELETE(all, g);
		if (code) {
			producer_not_accepted(&refused, code);
			gathered_fail(g, &refused);
		} else {
			free(g);
		}
	}
	return all;
}

/* False: the library has no room for what is left. */
static bool serve_lane(struct producer *p, struct lane *lane)
{
	struct gathered *rest = hand_over_all(p->rk, take_gathered(p, lane));

	if (rest)
		put_back(p, lane, rest);
	return !rest;
}

static struct lane *first_due(struct producer *p)
{
	struct lane *lane;

	pthread_mutex_lock(&p->lock);
	lane = p->due;
	pthread_mutex_unlock(&p->lock);
	return lane;
}

/* Under the lock. */
static bool is_held_since(const struct lane *lane, int64_t mono_ms)
{
	return lane->gathered && lane->gathered->since_mono_ms <= mono_ms;
}

/* Any lane of which something was gathered then or before. */
static struct lane *held_since(struct producer *p, int64_t mono_ms)
{
	struct lane *found = NULL;
	struct warm_topic *t;
	size_t i;
	int l;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < p->warmed.n && !found; i++)
		for (t = p->warmed.topics[i], l = 0; l < t->n_lanes && !found; l++)
			if (is_held_since(&t->lanes[l], mono_ms))
				found = &t->lanes[l];
	pthread_mutex_unlock(&p->lock);
	return found;
}

/* The thread's, like the next. False: the library has no room for what is left. */
bool producer_serve_due(struct producer *p)
{
	struct lane *lane;

	while ((lane = first_due(p)) != NULL)
		if (!serve_lane(p, lane))
			return false;
	return true;
}

void producer_serve_held(struct producer *p)
{
	int64_t now = clock_mono_ms();
	struct lane *lane;

	if (now - p->looked_mono_ms < POLL_MS)
		return;
	p->looked_mono_ms = now;
	while ((lane = held_since(p, now - HOLD_MS)) != NULL)
		if (!serve_lane(p, lane))
			return;
}

static void fail_lane(struct producer *p, struct lane *lane)
{
	struct gathered *all = take_gathered(p, lane), *g, *next;
	struct err gone;

	producer_being_rebuilt(&gone);
	DL_FOREACH_SAFE (all, g, next)
		gathered_fail(g, &gone);
}

/* The library's client is about to go, and nobody sends. */
void producer_fail_gathered(struct producer *p)
{
	struct lane *lane;

	while ((lane = held_since(p, INT64_MAX)) != NULL)
		fail_lane(p, lane);
}
