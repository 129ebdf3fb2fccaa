#include "tools/wxbus/decision.h"

#include "proto/topics.h"

#include "common/base/banned.h"

#define RATE_MAX 100000

#define CONF_STRUCT struct decision_settings
const struct conf_item decision_items[] = {
	KAFKA_CONF_ROWS(kafka),
	CONF_SECRET("WXBUS_DATABASE_URL", database_url, NULL,
		"PostgreSQL as one who may use the schema wxbus, as a libpq connection URI",
		"postgresql://wxbus_wxbus@127.0.0.1/wxbus"),
};
const size_t n_decision_items = sizeof(decision_items) / sizeof(decision_items[0]);

error_t decision_option_parse(int key, char *arg, struct argp_state *state, struct decision *d)
{
	switch (key) {
	case DECISION_OPT_BY:
		d->by = arg;
		return 0;
	case DECISION_OPT_NOTE:
		d->note = arg;
		return 0;
	case DECISION_OPT_RATE:
		d->rate = command_number(state, "--rate", arg, 1, RATE_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void decision_take_group(struct argp_state *state, const char *word, struct decision *d)
{
	if (!group_name_ok(word))
		argp_error(state, "'%s' is no group, as in \"shop\"", word);
	d->group = word;
}
