/* wxbus rules test: which rule would something hit, and why. */
#include "services/business/auto-reply/rules_command_internal.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "services/business/auto-reply/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define OUT_MAX ((size_t)4 * 1024 * 1024)

struct test_options {
	const char *words[3];
	int n_words;
	const char *file;
	bool json;
	struct occasion occasion;
	bool has_occasion;
	/* What is found. */
	const char *component, *appid;
	struct rule_set *set;
};

enum {
	OPT_FILE = 'f',
	OPT_SUBSCRIBE = 256,
	OPT_SCAN,
	OPT_MENU,
	OPT_LOCATION,
	OPT_MEDIA,
	OPT_AT,
	OPT_AS_JSON
};

static const struct argp_option options[] = {
	{"file", OPT_FILE, "FILE", 0, "Ask the rules of this file, not those in force", 0},
	{"subscribe", OPT_SUBSCRIBE, "SCENE", OPTION_ARG_OPTIONAL,
		"A fan follows, by a QR code with this scene if given", 0},
	{"scan", OPT_SCAN, "SCENE", 0, "A follower scans a QR code", 0},
	{"menu", OPT_MENU, "KEY", 0, "A menu entry is clicked", 0},
	{"location", OPT_LOCATION, NULL, 0, "A location is sent", 0},
	{"media", OPT_MEDIA, "TYPE", 0, "A picture or another medium is sent: image, voice, video, ...", 0},
	{"at", OPT_AT, "TIME", 0, "At this time, as in 2026-12-31T20:00:00+08:00, not now", 0},
	{"json", OPT_AS_JSON, NULL, 0, "Answer as one JSON object", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static void take_occasion(struct argp_state *state, enum rule_on on, const char *text)
{
	struct test_options *o = state->input;

	if (o->has_occasion)
		argp_error(
			state, "only one of --subscribe, --scan, --menu, --location, --media and a sentence");
	o->has_occasion = true;
	o->occasion.on = on;
	o->occasion.text = text ? text : "";
}

/* [COMPONENT APPID] [SENTENCE] */
static void take_words(struct argp_state *state)
{
	struct test_options *o = state->input;
	int n_account = o->file ? 0 : 2;

	if (o->n_words < n_account)
		argp_error(state, "a component appid and an appid (or --file) are needed");
	if (!o->file) {
		o->component = rules_appid(state, o->words[0]);
		o->appid = rules_appid(state, o->words[1]);
	}
	if (o->n_words > n_account)
		take_occasion(state, ON_KEYWORD, o->words[n_account]);
	if (o->n_words > n_account + 1)
		argp_error(state, "a sentence of several words is put in quotation marks");
	if (!o->has_occasion)
		argp_error(state, "a sentence is needed, or another thing that a fan does");
}

static error_t parse_test(int key, char *arg, struct argp_state *state)
{
	struct test_options *o = state->input;

	switch (key) {
	case OPT_FILE:
		o->file = arg;
		return 0;
	case OPT_SUBSCRIBE:
		take_occasion(state, ON_SUBSCRIBE, arg);
		return 0;
	case OPT_SCAN:
		take_occasion(state, ON_SCAN, arg);
		return 0;
	case OPT_MENU:
		take_occasion(state, ON_MENU, arg);
		return 0;
	case OPT_LOCATION:
		take_occasion(state, ON_LOCATION, "");
		return 0;
	case OPT_MEDIA:
		take_occasion(state, ON_MEDIA, arg);
		return 0;
	case OPT_AT:
		if (clock_rfc3339_parse(arg, &o->occasion.at_ms) < 0)
			argp_error(state, "--at takes a time as in 2026-12-31T20:00:00+08:00");
		return 0;
	case OPT_AS_JSON:
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (o->n_words == 3)
			argp_error(state, "'%s' is one word too many", arg);
		o->words[o->n_words++] = arg;
		return 0;
	case ARGP_KEY_END:
		take_words(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse_test,
	.args_doc = "[COMPONENT APPID] [SENTENCE]",
	.doc = "Tell which rule of an account a fan's sentence would hit, or another thing that a fan does, "
	       "with what was "
	       "asked before it and why that did not hit. Nothing is sent, and no limit counted.",
};

/* --- the rules
 * -----------------------------------------------------------------------------------------------
 */

static int read_stored(struct pg *pg, void *arg, struct err *err)
{
	struct test_options *o = arg;
	struct pg_result *res = NULL;
	int rc;

	if (store_list(pg, o->component, o->appid, "", "", true, 1, &res, err) < 0)
		return -1;
	if (pg_rows(res) == 0)
		rc = err_set(err, ERR_REJECT, 0, "%s has no rules", o->appid);
	else
		rc = rule_set_read(
			pg_value(res, 0, COL_RULES), strlen(pg_value(res, 0, COL_RULES)), &o->set, err);
	pg_result_free(&res);
	return rc;
}

static int read_from_file(struct test_options *o, struct err *err)
{
	char *text = NULL;
	size_t len;
	int rc = rules_read_file(o->file, &o->set, &text, &len, err);

	free(text);
	return rc;
}

/* --- telling
 * -------------------------------------------------------------------------------------------------
 */

static const char *outcome_text(enum rule_outcome outcome)
{
	static const char *const texts[] = {
		[RULE_HIT] = "hit",
		[RULE_OTHER_OCCASION] = "for another occasion",
		[RULE_NOT_ACTIVE] = "not in force at this time",
		[RULE_NO_MATCH] = "no word of it is there",
		[RULE_GAVE_UP] = "passed over: an expression takes too long",
	};

	return texts[outcome];
}

static void print_asked(void *arg, const struct rule *r, enum rule_outcome outcome, const char *detail)
{
	(void)arg;
	(void)printf("  %-24s %-9s %5d  %s%s%s\n", r->name, rule_on_name(r->on), r->priority,
		outcome_text(outcome), detail[0] ? ": " : "", detail);
}

static void print_found(const struct rule_set *set, const struct rule *r)
{
	if (!r) {
		(void)printf("no rule of %zu answers\n", rule_set_len(set));
		return;
	}
	(void)printf("%s answers\n  reply      %s\n", r->name,
		r->reply ? r->reply : "(empty: nobody else is asked)");
	for (size_t i = 0; i < r->n_follow_ups; i++)
		(void)printf("  follow-up  %s\n", r->follow_ups[i]);
}

static void note_asked(void *arg, const struct rule *r, enum rule_outcome outcome, const char *detail)
{
	struct json *one = json_new_object();

	json_set_str(one, "rule", r->name);
	json_set_bool(one, "hit", outcome == RULE_HIT);
	json_set_str(one, "why", detail[0] ? detail : outcome_text(outcome));
	json_push(arg, one);
}

static struct json *parsed(const char *text)
{
	static const struct json_limits limits = {.max_bytes = RULES_DOC_MAX, .max_depth = 16};
	struct json *j = NULL;
	struct err ignored;

	if (!text || json_parse(text, strlen(text), &limits, &j, &ignored) < 0)
		return json_new_null();
	return j;
}

static void answer_json(const struct test_options *o)
{
	struct json *answer = json_new_object(), *asked = json_new_array(), *follow_ups = json_new_array();
	struct buf text = BUF_INIT(OUT_MAX);
	const struct rule *r = rule_set_find(o->set, &o->occasion, note_asked, asked);

	json_set_str(answer, "rule", r ? r->name : NULL);
	json_set(answer, "reply", parsed(r ? r->reply : NULL));
	for (size_t i = 0; r && i < r->n_follow_ups; i++)
		json_push(follow_ups, parsed(r->follow_ups[i]));
	json_set(answer, "follow_ups", follow_ups);
	json_set(answer, "asked", asked);
	json_write(answer, &text);
	(void)printf("%s\n", buf_cstr(&text));
	buf_release(&text);
	json_free(&answer);
}

static void answer(const struct test_options *o)
{
	const struct rule *r;

	if (o->json) {
		answer_json(o);
		return;
	}
	r = rule_set_find(o->set, &o->occasion, print_asked, NULL);
	print_found(o->set, r);
}

int rules_test_main(int argc, char **argv)
{
	struct test_options o = {.occasion = {.at_ms = clock_wall_ms()}};
	struct rules_settings settings;
	struct err err;
	int rc;

	if ((rc = rules_parse(&argp, argc, argv, &o, &settings)) != 0)
		return rc;
	rc = o.file ? read_from_file(&o, &err) : rules_transaction(&settings, read_stored, &o, &err);
	if (rc == 0)
		answer(&o);
	rule_set_free(&o.set);
	rules_settings_release(&settings);
	return rc < 0 ? command_failed(&err) : 0;
}
