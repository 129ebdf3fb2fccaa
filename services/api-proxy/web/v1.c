#include "services/api-proxy/web/v1.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "proto/internal_auth.h"
#include "proto/platforms.h"
#include "proto/trace.h"
#include "services/api-proxy/key_watch.h"

#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX_BYTES (256 * 1024)
#define LIST_MAX_BYTES (4 * 1024 * 1024)
#define KEY_BYTES      32

static void reply_json(struct httpd_request *req, int status, const struct json *j)
{
	struct buf body = BUF_INIT(8192);

	json_write(j, &body);
	httpd_reply(req, status, "application/json", body.data, body.len, NULL, 0);
	buf_wipe_release(&body);
}

static void reply_error(struct httpd_request *req, int status, const char *text)
{
	struct json *j = json_new_object();

	json_set_str(j, "error", text);
	reply_json(req, status, j);
	json_free(&j);
}

/* --- POST /v1/callers ------------------------------------------------------------------------------ */

/* Whom a request is about; the key is one that was chosen elsewhere, or absent. */
static int check_name(const struct json *j, struct err *err)
{
	const char *component = json_get_str(j, "component_appid"), *id = json_get_str(j, "caller_id");
	const char *key = json_get_str(j, "key");

	if (!component || !appid_ok(component, strlen(component)))
		return err_set(err, ERR_REJECT, 0, "component_appid: an appid is needed");
	if (!id || !caller_id_ok(id))
		return err_set(
			err, ERR_REJECT, 0, "caller_id: 1 to %d of a-z, 0-9, '-', '.', '_'", CALLER_ID_MAX);
	if (json_get(j, "key") && (!key || !caller_key_ok(key)))
		return err_set(err, ERR_REJECT, 0, "key: %d to %d printable characters without blanks",
			CALLER_KEY_MIN, CALLER_KEY_MAX);
	return 0;
}

static int check_caller(const struct json *j, struct err *err)
{
	struct grants grants;

	if (check_name(j, err) < 0)
		return -1;
	if (grants_init(&grants, json_get(j, "accounts"), json_get(j, "paths"), json_get(j, "groups"), err) <
		0)
		return -1;
	grants_release(&grants);
	return 0;
}

/* Each a whole number of at least 1, or absent. */
static int read_limits(const struct json *j, struct caller_limits *out, struct err *err)
{
	const struct {
		const char *name;
		int64_t *to;
	} limits[] = {
		{"rate_per_s", &out->rate_per_s},
		{"calls_per_day", &out->calls_per_day},
		{"account_rate_per_s", &out->account_rate_per_s},
		{"account_per_day", &out->account_per_day},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (json_kind(json_get(j, limits[i].name)) != JSON_ABSENT &&
			(json_get_int(j, limits[i].name, limits[i].to) < 0 || *limits[i].to < 1 ||
				*limits[i].to > CALLER_LIMIT_MAX))
			return err_set(err, ERR_REJECT, 0, "%s: a whole number from 1 to %d is needed",
				limits[i].name, CALLER_LIMIT_MAX);
	return 0;
}

static void make_key(struct buf *out)
{
	uint8_t random[KEY_BYTES];

	crypto_random(random, sizeof(random));
	crypto_base64url(random, sizeof(random), out);
	secret_wipe(random, sizeof(random));
}

/* The one that came, else a new one. */
static void take_key(const struct json *j, struct buf *out)
{
	if (json_get_str(j, "key"))
		buf_add_str(out, json_get_str(j, "key"));
	else
		make_key(out);
}

static void reply_key(struct httpd_request *req, int status, const char *id, const char *key)
{
	struct json *j = json_new_object();

	json_set_str(j, "caller_id", id);
	json_set_str(j, "key", key);
	reply_json(req, status, j);
	json_free(&j);
}

static void add_caller(const struct v1 *v, struct httpd_request *req, const struct json *j)
{
	const char *id = json_get_str(j, "caller_id");
	struct buf key = BUF_INIT(CALLER_KEY_MAX);
	struct caller_limits limits = {0};
	struct err err;
	int rc;

	if (check_caller(j, &err) < 0 || read_limits(j, &limits, &err) < 0) {
		reply_error(req, 400, err.text);
		return;
	}
	take_key(j, &key);
	rc = callers_add(v->callers, json_get_str(j, "component_appid"), id, buf_cstr(&key),
		json_get(j, "accounts"), json_get(j, "paths"), json_get(j, "groups"), &limits, &err);
	if (rc == 0) {
		log_info(id, "caller added for platform %s", json_get_str(j, "component_appid"));
		reply_key(req, 201, id, buf_cstr(&key));
	} else if (rc == CALLER_EXISTS) {
		reply_error(req, 409, "this caller, or another one with this key, is there already");
	} else {
		log_error(id, "the caller could not be added: %s", err.text);
		reply_error(req, err.kind == ERR_REJECT ? 400 : 503, "the caller could not be stored");
	}
	buf_wipe_release(&key);
}

/* --- POST /v1/callers/list, /revoke, /rotate --------------------------------------------------------- */

static void list_callers(const struct v1 *v, struct httpd_request *req, const struct json *j)
{
	const char *component = json_get_str(j, "component_appid");
	struct buf body = BUF_INIT(LIST_MAX_BYTES);
	struct err err;

	buf_add_str(&body, "{\"callers\":");
	if (!component || !appid_ok(component, strlen(component))) {
		reply_error(req, 400, "component_appid: an appid is needed");
	} else if (callers_list(v->callers, component, &body, &err) < 0) {
		log_error(NULL, "the callers could not be listed: %s", err.text);
		reply_error(req, 503, "the callers could not be read");
	} else {
		buf_add_char(&body, '}');
		httpd_reply(req, 200, "application/json", body.data, body.len, NULL, 0);
	}
	buf_release(&body);
}

/* True: it was done; else the request is answered. */
static bool changed(struct httpd_request *req, const char *id, int rc, const struct err *err)
{
	if (rc == CALLER_NONE) {
		reply_error(req, 404, "no such caller, or revoked");
	} else if (rc == CALLER_EXISTS) {
		reply_error(req, 409, "another caller has this key");
	} else if (rc < 0) {
		log_error(id, "the caller could not be changed: %s", err->text);
		reply_error(req, 503, "the caller could not be changed");
	}
	return rc == 0;
}

static void revoke_caller(const struct v1 *v, struct httpd_request *req, const struct json *j)
{
	const char *id = json_get_str(j, "caller_id");
	struct json *answer;
	struct err err;

	if (check_name(j, &err) < 0) {
		reply_error(req, 400, err.text);
		return;
	}
	if (!changed(req, id, callers_revoke(v->callers, json_get_str(j, "component_appid"), id, &err), &err))
		return;
	log_info(id, "caller revoked");
	answer = json_new_object();
	json_set_str(answer, "caller_id", id);
	reply_json(req, 200, answer);
	json_free(&answer);
}

static void rotate_caller(const struct v1 *v, struct httpd_request *req, const struct json *j)
{
	const char *id = json_get_str(j, "caller_id"), *component = json_get_str(j, "component_appid");
	struct buf key = BUF_INIT(CALLER_KEY_MAX);
	struct err err;

	if (check_name(j, &err) < 0) {
		reply_error(req, 400, err.text);
		return;
	}
	take_key(j, &key);
	if (changed(req, id, callers_rotate(v->callers, component, id, buf_cstr(&key), &err), &err)) {
		log_info(id, "caller has a new key");
		reply_key(req, 200, id, buf_cstr(&key));
	}
	buf_wipe_release(&key);
}

/* --- POST /v1/keys/list, /reseal -------------------------------------------------------------------- */

static void list_keys(const struct v1 *v, struct httpd_request *req, const struct json *j)
{
	struct buf body = BUF_INIT(LIST_MAX_BYTES);
	struct key_report report;
	struct err err;

	(void)j;
	if (key_watch_report(v->pool, v->keys, &report, &err) < 0) {
		log_error(NULL, "the keys could not be listed: %s", err.text);
		reply_error(req, 503, "the rows could not be counted");
	} else {
		key_report_encode(&report, &body);
		httpd_reply(req, 200, "application/json", body.data, body.len, NULL, 0);
	}
	key_report_release(&report);
	buf_release(&body);
}

static void reseal(const struct v1 *v, struct httpd_request *req, const struct json *j)
{
	struct reseal_request request;
	struct reseal_answer answer;
	struct json *fields;
	struct err err;
	int rc;

	if (reseal_request_read(j, &request, &err) < 0) {
		reply_error(req, 400, err.text);
		return;
	}
	rc = key_watch_reseal(v->pool, v->keys, &request, &answer, &err);
	if (rc < 0) {
		log_error(NULL, "rows could not be sealed anew: %s", err.text);
		reply_error(req, 503, "the rows could not be sealed anew");
	} else if (rc == SEALED_NOT_CURRENT) {
		reply_error(req, 409, "this process seals with another key: has it reread its file?");
	} else {
		fields = reseal_answer_json(&answer);
		reply_json(req, 200, fields);
		json_free(&fields);
	}
}

/* --- all of /v1 ------------------------------------------------------------------------------------ */

static const struct {
	const char *path;
	void (*serve)(const struct v1 *v, struct httpd_request *req, const struct json *j);
} routes[] = {
	{"/v1/callers", add_caller},
	{"/v1/callers/list", list_callers},
	{"/v1/callers/revoke", revoke_caller},
	{"/v1/callers/rotate", rotate_caller},
	{"/v1/keys/list", list_keys},
	{"/v1/keys/reseal", reseal},
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

static void route(const struct v1 *v, struct httpd_request *req, const struct buf *body)
{
	const struct json_limits limits = {.max_bytes = BODY_MAX_BYTES, .max_depth = 4};
	struct json *j = NULL;
	struct err err;
	size_t i = 0;

	while (i < N_ROUTES && strcmp(httpd_path(req), routes[i].path) != 0)
		i++;
	if (i == N_ROUTES || httpd_query(req)) {
		reply_error(req, 404, "no such path");
	} else if (strcmp(httpd_method(req), "POST") != 0) {
		reply_error(req, 405, "only POST");
	} else if (json_parse(body->data, body->len, &limits, &j, &err) < 0 || json_kind(j) != JSON_OBJECT) {
		reply_error(req, 400, "the body is no JSON object");
	} else {
		routes[i].serve(v, req, j);
	}
	json_free(&j);
}

static void target_of(struct httpd_request *req, struct buf *out)
{
	buf_add_str(out, httpd_path(req));
	if (httpd_query(req)) {
		buf_add_char(out, '?');
		buf_add_str(out, httpd_query(req));
	}
}

/* The status to refuse with, 0: it is one of ours with the scope. */
static int authenticate(const struct v1 *v, struct httpd_request *req, const struct buf *body)
{
	struct buf target = BUF_INIT(16 * 1024);
	struct keys *keys = keyring_take(v->keys);
	enum internal_auth_result result;

	target_of(req, &target);
	result = internal_auth_check(keys->internal, SCOPE_ADMIN, httpd_header(req, "Authorization"),
		httpd_method(req), buf_cstr(&target), body->data, body->len, clock_wall_ms(), NULL);
	keyring_give(v->keys, &keys);
	buf_release(&target);
	if (result == INTERNAL_AUTH_OK)
		return 0;
	return result == INTERNAL_AUTH_FORBIDDEN ? 403 : 401;
}

void v1_serve(struct httpd_request *req, void *v1)
{
	const struct v1 *v = v1;
	struct buf body = BUF_INIT(BODY_MAX_BYTES);
	size_t len;
	struct err err;
	int status = 0;

	trace_enter(httpd_header_alone(req, TRACE_HEADER));
	if (strcmp(httpd_method(req), "GET") != 0) {
		status = httpd_body_check(req, BODY_MAX_BYTES, &len, NULL);
		if (status == 0 && httpd_body_read(req, &body, &err) < 0)
			status = 400;
	}
	if (status == 0)
		status = authenticate(v, req, &body);
	if (status == 0)
		route(v, req, &body);
	else
		httpd_refuse(req, status);
	trace_leave();
	buf_wipe_release(&body); /* a key may have stood in it */
}
