/* wxbus audit: who authorized, refreshed and changed what, as token-service keeps it. */
#include "tools/wxbus/operator.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "proto/fields.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define ROWS_AT_ONCE 500
#define SINCE_MAX_S  (10LL * 366 * 24 * 60 * 60)

struct audit_options {
	const char *component;
	const char *appid;
	int64_t since_ms; /* wall clock; 0: all */
	int limit;
};

enum { OPT_APPID = 'a', OPT_COMPONENT = 'c', OPT_LIMIT = 'n', OPT_SINCE = 's' };

static const struct argp_option audit_argp_options[] = {
	{"appid", OPT_APPID, "APPID", 0, "Of this account only", 0},
	{"component", OPT_COMPONENT, "APPID", 0, "Of this platform only", 0},
	{"limit", OPT_LIMIT, "N", 0, "At most so many, the newest (100)", 0},
	{"since", OPT_SINCE, "TIME", 0, "Since then: 2026-11-20T08:00:00Z, or so long ago: 90m, 12h, 7d", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

/* "12h" ago, or a time. */
static int64_t parse_since(struct argp_state *state, const char *text)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = {1, 60, 60 * 60, 24 * 60 * 60};
	size_t len = strlen(text);
	const char *unit = len > 1 ? strchr(units, text[len - 1]) : NULL;
	int64_t at_ms = 0, n;

	if (unit && str_to_int64(text, len - 1, 0, SINCE_MAX_S / seconds[unit - units], &n) == 0)
		return clock_wall_ms() - n * seconds[unit - units] * 1000;
	if (clock_rfc3339_parse(text, &at_ms) < 0)
		argp_error(state, "--since takes a time like 2026-11-20T08:00:00Z, or 90m, 12h, 7d");
	return at_ms;
}

static error_t parse_audit(int key, char *arg, struct argp_state *state)
{
	struct audit_options *o = state->input;

	switch (key) {
	case OPT_APPID:
	case OPT_COMPONENT:
		operator_check_appid(state, arg);
		*(key == OPT_APPID ? &o->appid : &o->component) = arg;
		return 0;
	case OPT_LIMIT:
		o->limit = command_number(state, "--limit", arg, 1, 1000000);
		return 0;
	case OPT_SINCE:
		o->since_ms = parse_since(state, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp audit_argp = {
	.options = audit_argp_options,
	.parser = parse_audit,
	.doc = "Print who authorized, refreshed and changed what and when, the newest first: time, platform, "
	       "account, on whose behalf (`weixin`: a push; `browser`: a person on a page of ours; "
	       "`token-service`: by itself; else the name of the internal key), what, and details.\v"
	       "token-service keeps it for its WXBUS_AUDIT_DAYS. Of the refreshes of accounts' tokens it "
	       "keeps those "
	       "that somebody asked for, the first that fails in a row, and the one that works again; `wxbus "
	       "accounts "
	       "show` tells how many there were, and of the last one when and on whose behalf.",
};

#define LINE "%-24s  %-20s  %-20s  %-14s  %-14s  %s\n"

static const char *text_of(const struct json *row, const char *name)
{
	const char *text = json_get_str(row, name);

	return text && text[0] ? text : "-";
}

/* How many; the id of the last one in *before_out. */
static int print_rows(const struct json *rows, int64_t *before_out)
{
	size_t n = json_len(rows);

	for (size_t i = 0; i < n; i++) {
		const struct json *row = json_at(rows, i);

		(void)printf(LINE, text_of(row, "at"), text_of(row, "component_appid"), text_of(row, "appid"),
			text_of(row, "who"), text_of(row, "what"),
			json_get_str(row, "detail") ? json_get_str(row, "detail") : "");
		(void)json_get_int(row, "id", before_out);
	}
	return (int)n;
}

static struct json *request_of(const struct audit_options *o, int64_t before_id, int limit)
{
	struct json *body = json_new_object();

	if (o->component)
		json_set_str(body, "component_appid", o->component);
	if (o->appid)
		json_set_str(body, "appid", o->appid);
	if (o->since_ms > 0)
		fields_set_time(body, "since", o->since_ms);
	if (before_id > 0)
		json_set_int(body, "before_id", before_id);
	json_set_int(body, "limit", limit);
	return body;
}

static int print_all(const struct operator_settings *s, void *arg, struct err *err)
{
	const struct audit_options *o = arg;
	int left = o->limit, n, wanted, rc;
	int64_t before_id = 0;

	(void)printf(LINE, "time", "platform", "account", "who", "what", "");
	do {
		struct json *body, *answer = NULL;

		wanted = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
		body = request_of(o, before_id, wanted);
		rc = operator_call(s, "POST", "/v1/audit/list", body, &answer, err);
		n = rc == 0 ? print_rows(json_get(answer, "rows"), &before_id) : 0;
		left -= n;
		json_free(&answer);
		json_free(&body);
	} while (rc == 0 && left > 0 && n == wanted);
	return rc;
}

int audit_main(int argc, char **argv)
{
	struct audit_options o = {.limit = 100};

	return operator_main(&audit_argp, argc, argv, &o, print_all);
}
