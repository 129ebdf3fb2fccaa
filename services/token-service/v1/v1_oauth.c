#include "services/token-service/v1/v1_oauth.h"

#include "common/base/log.h"
#include "services/token-service/web/oauth_store.h"
#include "services/token-service/v1/v1_answer.h"

#include "common/base/banned.h"

static void reply_targets(struct httpd_request *req, const struct oauth_targets *targets)
{
	struct json *fields = json_new_object(), *list = json_new_array();

	for (size_t i = 0; i < targets->n; i++)
		json_push(list, json_new_string(targets->list[i]));
	json_set(fields, "targets", list);
	v1_reply(req, 200, &fields);
}

/* Borrowed from the body. */
static int read_targets(const struct json *list, struct oauth_targets *out)
{
	size_t n = json_len(list);

	if (json_kind(list) != JSON_ARRAY || n > OAUTH_TARGETS_MAX)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *target = json_str(json_at(list, i));

		if (!target || !oauth_target_rule_ok(target))
			return -1;
		out->list[i] = target;
	}
	out->n = n;
	return 0;
}

void v1_oauth_targets(const struct v1 *v, struct httpd_request *req, const struct credential_id *id)
{
	struct arena arena = ARENA_INIT;
	struct oauth_targets targets;
	struct account_state state;
	struct err err;

	if (account_look(v->x->store, id, 0, &state, &err) < 0 ||
		oauth_targets_list(v->x->store, id, &arena, &targets, &err) < 0)
		v1_refuse_for_now(req, id->appid, &err);
	else if (!state.exists)
		v1_refuse(req, 404, "unknown", "no such account");
	else
		reply_targets(req, &targets);
	arena_release(&arena);
}

void v1_oauth_targets_set(const struct v1 *v, struct httpd_request *req, const struct credential_id *id,
	const struct json *body)
{
	struct oauth_targets targets = {.n = 0};
	struct err err;
	int rc;

	if (read_targets(json_get(body, "targets"), &targets) < 0) {
		v1_refuse(req, 400, "malformed",
			"targets: a list of up to 50 addresses like \"https://shop.example.com/club\" is "
			"needed");
		return;
	}
	rc = oauth_targets_set(v->x->store, id, &targets, &err);
	if (rc < 0) {
		v1_refuse_for_now(req, id->appid, &err);
	} else if (rc == ACCOUNT_MISSING) {
		v1_refuse(req, 404, "unknown", "no such account");
	} else {
		log_info(id->appid, "targets of web page authorization changed");
		v1_oauth_targets(v, req, id); /* as they are stored */
	}
}
