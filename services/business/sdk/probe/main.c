/* wxbus-probe: the business of the SDK's own tests. A text says what is to become of it, by its words:
 *   fail=N   the first N tries fail            poison   it can never be handled
 *            (unless WXBUS_PROBE_MENDED is set: the bug is mended)
 *   reply    it is answered with itself        ask      the result of a call of it becomes an effect
 *   tell     the same, of a template message (T1) that says the text to the fan
 * What is handled is a row of `effects`, written in the event's own transaction.
 * Of voice nothing is made: with it ./dev bench measures the SDK itself. */
#include "services/business/sdk/sdk.h"

#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define FAIL          "fail="
#define TEMPLATE_SEND "/cgi-bin/message/template/send"

static const char sql_effect[] = "INSERT INTO effects (event_id, run, appid, openid, content, attempt) "
				 "VALUES ($1, $2, $3, $4, $5, $6)";
static const char sql_erase[] = "DELETE FROM effects WHERE appid = $1 AND openid = $2";

static int note(struct event *e, const char *content, struct err *err)
{
	return PG_EXEC(e->pg, sql_effect, NULL, err, pg_text(e->id), pg_text(e->run), pg_text(e->appid),
		pg_text(e->openid), pg_text(content), pg_int8(e->attempt));
}

static int ask(struct event *e, struct err *err)
{
	return call_weixin(
		e, &(struct call){.method = "GET", .path = "/cgi-bin/tags/get", .then = "tags"}, err);
}

static int tell(struct event *e, const char *content, struct err *err)
{
	struct json *body = json_new_object(), *data = json_new_object(), *what = json_new_object();

	json_set_str(what, "value", content);
	json_set(data, "what", what);
	json_set_str(body, "touser", e->openid);
	json_set_str(body, "template_id", "T1");
	json_set(body, "data", data);
	return call_weixin(e, &(struct call){.path = TEMPLATE_SEND, .body = body, .then = "tags"}, err);
}

static enum settlement on_text(struct event *e, void *arg)
{
	const char *content = event_str(e, "Content"), *fail = strstr(content, FAIL);
	struct err err;
	int rc;

	(void)arg;
	if (strstr(content, "poison") && !getenv("WXBUS_PROBE_MENDED"))
		return event_settle(e, SETTLE_DEAD_LETTER, "poison", "the text says so");
	rc = note(e, content, &err);
	if (rc == 0 && fail && e->attempt < strtol(fail + strlen(FAIL), NULL, 10))
		rc = err_set(&err, ERR_RETRY, 0, "the text says so");
	if (rc == 0 && strstr(content, "reply"))
		rc = reply_text(e, content, &err);
	if (rc == 0 && strstr(content, "ask"))
		rc = ask(e, &err);
	if (rc == 0 && strstr(content, "tell"))
		rc = tell(e, content, &err);
	/* Whatever was written goes with the transaction, calls and replies too. */
	return rc < 0 ? event_failed(e, &err, true) : SETTLE_DONE;
}

static enum settlement on_tags(struct event *e, void *arg)
{
	struct err err;

	(void)arg;
	return note(e, event_str(e, "outcome"), &err) < 0 ? event_failed(e, &err, true) : SETTLE_DONE;
}

static enum settlement on_nothing(struct event *e, void *arg)
{
	(void)e;
	(void)arg;
	return SETTLE_DONE;
}

static int erase(const struct erasure *who, struct pg *pg, void *arg, struct err *err)
{
	(void)arg;
	return PG_EXEC(pg, sql_erase, NULL, err, pg_text(who->appid), pg_text(who->openid));
}

static const struct business_route routes[] = {
	BUSINESS_ONCE("weixin.message.text", on_text),
	BUSINESS_ONCE("wxbus.api.result.tags", on_tags),
	BUSINESS_ONCE("weixin.message.voice", on_nothing),
};

static const struct business_def probe = {
	.name = "probe",
	.summary = "The business of the SDK's own tests.",
	.admin_listen = "127.0.0.1:9099",
	.manifest = business_manifest,
	.database = true,
	.routes = routes,
	.n_routes = sizeof(routes) / sizeof(routes[0]),
	.erase = erase,
};

/* WXBUS_PROBE_STRICT: the same business in strict order. */
int main(int argc, char **argv)
{
	struct business_def def = probe;

	def.strict_order = getenv("WXBUS_PROBE_STRICT") != NULL;
	return business_main(&def, argc, argv);
}
