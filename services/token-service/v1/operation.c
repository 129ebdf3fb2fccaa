#include "services/token-service/v1/operation.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "services/token-service/events/notice.h"
#include "services/token-service/tokens/weixin_api.h"

#include <string.h>

#include "common/base/banned.h"

#define FIELD_MAX 1024
#define BODY_MAX  (64 * 1024)

static const struct operation operations[] = {
	/* https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/api/api_get_authorizer_option.html
	 * location_report, voice_recognize, customer_service; values are texts. */
	{
		.name = "option-get",
		.path = "/cgi-bin/component/api_get_authorizer_option",
		.token = OPERATION_BY_PLATFORM,
		.account = OPERATION_NEEDS_ACCOUNT,
		.names = OPERATION_NAMES_AUTHORIZER,
		.fields = {{.name = "option_name"}},
		.answers = {"option_name", "option_value"},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/api/api_set_authorizer_option.html
	 */
	{
		.name = "option-set",
		.path = "/cgi-bin/component/api_set_authorizer_option",
		.token = OPERATION_BY_PLATFORM,
		.account = OPERATION_NEEDS_ACCOUNT,
		.names = OPERATION_NAMES_AUTHORIZER,
		.changes = true,
		.fields = {{.name = "option_name"}, {.name = "option_value"}},
	},
	/* https://developers.weixin.qq.com/doc/offiaccount/openApi/get_api_quota.html
	 * The kind of token must be that of the API which is asked about. */
	{
		.name = "quota-get",
		.path = "/cgi-bin/openapi/quota/get",
		.token = OPERATION_BY_EITHER,
		.account = OPERATION_MAY_ACCOUNT,
		.fields = {{.name = "cgi_path"}},
		.answers = {"quota", "rate_limit", "component_rate_limit"},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/openApi/openapi/api_componentclearquota_v2.html
	 * By the app secret, for it is needed most when no token can be fetched. Ten a month. */
	{
		.name = "quota-clear",
		.path = "/cgi-bin/component/clear_quota/v2",
		.token = OPERATION_BY_SECRET,
		.account = OPERATION_MAY_ACCOUNT,
		.names = OPERATION_NAMES_SECRET,
		.changes = true,
	},
	/* https://developers.weixin.qq.com/doc/offiaccount/openApi/get_rid_info.html
	 * Only with the token of whoever made the call; for 7 days. */
	{
		.name = "rid-get",
		.path = "/cgi-bin/openapi/rid/get",
		.token = OPERATION_BY_EITHER,
		.account = OPERATION_MAY_ACCOUNT,
		.fields = {{.name = "rid"}},
		.answers = {"request"},
	},
	/* The open-platform account that makes unionids common:
	 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/account/create.html */
	{
		.name = "open-create",
		.path = "/cgi-bin/open/create",
		.token = OPERATION_BY_ACCOUNT,
		.account = OPERATION_NEEDS_ACCOUNT,
		.names = OPERATION_NAMES_APPID,
		.changes = true,
		.answers = {"open_appid"},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/account/bind.html */
	{
		.name = "open-bind",
		.path = "/cgi-bin/open/bind",
		.token = OPERATION_BY_ACCOUNT,
		.account = OPERATION_NEEDS_ACCOUNT,
		.names = OPERATION_NAMES_APPID,
		.changes = true,
		.fields = {{.name = "open_appid"}},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/account/unbind.html */
	{
		.name = "open-unbind",
		.path = "/cgi-bin/open/unbind",
		.token = OPERATION_BY_ACCOUNT,
		.account = OPERATION_NEEDS_ACCOUNT,
		.names = OPERATION_NAMES_APPID,
		.changes = true,
		.fields = {{.name = "open_appid"}},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/account/get.html */
	{
		.name = "open-get",
		.path = "/cgi-bin/open/get",
		.token = OPERATION_BY_ACCOUNT,
		.account = OPERATION_NEEDS_ACCOUNT,
		.names = OPERATION_NAMES_APPID,
		.answers = {"open_appid"},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/en/openApi/OpenApiDoc/register-management/fast-registration-ent/registerMiniprogram.html
	 * The result comes as notify_third_fasteregister. */
	{
		.name = "register-enterprise",
		.path = "/cgi-bin/component/fastregisterweapp",
		.action = "create",
		.token = OPERATION_BY_PLATFORM,
		.changes = true,
		.fields = {{.name = "name"}, {.name = "code"}, {.name = "code_type", .number = true},
			{.name = "legal_persona_wechat"}, {.name = "legal_persona_name"},
			{.name = "component_phone", .optional = true}},
	},
	{
		.name = "register-enterprise-state",
		.path = "/cgi-bin/component/fastregisterweapp",
		.action = "search",
		.token = OPERATION_BY_PLATFORM,
		.fields = {{.name = "name"}, {.name = "legal_persona_wechat"},
			{.name = "legal_persona_name"}},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/en/openApi/OpenApiDoc/register-management/fast-registration-ind/fastRegisterPersonalMp.html
	 * The person confirms at authorize_url; the result comes as notify_third_fasteregister. */
	{
		.name = "register-personal",
		.path = "/wxa/component/fastregisterpersonalweapp",
		.action = "create",
		.token = OPERATION_BY_PLATFORM,
		.changes = true,
		.fields = {{.name = "idname"}, {.name = "wxuser"},
			{.name = "component_phone", .optional = true}},
		.answers = {"taskid", "authorize_url", "status"},
	},
	{
		.name = "register-personal-state",
		.path = "/wxa/component/fastregisterpersonalweapp",
		.action = "query",
		.token = OPERATION_BY_PLATFORM,
		.fields = {{.name = "taskid"}},
		.answers = {"taskid", "authorize_url", "status"},
	},
	/* https://developers.weixin.qq.com/doc/oplatform/en/openApi/OpenApiDoc/register-management/fast-regist-beta/registerBetaMiniprogram.html
	 * The result comes as notify_third_fastregisterbetaapp. */
	{
		.name = "register-trial",
		.path = "/wxa/component/fastregisterbetaweapp",
		.token = OPERATION_BY_PLATFORM,
		.changes = true,
		.fields = {{.name = "name"}, {.name = "openid"}},
		.answers = {"unique_id", "authorize_url"},
	},
};

const struct operation *operation_find(const char *name, bool with_account)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const struct operation *op = &operations[i];

		if (strcmp(op->name, name) == 0)
			return op->account == (with_account ? OPERATION_NO_ACCOUNT : OPERATION_NEEDS_ACCOUNT)
				       ? NULL
				       : op;
	}
	return NULL;
}

/* --- what goes in ------------------------------------------------------------------------------------------
 */

static bool is_good(const struct operation_field *f, const struct json *value)
{
	int64_t number;

	if (json_kind(value) == JSON_ABSENT)
		return f->optional;
	if (f->number)
		return json_int(value, &number) == 0;
	return json_kind(value) == JSON_STRING && json_str_len(value) > 0 && json_str_len(value) <= FIELD_MAX;
}

static bool is_known(const struct operation *op, const char *name)
{
	for (int i = 0; i < OPERATION_FIELDS_MAX && op->fields[i].name; i++) {
		if (strcmp(op->fields[i].name, name) == 0)
			return true;
	}
	return false;
}

int operation_check(const struct operation *op, const struct json *fields, struct err *err)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	if (json_kind(fields) != JSON_OBJECT)
		return err_set(err, ERR_REJECT, 0, "an object is needed");
	for (int i = 0; i < OPERATION_FIELDS_MAX && op->fields[i].name; i++) {
		const struct operation_field *f = &op->fields[i];

		if (!is_good(f, json_get(fields, f->name)))
			return err_set(err, ERR_REJECT, 0, "%s: %s is needed", f->name,
				f->number ? "a whole number" : "a text up to 1024 bytes");
	}
	while (json_next(fields, &it, &name, &value)) {
		if (!is_known(op, name))
			return err_set(
				err, ERR_REJECT, 0, "there is a field that %s does not take", op->name);
	}
	return 0;
}

/* --- what comes out ----------------------------------------------------------------------------------------
 */

/* Parameters whose values may be seen. */
static bool is_harmless(const char *name, size_t len)
{
	static const char *const names[] = {
		"action", "appid", "authorizer_appid", "component_appid", "grant_type", "lang", "type"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return true;
	}
	return false;
}

/* "access_token=50_Im7&type=jsapi", perhaps after an address and '?'. What is no parameter might be anything
 * and is dropped. */
static void tidy_url(const char *url, struct buf *out)
{
	bool has_address = url[0] == '/' || strncmp(url, "http", 4) == 0;
	size_t address = has_address ? strcspn(url, "?") : 0, len, name;

	buf_add(out, url, address);
	for (url += address; *url; url += len) {
		if (*url == '?' || *url == '&')
			buf_add_char(out, *url++);
		len = strcspn(url, "&");
		name = strcspn(url, "=");
		if (name < len && is_harmless(url, name)) {
			buf_add(out, url, len);
		} else if (name < len) {
			buf_add(out, url, name);
			buf_add_str(out, "=...");
		}
	}
}

static void tidy_body(const char *text, struct buf *out)
{
	const struct json_limits limits = {.max_bytes = BODY_MAX, .max_depth = 16, .max_values = 10000};
	struct json *body = NULL;
	struct err ignored;

	if (json_parse(text, strlen(text), &limits, &body, &ignored) == 0 &&
		(json_kind(body) == JSON_OBJECT || json_kind(body) == JSON_ARRAY)) {
		notice_strip(body);
		json_write(body, out);
	} else if (text[0]) {
		buf_add_str(out, "(not shown)");
	}
	json_free(&body);
}

static void set_tidy(struct json *j, const struct json *request, const char *name,
	void (*tidy)(const char *, struct buf *))
{
	const char *text = json_get_str(request, name);
	struct buf out = BUF_INIT(BODY_MAX);

	if (text) {
		tidy(text, &out);
		json_set_str(j, name, buf_cstr(&out));
	}
	buf_release(&out);
}

struct json *operation_tidy_request(const struct json *request)
{
	static const char *const plain[] = {"invoke_time", "cost_in_ms", "client_ip"};
	struct json *j = json_new_object();

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if (json_get(request, plain[i]))
			json_set(j, plain[i], json_copy(json_get(request, plain[i])));
	}
	set_tidy(j, request, "request_url", tidy_url);
	set_tidy(j, request, "request_body", tidy_body);
	set_tidy(j, request, "response_body", tidy_body);
	return j;
}

static struct json *pick(const struct operation *op, const struct json *answer)
{
	struct json *j = json_new_object();

	for (int i = 0; i < OPERATION_ANSWERS_MAX && op->answers[i]; i++) {
		const struct json *value = json_get(answer, op->answers[i]);

		if (!value)
			continue;
		json_set(j, op->answers[i],
			strcmp(op->answers[i], "request") == 0 ? operation_tidy_request(value)
							       : json_copy(value));
	}
	return j;
}

/* --- the call ----------------------------------------------------------------------------------------------
 */

struct run {
	const struct operation *op;
	const struct credential_id *id;
	const struct json *fields;
	const char *app_secret;
	struct json *answer; /* Weixin's own */
};

static struct json *body_of(const struct run *r)
{
	struct json *body = json_copy(r->fields);

	switch (r->op->names) {
	case OPERATION_NAMES_NOBODY:
		break;
	case OPERATION_NAMES_AUTHORIZER:
		json_set_str(body, "component_appid", r->id->component_appid);
		json_set_str(body, "authorizer_appid", r->id->appid);
		break;
	case OPERATION_NAMES_APPID:
		json_set_str(body, "appid", r->id->appid);
		break;
	case OPERATION_NAMES_SECRET:
		json_set_str(body, "component_appid", r->id->component_appid);
		json_set_str(body, "appsecret", r->app_secret);
		if (r->id->appid[0])
			json_set_str(body, "appid", r->id->appid);
		break;
	}
	return body;
}

static int call(struct weixin_api *w, const char *token, void *arg, struct err *err)
{
	struct run *r = arg;
	const struct weixin_call weixin = {r->op->name, r->op->path, r->op->action, token};

	return weixin_operate(w, &weixin, body_of(r), &r->answer, err);
}

static int call_by_secret(const struct exchange *x, struct run *r, struct err *err)
{
	struct keys *keys = keyring_take(x->store->keyring);
	const struct platform *p = platforms_find(keys->platforms, r->id->component_appid);
	int rc = CREDENTIAL_UNKNOWN;

	if (p) {
		r->app_secret = p->app_secret;
		rc = call(x->api, NULL, r, err);
	}
	keyring_give(x->store->keyring, &keys);
	return rc;
}

int operation_run(const struct exchange *x, const struct operation *op, const struct credential_id *id,
	const struct json *fields, int64_t deadline_ms, struct json **answer_out, struct err *err)
{
	struct credential_id whose = *id;
	struct run r = {.op = op, .id = id, .fields = fields};
	int rc;

	if (op->token == OPERATION_BY_PLATFORM)
		whose.appid[0] = '\0';
	rc = op->token == OPERATION_BY_SECRET
		     ? call_by_secret(x, &r, err)
		     : credentials_call_as(x->credentials, &whose, call, &r, deadline_ms, err);
	if (rc == 0)
		*answer_out = pick(op, r.answer);
	json_free(&r.answer);
	return rc;
}
