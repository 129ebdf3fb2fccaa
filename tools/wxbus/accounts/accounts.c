/* wxbus accounts: the directory of accounts, which token-service owns. */
#include "tools/wxbus/command.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "proto/account.h"
#include "proto/platforms.h"
#include "proto/topics.h"
#include "tools/wxbus/operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define SHOWN_MAX (256 * 1024)

struct account_options {
	const char *component;
	const char *appid;
	const char *value; /* groups or channel; NULL: there is none */
};

/* "none", or up to REPLIERS_MAX different groups. */
static void check_groups(struct argp_state *state, const char *groups)
{
	struct json *list = v1_list(strcmp(groups, "none") == 0 ? "" : groups);
	size_t n = json_len(list);

	for (size_t i = 0; i < n; i++) {
		if (!group_name_ok(json_str(json_at(list, i))))
			argp_error(state, "'%s' is no group's name", json_str(json_at(list, i)));
	}
	if (n > REPLIERS_MAX)
		argp_error(state, "at most %d groups may answer", REPLIERS_MAX);
	json_free(&list);
}

static error_t parse_repliers(int key, char *arg, struct argp_state *state)
{
	struct account_options *o = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (operator_take_account(state, arg, &o->component, &o->appid))
			return 0;
		if (o->value)
			argp_error(state, "'%s' is one word too many", arg);
		check_groups(state, o->value = arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->value)
			argp_error(state, "a component appid, an appid and groups (or `none`) are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp repliers_argp = {
	.parser = parse_repliers,
	.args_doc = "COMPONENT APPID GROUP,...|none",
	.doc = "Say which groups may answer an account's messages passively, in order of precedence, at most "
	       "4. `none`: "
	       "its messages are answered with `success` at once.",
};

/* `value` is taken over. */
static int set(const struct operator_settings *s, const struct account_options *o, const char *what,
	struct json *value, struct err *err)
{
	char *path = xasprintf("/v1/accounts/%s/%s/%s", o->component, o->appid, what);
	struct json *body = json_new_object(), *answer = NULL;
	int rc;

	json_set(body, what, value);
	rc = operator_call(s, "PUT", path, body, &answer, err);
	if (rc == 0)
		(void)printf("%s  %s  %s\n", o->appid, what, o->value);
	json_free(&answer);
	json_free(&body);
	free(path);
	return rc;
}

static int set_repliers(const struct operator_settings *s, void *arg, struct err *err)
{
	const struct account_options *o = arg;

	return set(s, o, "repliers", v1_list(strcmp(o->value, "none") == 0 ? "" : o->value), err);
}

int accounts_repliers_main(int argc, char **argv)
{
	struct account_options o = {.value = NULL};

	return operator_main(&repliers_argp, argc, argv, &o, set_repliers);
}

/* --- channel, show -----------------------------------------------------------------------------------------
 */

static error_t parse_channel(int key, char *arg, struct argp_state *state)
{
	struct account_options *o = state->input;
	enum account_channel ignored;

	switch (key) {
	case ARGP_KEY_ARG:
		if (operator_take_account(state, arg, &o->component, &o->appid))
			return 0;
		if (o->value || account_channel_parse(o->value = arg, &ignored) < 0)
			argp_error(state, "'%s' is neither `live` nor `test`", arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->value)
			argp_error(state, "a component appid, an appid and `live` or `test` are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp channel_argp = {
	.parser = parse_channel,
	.args_doc = "COMPONENT APPID live|test",
	.doc = "Say which businesses get an account's messages: the released ones (topic `messages`), or "
	       "those "
	       "under test (`messages.test`).",
};

static int set_channel(const struct operator_settings *s, void *arg, struct err *err)
{
	const struct account_options *o = arg;

	return set(s, o, "channel", json_new_string_len(o->value, strlen(o->value)), err);
}

int accounts_channel_main(int argc, char **argv)
{
	struct account_options o = {.value = NULL};

	return operator_main(&channel_argp, argc, argv, &o, set_channel);
}

static error_t parse_show(int key, char *arg, struct argp_state *state)
{
	struct account_options *o = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (!operator_take_account(state, arg, &o->component, &o->appid))
			argp_error(state, "'%s' is one word too many", arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->appid)
			argp_error(state, "a component appid and an appid are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp show_argp = {
	.parser = parse_show,
	.args_doc = "COMPONENT APPID",
	.doc = "Print, as JSON, an account's record of the directory, and how its token stands: seconds "
	       "until it "
	       "expires and until it is refreshed, failed refreshes in a row, refreshes of this day, "
	       "Weixin's "
	       "errcode if it takes none of the account's refresh tokens, and how many of them are kept.",
};

static int show(const struct operator_settings *s, void *arg, struct err *err)
{
	const struct account_options *o = arg;
	char *path = xasprintf("/v1/accounts/%s/%s/status", o->component, o->appid);
	struct json *answer = NULL;
	struct buf text = BUF_INIT(SHOWN_MAX);
	int rc = operator_call(s, "GET", path, NULL, &answer, err);

	if (rc == 0) {
		json_write(answer, &text);
		(void)printf("%s\n", buf_cstr(&text));
	}
	buf_release(&text);
	json_free(&answer);
	free(path);
	return rc;
}

int accounts_show_main(int argc, char **argv)
{
	struct account_options o = {.value = NULL};

	return operator_main(&show_argp, argc, argv, &o, show);
}

/* --- oauth -------------------------------------------------------------------------------------------------
 */

struct oauth_options {
	const char *component;
	const char *appid;
	struct json *targets; /* NULL: show them as they are */
	bool none;
};

static void add_target(struct argp_state *state, struct oauth_options *o, const char *target)
{
	o->none = o->none || strcmp(target, "none") == 0;
	if (o->none && o->targets)
		argp_error(state, "`none` stands alone");
	if (!o->targets)
		o->targets = json_new_array();
	if (!o->none)
		json_push(o->targets, json_new_string_len(target, strlen(target)));
}

static error_t parse_oauth(int key, char *arg, struct argp_state *state)
{
	struct oauth_options *o = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (!operator_take_account(state, arg, &o->component, &o->appid))
			add_target(state, o, arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->appid)
			argp_error(state, "a component appid and an appid are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp oauth_argp = {
	.parser = parse_oauth,
	.args_doc = "COMPONENT APPID [TARGET...|none]",
	.doc = "Say to which sites an account's visitors may be sent back after a web page authorization "
	       "(/oauth/COMPONENT/APPID/start), and print the list, one a line. A target is an address like "
	       "https://shop.example.com or https://shop.example.com:8443/club: it allows exactly this "
	       "scheme, host and port, and the path with what lies below it; http only for localhost and "
	       "127.0.0.1. The targets given replace those there were; `none` removes all; without any the "
	       "list is printed as it is.",
};

static int set_targets(const struct operator_settings *s, void *arg, struct err *err)
{
	struct oauth_options *o = arg;
	char *path = xasprintf("/v1/accounts/%s/%s/oauth-targets", o->component, o->appid);
	struct json *body = NULL, *answer = NULL;
	const struct json *list;
	int rc;

	if (o->targets) {
		body = json_new_object();
		json_set(body, "targets", o->targets);
		o->targets = NULL;
	}
	rc = operator_call(s, body ? "PUT" : "GET", path, body, &answer, err);
	list = json_get(answer, "targets");
	for (size_t i = 0; rc == 0 && i < json_len(list); i++)
		(void)printf("%s\n", json_str(json_at(list, i)));
	json_free(&answer);
	json_free(&body);
	free(path);
	return rc;
}

int accounts_oauth_main(int argc, char **argv)
{
	struct oauth_options o = {.targets = NULL};
	int rc = operator_main(&oauth_argp, argc, argv, &o, set_targets);

	json_free(&o.targets);
	return rc;
}
