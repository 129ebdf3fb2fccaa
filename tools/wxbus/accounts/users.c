/* wxbus users: the fans of an account, as far as the operator is asked to forget them. */
#include "tools/wxbus/operator.h"

#include "proto/erasure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

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
		if (state->arg_num == 0)
			operator_check_appid(state, arg);
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

static int forget(const struct operator_settings *s, void *arg, struct err *err)
{
	const struct forget_options *o = arg;
	struct json *body = json_new_object(), *answer = NULL;
	int64_t told = 0;
	int rc;

	json_set_str(body, "appid", o->appid);
	json_set_str(body, "openid", o->openid);
	rc = operator_call(s, "POST", "/v1/users/forget", body, &answer, err);
	if (rc == 0 && json_get_int(answer, "told", &told) < 0)
		rc = err_set(err, ERR_REJECT, 0, "the answer tells no number");
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

	return operator_main(&forget_argp, argc, argv, &o, forget);
}
