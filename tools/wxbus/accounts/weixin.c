/* wxbus accounts options, quota, rid: what Weixin tells and takes now and then, by token-service's hand. */
#include "tools/wxbus/operator.h"

#include "common/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct weixin_options;
typedef int (*weixin_command)(
	const struct operator_settings *s, const struct weixin_options *o, struct err *err);

struct weixin_options {
	weixin_command command;
	const char *platform; /* NULL: the only one */
	const char *account;  /* NULL: the platform's own */
	const char *word;     /* the command's own argument */
};

/* POST of `fields` (taken over) to an operation of the account or platform. */
static int operate(const struct operator_settings *s, const char *platform, const char *account,
	const char *operation, struct json *fields, struct json **answer_out, struct err *err)
{
	char *path = account ? xasprintf("/v1/accounts/%s/%s/weixin/%s", platform, account, operation)
			     : xasprintf("/v1/platforms/%s/weixin/%s", platform, operation);
	int rc = operator_call(s, "POST", path, fields, answer_out, err);

	json_free(&fields);
	free(path);
	return rc;
}

static struct json *field(const char *name, const char *value)
{
	struct json *fields = json_new_object();

	json_set_str(fields, name, value);
	return fields;
}

/* --- accounts options --------------------------------------------------------------------------------------
 */

static error_t parse_options(int key, char *arg, struct argp_state *state)
{
	struct weixin_options *o = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (operator_take_account(state, arg, &o->platform, &o->account))
			return 0;
		if (o->word || !strchr(o->word = arg, '=') || arg[0] == '=')
			argp_error(state, "'%s' is not NAME=VALUE", arg);
		return 0;
	case ARGP_KEY_END:
		if (!o->account)
			argp_error(state, "a component appid and an appid are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp options_argp = {
	.parser = parse_options,
	.args_doc = "COMPONENT APPID [NAME=VALUE]",
	.doc = "Show an account's options at Weixin, or set one: location_report (0 never, 1 on entering the "
	       "chat, 2 "
	       "every 5 seconds), voice_recognize (0, 1), customer_service (0, 1).",
};

static int show_options(const struct operator_settings *s, const struct weixin_options *o, struct err *err)
{
	static const char *const names[] = {"location_report", "voice_recognize", "customer_service"};
	struct json *answer = NULL;
	const char *value;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (operate(s, o->platform, o->account, "option-get", field("option_name", names[i]), &answer,
			    err) < 0)
			return err_prefix(err, "%s", names[i]);
		value = json_get_str(answer, "option_value");
		(void)printf("%-16s  %s\n", names[i], value ? value : "-");
		json_free(&answer);
	}
	return 0;
}

static int set_option(const struct operator_settings *s, const struct weixin_options *o, struct err *err)
{
	const char *value = strchr(o->word, '=') + 1;
	struct json *fields = json_new_object(), *answer = NULL;
	int rc;

	json_set(fields, "option_name", json_new_string_len(o->word, (size_t)(value - o->word - 1)));
	json_set_str(fields, "option_value", value);
	rc = operate(s, o->platform, o->account, "option-set", fields, &answer, err);
	if (rc == 0)
		(void)printf("%s  %s\n", o->account, o->word);
	json_free(&answer);
	return rc;
}

static int options(const struct operator_settings *s, const struct weixin_options *o, struct err *err)
{
	return o->word ? set_option(s, o, err) : show_options(s, o, err);
}

/* --- quota, rid --------------------------------------------------------------------------------------------
 */

enum { OPT_COMPONENT = 1000, OPT_APPID };

static const struct argp_option whose[] = {
	{"component", OPT_COMPONENT, "COMPONENT", 0, "The platform; preset: the only one there is", 0},
	{"appid", OPT_APPID, "APPID", 0, "This account; preset: the platform itself", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static error_t parse_whose(int key, char *arg, struct argp_state *state, const char *needed)
{
	struct weixin_options *o = state->input;

	switch (key) {
	case OPT_COMPONENT:
		operator_check_appid(state, o->platform = arg);
		return 0;
	case OPT_APPID:
		operator_check_appid(state, o->account = arg);
		return 0;
	case ARGP_KEY_ARG:
		if (o->word)
			argp_error(state, "'%s' is one word too many", arg);
		o->word = arg;
		return 0;
	case ARGP_KEY_END:
		if (needed && !o->word)
			argp_error(state, "%s is needed", needed);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_quota_show(int key, char *arg, struct argp_state *state)
{
	return parse_whose(key, arg, state, "an API's path");
}

static error_t parse_quota_clear(int key, char *arg, struct argp_state *state)
{
	return parse_whose(key, arg, state, NULL);
}

static error_t parse_rid(int key, char *arg, struct argp_state *state)
{
	return parse_whose(key, arg, state, "a rid");
}

static const struct argp quota_show_argp = {
	.options = whose,
	.parser = parse_quota_show,
	.args_doc = "PATH",
	.doc = "Show, as JSON, how often the API of this path (/cgi-bin/message/custom/send) may be called "
	       "and has "
	       "been called today: by the platform, or for an account.",
};
static const struct argp quota_clear_argp = {
	.options = whose,
	.parser = parse_quota_clear,
	.doc = "Set all of today's counts back to zero, the platform's or an account's. Weixin allows this "
	       "ten times a "
	       "month. It works by the platform's app secret, so also when no token can be had.",
};
static const struct argp rid_argp = {
	.options = whose,
	.parser = parse_rid,
	.args_doc = "RID",
	.doc = "Show, as JSON, what Weixin knows of a call by the `rid` of its error: when, how long, and "
	       "what was sent "
	       "and answered, without credentials. For 7 days, and only as the one who made the call.",
};

static int print_answer(int rc, struct json **answer)
{
	if (rc == 0)
		operator_print(*answer);
	json_free(answer);
	return rc;
}

static int quota_show(const struct operator_settings *s, const struct weixin_options *o, struct err *err)
{
	struct json *answer = NULL;

	return print_answer(
		operate(s, o->platform, o->account, "quota-get", field("cgi_path", o->word), &answer, err),
		&answer);
}

static int quota_clear(const struct operator_settings *s, const struct weixin_options *o, struct err *err)
{
	struct json *answer = NULL;
	int rc = operate(s, o->platform, o->account, "quota-clear", json_new_object(), &answer, err);

	if (rc == 0)
		(void)printf("%s  counts set back to zero\n", o->account ? o->account : o->platform);
	json_free(&answer);
	return rc;
}

static int rid(const struct operator_settings *s, const struct weixin_options *o, struct err *err)
{
	struct json *answer = NULL;

	return print_answer(
		operate(s, o->platform, o->account, "rid-get", field("rid", o->word), &answer, err), &answer);
}

/* --- all of them -------------------------------------------------------------------------------------------
 */

static int run(const struct operator_settings *s, void *arg, struct err *err)
{
	struct weixin_options o = *(const struct weixin_options *)arg;
	char platform[APPID_MAX + 1];
	int rc = operator_platform(s, o.platform, platform, err);

	o.platform = platform;
	return rc < 0 ? rc : o.command(s, &o, err);
}

static int command_main(const struct argp *argp, int argc, char **argv, weixin_command command)
{
	struct weixin_options o = {.command = command};

	return operator_main(argp, argc, argv, &o, run);
}

int accounts_options_main(int argc, char **argv)
{
	return command_main(&options_argp, argc, argv, options);
}

int quota_show_main(int argc, char **argv)
{
	return command_main(&quota_show_argp, argc, argv, quota_show);
}

int quota_clear_main(int argc, char **argv)
{
	return command_main(&quota_clear_argp, argc, argv, quota_clear);
}

int rid_main(int argc, char **argv)
{
	return command_main(&rid_argp, argc, argv, rid);
}
