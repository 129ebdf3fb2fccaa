#include "services/token-service/v1/v1.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "proto/fields.h"
#include "proto/internal_auth.h"
#include "proto/topics.h"
#include "proto/trace.h"
#include "services/token-service/audit.h"
#include "services/token-service/v1/v1_answer.h"
#include "services/token-service/v1/v1_manage.h"
#include "services/token-service/v1/v1_oauth.h"
#include "services/token-service/v1/v1_operator.h"
#include "services/token-service/v1/v1_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX   (64 * 1024)
#define RECORD_MAX (256 * 1024)
#define WAIT_MS    15000 /* how long a caller may wait for a refresh or an exchange */
#define TWIN_S     3600  /* a code's longest life: an authorization within it may be this code's */

static const struct json_limits record_limits = {
	.max_bytes = RECORD_MAX, .max_depth = 8, .max_values = 10000};
static const struct json_limits limits = {.max_bytes = BODY_MAX, .max_depth = 8, .max_values = 1000};

/* --- tokens ------------------------------------------------------------------------------------------------
 */

static void reply_token(struct httpd_request *req, struct token *token)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "token", token->text);
	json_set_int(fields, "expires_in", token->left_ms / 1000);
	json_set_str(fields, "token_sha256", token->sha256);
	v1_reply(req, 200, &fields);
}

static bool is_configured(const struct v1 *v, const char *component_appid)
{
	struct keys *keys = keyring_take(v->x->store->keyring);
	bool found = platforms_find(keys->platforms, component_appid) != NULL;

	keyring_give(v->x->store->keyring, &keys);
	return found;
}

static void reply_outcome(const struct v1 *v, struct httpd_request *req, const struct credential_id *id,
	int rc, struct token *token, const struct err *err)
{
	if (rc == 0)
		reply_token(req, token);
	else if (rc == CREDENTIAL_UNKNOWN && !id->appid[0] && is_configured(v, id->component_appid))
		v1_refuse(req, 503, "no_ticket", "no ticket has come yet");
	else if (rc == CREDENTIAL_UNKNOWN)
		v1_refuse(req, 404, "unknown", "no such account or platform");
	else if (rc == CREDENTIAL_UNAUTHORIZED)
		v1_refuse(req, 409, "unauthorized", "the account does not authorize the platform");
	else if (rc == CREDENTIAL_NONE)
		v1_refuse(req, 409, "no_api", "the account granted no API, so Weixin gives no token");
	else
		v1_refuse_for_now(req, id->appid[0] ? id->appid : id->component_appid, err);
}

static void serve_token(const struct v1 *v, struct httpd_request *req, const struct credential_id *id)
{
	struct token token = {NULL, "", 0};
	struct err err;
	int rc = credentials_get(v->x->credentials, id, clock_mono_ms() + WAIT_MS, &token, &err);

	reply_outcome(v, req, id, rc, &token, &err);
	token_release(&token);
}

static void serve_refresh(const struct v1 *v, struct httpd_request *req, const struct credential_id *id,
	const struct json *body)
{
	const char *sha256 = json_get_str(body, "token_sha256");
	struct token token = {NULL, "", 0};
	struct err err;
	int rc;

	if (!sha256 || strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64) {
		v1_refuse(req, 400, "malformed",
			"token_sha256: the refused token's SHA-256 in lower-case hex is needed");
		return;
	}
	rc = credentials_replace(v->x->credentials, id, sha256, clock_mono_ms() + WAIT_MS, &token, &err);
	reply_outcome(v, req, id, rc, &token, &err);
	token_release(&token);
}

/* --- directory ---------------------------------------------------------------------------------------------
 */

/* For readers of the topic `accounts` that may lag behind it. */
static void serve_directory(const struct v1 *v, struct httpd_request *req, const struct credential_id *id)
{
	struct buf record = BUF_INIT(RECORD_MAX);
	struct err err;
	int rc = account_record(v->x->store, id, &record, &err);

	if (rc < 0) {
		v1_refuse_for_now(req, id->appid, &err);
	} else if (rc == ACCOUNT_MISSING) {
		v1_refuse(req, 404, "unknown", "no such account");
	} else {
		v1_reply_text(req, 200, &record);
	}
	buf_release(&record);
}

/* --- exchange ----------------------------------------------------------------------------------------------
 */

/* 0: this account's token can be served now. 1: it cannot. */
static int is_served(const struct v1 *v, const struct credential_id *id, int64_t deadline_ms, struct err *err)
{
	struct token token = {NULL, "", 0};
	int rc = credentials_get(v->x->credentials, id, deadline_ms, &token, err);

	token_release(&token);
	/* Authorized without any API: there is nothing to wait for. */
	return rc < 0 ? rc : rc != 0 && rc != CREDENTIAL_NONE;
}

/* Weixin does not take the code, perhaps because its twin was taken: the account that the caller names, or
 * whose authorization is the newest. 0: *id_out holds it. */
static int find_twin(
	const struct v1 *v, const struct credential_id *named, struct credential_id *id_out, struct err *err)
{
	struct account_state state;
	bool fresh;

	if (!named->appid[0])
		return account_newest(v->x->store, named->component_appid, TWIN_S, id_out, err);
	if (account_look(v->x->store, named, 0, &state, err) < 0)
		return -1;
	*id_out = *named;
	fresh = state.authorized && state.authorized_ago_s >= 0 && state.authorized_ago_s <= TWIN_S;
	return fresh ? 0 : ACCOUNT_MISSING;
}

static int exchange(const struct v1 *v, const struct credential_id *named, const char *code,
	struct credential_id *id_out, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + WAIT_MS;
	struct code_result result;
	int rc;

	rc = exchange_code(v->x, named->component_appid, code, 0, deadline_ms, &result, err);
	if (rc == 0) {
		*id_out = *named;
		(void)str_copy(id_out->appid, sizeof(id_out->appid), result.appid);
		outbox_wake(v->outbox);
	} else if (rc == EXCHANGE_REFUSED) {
		rc = find_twin(v, named, id_out, err);
	}
	code_result_release(&result);
	return rc == 0 ? is_served(v, id_out, deadline_ms, err) : rc;
}

static void serve_exchange(const struct v1 *v, struct httpd_request *req,
	const struct credential_id *platform, const struct json *body)
{
	const char *code = json_get_str(body, "authorization_code"), *appid = json_get_str(body, "appid");
	struct credential_id named = *platform, id = {"", ""};
	struct json *fields;
	struct err err;
	int rc;

	if (!code || !code[0] || strlen(code) > 1024 || (appid && !appid_ok(appid, strlen(appid)))) {
		v1_refuse(req, 400, "malformed", "authorization_code is needed; appid may name the account");
		return;
	}
	if (!is_configured(v, platform->component_appid)) {
		v1_refuse(req, 404, "unknown", "no such platform");
		return;
	}
	(void)str_copy(named.appid, sizeof(named.appid), appid ? appid : "");
	rc = exchange(v, &named, code, &id, &err);
	if (rc < 0) {
		v1_refuse_for_now(req, appid ? appid : platform->component_appid, &err);
	} else if (rc > 0) {
		v1_refuse(req, 409, "code_refused",
			"Weixin does not take the code, and no account holds its tokens");
	} else {
		fields = json_new_object();
		json_set_str(fields, "appid", id.appid);
		v1_reply(req, 200, &fields);
	}
}

/* --- repliers ----------------------------------------------------------------------------------------------
 */

/* Up to REPLIERS_MAX groups, each once. */
static int read_repliers(const struct json *list, char *out[REPLIERS_MAX])
{
	size_t n = json_len(list);

	if (json_kind(list) != JSON_ARRAY || n > REPLIERS_MAX)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *group = json_str(json_at(list, i));

		if (!group || !group_name_ok(group))
			return -1;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(out[j], group) == 0)
				return -1;
		}
		out[i] = (char *)(uintptr_t)group; /* borrowed from the body */
	}
	return 0;
}

/* An operator's change was made or not: true if it was, else the request has been answered. */
static bool changed(const struct v1 *v, struct httpd_request *req, const struct credential_id *id, int rc,
	const struct err *err)
{
	if (rc == 0)
		outbox_wake(v->outbox);
	else if (rc == ACCOUNT_MISSING)
		v1_refuse(req, 404, "unknown", "no such account");
	else
		v1_refuse_for_now(req, id->appid, err);
	return rc == 0;
}

static void serve_repliers(const struct v1 *v, struct httpd_request *req, const struct credential_id *id,
	const struct json *body)
{
	char *repliers[REPLIERS_MAX] = {NULL};
	struct json *fields;
	struct err err;

	if (read_repliers(json_get(body, "repliers"), repliers) < 0) {
		v1_refuse(req, 400, "malformed",
			"repliers: a list of up to 4 different groups like \"shop\" is needed");
		return;
	}
	if (!changed(v, req, id, account_set_repliers(v->x->store, id, repliers, &err), &err))
		return;
	log_info(id->appid, "repliers changed");
	fields = json_new_object();
	json_set(fields, "repliers", json_copy(json_get(body, "repliers")));
	v1_reply(req, 200, &fields);
}

/* --- channel, status ---------------------------------------------------------------------------------------
 */

static void serve_channel(const struct v1 *v, struct httpd_request *req, const struct credential_id *id,
	const struct json *body)
{
	const char *name = json_get_str(body, "channel");
	enum account_channel channel;
	struct json *fields;
	struct err err;

	if (!name || account_channel_parse(name, &channel) < 0) {
		v1_refuse(req, 400, "malformed", "channel: \"live\" or \"test\" is needed");
		return;
	}
	if (!changed(v, req, id, account_set_channel(v->x->store, id, channel, &err), &err))
		return;
	log_info(id->appid, "channel changed to %s", account_channel_name(channel));
	fields = json_new_object();
	json_set_str(fields, "channel", account_channel_name(channel));
	v1_reply(req, 200, &fields);
}

static void set_seconds(struct json *fields, const char *name, int64_t seconds)
{
	if (seconds != INT64_MIN)
		json_set_int(fields, name, seconds);
}

/* {"directory":{the record of the topic},"token":{...}} */
static void serve_status(const struct v1 *v, struct httpd_request *req, const struct credential_id *id)
{
	struct json *fields = NULL, *directory = NULL, *token = NULL;
	struct buf record = BUF_INIT(RECORD_MAX);
	struct account_status status;
	struct err err;
	int rc = account_status(v->x->store, id, &status, &err);

	if (rc == 0)
		rc = account_record(v->x->store, id, &record, &err);
	if (rc == 0)
		rc = json_parse(record.data, record.len, &record_limits, &directory, &err);
	buf_release(&record);
	if (rc < 0) {
		v1_refuse_for_now(req, id->appid, &err);
		return;
	}
	if (rc == ACCOUNT_MISSING) {
		v1_refuse(req, 404, "unknown", "no such account");
		return;
	}
	token = json_new_object();
	set_seconds(token, "expires_in", status.token_left_s);
	set_seconds(token, "refresh_in", status.refresh_in_s);
	json_set_int(token, "failures", status.failures);
	json_set_int(token, "refreshes_today", status.calls_today);
	json_set_int(token, "refused_errcode", status.refused_errcode);
	json_set_int(token, "refresh_tokens_kept", status.refresh_tokens);
	json_set_int(token, "refreshes", status.refreshes);
	json_set_str(token, "refreshed_by", status.refreshed_ms ? status.refreshed_by : NULL);
	if (status.refreshed_ms)
		fields_set_time(token, "refreshed_at", status.refreshed_ms);
	else
		json_set_str(token, "refreshed_at", NULL);
	fields = json_new_object();
	json_set(fields, "directory", directory);
	json_set(fields, "token", token);
	v1_reply(req, 200, &fields);
}

/* --- all of /v1 --------------------------------------------------------------------------------------------
 */

/* True if `req` may go on; else it has been answered. */
static bool authenticate(
	const struct v1 *v, struct httpd_request *req, enum internal_scope scope, const struct buf *body)
{
	const char *query = httpd_query(req);
	char *target = xasprintf("%s%s%s", httpd_path(req), query ? "?" : "", query ? query : "");
	struct keys *keys = keyring_take(v->x->store->keyring);
	const struct internal_key *who = NULL;
	enum internal_auth_result result =
		internal_auth_check(keys->internal, scope, httpd_header(req, "Authorization"),
			httpd_method(req), target, body->data, body->len, clock_wall_ms(), &who);

	if (result == INTERNAL_AUTH_OK)
		audit_as(who->name);
	keyring_give(v->x->store->keyring, &keys);
	free(target);
	if (result == INTERNAL_AUTH_OK)
		return true;
	if (result == INTERNAL_AUTH_FORBIDDEN)
		v1_refuse(req, 403, "forbidden", "this key lacks the scope");
	else
		v1_refuse(req, 401, "unauthenticated", "a valid Authorization: Wxbus-HMAC header is needed");
	return false;
}

static bool read_body(struct httpd_request *req, struct buf *body)
{
	struct err err;
	size_t len = 0;
	int status;

	if (strcmp(httpd_method(req), "GET") == 0)
		return true;
	status = httpd_body_check(req, BODY_MAX, &len, NULL);
	if (status == 0 && httpd_body_read(req, body, &err) < 0)
		status = 400;
	if (status != 0)
		v1_refuse(req, status, "body", "a body with its length, up to 64 KiB, is needed");
	return status == 0;
}

static void serve_managing(
	const struct v1 *v, struct httpd_request *req, const struct v1_route *route, const struct json *body)
{
	struct json *answer = NULL;
	int status = v1_manage_serve(v->x, route, httpd_query(req), body, &answer);

	v1_reply(req, status, &answer);
}

static void dispatch(
	const struct v1 *v, struct httpd_request *req, const struct v1_route *route, const struct buf *body)
{
	struct json *json = NULL;
	struct err err;

	if (route->action == V1_TOKEN) {
		serve_token(v, req, &route->id);
		return;
	}
	if (route->action == V1_DIRECTORY) {
		serve_directory(v, req, &route->id);
		return;
	}
	if (route->action == V1_STATUS) {
		serve_status(v, req, &route->id);
		return;
	}
	if (route->action == V1_OAUTH_TARGETS) {
		v1_oauth_targets(v, req, &route->id);
		return;
	}
	if (strcmp(httpd_method(req), "GET") == 0) {
		serve_managing(v, req, route, NULL);
		return;
	}
	if (json_parse(body->data, body->len, &limits, &json, &err) < 0) {
		v1_refuse(req, 400, "malformed", "the body is no JSON");
		return;
	}
	if (route->action == V1_REFRESH)
		serve_refresh(v, req, &route->id, json);
	else if (route->action == V1_EXCHANGE)
		serve_exchange(v, req, &route->id, json);
	else if (route->action == V1_CHANNEL)
		serve_channel(v, req, &route->id, json);
	else if (route->action == V1_REPLIERS)
		serve_repliers(v, req, &route->id, json);
	else if (route->action == V1_OAUTH_TARGETS_SET)
		v1_oauth_targets_set(v, req, &route->id, json);
	else if (route->action == V1_SYNC_ASK || route->action == V1_WEIXIN)
		serve_managing(v, req, route, json);
	else
		v1_operator_serve(v, req, route->action, json);
	json_free(&json);
}

static void serve(
	const struct v1 *v, struct httpd_request *req, const struct v1_route *route, const struct buf *body)
{
	log_debug(NULL, "%s %s", httpd_method(req), httpd_path(req));
	dispatch(v, req, route, body);
}

void v1_serve(struct httpd_request *req, void *arg)
{
	const struct v1 *v = arg;
	struct buf body = BUF_INIT(BODY_MAX + 1);
	struct v1_route route;
	int status = v1_route_parse(httpd_method(req), httpd_path(req), &route);

	trace_enter(httpd_header_alone(req, TRACE_HEADER));
	if (status == 404)
		v1_refuse(req, 404, "unknown", "there is no such path");
	else if (status)
		v1_refuse(req, status, "method", "not with this method");
	else if (read_body(req, &body) && authenticate(v, req, route.scope, &body))
		serve(v, req, &route, &body);
	trace_leave();
	audit_as(AUDIT_SELF); /* the thread serves others */
	buf_wipe_release(&body);
}
