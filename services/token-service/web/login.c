#include "services/token-service/web/login.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "proto/reaction.h"
#include "services/token-service/web/login_store.h"

#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX 4096
#define WAIT_MS  12000

static const struct json_limits limits = {.max_bytes = BODY_MAX, .max_depth = 4, .max_values = 20};

static void refuse(struct public_call *c, int status, const char *word)
{
	struct json *fields = json_new_object();

	public_count(status == 429 ? "rate_limited" : status == 503 ? "unavailable" : "refused");
	json_set_str(fields, "error", word);
	public_reply_json(c, status, fields);
}

static void unavailable(struct public_call *c, const struct err *err)
{
	log_warn(c->route.appid, "login: %s", err->text);
	refuse(c, 503, "unavailable");
}

/* The code, in the call's arena. 0, or the status to refuse with. */
static int read_code(struct public_call *c, const char **code_out)
{
	struct buf body = BUF_INIT(BODY_MAX + 1);
	struct json *json = NULL;
	const char *code;
	size_t len = 0;
	struct err err;
	int status = httpd_body_check(c->req, BODY_MAX, &len, NULL);

	if (status == 0 && (httpd_body_read(c->req, &body, &err) < 0 ||
				   json_parse(body.data, body.len, &limits, &json, &err) < 0))
		status = 400;
	code = json_get_str(json, "code");
	if (status == 0 && (!code || !code[0] || strlen(code) > 512))
		status = 400;
	if (status == 0)
		*code_out = arena_strdup(&c->arena, code);
	json_free(&json);
	buf_wipe_release(&body);
	return status;
}

struct asking {
	const struct credential_id *id;
	const char *code;
	struct weixin_session session;
};

static int call_session(struct weixin_api *w, const char *component_token, void *arg, struct err *err)
{
	struct asking *a = arg;

	return weixin_code2session(
		w, a->id->component_appid, component_token, a->id->appid, a->code, &a->session, err);
}

static void reply_session(struct public_call *c, const struct weixin_session *session, const char *name)
{
	struct json *fields = json_new_object();

	public_count("login");
	json_set_str(fields, "openid", session->openid);
	if (session->unionid)
		json_set_str(fields, "unionid", session->unionid);
	json_set_str(fields, "session", name);
	public_reply_json(c, 200, fields);
}

static void exchange(struct public_call *c, const struct credential_id *id, const char *code)
{
	struct asking a = {.id = id, .code = code};
	char name[LOGIN_SESSION_LEN + 1];
	struct err err;
	int rc = credentials_call(
		c->p->x->credentials, id->component_appid, call_session, &a, clock_mono_ms() + WAIT_MS, &err);

	if (rc < 0 && err.kind == ERR_REJECT && reaction_of(err.code) == REACTION_FINAL) {
		log_info(id->appid, "login refused: %s", err.text);
		refuse(c, 409, "code_refused");
		return;
	}
	if (rc == 0)
		rc = login_session_add(c->p->x->store, id, &a.session, name, &err);
	if (rc < 0)
		unavailable(c, &err);
	else
		reply_session(c, &a.session, name);
	weixin_session_release(&a.session);
}

void login(struct public_call *c)
{
	struct credential_id id = {"", ""};
	struct account_state state;
	const char *code = NULL;
	struct err err;
	int status = read_code(c, &code);

	(void)str_copy(id.component_appid, sizeof(id.component_appid), c->route.component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), c->route.appid);
	if (status != 0)
		refuse(c, status, "malformed");
	else if (account_look(c->p->x->store, &id, 0, &state, &err) < 0)
		unavailable(c, &err);
	else if (!state.authorized)
		refuse(c, 404, "unknown");
	else
		exchange(c, &id, code);
}
