/* wxbus replay: have one group handle events of the stream once more, or those that it has missed. */
#include "tools/wxbus/command.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/kafka/backlog.h"
#include "proto/topics.h"
#include "tools/wxbus/events/topic_scan.h"
#include "tools/wxbus/migrate/manifest.h"
#include "tools/wxbus/operator.h"
#include "tools/wxbus/replay/replay_options.h"
#include "tools/wxbus/replay/replay_plan.h"
#include "tools/wxbus/replay/replay_show.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/banned.h"

#define LISTED 50

/* What the commands work with. */
struct work {
	struct replay_options options;
	struct decision_settings settings;
	struct replay_store *store; /* NULL: a plan */
	char group[TOPIC_NAME_MAX + 1], source[TOPIC_NAME_MAX + 1], target[TOPIC_NAME_MAX + 1]; /* whole */
	char operator_room[1024];
	struct arena arena;
	struct replay_bar bar;
};

static const char *who(struct work *w)
{
	return operator_name(w->options.decision.by, w->operator_room, sizeof(w->operator_room));
}

static int run(const struct argp *argp, size_t n_items, int argc, char **argv,
	int (*body)(struct work *w, struct err *err))
{
	struct work w = {.options = replay_options_new(), .arena = ARENA_INIT};
	struct err err;
	int rc = command_parse(
		argp, argc, argv, &w.options, decision_items, n_items, &w.settings, sizeof(w.settings));

	if (rc != 0)
		return rc;
	rc = kafka_conf_check(&w.settings.kafka, &err);
	if (rc == 0 && n_items == n_decision_items)
		rc = replay_store_open(&w.store, w.settings.database_url, &err);
	if (rc == 0)
		rc = body(&w, &err);
	replay_store_free(&w.store);
	arena_release(&w.arena);
	conf_release(decision_items, n_items, &w.settings);
	return rc < 0 ? command_failed(&err) : rc;
}

static int name_topics(struct work *w, const char *group, struct err *err)
{
	const char *prefix = w->settings.kafka.topic_prefix;

	if (snprintf(w->group, sizeof(w->group), "%s%s", prefix, group) >= (int)sizeof(w->group))
		return err_set(err, ERR_REJECT, 0, "a group's name has at most %d bytes", TOPIC_NAME_MAX);
	return topic_of_group(group, "replay", prefix, w->target, err);
}

static int name_source(struct work *w, struct err *err)
{
	enum topic topic = strcmp(w->options.topic, topic_table[TOPIC_MESSAGES].name) == 0
				   ? TOPIC_MESSAGES
				   : TOPIC_MESSAGES_TEST;

	return topic_name(topic, w->settings.kafka.topic_prefix, w->source, err);
}

/* --- plan
 * -------------------------------------------------------------------------------------------------------
 */

static const struct argp plan_argp = {
	.options = replay_plan_options,
	.parser = replay_plan_parse,
	.args_doc = "GROUP",
	.doc = "Tell how many events a replay for GROUP would be of, of whom, on which partitions, and how "
	       "long it "
	       "would take. Nothing is written.",
};

static int plan(struct work *w, struct err *err)
{
	const struct replay_plan p = {.conf = &w->settings.kafka,
		.group = w->options.decision.group,
		.source = w->source,
		.filter = &w->options.filter,
		.missing_of = w->options.missing ? w->group : NULL,
		.rate = w->options.decision.rate,
		.json = w->options.json};

	if (name_topics(w, w->options.decision.group, err) < 0 || name_source(w, err) < 0)
		return -1;
	return replay_plan_print(&p, err);
}

int replay_plan_main(int argc, char **argv)
{
	return run(&plan_argp, n_decision_items - 1 /* no database */, argc, argv, plan);
}

/* --- feeding
 * ----------------------------------------------------------------------------------------------------
 */

static volatile sig_atomic_t stopping;

static void on_signal(int number)
{
	(void)number;
	stopping = 1;
}

static bool is_stopping(void *arg)
{
	(void)arg;
	return stopping != 0;
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	(void)sigaction(SIGINT, &action, NULL); /* the second one ends it at once */
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGHUP, &action, NULL);
}

static void show(void *arg, const struct feed_progress *p)
{
	struct work *w = arg;

	replay_bar_show(&w->bar, p);
}

/* Below 0: not known. */
static int64_t ahead_of_group(struct work *w)
{
	struct backlog *b = NULL;
	int64_t ahead = -1;
	struct err ignored;

	if (backlog_new(&b, &w->settings.kafka, w->group, w->target, &ignored) == 0 &&
		backlog_ask(b, &ahead, &ignored) < 0)
		ahead = -1;
	backlog_free(&b);
	return ahead;
}

/* 1: it has not come to its end, or not to all that it was of. */
static int say_end(struct work *w, struct err *err)
{
	int64_t ahead = ahead_of_group(w);
	struct replay r;
	int rc = replay_store_find(w->store, w->bar.id, &w->arena, &r, err);
	int64_t events = 0, lost = 0;

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < r.n_parts; i++) {
		events += r.parts[i].events;
		lost += r.parts[i].lost;
	}
	if (w->options.json)
		replay_print_json(&r, ahead);
	else
		(void)printf("replay %s is %s: %" PRId64 " events written to %s", r.id,
			replay_state_name(r.state), events, r.target);
	if (!w->options.json && ahead >= 0)
		(void)printf(", %" PRId64 " of what is there wait for %s", ahead, r.group);
	if (!w->options.json)
		(void)putchar('\n');
	if (lost > 0)
		(void)fprintf(stderr,
			"wxbus: %" PRId64
			" records of %s were deleted before they could be read: its retention has "
			"passed them; how many of them were wanted nobody knows\n",
			lost, r.source);
	if (r.state == REPLAY_RUNNING || r.state == REPLAY_PAUSED)
		(void)fprintf(stderr, "wxbus: `wxbus replay resume %s` goes on with it\n", r.id);
	return r.state == REPLAY_DONE && lost == 0 ? 0 : 1;
}

static int feed(struct work *w, struct replay *r, struct err *err)
{
	const struct feed_options o = {.kafka = &w->settings.kafka,
		.group = w->group,
		.progress = show,
		.stop = is_stopping,
		.arg = w};
	int rc;

	w->bar = (struct replay_bar){.id = r->id, .began_ms = clock_mono_ms()};
	catch_signals();
	rc = replay_feed(w->store, r, &o, err);
	if (rc == 0)
		return say_end(w, err);
	if (err->kind != ERR_REJECT)
		(void)fprintf(stderr, "wxbus: `wxbus replay resume %s` goes on with it\n", r->id);
	return rc;
}

/* --- run
 * --------------------------------------------------------------------------------------------------------
 */

static const struct argp run_argp = {
	.options = replay_run_options,
	.parser = replay_run_parse,
	.args_doc = "GROUP --missing|--redo",
	.doc = "Hand events of the stream to GROUP once more, through <prefix>GROUP.replay, which it handles "
	       "below "
	       "the live traffic: those that it has not settled (--missing), or each, as events of a run of "
	       "their "
	       "own (--redo). No other group sees them. What handlers say outside is left out without "
	       "--effects. "
	       "At most 10,000 are ahead of what GROUP has committed.\v"
	       "Ended by a signal, a crash or `wxbus replay pause`, it is gone on with by `wxbus replay "
	       "resume`; the "
	       "exit status is 1 then, and also if the brokers deleted records before they were read. Killed "
	       "at any moment, it skips nothing and writes no event twice.",
};

/* What is settled is told apart by rows that only `once` makes. */
static int must_be_once(struct work *w, struct err *err)
{
	const char *group = w->options.decision.group;
	size_t len = strlen(group);
	struct manifests m = {NULL, 0};
	bool once = false;

	if (manifests_installed(w->options.migrations, &m, err) < 0)
		return -1;
	if (len > 5 && strcmp(group + len - 5, ".test") == 0)
		len -= 5;
	for (size_t i = 0; i < m.n; i++)
		once |= m.list[i].once && str_eq_cstr((struct str){group, len}, m.list[i].group);
	manifests_release(&m);
	if (once)
		return 0;
	return err_set(err, ERR_REJECT, 0,
		"nothing tells what %s has missed: no manifest says \"once\" of it; --redo handles each "
		"event once "
		"more",
		group);
}

static void make_id(char out[REPLAY_ID_SIZE], int64_t now_ms)
{
	time_t now = (time_t)(now_ms / 1000);
	uint8_t noise[2];
	struct tm utc;
	char time[20];

	crypto_random(noise, sizeof(noise));
	gmtime_r(&now, &utc);
	(void)strftime(time, sizeof(time), "%Y%m%d-%H%M%S", &utc);
	(void)snprintf(out, REPLAY_ID_SIZE, "%s-%02x%02x", time, noise[0], noise[1]);
}

static int make_replay(struct work *w, struct replay *r, struct err *err)
{
	const struct replay_options *o = &w->options;
	struct kafka_spans spans;
	int rc = replay_spans(
		&w->settings.kafka, w->source, &o->filter, o->missing ? w->group : NULL, &spans, err);

	if (rc == 0 && (rc = kafka_spans_mark(&w->settings.kafka, w->source, spans.list, spans.n, err)) < 0)
		kafka_spans_release(&spans);
	if (rc < 0)
		return rc;
	*r = (struct replay){.group = o->decision.group,
		.source = w->source,
		.target = w->target,
		.redo = o->redo,
		.effects = o->effects,
		.filter = o->filter,
		.rate = o->decision.rate,
		.by = who(w),
		.note = o->decision.note,
		.n_parts = spans.n};
	make_id(r->id, o->now_ms);
	r->parts = arena_alloc(&w->arena, (spans.n + 1) * sizeof(*r->parts));
	for (size_t i = 0; i < spans.n; i++)
		r->parts[i] = (struct replay_part){.span = spans.list[i], .next = spans.list[i].from};
	kafka_spans_release(&spans);
	return 0;
}

static int begin(struct work *w, struct err *err)
{
	struct replay r;
	int rc;

	if ((rc = name_topics(w, w->options.decision.group, err)) < 0 || (rc = name_source(w, err)) < 0 ||
		(w->options.missing && (rc = must_be_once(w, err)) < 0))
		return rc;
	/* A group whose manifest does not name it does not read it. */
	if ((rc = topic_must_exist(&w->settings.kafka, w->target, err)) < 0)
		return err_prefix(err, "%s cannot be given a replay", w->options.decision.group);
	if ((rc = make_replay(w, &r, err)) < 0 || (rc = replay_store_add(w->store, &r, err)) < 0)
		return rc;
	(void)fprintf(stderr, "wxbus: replay %s begins\n", r.id);
	return feed(w, &r, err);
}

int replay_run_main(int argc, char **argv)
{
	return run(&run_argp, n_decision_items, argc, argv, begin);
}

/* --- resume
 * -----------------------------------------------------------------------------------------------------
 */

static const struct argp resume_argp = {
	.options = replay_feed_options,
	.parser = replay_id_parse,
	.args_doc = "REPLAY",
	.doc = "Go on with a replay that was paused, or whose process ended. It is fed here, to its end.",
};

static int resume(struct work *w, struct err *err)
{
	struct replay r;
	int rc = replay_store_find(w->store, w->options.id, &w->arena, &r, err);

	if (rc == 0 && r.state == REPLAY_PAUSED)
		rc = replay_store_want(w->store, r.id, REPLAY_RUNNING, who(w), err);
	if (rc == 0)
		rc = name_topics(w, r.group, err);
	if (rc == 0 && strcmp(w->target, r.target) != 0)
		rc = err_set(err, ERR_REJECT, 0, "replay %s is for %s: WXBUS_TOPIC_PREFIX is another", r.id,
			r.target);
	return rc == 0 ? feed(w, &r, err) : rc;
}

int replay_resume_main(int argc, char **argv)
{
	return run(&resume_argp, n_decision_items, argc, argv, resume);
}

/* --- pause, cancel
 * ----------------------------------------------------------------------------------------------
 */

static const struct argp pause_argp = {
	.options = replay_want_options,
	.parser = replay_id_parse,
	.args_doc = "REPLAY",
	.doc = "Have a replay wait: the process that feeds it ends within about a second. GROUP still "
	       "handles what "
	       "is on its topic already, at most 10,000 events.",
};

static int pause_replay(struct work *w, struct err *err)
{
	if (replay_store_want(w->store, w->options.id, REPLAY_PAUSED, who(w), err) < 0)
		return -1;
	(void)printf("replay %s is paused: `wxbus replay resume %s` goes on with it\n", w->options.id,
		w->options.id);
	return 0;
}

int replay_pause_main(int argc, char **argv)
{
	return run(&pause_argp, n_decision_items, argc, argv, pause_replay);
}

static const struct argp cancel_argp = {
	.options = replay_want_options,
	.parser = replay_id_parse,
	.args_doc = "REPLAY",
	.doc = "End a replay for good: the process that feeds it ends within about a second. What was "
	       "handled stays "
	       "handled, and GROUP still handles what is on its topic already, at most 10,000 events.",
};

static int cancel(struct work *w, struct err *err)
{
	if (replay_store_want(w->store, w->options.id, REPLAY_CANCELLED, who(w), err) < 0)
		return -1;
	(void)printf("replay %s is cancelled\n", w->options.id);
	return 0;
}

int replay_cancel_main(int argc, char **argv)
{
	return run(&cancel_argp, n_decision_items, argc, argv, cancel);
}

/* --- status
 * -----------------------------------------------------------------------------------------------------
 */

static const struct argp status_argp = {
	.options = replay_status_options,
	.parser = replay_status_parse,
	.args_doc = "[REPLAY]",
	.doc = "List the last 50 replays, or tell all about one: of which events, by whom, how far, and how "
	       "many "
	       "records of the group's topic it has not committed yet (ahead).",
};

static void print_listed(void *arg, const struct replay *r)
{
	struct work *w = arg;

	if (w->options.json)
		replay_print_json(r, -1);
	else
		replay_print_row(r);
}

static int status(struct work *w, struct err *err)
{
	struct replay r;
	int64_t ahead;
	int rc;

	if (!w->options.id) {
		if (!w->options.json)
			replay_print_title();
		return replay_store_list(w->store, LISTED, &w->arena, print_listed, w, err);
	}
	if ((rc = replay_store_find(w->store, w->options.id, &w->arena, &r, err)) < 0 ||
		(rc = name_topics(w, r.group, err)) < 0)
		return rc;
	ahead = ahead_of_group(w);
	if (w->options.json)
		replay_print_json(&r, ahead);
	else
		replay_print_whole(&r, ahead);
	return 0;
}

int replay_status_main(int argc, char **argv)
{
	return run(&status_argp, n_decision_items, argc, argv, status);
}
