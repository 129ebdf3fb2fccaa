/* wxbus accounts list: the directory, page by page. */
#include "tools/wxbus/operator.h"

#include "common/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define PAGE           "100"
#define PATH_MAX_BYTES 1024

struct list_options {
	const char *platform;
	const char *state;
	const char *channel;
	const char *mark;
	bool json;
};

enum { OPT_COMPONENT = 1000, OPT_STATE, OPT_CHANNEL, OPT_MARK, OPT_JSON };

static const struct argp_option options[] = {
	{"component", OPT_COMPONENT, "COMPONENT", 0, "Only the accounts of this platform", 0},
	{"state", OPT_STATE, "authorized|unauthorized", 0, "Only those in this state", 0},
	{"channel", OPT_CHANNEL, "live|test", 0, "Only those of this channel", 0},
	{"mark", OPT_MARK, "refused|failing|no-token", 0,
		"Only those of which Weixin takes no refresh token; whose last refresh failed; that are "
		"authorized "
		"and have no refresh token",
		0},
	{"json", OPT_JSON, NULL, 0, "One JSON object a line", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

/* One of the words between the bars. */
static const char *choice(struct argp_state *state, const char *words, const char *arg)
{
	size_t len = strlen(arg);

	for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|') {
		if (strcspn(w, "|") == len && memcmp(w, arg, len) == 0)
			return arg;
	}
	argp_error(state, "'%s' is none of %s", arg, words);
	return NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct list_options *o = state->input;

	switch (key) {
	case OPT_COMPONENT:
		operator_check_appid(state, o->platform = arg);
		return 0;
	case OPT_STATE:
		o->state = choice(state, "authorized|unauthorized", arg);
		return 0;
	case OPT_CHANNEL:
		o->channel = choice(state, "live|test", arg);
		return 0;
	case OPT_MARK:
		o->mark = choice(state, "refused|failing|no-token", arg);
		return 0;
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "List accounts, in the order of their appids. TOKEN tells how an account's token stands: "
	       "`ok`, "
	       "`expired`, `failing` (the last refresh failed), `refused` with Weixin's errcode (the account "
	       "has to "
	       "authorize again), `none`.",
};

/* --- a row -------------------------------------------------------------------------------------------------
 */

#define ROW "%-18s  %-18s  %-12s  %-7s  %-12s  %-13s  %-24s  "

static void token_text(const struct json *account, char *out, size_t size)
{
	const struct json *token = json_get(account, "token");
	int64_t left_s = 0, failures = 0, errcode = 0;
	bool has = json_get_int(token, "expires_in", &left_s) == 0;
	const char *text = "ok";

	(void)json_get_int(token, "failures", &failures);
	(void)json_get_int(token, "refused_errcode", &errcode);
	if (errcode != 0) {
		(void)snprintf(out, size, "refused %lld", (long long)errcode);
		return;
	}
	if (strcmp(json_get_str(account, "state"), "authorized") != 0)
		text = "-";
	else if (failures > 0)
		text = "failing";
	else if (!has)
		text = "none";
	else if (left_s <= 0)
		text = "expired";
	(void)snprintf(out, size, "%s", text);
}

static void repliers_text(const struct json *list, struct buf *out)
{
	for (size_t i = 0; i < json_len(list); i++)
		buf_addf(out, "%s%s", i ? "," : "", json_str(json_at(list, i)));
	if (json_len(list) == 0)
		buf_add_char(out, '-');
}

/* Names stand last: how wide they are is the terminal's affair. */
static void print_row(const struct json *account)
{
	struct buf repliers = BUF_INIT(4096);
	char token[32];

	token_text(account, token, sizeof(token));
	repliers_text(json_get(account, "repliers"), &repliers);
	(void)printf(ROW, json_get_str(account, "component_appid"), json_get_str(account, "appid"),
		json_get_str(account, "state"), json_get_str(account, "channel"),
		json_get_str(account, "kind"), token, buf_cstr(&repliers));
	operator_print_text(json_get_str(account, "nick_name"));
	(void)putchar('\n');
	buf_release(&repliers);
}

static void print_page(const struct list_options *o, const struct json *accounts)
{
	for (size_t i = 0; i < json_len(accounts); i++) {
		if (o->json)
			operator_print(json_at(accounts, i));
		else
			print_row(json_at(accounts, i));
	}
}

/* --- pages -------------------------------------------------------------------------------------------------
 */

static void add_param(struct buf *path, const char *name, const char *value)
{
	if (value)
		buf_addf(path, "&%s=%s", name, value);
}

/* `next` is where the page before this one ended; NULL: the first. */
static int fetch(const struct operator_settings *s, const struct list_options *o, const struct json *next,
	struct json **answer_out, struct err *err)
{
	struct buf path = BUF_INIT(PATH_MAX_BYTES);
	int rc;

	buf_add_str(&path, "/v1/accounts?limit=" PAGE);
	add_param(&path, "component_appid", o->platform);
	add_param(&path, "state", o->state);
	add_param(&path, "channel", o->channel);
	add_param(&path, "mark", o->mark);
	add_param(&path, "after_component", json_get_str(next, "component_appid"));
	add_param(&path, "after_appid", json_get_str(next, "appid"));
	rc = operator_call(s, "GET", buf_cstr(&path), NULL, answer_out, err);
	buf_release(&path);
	return rc;
}

static int list(const struct operator_settings *s, void *arg, struct err *err)
{
	const struct list_options *o = arg;
	struct json *page = NULL, *next = NULL;
	int rc;

	if (!o->json)
		(void)printf(ROW "%s\n", "PLATFORM", "APPID", "STATE", "CHANNEL", "KIND", "TOKEN", "REPLIERS",
			"NAME");
	do {
		rc = fetch(s, o, next, &page, err);
		json_free(&next);
		if (rc == 0) {
			print_page(o, json_get(page, "accounts"));
			next = json_copy(json_get(page, "next"));
		}
		json_free(&page);
	} while (rc == 0 && json_kind(next) == JSON_OBJECT);
	json_free(&next);
	return rc;
}

int accounts_list_main(int argc, char **argv)
{
	struct list_options o = {.platform = NULL};

	return operator_main(&argp, argc, argv, &o, list);
}
