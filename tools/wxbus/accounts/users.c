/* wxbus users: the fans of an account, as far as the operator is asked to forget them. */
#include "tools/wxbus/command.h"

#include "common/json/json.h"
#include "proto/erasure.h"
#include "tools/wxbus/v1_call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

struct users_settings {
	char *internal_keys_file;
	char *token_service_url;
};

#define CONF_STRUCT struct users_settings
static const struct conf_item items[] = {
	CONF_PATH("WXBUS_INTERNAL_KEYS_FILE", internal_keys_file, NULL,
		"lines `name base64(32 bytes) scope,...`: our own key of scope admin",
		"/etc/wxbus/internal-keys"),
	CONF_URL("WXBUS_TOKEN_SERVICE_URL", token_service_url, NULL, "token-service's internal address",
		"http://127.0.0.1:8181"),
};
#define N_ITEMS (sizeof(items) / sizeof(items[0]))

struct forget_options {
	const char *appid;
	const char *openid;
};

static error_t parse_forget(int key, char *arg, struct argp_state *state)
{
	struct forget_options *o = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "'%s' is one word too many", arg);
		if (state->arg_num == 0 && !appid_ok(arg, strlen(arg)))
			argp_error(state, "'%s' is no appid", arg);
		if (state->arg_num == 1 && !openid_ok(arg))
			argp_error(state, "an openid is of visible characters without blanks");
		*(state->arg_num == 0 ? &o->appid : &o->openid) = arg;
		return 0;
	case ARGP_KEY_END:
		if (!o->openid)
			argp_error(state, "an appid and an openid are needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp forget_argp = {
	.parser = parse_forget,
	.args_doc = "APPID OPENID",
	.doc = "Have everybody forget a fan of an account, as of now: token-service deletes his logins and "
	       "tells "
	       "the others by the notice `wxbus.user.erased`, which api-proxy and every business obey.\v"
	       "What the fan does afterwards is a new acquaintance. Topics hold what they hold until the end "
	       "of "
	       "their time (7 days, dead letters 30): it is not handled any more. A fan who unsubscribes is "
	       "forgotten without this command.",
};

static int forget(const struct users_settings *s, const struct forget_options *o, struct err *err)
{
	struct json *body = json_new_object(), *answer = NULL;
	int64_t told = 0;
	int rc;

	json_set_str(body, "appid", o->appid);
	json_set_str(body, "openid", o->openid);
	rc = v1_call(
		s->internal_keys_file, s->token_service_url, "POST", "/v1/users/forget", body, &answer, err);
	if (rc == 0)
		rc = json_get_int(answer, "told", &told);
	if (rc == 0)
		(void)printf("%s  %s  forgotten, told for %" PRId64 " platform%s\n", o->appid, o->openid,
			told, told == 1 ? "" : "s");
	json_free(&answer);
	json_free(&body);
	return rc;
}

int users_forget_main(int argc, char **argv)
{
	struct forget_options o = {.openid = NULL};
	struct users_settings settings;
	struct err err = {.text = "the answer tells no number"};
	int rc = command_parse(&forget_argp, argc, argv, &o, items, N_ITEMS, &settings, sizeof(settings));

	if (rc != 0)
		return rc;
	rc = forget(&settings, &o, &err);
	conf_release(items, N_ITEMS, &settings);
	return rc < 0 ? command_failed(&err) : 0;
}
