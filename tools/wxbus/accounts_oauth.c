/* wxbus accounts oauth: where an account's visitors may be sent back to after a web page authorization. */
#include "tools/wxbus/operator.h"

#include "common/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

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
		if (state->arg_num == 0)
			operator_check_appid(state, o->component = arg);
		else if (state->arg_num == 1)
			operator_check_appid(state, o->appid = arg);
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

static int run(const struct operator_settings *s, struct oauth_options *o, struct err *err)
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
	struct operator_settings settings;
	struct err err;
	int rc;

	rc = command_parse(
		&oauth_argp, argc, argv, &o, operator_items, n_operator_items, &settings, sizeof(settings));
	if (rc == 0) {
		rc = run(&settings, &o, &err) < 0 ? command_failed(&err) : 0;
		conf_release(operator_items, n_operator_items, &settings);
	}
	json_free(&o.targets);
	return rc;
}
