/* wxbus callers: who may call Weixin through api-proxy, for which accounts, on which paths. */
#include "tools/wxbus/command.h"

#include "proto/platforms.h"
#include "tools/wxbus/v1_call.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

struct callers_settings {
	char *internal_keys_file;
	char *api_proxy_url;
};

#define CONF_STRUCT struct callers_settings
static const struct conf_item items[] = {
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"lines `name base64(32 bytes) scope,...`: our own key of scope admin",
		"/etc/wxbus/internal-keys"),
	CONF_URL("WXBUS_API_PROXY_URL", api_proxy_url, NULL, "api-proxy's internal address",
		"http://127.0.0.1:8182"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

struct add_options {
	const char *component;
	const char *id;
	const char *accounts;
	const char *paths;
	const char *groups;
	int rate, per_day, account_rate, account_per_day; /* 0: no limit */
};

#define LIMIT_MAX 1000000000 /* as api-proxy takes it */

enum {
	OPT_COMPONENT = 'c',
	OPT_ID = 'i',
	OPT_ACCOUNTS = 'a',
	OPT_PATHS = 'p',
	OPT_GROUPS = 'g',
	OPT_RATE = 256,
	OPT_PER_DAY,
	OPT_ACCOUNT_RATE,
	OPT_ACCOUNT_PER_DAY
};

static const struct argp_option add_argp_options[] = {
	{"component", OPT_COMPONENT, "APPID", 0, "The platform for whose accounts it calls", 0},
	{"id", OPT_ID, "ID", 0, "The caller's name: 1 to 64 of a-z, 0-9, '-', '.', '_'", 0},
	{"accounts", OPT_ACCOUNTS, "APPID,...", 0, "The accounts that it may call for; '*': all", 0},
	{"paths", OPT_PATHS, "PATH,...", 0,
		"Weixin's paths that it may call; '*' at the end stands for any tail: "
		"'/cgi-bin/message/custom/*'",
		0},
	{"groups", OPT_GROUPS, "GROUP,...", 0, "Groups on whose GROUP.results its answers may be published",
		0},
	{"rate", OPT_RATE, "N", 0, "Calls a second, at each api-proxy; none: no limit", 0},
	{"per-day", OPT_PER_DAY, "N", 0, "Calls a day (of Beijing's)", 0},
	{"account-rate", OPT_ACCOUNT_RATE, "N", 0, "Calls a second for each single account", 0},
	{"account-per-day", OPT_ACCOUNT_PER_DAY, "N", 0, "Calls a day for each single account", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static void require(struct argp_state *state, const char *value, const char *option)
{
	if (!value || !value[0])
		argp_error(state, "%s is needed", option);
}

static error_t parse_add(int key, char *arg, struct argp_state *state)
{
	struct add_options *o = state->input;

	switch (key) {
	case OPT_COMPONENT:
		if (!appid_ok(arg, strlen(arg)))
			argp_error(state, "--component takes an appid");
		o->component = arg;
		return 0;
	case OPT_ID:
		o->id = arg;
		return 0;
	case OPT_ACCOUNTS:
		o->accounts = arg;
		return 0;
	case OPT_PATHS:
		o->paths = arg;
		return 0;
	case OPT_GROUPS:
		o->groups = arg;
		return 0;
	case OPT_RATE:
		o->rate = command_number(state, "--rate", arg, 1, LIMIT_MAX);
		return 0;
	case OPT_PER_DAY:
		o->per_day = command_number(state, "--per-day", arg, 1, LIMIT_MAX);
		return 0;
	case OPT_ACCOUNT_RATE:
		o->account_rate = command_number(state, "--account-rate", arg, 1, LIMIT_MAX);
		return 0;
	case OPT_ACCOUNT_PER_DAY:
		o->account_per_day = command_number(state, "--account-per-day", arg, 1, LIMIT_MAX);
		return 0;
	case ARGP_KEY_END:
		require(state, o->component, "--component");
		require(state, o->id, "--id");
		require(state, o->accounts, "--accounts");
		require(state, o->paths, "--paths");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp add_argp = {
	.options = add_argp_options,
	.parser = parse_add,
	.doc = "Add a caller to api-proxy and print its key, this once: on standard output, as a line of a "
	       "WXBUS_CALLER_KEYS_FILE (component appid, caller id, key). Over HTTP the key is the Bearer "
	       "token.",
};

static void set_limit(struct json *body, const char *name, int limit)
{
	if (limit > 0)
		json_set_int(body, name, limit);
}

static struct json *request_of(const struct add_options *o)
{
	struct json *body = json_new_object();

	json_set_str(body, "component_appid", o->component);
	json_set_str(body, "caller_id", o->id);
	json_set(body, "accounts", v1_list(o->accounts));
	json_set(body, "paths", v1_list(o->paths));
	json_set(body, "groups", v1_list(o->groups));
	set_limit(body, "rate_per_s", o->rate);
	set_limit(body, "calls_per_day", o->per_day);
	set_limit(body, "account_rate_per_s", o->account_rate);
	set_limit(body, "account_per_day", o->account_per_day);
	return body;
}

int callers_add_main(int argc, char **argv)
{
	struct add_options o = {.groups = ""};
	struct json *answer = NULL, *body;
	struct callers_settings settings;
	const char *key;
	struct err err;
	int rc;

	rc = command_parse(&add_argp, argc, argv, &o, items, N_ITEMS, &settings, sizeof(settings));
	if (rc != 0)
		return rc;
	body = request_of(&o);
	rc = v1_call(settings.internal_keys_file, settings.api_proxy_url, "POST", "/v1/callers", body,
		&answer, &err);
	key = json_get_str(answer, "key");
	if (rc == 0 && key)
		(void)printf("%s %s %s\n", o.component, o.id, key);
	else if (rc == 0)
		rc = err_set(&err, ERR_REJECT, 0, "%s: the answer holds no key", settings.api_proxy_url);
	json_free(&answer);
	json_free(&body);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}

/* --- list, revoke, rotate --------------------------------------------------------------------------------
 */

struct name_options {
	const char *component;
	const char *id;
	bool without_id;
};

static error_t parse_name(int key, char *arg, struct argp_state *state)
{
	struct name_options *o = state->input;

	switch (key) {
	case OPT_COMPONENT:
		if (!appid_ok(arg, strlen(arg)))
			argp_error(state, "--component takes an appid");
		o->component = arg;
		return 0;
	case OPT_ID:
		o->id = arg;
		return 0;
	case ARGP_KEY_END:
		require(state, o->component, "--component");
		if (!o->without_id)
			require(state, o->id, "--id");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option list_argp_options[] = {
	{"component", OPT_COMPONENT, "APPID", 0, "The platform whose callers are meant", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

static const struct argp_option name_argp_options[] = {
	{"component", OPT_COMPONENT, "APPID", 0, "The platform of the caller", 0},
	{"id", OPT_ID, "ID", 0, "The caller's name", 0},
	{NULL, 0, NULL, 0, NULL, 0},
};

/* Ask api-proxy about one caller, or all; `print` gets its answer. The exit status. */
static int ask(const struct argp *argp, int argc, char **argv, struct name_options *o, const char *path,
	int (*print)(const struct name_options *o, const struct json *answer, struct err *err))
{
	struct json *answer = NULL, *body;
	struct callers_settings settings;
	struct err err;
	int rc;

	rc = command_parse(argp, argc, argv, o, items, N_ITEMS, &settings, sizeof(settings));
	if (rc != 0)
		return rc;
	body = json_new_object();
	json_set_str(body, "component_appid", o->component);
	if (o->id)
		json_set_str(body, "caller_id", o->id);
	rc = v1_call(settings.internal_keys_file, settings.api_proxy_url, "POST", path, body, &answer, &err);
	if (rc == 0)
		rc = print(o, answer, &err);
	json_free(&answer);
	json_free(&body);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}

static int print_list(const struct name_options *o, const struct json *answer, struct err *err)
{
	const struct json *callers = json_get(answer, "callers");
	struct buf line = BUF_INIT(256 * 1024);

	(void)o;
	(void)err;
	for (size_t i = 0; i < json_len(callers); i++) {
		buf_reset(&line);
		json_write(json_at(callers, i), &line);
		(void)printf("%s\n", buf_cstr(&line));
	}
	buf_release(&line);
	return 0;
}

static int print_nothing(const struct name_options *o, const struct json *answer, struct err *err)
{
	(void)o;
	(void)answer;
	(void)err;
	return 0;
}

static int print_key(const struct name_options *o, const struct json *answer, struct err *err)
{
	const char *key = json_get_str(answer, "key");

	if (!key)
		return err_set(err, ERR_REJECT, 0, "the answer holds no key");
	(void)printf("%s %s %s\n", o->component, o->id, key);
	return 0;
}

int callers_list_main(int argc, char **argv)
{
	const struct argp argp = {.options = list_argp_options,
		.parser = parse_name,
		.doc = "List a platform's callers, revoked ones too, by id: one JSON object a line, without "
		       "keys."};
	struct name_options o = {.without_id = true};

	return ask(&argp, argc, argv, &o, "/v1/callers/list", print_list);
}

int callers_revoke_main(int argc, char **argv)
{
	const struct argp argp = {.options = name_argp_options,
		.parser = parse_name,
		.doc = "Revoke a caller: its key opens nothing any more, within 5 s at every api-proxy. Its "
		       "id stays taken."};
	struct name_options o = {.without_id = false};

	return ask(&argp, argc, argv, &o, "/v1/callers/revoke", print_nothing);
}

int callers_rotate_main(int argc, char **argv)
{
	const struct argp argp = {.options = name_argp_options,
		.parser = parse_name,
		.doc = "Give a caller a new key and print it, this once, as `callers add` does. The old key "
		       "ends within "
		       "5 s at every api-proxy, so the caller is to get the new one at once."};
	struct name_options o = {.without_id = false};

	return ask(&argp, argc, argv, &o, "/v1/callers/rotate", print_key);
}
