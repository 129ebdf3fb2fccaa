/* wxbus events: follow, look up and count what came in. */
#include "tools/wxbus/command.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/kafka/reader.h"
#include "proto/topics.h"
#include "tools/wxbus/events/event_options.h"
#include "tools/wxbus/events/event_view.h"
#include "tools/wxbus/events/topic_scan.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define LIMIT_PRESET 1000
#define LIMIT_MAX    1000000
#define LOOK_MS      20
#define SAY_MS       3000

struct events_settings {
	struct kafka_conf kafka;
};

#define CONF_STRUCT struct events_settings
static const struct conf_item items[] = {KAFKA_CONF_ROWS(kafka)};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

/* The topics that may be looked at. */
static const enum topic shown_topics[] = {
	TOPIC_MESSAGES, TOPIC_MESSAGES_TEST, TOPIC_PLATFORM_NOTICES, TOPIC_PLATFORM_EVENTS};
#define N_SHOWN (sizeof(shown_topics) / sizeof(shown_topics[0]))

enum count_by { BY_TYPE, BY_ACCOUNT, BY_HOUR, N_BY };
static const char *const by_names[N_BY] = {"type", "account", "hour"};

struct events_options {
	bool topics[N_SHOWN];
	bool any_topic;
	struct event_filter filter;
	struct event_view view;
	int64_t limit; /* 0: none */
	enum count_by by;
	int64_t now_ms;
};

/* --- the command line
 * ------------------------------------------------------------------------------------------
 */

enum { OPT_LIMIT = 'n', OPT_TOPIC = 256, OPT_REVEAL, OPT_JSON, OPT_BY };

#define LOOK_OPTIONS                                                                                         \
	{"topic", OPT_TOPIC, "TOPIC,...", 0,                                                                 \
		"messages (preset), messages.test, platform-notices, platform-events (headers only)", 0},    \
		EVENT_OPTIONS("Received"),                                                                   \
	{                                                                                                    \
		"json", OPT_JSON, NULL, 0, "One JSON object a line", 0                                       \
	}

static const struct argp_option look_options[] = {
	LOOK_OPTIONS,
	{"limit", OPT_LIMIT, "N", 0, "At most so many; 0: all (search: 1000; tail: all)", 0},
	{"reveal", OPT_REVEAL, NULL, 0, "Show personal fields too: who it was, what he said, where he is", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option count_options[] = {
	LOOK_OPTIONS,
	{"by", OPT_BY, "WHAT", 0, "type (preset), account or hour", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static void take_topics(struct argp_state *state, struct events_options *o, const char *list)
{
	size_t len;

	for (; *list; list += len + (list[len] == ',')) {
		size_t i;

		len = strcspn(list, ",");
		for (i = 0; i < N_SHOWN; i++)
			if (str_eq_cstr((struct str){list, len}, topic_table[shown_topics[i]].name))
				break;
		if (i == N_SHOWN)
			argp_error(state, "--topic knows messages, messages.test, platform-notices and "
					  "platform-events");
		o->topics[i] = o->any_topic = true;
	}
}

static enum count_by take_by(struct argp_state *state, const char *text)
{
	for (int by = 0; by < N_BY; by++)
		if (strcmp(by_names[by], text) == 0)
			return (enum count_by)by;
	argp_error(state, "--by takes type, account or hour");
	return BY_TYPE;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct events_options *o = state->input;

	switch (key) {
	case OPT_TOPIC:
		take_topics(state, o, arg);
		return 0;
	case OPT_LIMIT:
		o->limit = command_number(state, "--limit", arg, 0, LIMIT_MAX);
		return 0;
	case OPT_REVEAL:
		o->view.reveal = true;
		return 0;
	case OPT_JSON:
		o->view.json = true;
		return 0;
	case OPT_BY:
		o->by = take_by(state, arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->any_topic)
			o->topics[0] = true;
		return event_option_parse(key, arg, state, &o->filter, o->now_ms);
	default:
		return event_option_parse(key, arg, state, &o->filter, o->now_ms);
	}
}

/* --- reading
 * -----------------------------------------------------------------------------------------------------
 */

struct events;

struct source {
	struct events *events;
	enum topic topic;
	struct reader *reader; /* of a tail */
	bool told;             /* that it has to be scanned */
};

struct events {
	const struct events_options *o;
	void (*take)(
		struct events *ev, const char *topic, const struct kafka_record *r, const struct envelope *e);
	struct source sources[N_SHOWN];
	struct arena arena; /* of the record being looked at; under the lock, as all below */
	pthread_mutex_t lock;
	int64_t malformed, found;
	bool full; /* the limit is reached */
	/* What was found. */
	struct found_line {
		int64_t at_ms;
		int64_t n;
		char *line;
	} * lines;
	struct tally {
		char key[160];
		int64_t n;
		UT_hash_handle hh;
	} * tallies;
};

static void take_record(void *arg, const struct kafka_record *r)
{
	struct source *s = arg;
	struct events *ev = s->events;
	struct envelope e;
	struct err ignored;

	pthread_mutex_lock(&ev->lock);
	if (ev->full) {
		pthread_mutex_unlock(&ev->lock);
		return;
	}
	if (envelope_decode(r, &ev->arena, &e, &ignored) < 0) {
		ev->malformed++;
	} else if (event_wanted(&ev->o->filter, r, &e)) {
		ev->take(ev, topic_table[s->topic].name, r, &e);
		ev->full = ++ev->found == ev->o->limit;
	}
	arena_reset(&ev->arena);
	pthread_mutex_unlock(&ev->lock);
}

static bool is_full(void *arg)
{
	struct source *s = arg;
	bool full;

	pthread_mutex_lock(&s->events->lock);
	full = s->events->full;
	pthread_mutex_unlock(&s->events->lock);
	return full;
}

/* Until all that was there at the start is read, or the limit reached. */
static int read_source(struct source *s, const struct kafka_conf *conf, struct err *err)
{
	const struct event_filter *f = &s->events->o->filter;
	char topic[TOPIC_NAME_MAX + 1];
	const struct topic_scan scan = {.topic = topic,
		.back_ms = topic_back_ms(f->since_ms, READER_FROM_BEGINNING),
		.until_ms = f->until_ms,
		.record = take_record,
		.enough = is_full,
		.arg = s};

	return topic_name(s->topic, conf->topic_prefix, topic, err) < 0 ? -1 : topic_scan(conf, &scan, err);
}

static int read_all(struct events *ev, const struct kafka_conf *conf, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < N_SHOWN; i++)
		if (ev->o->topics[i] && !is_full(&ev->sources[i]))
			rc = read_source(&ev->sources[i], conf, err);
	return rc;
}

static int open_source(struct source *s, const struct kafka_conf *conf, struct err *err)
{
	char topic[TOPIC_NAME_MAX + 1];
	const struct reader_options o = {
		.client_id = "wxbus",
		.topic = topic,
		.back_ms = topic_back_ms(s->events->o->filter.since_ms, 0),
		.record = take_record,
		.arg = s,
	};

	return topic_name(s->topic, conf->topic_prefix, topic, err) < 0
		       ? -1
		       : reader_new(&s->reader, conf, &o, err);
}

static int open_sources(struct events *ev, const struct kafka_conf *conf, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < N_SHOWN; i++)
		if (ev->o->topics[i])
			rc = open_source(&ev->sources[i], conf, err);
	return rc;
}

/* Said once for each topic, as soon as it is known. */
static void say_if_scanning(struct source *s)
{
	if (s->told || !reader_scans(s->reader))
		return;
	s->told = true;
	topic_scans_say(topic_table[s->topic].name);
}

/* The first topic that has not been read to its end; NULL: all have. */
static struct source *behind(struct events *ev)
{
	for (size_t i = 0; i < N_SHOWN; i++) {
		struct source *s = &ev->sources[i];

		if (s->reader)
			say_if_scanning(s);
		if (s->reader && !reader_caught_up(s->reader))
			return s;
	}
	return NULL;
}

/* Until Ctrl-C, or the limit. Trouble is said when it begins; it may pass. */
static void follow(struct events *ev)
{
	int64_t began = clock_mono_ms();
	struct source *s;
	char detail[160];
	bool told = false;

	while (!is_full(&ev->sources[0])) {
		s = behind(ev);
		if (s && !told && clock_mono_ms() - began > SAY_MS) {
			reader_detail(s->reader, detail, sizeof(detail));
			(void)fprintf(stderr, "wxbus: waiting: %s\n", detail);
			told = true;
		}
		clock_sleep_ms(LOOK_MS);
	}
}

/* --- what becomes of an event
 * --------------------------------------------------------------------------------------
 */

static void write_line(struct events *ev, const char *topic, const struct kafka_record *r,
	const struct envelope *e, struct buf *out)
{
	struct event_view v = ev->o->view;

	/* Sealed to token-service: tickets and codes are credentials. */
	v.headers_only = strcmp(topic, topic_table[TOPIC_PLATFORM_EVENTS].name) == 0;
	event_view_line(&v, topic, r, e, out);
}

static void print_now(
	struct events *ev, const char *topic, const struct kafka_record *r, const struct envelope *e)
{
	struct buf line = BUF_INIT(EVENT_LINE_MAX);

	write_line(ev, topic, r, e, &line);
	(void)printf("%s\n", buf_cstr(&line));
	(void)fflush(stdout);
	buf_release(&line);
}

/* Partitions and topics come mixed: what is found is put in the order of its time before it is shown. */
static void keep(struct events *ev, const char *topic, const struct kafka_record *r, const struct envelope *e)
{
	struct buf line = BUF_INIT(EVENT_LINE_MAX);

	write_line(ev, topic, r, e, &line);
	if ((ev->found & (ev->found - 1)) == 0) /* grows by doubling */
		ev->lines = xrealloc(ev->lines, (size_t)(ev->found ? 2 * ev->found : 1) * sizeof(*ev->lines));
	ev->lines[ev->found] = (struct found_line){r->timestamp_ms, ev->found, buf_detach(&line)};
}

static int by_time(const void *a, const void *b)
{
	const struct found_line *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

static void count(
	struct events *ev, const char *topic, const struct kafka_record *r, const struct envelope *e)
{
	char key[sizeof(ev->tallies->key)], time[CLOCK_RFC3339_SIZE];
	struct tally *t = NULL;

	(void)topic;
	clock_rfc3339(r->timestamp_ms, time);
	if (ev->o->by == BY_HOUR)
		(void)snprintf(key, sizeof(key), "%.13s:00Z", time);
	else
		(void)snprintf(key, sizeof(key), "%s", ev->o->by == BY_ACCOUNT ? e->appid : e->type);
	HASH_FIND_STR(ev->tallies, key, t);
	if (!t) {
		t = xcalloc(1, sizeof(*t));
		memcpy(t->key, key, sizeof(key));
		HASH_ADD_STR(ev->tallies, key, t);
	}
	t->n++;
}

/* --- the commands
 * --------------------------------------------------------------------------------------------------
 */

static void release(struct events *ev)
{
	struct tally *t, *next;

	for (size_t i = 0; i < N_SHOWN; i++)
		reader_free(&ev->sources[i].reader);
	for (int64_t i = 0; ev->lines && i < ev->found; i++)
		free(ev->lines[i].line);
	free(ev->lines);
	HASH_ITER (hh, ev->tallies, t, next) {
		HASH_DEL(ev->tallies, t);
		free(t);
	}
	arena_release(&ev->arena);
	pthread_mutex_destroy(&ev->lock);
}

static void say_rest(const struct events *ev)
{
	if (ev->full)
		(void)fprintf(stderr, "wxbus: stopped at %lld, there may be more (--limit)\n",
			(long long)ev->found);
	if (ev->malformed)
		(void)fprintf(stderr, "wxbus: %lld records are no events and were passed over\n",
			(long long)ev->malformed);
}

static int run(const struct argp *argp, int argc, char **argv, struct events_options *o, struct events *ev,
	int (*body)(struct events *ev, const struct kafka_conf *conf, struct err *err))
{
	struct events_settings settings;
	struct err err;
	int rc;

	o->now_ms = clock_wall_ms();
	if ((rc = command_parse(argp, argc, argv, o, items, N_ITEMS, &settings, sizeof(settings))) != 0)
		return rc;
	ev->o = o;
	pthread_mutex_init(&ev->lock, NULL);
	for (size_t i = 0; i < N_SHOWN; i++)
		ev->sources[i] = (struct source){.events = ev, .topic = shown_topics[i]};
	rc = kafka_conf_check(&settings.kafka, &err);
	if (rc == 0)
		rc = body(ev, &settings.kafka, &err);
	release(ev);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}

static const struct argp tail_argp = {
	.options = look_options,
	.parser = parse,
	.doc = "Follow what comes in, from now (or --since) until Ctrl-C. Personal fields are hidden unless "
	       "--reveal.",
};

static int tail(struct events *ev, const struct kafka_conf *conf, struct err *err)
{
	event_view_title(&ev->o->view, stdout);
	(void)fflush(stdout);
	if (open_sources(ev, conf, err) < 0)
		return -1;
	follow(ev);
	return 0;
}

int events_tail_main(int argc, char **argv)
{
	struct events_options o = {.limit = 0};
	struct events ev = {.take = print_now, .arena = ARENA_INIT};

	return run(&tail_argp, argc, argv, &o, &ev, tail);
}

static const struct argp search_argp = {
	.options = look_options,
	.parser = parse,
	.doc = "Look up what came in and is still kept, by the time at which it was received. Personal "
	       "fields are hidden "
	       "unless --reveal.",
};

static int search(struct events *ev, const struct kafka_conf *conf, struct err *err)
{
	if (read_all(ev, conf, err) < 0)
		return -1;
	if (ev->found > 0)
		qsort(ev->lines, (size_t)ev->found, sizeof(*ev->lines), by_time);
	event_view_title(&ev->o->view, stdout);
	for (int64_t i = 0; i < ev->found; i++)
		(void)printf("%s\n", ev->lines[i].line);
	say_rest(ev);
	return 0;
}

int events_search_main(int argc, char **argv)
{
	struct events_options o = {.limit = LIMIT_PRESET};
	struct events ev = {.take = keep, .arena = ARENA_INIT};

	return run(&search_argp, argc, argv, &o, &ev, search);
}

static const struct argp count_argp = {
	.options = count_options,
	.parser = parse,
	.doc = "Count what came in and is still kept.",
};

static int by_key(const struct tally *a, const struct tally *b)
{
	return strcmp(a->key, b->key);
}

static int by_number(const struct tally *a, const struct tally *b)
{
	return a->n != b->n ? (a->n > b->n ? -1 : 1) : by_key(a, b);
}

static void print_count(const struct events_options *o, const char *key, int64_t n)
{
	struct buf line = BUF_INIT(1024);
	struct json *j;

	if (!o->view.json) {
		(void)printf("%12lld  %s\n", (long long)n, key);
		return;
	}
	j = json_new_object();
	json_set_str(j, by_names[o->by], key);
	json_set_int(j, "events", n);
	json_write(j, &line);
	(void)printf("%s\n", buf_cstr(&line));
	json_free(&j);
	buf_release(&line);
}

static int tally(struct events *ev, const struct kafka_conf *conf, struct err *err)
{
	struct tally *t;

	if (read_all(ev, conf, err) < 0)
		return -1;
	if (ev->o->by == BY_HOUR)
		HASH_SORT(ev->tallies, by_key);
	else
		HASH_SORT(ev->tallies, by_number);
	for (t = ev->tallies; t; t = t->hh.next)
		print_count(ev->o, t->key, t->n);
	if (!ev->o->view.json)
		(void)printf("%12lld  in all\n", (long long)ev->found);
	say_rest(ev);
	return 0;
}

int events_count_main(int argc, char **argv)
{
	struct events_options o = {.by = BY_TYPE};
	struct events ev = {.take = count, .arena = ARENA_INIT};

	return run(&count_argp, argc, argv, &o, &ev, tally);
}
