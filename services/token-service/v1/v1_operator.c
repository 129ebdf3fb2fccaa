#include "services/token-service/v1/v1_operator.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/erasure.h"
#include "proto/fields.h"
#include "services/sealed/sealed.h"
#include "services/token-service/audit.h"
#include "services/token-service/accounts/fan_store.h"
#include "services/token-service/key_watch.h"
#include "services/token-service/v1/v1_answer.h"

#include <string.h>

#include "common/base/banned.h"

#define LIST_MAX_BYTES  (1024 * 1024)
#define AUDIT_LIMIT_MAX 1000

static void malformed(struct httpd_request *req, const struct err *err)
{
	v1_refuse(req, 400, "malformed", err->text);
}

/* --- users -------------------------------------------------------------------------------------------------
 */

static void serve_forget(const struct v1 *v, struct httpd_request *req, const struct json *body)
{
	const char *appid = json_get_str(body, "appid"), *openid = json_get_str(body, "openid");
	struct forgetting f = {
		.appid = appid, .openid = openid, .before_ms = clock_wall_ms(), .why = "asked"};
	struct json *fields;
	struct err err;
	int told;

	if (!appid || !appid_ok(appid, strlen(appid)) || !openid || !openid_ok(openid)) {
		v1_refuse(req, 400, "malformed", "an appid and an openid are needed");
		return;
	}
	told = fan_forget(v->x->store, &f, &err);
	if (told < 0) {
		v1_refuse_for_now(req, appid, &err);
		return;
	}
	outbox_wake(v->outbox);
	log_info(appid, "a fan is forgotten, as was asked for");
	fields = json_new_object();
	json_set_int(fields, "told", told);
	v1_reply(req, 200, &fields);
}

/* --- audit -------------------------------------------------------------------------------------------------
 */

/* An appid, or absent. */
static int read_appid(const struct json *body, const char *name, const char **out, struct err *err)
{
	*out = json_get_str(body, name);
	if (*out ? appid_ok(*out, strlen(*out)) : json_kind(json_get(body, name)) == JSON_ABSENT)
		return 0;
	return err_set(err, ERR_REJECT, 0, "%s must be an appid", name);
}

static int read_filter(const struct json *body, struct audit_filter *out, struct err *err)
{
	int rc;

	if ((rc = read_appid(body, "component_appid", &out->component_appid, err)) < 0 ||
		(rc = read_appid(body, "appid", &out->appid, err)) < 0 ||
		(rc = fields_int(body, "limit", 1, AUDIT_LIMIT_MAX, &out->limit, err)) < 0)
		return rc;
	if (json_get(body, "since") && (rc = fields_time(body, "since", &out->since_ms, err)) < 0)
		return rc;
	return json_get(body, "before_id") ? fields_int(body, "before_id", 1, INT64_MAX, &out->before_id, err)
					   : 0;
}

static void serve_audit(const struct v1 *v, struct httpd_request *req, const struct json *body)
{
	struct audit_filter filter = {.since_ms = 0};
	struct buf answer = BUF_INIT(LIST_MAX_BYTES);
	struct err err;

	if (read_filter(body, &filter, &err) < 0) {
		malformed(req, &err);
		return;
	}
	buf_add_str(&answer, "{\"rows\":");
	if (audit_list(v->x->store, &filter, &answer, &err) < 0) {
		v1_refuse_for_now(req, NULL, &err);
	} else {
		buf_add_char(&answer, '}');
		v1_reply_text(req, 200, &answer);
	}
	buf_release(&answer);
}

/* --- keys --------------------------------------------------------------------------------------------------
 */

static void serve_keys(const struct v1 *v, struct httpd_request *req)
{
	struct buf answer = BUF_INIT(LIST_MAX_BYTES);
	struct key_report report;
	struct err err;

	if (key_watch_report(v->x->store, &report, &err) < 0) {
		v1_refuse_for_now(req, NULL, &err);
	} else {
		key_report_encode(&report, &answer);
		v1_reply_text(req, 200, &answer);
	}
	key_report_release(&report);
	buf_release(&answer);
}

static void serve_reseal(const struct v1 *v, struct httpd_request *req, const struct json *body)
{
	struct reseal_request request;
	struct reseal_answer answer;
	struct json *fields;
	struct err err;
	int rc;

	if (reseal_request_read(body, &request, &err) < 0) {
		malformed(req, &err);
		return;
	}
	rc = key_watch_reseal(v->x->store, &request, &answer, &err);
	if (rc < 0) {
		v1_refuse_for_now(req, NULL, &err);
	} else if (rc == SEALED_NOT_CURRENT) {
		v1_refuse(req, 409, "not_current",
			"this process seals with another key: has it reread its file?");
	} else {
		if (answer.resealed > 0)
			log_info(NULL, "%lld values sealed anew", (long long)answer.resealed);
		fields = reseal_answer_json(&answer);
		v1_reply(req, 200, &fields);
	}
}

void v1_operator_serve(
	const struct v1 *v, struct httpd_request *req, enum v1_action action, const struct json *body)
{
	if (action == V1_FORGET)
		serve_forget(v, req, body);
	else if (action == V1_AUDIT)
		serve_audit(v, req, body);
	else if (action == V1_KEYS)
		serve_keys(v, req);
	else
		serve_reseal(v, req, body);
}
