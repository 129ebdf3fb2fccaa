#include "tools/wxbus/replay/replay_plan.h"

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/json/json.h"
#include "common/kafka/backlog.h"
#include "tools/wxbus/events/topic_scan.h"
#include "tools/wxbus/operator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define READ_MS  100
#define SHOWN    20
#define FANS_MAX 1000000 /* beyond these none is told apart */

struct fan {
	UT_hash_handle hh;
	char key[]; /* appid/openid */
};

struct account {
	UT_hash_handle hh;
	int64_t events, fans;
	char appid[];
};

struct count {
	const struct replay_plan *plan;
	struct kafka_spans spans;
	int64_t *events; /* of each span */
	int64_t n, malformed, first_ms, last_ms, n_fans;
	struct account *accounts;
	struct fan *fans;
	struct arena arena, kept;
};

/* A replay that came before the live delivery would take its place, and perhaps say nothing. */
static int end_at_committed(const struct kafka_conf *conf, const char *source, const char *group,
	struct kafka_spans *spans, struct err *err)
{
	int64_t *committed = xcalloc(spans->n, sizeof(*committed));
	struct backlog *b;
	int rc = backlog_new(&b, conf, group, source, err);

	if (rc == 0)
		rc = backlog_committed(b, committed, (int)spans->n, err);
	for (size_t i = 0; rc == 0 && i < spans->n; i++) { /* in the partitions' order */
		struct kafka_span *span = &spans->list[i];

		if (committed[i] >= 0 && committed[i] < span->to)
			span->to = committed[i] > span->from ? committed[i] : span->from;
	}
	backlog_free(&b);
	free(committed);
	return rc;
}

int replay_spans(const struct kafka_conf *conf, const char *source, const struct event_filter *f,
	const char *missing_of, struct kafka_spans *out, struct err *err)
{
	int rc = kafka_spans_find(conf, source, f->since_ms, f->until_ms, out, err);

	if (rc < 0)
		return rc;
	if (out->scans)
		topic_scans_say(source);
	if (missing_of && (rc = end_at_committed(conf, source, missing_of, out, err)) < 0)
		kafka_spans_release(out);
	return rc;
}

/* --- counting
 * ---------------------------------------------------------------------------------------------------
 */

static struct account *account_of(struct count *c, const char *appid)
{
	struct account *a;
	size_t len = strlen(appid);

	HASH_FIND_STR(c->accounts, appid, a);
	if (!a) {
		a = arena_alloc(&c->kept, sizeof(*a) + len + 1);
		memcpy(a->appid, appid, len + 1);
		HASH_ADD_STR(c->accounts, appid, a);
	}
	return a;
}

static void count_fan(struct count *c, struct account *a, const char *openid)
{
	const char *key = arena_printf(&c->arena, "%s/%s", a->appid, openid);
	size_t len = strlen(key);
	struct fan *fan;

	HASH_FIND(hh, c->fans, key, len, fan);
	if (fan || c->n_fans == FANS_MAX)
		return;
	fan = arena_alloc(&c->kept, sizeof(*fan) + len + 1);
	memcpy(fan->key, key, len + 1);
	HASH_ADD_KEYPTR(hh, c->fans, fan->key, len, fan);
	c->n_fans++;
	a->fans++;
}

static void count_record(struct count *c, const struct kafka_record *r)
{
	struct account *a;
	struct envelope e;
	struct err ignored;

	if (envelope_decode(r, &c->arena, &e, &ignored) < 0) {
		c->malformed++;
		return;
	}
	if (!event_wanted(c->plan->filter, r, &e))
		return;
	c->n++;
	c->events[r->partition]++; /* spans are in the partitions' order */
	if (!c->first_ms || r->timestamp_ms < c->first_ms)
		c->first_ms = r->timestamp_ms;
	if (r->timestamp_ms > c->last_ms)
		c->last_ms = r->timestamp_ms;
	a = account_of(c, e.appid ? e.appid : "");
	a->events++;
	if (e.subject && e.subject[0])
		count_fan(c, a, e.subject);
}

static int count_all(struct count *c, struct err *err)
{
	const struct replay_plan *p = c->plan;
	const struct kafka_record *record;
	struct span_reader *reader;
	int rc;

	if ((rc = replay_spans(p->conf, p->source, p->filter, p->missing_of, &c->spans, err)) < 0)
		return rc;
	c->events = xcalloc(c->spans.n, sizeof(*c->events));
	if ((rc = span_reader_new(&reader, p->conf, p->source, c->spans.list, c->spans.n, err)) < 0)
		return rc;
	while ((rc = span_reader_next(reader, READ_MS, &record, err)) >= 0 && rc != SPAN_END) {
		if (rc == 0)
			count_record(c, record);
		arena_reset(&c->arena);
	}
	span_reader_free(&reader);
	return rc < 0 ? rc : 0;
}

/* --- printing
 * ---------------------------------------------------------------------------------------------------
 */

static int by_events(const struct account *a, const struct account *b)
{
	return a->events != b->events ? (a->events > b->events ? -1 : 1) : strcmp(a->appid, b->appid);
}

static int64_t seconds(const struct count *c)
{
	return (c->n + c->plan->rate - 1) / c->plan->rate;
}

static int64_t records(const struct count *c)
{
	int64_t n = 0;

	for (size_t i = 0; i < c->spans.n; i++)
		n += c->spans.list[i].to - c->spans.list[i].from;
	return n;
}

static void set_time(struct json *o, const char *name, int64_t ms)
{
	char text[CLOCK_RFC3339_SIZE];

	if (!ms)
		return;
	clock_rfc3339(ms, text);
	json_set_str(o, name, text);
}

static void print_json(const struct count *c)
{
	struct json *o = json_new_object(), *accounts = json_new_array(), *partitions = json_new_array();

	json_set_str(o, "group", c->plan->group);
	json_set_str(o, "topic", c->plan->source);
	json_set_int(o, "events", c->n);
	json_set_int(o, "fans", c->n_fans);
	set_time(o, "first", c->first_ms);
	set_time(o, "last", c->last_ms);
	json_set_int(o, "seconds", seconds(c));
	json_set_int(o, "rate", c->plan->rate);
	json_set_int(o, "malformed", c->malformed);
	json_set_bool(o, "scans", c->spans.scans);
	for (const struct account *a = c->accounts; a; a = a->hh.next) {
		struct json *row = json_new_object();

		json_set_str(row, "appid", a->appid);
		json_set_int(row, "events", a->events);
		json_set_int(row, "fans", a->fans);
		json_push(accounts, row);
	}
	for (size_t i = 0; i < c->spans.n; i++) {
		struct json *row = json_new_object();

		json_set_int(row, "partition", c->spans.list[i].partition);
		json_set_int(row, "events", c->events[i]);
		json_set_int(row, "records", c->spans.list[i].to - c->spans.list[i].from);
		json_push(partitions, row);
	}
	json_set(o, "accounts", accounts);
	json_set(o, "partitions", partitions);
	operator_print(o);
	json_free(&o);
}

static void print_accounts(const struct count *c)
{
	size_t shown = 0, all = HASH_COUNT(c->accounts);

	(void)printf("\n%-20s  %10s  %10s\n", "ACCOUNT", "EVENTS", "FANS");
	for (const struct account *a = c->accounts; a && shown < SHOWN; a = a->hh.next, shown++)
		(void)printf("%-20s  %10" PRId64 "  %10" PRId64 "\n", a->appid, a->events, a->fans);
	if (shown < all)
		(void)printf("and %zu more accounts (--json names all)\n", all - shown);
}

static void print_text(const struct count *c)
{
	char first[CLOCK_RFC3339_SIZE], last[CLOCK_RFC3339_SIZE];
	int64_t s = seconds(c);

	(void)printf("%" PRId64 " events of %u accounts and %" PRId64 "%s fans, among %" PRId64
		     " records of %s\n",
		c->n, HASH_COUNT(c->accounts), c->n_fans, c->n_fans == FANS_MAX ? " or more" : "", records(c),
		c->plan->source);
	if (c->n == 0)
		return;
	clock_rfc3339(c->first_ms, first);
	clock_rfc3339(c->last_ms, last);
	(void)printf("received from %s to %s\n", first, last);
	(void)printf("at %d a second for %s: %" PRId64 " h %" PRId64 " min %" PRId64 " s at least\n",
		c->plan->rate, c->plan->group, s / 3600, s / 60 % 60, s % 60);
	print_accounts(c);
	(void)printf("\n%-20s  %10s  %10s\n", "PARTITION", "EVENTS", "RECORDS");
	for (size_t i = 0; i < c->spans.n; i++)
		(void)printf("%-20d  %10" PRId64 "  %10" PRId64 "\n", c->spans.list[i].partition,
			c->events[i], c->spans.list[i].to - c->spans.list[i].from);
}

int replay_plan_print(const struct replay_plan *p, struct err *err)
{
	struct count c = {.plan = p, .arena = ARENA_INIT, .kept = ARENA_INIT};
	int rc = count_all(&c, err);

	if (rc == 0) {
		HASH_SORT(c.accounts, by_events);
		if (p->json)
			print_json(&c);
		else
			print_text(&c);
		if (c.malformed && !p->json)
			(void)fprintf(stderr,
				"wxbus: %" PRId64 " records are no events and would be passed over\n",
				c.malformed);
	}
	HASH_CLEAR(hh, c.accounts);
	HASH_CLEAR(hh, c.fans);
	kafka_spans_release(&c.spans);
	free(c.events);
	arena_release(&c.arena);
	arena_release(&c.kept);
	return rc;
}
