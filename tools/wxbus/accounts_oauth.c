/* wxbus accounts oauth: where an account's visitors may be sent back to after a web page authorization. */
#include "tools/wxbus/command.h"

#include "common/base/alloc.h"
#include "proto/platforms.h"
#include "tools/wxbus/v1_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct oauth_settings {
	char *internal_keys_file;
	char *token_service_url;
};

#define CONF_STRUCT struct oauth_settings
static const struct conf_item items[] = {
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"lines `name base64(32 bytes) scope,...`: our own key of scope admin",
		"/etc/wxbus/internal-keys"),
	CONF_URL("WXBUS_TOKEN_SERVICE_URL", token_service_url, NULL, "token-service's internal address",
		"http://127.0.0.1:8181"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

struct oauth_options {
	const char *component;
	const char *appid;
	struct json *targets; /* NULL: show them as they are */
	bool none;
};

static void check_appid(struct argp_state *state, const char *appid)
{
	if (!appid_ok(appid, strlen(appid)))
		argp_error(state, "'%s' is no appid", appid);
}

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
		if (state->arg_num == 0)
			check_appid(state, o->component = arg);
		else if (state->arg_num == 1)
			check_appid(state, o->appid = arg);
		else
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

static int run(const struct oauth_settings *s, struct oauth_options *o, struct err *err)
{
	char *path = xasprintf("/v1/accounts/%s/%s/oauth-targets", o->component, o->appid);
	struct json *body = NULL, *answer = NULL;
	const struct json *list;
	int rc;

	if (o->targets) {
		body = json_new_object();
		json_set(body, "targets", o->targets);
		o->targets = NULL;
	}
	rc = v1_call(
		s->internal_keys_file, s->token_service_url, body ? "PUT" : "GET", path, body, &answer, err);
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
	struct oauth_settings settings;
	struct err err;
	int rc;

	rc = command_parse(&oauth_argp, argc, argv, &o, items, N_ITEMS, &settings, sizeof(settings));
	if (rc == 0) {
		rc = run(&settings, &o, &err) < 0 ? command_failed(&err) : 0;
		conf_release(items, N_ITEMS, &settings);
	}
	json_free(&o.targets);
	return rc;
}
