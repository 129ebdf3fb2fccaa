/* wxbus dead-letters: what a group of businesses gave up: looked at, handled once more, or let go. */
#include "tools/wxbus/command.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "proto/topics.h"
#include "tools/wxbus/events/topic_scan.h"
#include "tools/wxbus/letters/letters_options.h"
#include "tools/wxbus/letters/letters_redrive.h"
#include "tools/wxbus/operator.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "common/base/banned.h"

#define LIMIT_PRESET    10000
#define HELD_MAX        ((size_t)256 * 1024 * 1024) /* of letters, in memory */
#define REDRIVES_PRESET 3
#define DROP_BATCH      100
#define TELL_MS         1000

/* --- which letters
 * -------------------------------------------------------------------------------------------
 */

struct letters {
	const struct letters_options *o;
	const struct kafka_conf *conf;
	struct letter_store *store;
	char dead_letter_topic[TOPIC_NAME_MAX + 1], replay_topic[TOPIC_NAME_MAX + 1];
	bool decided_too, unsure_too;
	/* What was chosen; written by the scan's thread, read after its end. */
	struct letter *list;
	size_t n, room;
	struct arena kept, looked_at;
	size_t held_bytes;
	bool full;
	int64_t told_ms;
};

static bool chosen(const struct letters *ls, const struct letter *l)
{
	enum letter_state state;

	if (!letter_wanted(&ls->o->filter, l) || l->record.timestamp_ms > ls->o->now_ms)
		return false;
	state = letter_store_find(ls->store, &l->record).state;
	return ls->decided_too || state == LETTER_NEW || (ls->unsure_too && state == LETTER_CLAIMED);
}

static void take_letter(void *arg, const struct kafka_record *r)
{
	struct letters *ls = arg;
	struct letter l;

	letter_read(r, &ls->looked_at, &l);
	if (!ls->full && chosen(ls, &l)) {
		ls->held_bytes += letter_bytes(&l);
		if (ls->n == ls->room) {
			ls->room = ls->room ? 2 * ls->room : 64;
			ls->list = xrealloc(ls->list, ls->room * sizeof(*ls->list));
		}
		letter_copy(&l, &ls->kept, &ls->list[ls->n++]);
		ls->full = ls->n > LETTERS_LIMIT_MAX || ls->held_bytes > HELD_MAX;
	}
	arena_reset(&ls->looked_at);
}

static int by_time(const void *a, const void *b)
{
	const struct kafka_record *x = &((const struct letter *)a)->record;
	const struct kafka_record *y = &((const struct letter *)b)->record;

	if (x->timestamp_ms != y->timestamp_ms)
		return x->timestamp_ms < y->timestamp_ms ? -1 : 1;
	if (x->partition != y->partition)
		return x->partition < y->partition ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int choose(struct letters *ls, struct err *err)
{
	const struct topic_scan scan = {.topic = ls->dead_letter_topic,
		.back_ms = topic_back_ms(ls->o->filter.event.since_ms, READER_FROM_BEGINNING),
		.record = take_letter,
		.arg = ls};
	int rc = topic_scan(ls->conf, &scan, err);

	if (rc < 0)
		return rc;
	if (ls->n > 0)
		qsort(ls->list, ls->n, sizeof(*ls->list), by_time);
	if (ls->full || ls->n > ls->o->limit)
		(void)fprintf(stderr, "wxbus: there are more than these %zu\n",
			ls->n > ls->o->limit ? ls->o->limit : ls->n);
	if (ls->n > ls->o->limit)
		ls->n = ls->o->limit;
	return 0;
}

/* --- showing
 * -----------------------------------------------------------------------------------------------------
 */

static void print_json(struct json *j)
{
	operator_print(j);
	json_free(&j);
}

static void set_decision(struct json *j, const struct letter_decision *d)
{
	json_set_str(j, "state", letter_state_name(d->state));
	if (d->state == LETTER_NEW)
		return;
	json_set_str(j, "by", d->by);
	json_set_str(j, "at", d->at);
	if (d->note[0])
		json_set_str(j, "note", d->note);
}

#define ROW "%-12s  %-24s  %-32s  %-18s  %-9s  %4s  %4s  %-8s  "

static void print_row(const struct letters *ls, const struct letter *l, const struct letter_decision *d)
{
	struct json *j = letter_json(l, ls->o->reveal, false);
	char line[512], attempts[16], redrives[16];
	const char *type = json_get_str(j, "type"), *appid = json_get_str(j, "appid");

	(void)snprintf(attempts, sizeof(attempts), "%d", l->origin.attempts);
	(void)snprintf(redrives, sizeof(redrives), "%d", l->redrives);
	(void)snprintf(line, sizeof(line), ROW, json_get_str(j, "letter"), json_get_str(j, "died"),
		type ? type : "-", appid ? appid : "-", l->error_class, attempts, redrives,
		letter_state_name(d->state));
	operator_print_text(line);
	operator_print_text(l->reason);
	(void)putchar('\n');
	json_free(&j);
}

static void print_letter(const struct letters *ls, const struct letter *l)
{
	struct letter_decision d = letter_store_find(ls->store, &l->record);
	struct json *j;

	if (!ls->o->json) {
		print_row(ls, l, &d);
		return;
	}
	j = letter_json(l, ls->o->reveal, false);
	set_decision(j, &d);
	print_json(j);
}

struct tally {
	UT_hash_handle hh;
	const char *key; /* class and reason */
	const struct letter *first;
	size_t n;
};

static int by_number(const struct tally *a, const struct tally *b)
{
	return a->n != b->n ? (a->n > b->n ? -1 : 1) : strcmp(a->key, b->key);
}

static void print_tally(const struct letters_options *o, const struct tally *t)
{
	struct json *j;

	if (!o->json) {
		(void)printf("%12zu  ", t->n);
		operator_print_text(t->key);
		(void)putchar('\n');
		return;
	}
	j = json_new_object();
	json_set_str(j, "error_class", t->first->error_class);
	json_set_str(j, "reason", t->first->reason);
	json_set_int(j, "letters", (int64_t)t->n);
	print_json(j);
}

/* How many there are of each reason, the most frequent first. */
static void print_summary(struct letters *ls)
{
	struct tally *tallies = NULL, *t;

	for (size_t i = 0; i < ls->n; i++) {
		const struct letter *l = &ls->list[i];
		const char *key = arena_printf(&ls->kept, "%s: %s", l->error_class, l->reason);

		HASH_FIND_STR(tallies, key, t);
		if (!t) {
			t = arena_alloc(&ls->kept, sizeof(*t));
			t->key = key;
			t->first = l;
			HASH_ADD_KEYPTR(hh, tallies, t->key, strlen(t->key), t);
		}
		t->n++;
	}
	HASH_SORT(tallies, by_number);
	for (t = tallies; t; t = t->hh.next)
		print_tally(ls->o, t);
	HASH_CLEAR(hh, tallies);
	if (!ls->o->json)
		(void)printf("%12zu  in all\n", ls->n);
}

/* --- the commands
 * --------------------------------------------------------------------------------------------------
 */

static int open_letters(struct letters *ls, const struct decision_settings *settings, struct err *err)
{
	const char *prefix = settings->kafka.topic_prefix;
	int rc;

	ls->conf = &settings->kafka;
	if ((rc = kafka_conf_check(ls->conf, err)) < 0 ||
		(rc = topic_of_group(
			 ls->o->decision.group, "dead-letter", prefix, ls->dead_letter_topic, err)) < 0 ||
		(rc = topic_of_group(ls->o->decision.group, "replay", prefix, ls->replay_topic, err)) < 0 ||
		(rc = letter_store_open(&ls->store, settings->database_url, ls->dead_letter_topic, err)) < 0)
		return rc;
	return 0;
}

static void release(struct letters *ls)
{
	letter_store_free(&ls->store);
	free(ls->list);
	arena_release(&ls->kept);
	arena_release(&ls->looked_at);
}

static int run(
	const struct argp *argp, int argc, char **argv, int (*body)(struct letters *ls, struct err *err))
{
	struct letters_options o = {.decision = DECISION_PRESETS,
		.limit = LIMIT_PRESET,
		.max_redrives = REDRIVES_PRESET,
		.now_ms = clock_wall_ms()};
	struct letters ls = {.o = &o, .kept = ARENA_INIT, .looked_at = ARENA_INIT};
	struct decision_settings settings;
	struct err err;
	int rc = command_parse(
		argp, argc, argv, &o, decision_items, n_decision_items, &settings, sizeof(settings));

	if (rc != 0)
		return rc;
	rc = open_letters(&ls, &settings, &err);
	if (rc == 0)
		rc = body(&ls, &err);
	release(&ls);
	conf_release(decision_items, n_decision_items, &settings);
	return rc < 0 ? command_failed(&err) : rc;
}

static const struct argp list_argp = {
	.options = letters_list_options,
	.parser = letters_parse,
	.args_doc = "GROUP",
	.doc = "List what GROUP's businesses gave up and nobody has dealt with: where the letter lies, when "
	       "it died, "
	       "type, account, error class, attempts, redrives, state and reason; then how many there are of "
	       "each "
	       "reason.",
};

static int list(struct letters *ls, struct err *err)
{
	int rc;

	ls->decided_too = ls->o->all;
	ls->unsure_too = true;
	if ((rc = letter_store_read(ls->store, err)) < 0 || (rc = choose(ls, err)) < 0)
		return rc;
	if (!ls->o->summary && !ls->o->json)
		(void)printf(ROW "%s\n", "LETTER", "DIED", "TYPE", "ACCOUNT", "CLASS", "TRY", "RE", "STATE",
			"REASON");
	for (size_t i = 0; i < ls->n && !ls->o->summary; i++)
		print_letter(ls, &ls->list[i]);
	if (ls->o->summary || !ls->o->json)
		print_summary(ls);
	return 0;
}

int dead_letters_list_main(int argc, char **argv)
{
	return run(&list_argp, argc, argv, list);
}

static const struct argp show_argp = {
	.options = letters_show_options,
	.parser = letters_parse,
	.args_doc = "GROUP LETTER...",
	.doc = "Show letters, as `list` names them (3/17), as JSON: why and when they were given up, where "
	       "they came "
	       "from, their fields, and who dealt with them. Personal fields are hidden unless --reveal.",
};

static int show(struct letters *ls, struct err *err)
{
	int rc;

	ls->decided_too = true;
	if (ls->o->filter.n_places == 0)
		return err_set(err, ERR_REJECT, 0, "which letter? `wxbus dead-letters list %s` names them",
			ls->o->decision.group);
	if ((rc = letter_store_read(ls->store, err)) < 0 || (rc = choose(ls, err)) < 0)
		return rc;
	for (size_t i = 0; i < ls->n; i++) {
		struct letter_decision d = letter_store_find(ls->store, &ls->list[i].record);
		struct json *j = letter_json(&ls->list[i], ls->o->reveal, true);

		set_decision(j, &d);
		print_json(j);
	}
	if (ls->n < ls->o->filter.n_places)
		return err_set(err, ERR_REJECT, 0, "%zu of these are not on %s",
			ls->o->filter.n_places - ls->n, ls->dead_letter_topic);
	return 0;
}

int dead_letters_show_main(int argc, char **argv)
{
	return run(&show_argp, argc, argv, show);
}

/* --- deciding
 * ----------------------------------------------------------------------------------------------------
 */

/* Which are decided on now; *refused_out: how many the loop guard holds back. */
static int choose_to_decide(struct letters *ls, bool guarded, size_t *refused_out, struct err *err)
{
	size_t n = 0, unsure = 0;
	int rc;

	*refused_out = 0;
	ls->unsure_too = ls->o->force;
	if (!ls->o->dry_run && (rc = letter_store_lock(ls->store, err)) < 0)
		return rc;
	if ((rc = letter_store_read(ls->store, err)) < 0)
		return rc;
	if (!ls->o->dry_run &&
		(rc = letters_resolve(ls->store, ls->conf, ls->replay_topic, &unsure, err)) < 0)
		return rc;
	if (unsure > 0)
		(void)fprintf(stderr,
			"wxbus: of %zu letters nobody knows any more whether they were redriven (state "
			"claimed); "
			"%s\n",
			unsure, ls->o->force ? "they are taken, too" : "--force takes them, too");
	if ((rc = choose(ls, err)) < 0)
		return rc;
	for (size_t i = 0; i < ls->n; i++) {
		if (guarded && !ls->o->force && ls->list[i].redrives >= ls->o->max_redrives)
			++*refused_out;
		else
			ls->list[n++] = ls->list[i];
	}
	ls->n = n;
	return 0;
}

static void tell_progress(void *arg, size_t done, size_t all)
{
	struct letters *ls = arg;
	int64_t now_ms = clock_mono_ms();
	bool terminal = isatty(STDERR_FILENO);

	if (done < all && now_ms - ls->told_ms < (terminal ? TELL_MS / 10 : TELL_MS))
		return;
	ls->told_ms = now_ms;
	if (terminal)
		(void)fprintf(
			stderr, "\r\033[K%zu of %zu letters%s", done, all, done == all ? "\r\033[K" : "");
	else if (done < all)
		(void)fprintf(stderr, "{\"done\":%zu,\"of\":%zu}\n", done, all);
	(void)fflush(stderr);
}

static void print_end(const struct letters *ls, const char *done_word, size_t done, size_t refused)
{
	struct json *j;

	if (!ls->o->json) {
		(void)printf("%zu %s%s\n", done, ls->o->dry_run ? "would be " : "", done_word);
		return;
	}
	j = json_new_object();
	json_set_int(j, done_word, (int64_t)done);
	json_set_int(j, "refused", (int64_t)refused);
	json_set_bool(j, "dry_run", ls->o->dry_run);
	print_json(j);
}

/* 1: the loop guard held some back. */
static int say_refused(const struct letters *ls, size_t refused)
{
	if (refused == 0)
		return 0;
	(void)fprintf(stderr,
		"wxbus: %zu letters were redriven %d times already and died again: not taken without "
		"--force\n",
		refused, ls->o->max_redrives);
	return 1;
}

typedef int (*letters_act)(struct letters *ls, size_t *done_out, struct err *err);

static int act_and_record(struct letters *ls, const char *act, letters_act do_it, size_t refused,
	size_t *done_out, struct err *err)
{
	char room[1024];
	const struct letter_run record = {.act = act,
		.by = operator_name(ls->o->decision.by, room, sizeof(room)),
		.note = ls->o->decision.note,
		.letters = ls->n};
	struct err ending;
	int rc = letter_store_begin(ls->store, &record, err);

	if (rc < 0)
		return rc;
	rc = do_it(ls, done_out, err);
	if (letter_store_end(ls->store, *done_out, refused, rc < 0 ? err->text : NULL, &ending) < 0 &&
		rc == 0) {
		*err = ending;
		rc = -1;
	}
	return rc;
}

static int decide(struct letters *ls, const char *act, const char *done_word, letters_act do_it, bool guarded,
	struct err *err)
{
	size_t done = 0, refused;
	int rc = choose_to_decide(ls, guarded, &refused, err);

	if (rc < 0)
		return rc;
	if (ls->o->dry_run) {
		print_summary(ls);
		done = ls->n;
	} else if (ls->n > 0 || refused > 0) {
		rc = act_and_record(ls, act, do_it, refused, &done, err);
	}
	print_end(ls, done_word, done, refused);
	return rc < 0 ? rc : say_refused(ls, refused);
}

static const struct argp redrive_argp = {
	.options = letters_redrive_options,
	.parser = letters_parse,
	.args_doc = "GROUP [LETTER...]",
	.doc = "Have dead letters of GROUP handled once more, by GROUP alone, through <prefix>GROUP.replay: "
	       "those that "
	       "nobody has dealt with and that fit, or the LETTERs named (3/17). Their attempts count anew; "
	       "what they "
	       "say outside (replies, calls) is said. Killed at any moment and run again, it redrives each "
	       "once.\v"
	       "Exit status 1 also if letters were held back because they were redriven too often.",
};

static int do_redrive(struct letters *ls, size_t *done_out, struct err *err)
{
	return letters_redrive(ls->store, ls->conf, ls->replay_topic, ls->list, ls->n, ls->o->decision.rate,
		tell_progress, ls, done_out, err);
}

static int redrive(struct letters *ls, struct err *err)
{
	/* A group whose manifest does not name it does not read it. */
	if (topic_must_exist(ls->conf, ls->replay_topic, err) < 0)
		return err_prefix(err, "%s cannot be redriven", ls->o->decision.group);
	return decide(ls, "redrive", "redriven", do_redrive, true, err);
}

int dead_letters_redrive_main(int argc, char **argv)
{
	return run(&redrive_argp, argc, argv, redrive);
}

static const struct argp drop_argp = {
	.options = letters_drop_options,
	.parser = letters_parse,
	.args_doc = "GROUP [LETTER...]",
	.doc = "Note that dead letters of GROUP need no more handling: those that fit, or the LETTERs named "
	       "(3/17). They "
	       "are no longer listed or redriven, and stay on their topic for its 30 days.",
};

static int do_drop(struct letters *ls, size_t *done_out, struct err *err)
{
	int rc = 0;

	while (rc == 0 && *done_out < ls->n) {
		size_t n = ls->n - *done_out < DROP_BATCH ? ls->n - *done_out : DROP_BATCH;

		rc = letter_store_claim(ls->store, ls->list + *done_out, n, LETTER_DROPPED, err);
		if (rc == 0)
			*done_out += n;
		tell_progress(ls, *done_out, ls->n);
	}
	return rc;
}

static int drop(struct letters *ls, struct err *err)
{
	return decide(ls, "drop", "dropped", do_drop, false, err);
}

int dead_letters_drop_main(int argc, char **argv)
{
	return run(&drop_argp, argc, argv, drop);
}
