#include "tools/wxbus/replay/replay_options.h"

#include "common/base/clock.h"
#include "proto/topics.h"
#include "tools/wxbus/events/event_options.h"

#include <string.h>

#include "common/base/banned.h"

enum { OPT_TOPIC = 256, OPT_MISSING, OPT_REDO, OPT_EFFECTS, OPT_MIGRATIONS, OPT_JSON };

/* clang-format off */
#define SCOPE_OPTIONS \
	EVENT_OPTIONS("Received"), \
	{"topic", OPT_TOPIC, "TOPIC", 0, "messages (preset), or messages.test, the preset for a GROUP.test", 0}, \
	DECISION_RATE

#define END_OPTION {NULL, 0, NULL, 0, NULL, 0}

const struct argp_option replay_plan_options[] = {
	{"missing", OPT_MISSING, NULL, 0,
		"Leave out what GROUP has not come to yet, as `run --missing` does; what is settled counts", 0},
	SCOPE_OPTIONS,
	{"json", OPT_JSON, NULL, 0, "One JSON object", 0},
	END_OPTION,
};

const struct argp_option replay_run_options[] = {
	{"missing", OPT_MISSING, NULL, 0,
		"Pass over events that GROUP has settled, and leave out those that it has not come to yet: repairs a "
		"loss. For groups whose manifest says \"once\"", 0},
	{"redo", OPT_REDO, NULL, 0, "Have each event handled once more: repairs a bad release", 0},
	{"effects", OPT_EFFECTS, NULL, 0,
		"Say outside what the handlers say: replies (as customer-service messages) and calls", 0},
	SCOPE_OPTIONS,
	DECISION_BY,
	DECISION_NOTE,
	{"migrations", OPT_MIGRATIONS, "DIR", 0,
		"Where services have installed their manifests (../share/wxbus/migrations)", 0},
	{"json", OPT_JSON, NULL, 0, "The end as a JSON object", 0},
	END_OPTION,
};

const struct argp_option replay_status_options[] = {
	{"json", OPT_JSON, NULL, 0, "JSON objects, one a line", 0},
	END_OPTION,
};

const struct argp_option replay_feed_options[] = {
	DECISION_BY,
	{"json", OPT_JSON, NULL, 0, "The end as a JSON object", 0},
	END_OPTION,
};

const struct argp_option replay_want_options[] = {
	DECISION_BY,
	END_OPTION,
};
/* clang-format on */

struct replay_options replay_options_new(void)
{
	return (struct replay_options){.decision = DECISION_PRESETS, .now_ms = clock_wall_ms()};
}

static error_t parse_rest(int key, char *arg, struct argp_state *state)
{
	struct replay_options *o = state->input;

	switch (key) {
	case OPT_MISSING:
		o->missing = true;
		return 0;
	case OPT_REDO:
		o->redo = true;
		return 0;
	case OPT_EFFECTS:
		o->effects = true;
		return 0;
	case OPT_MIGRATIONS:
		o->migrations = arg;
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return decision_option_parse(key, arg, state, &o->decision);
	}
}

/* --- plan and run
 * -----------------------------------------------------------------------------------------------
 */

static bool of_test_channel(const char *group)
{
	size_t len = strlen(group);

	return len > 5 && strcmp(group + len - 5, ".test") == 0;
}

static void take_topic(struct argp_state *state, struct replay_options *o, const char *word)
{
	if (strcmp(word, topic_table[TOPIC_MESSAGES].name) != 0 &&
		strcmp(word, topic_table[TOPIC_MESSAGES_TEST].name) != 0)
		argp_error(state, "--topic knows messages and messages.test");
	o->topic = word;
}

static void finish_scope(struct argp_state *state, struct replay_options *o)
{
	if (!o->decision.group)
		argp_error(state, "which GROUP is to handle them?");
	if (!o->topic)
		o->topic =
			topic_table[of_test_channel(o->decision.group) ? TOPIC_MESSAGES_TEST : TOPIC_MESSAGES]
				.name;
	if (o->filter.since_ms > o->now_ms)
		argp_error(state, "--since is still to come");
	if (!o->filter.until_ms || o->filter.until_ms > o->now_ms)
		o->filter.until_ms = o->now_ms; /* what comes from now on is live */
}

error_t replay_plan_parse(int key, char *arg, struct argp_state *state)
{
	struct replay_options *o = state->input;
	error_t rc;

	switch (key) {
	case OPT_TOPIC:
		take_topic(state, o, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (o->decision.group)
			argp_error(state, "'%s' is one word too many", arg);
		decision_take_group(state, arg, &o->decision);
		return 0;
	case ARGP_KEY_END:
		(void)event_option_parse(key, arg, state, &o->filter, o->now_ms);
		finish_scope(state, o);
		return 0;
	default:
		rc = parse_rest(key, arg, state);
		return rc == ARGP_ERR_UNKNOWN ? event_option_parse(key, arg, state, &o->filter, o->now_ms)
					      : rc;
	}
}

static bool scoped(const struct event_filter *f)
{
	return f->since_ms || f->appid || f->openid || (f->type && strcmp(f->type, "*") != 0);
}

error_t replay_run_parse(int key, char *arg, struct argp_state *state)
{
	struct replay_options *o = state->input;
	error_t rc = replay_plan_parse(key, arg, state);

	if (key != ARGP_KEY_END)
		return rc;
	if (o->missing == o->redo)
		argp_error(state,
			"one of --missing (pass over what is settled) and --redo (handle each once more)");
	if (!scoped(&o->filter))
		argp_error(state,
			"which events? --since, --account, --openid or --type: not all that there are");
	return rc;
}

/* --- the others
 * -------------------------------------------------------------------------------------------------
 */

error_t replay_status_parse(int key, char *arg, struct argp_state *state)
{
	struct replay_options *o = state->input;

	if (key != ARGP_KEY_ARG)
		return parse_rest(key, arg, state);
	if (o->id)
		argp_error(state, "'%s' is one word too many", arg);
	o->id = arg;
	return 0;
}

error_t replay_id_parse(int key, char *arg, struct argp_state *state)
{
	struct replay_options *o = state->input;

	if (key == ARGP_KEY_END && !o->id)
		argp_error(state, "which REPLAY? `wxbus replay status` lists them");
	return replay_status_parse(key, arg, state);
}
