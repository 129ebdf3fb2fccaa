#include "tools/weixin-sim/api/api.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/weixin-sim/api/weixin_error.h"
#include "tools/weixin-sim/pages/chat_pages.h"
#include "tools/weixin-sim/pages/pages.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX ((size_t)1 << 20)

/* Whose token an API asks for. */
enum needs { NEEDS_NONE, NEEDS_COMPONENT, NEEDS_ACCOUNT, NEEDS_ANY };

struct route {
	const char *path;
	const char *method;
	enum needs needs;
	api_handler handle;
};

static const struct route routes[] = {
	{"/cgi-bin/component/api_start_push_ticket", "POST", NEEDS_NONE, api_start_push_ticket},
	{"/cgi-bin/component/api_component_token", "POST", NEEDS_NONE, api_component_token},
	{"/cgi-bin/component/api_create_preauthcode", "POST", NEEDS_COMPONENT, api_create_preauthcode},
	{"/cgi-bin/component/api_query_auth", "POST", NEEDS_COMPONENT, api_query_auth},
	{"/cgi-bin/component/api_authorizer_token", "POST", NEEDS_COMPONENT, api_authorizer_token},
	{"/cgi-bin/component/api_get_authorizer_list", "POST", NEEDS_COMPONENT, api_get_authorizer_list},
	{"/cgi-bin/component/api_get_authorizer_info", "POST", NEEDS_COMPONENT, api_get_authorizer_info},
	{"/cgi-bin/component/api_get_authorizer_option", "POST", NEEDS_COMPONENT, api_get_option},
	{"/cgi-bin/component/api_set_authorizer_option", "POST", NEEDS_COMPONENT, api_set_option},
	{"/cgi-bin/component/get_authorizer_option", "POST", NEEDS_ACCOUNT, api_get_option},
	{"/cgi-bin/component/set_authorizer_option", "POST", NEEDS_ACCOUNT, api_set_option},
	{"/cgi-bin/component/clear_quota/v2", "POST", NEEDS_NONE, api_clear_quota_v2},
	{"/cgi-bin/openapi/quota/get", "POST", NEEDS_ANY, api_get_quota},
	{"/cgi-bin/openapi/rid/get", "POST", NEEDS_ANY, api_get_rid},
	{"/cgi-bin/open/create", "POST", NEEDS_ACCOUNT, api_open_create},
	{"/cgi-bin/open/bind", "POST", NEEDS_ACCOUNT, api_open_bind},
	{"/cgi-bin/open/unbind", "POST", NEEDS_ACCOUNT, api_open_unbind},
	{"/cgi-bin/open/get", "POST", NEEDS_ACCOUNT, api_open_get},
	{"/cgi-bin/component/fastregisterweapp", "POST", NEEDS_COMPONENT, api_register_enterprise},
	{"/wxa/component/fastregisterpersonalweapp", "POST", NEEDS_COMPONENT, api_register_personal},
	{"/wxa/component/fastregisterbetaweapp", "POST", NEEDS_COMPONENT, api_register_trial},
	{"/sns/oauth2/component/access_token", "GET", NEEDS_COMPONENT, api_oauth_access_token},
	{"/sns/component/jscode2session", "GET", NEEDS_COMPONENT, api_jscode2session},
	{"/sns/userinfo", "GET", NEEDS_NONE, api_userinfo},
	{"/cgi-bin/message/custom/send", "POST", NEEDS_ACCOUNT, api_custom_send},
	{"/cgi-bin/message/template/send", "POST", NEEDS_ACCOUNT, api_template_send},
	{"/cgi-bin/menu/create", "POST", NEEDS_ACCOUNT, api_menu_create},
	{"/cgi-bin/menu/get", "GET", NEEDS_ACCOUNT, api_menu_get},
	{"/cgi-bin/menu/delete", "GET", NEEDS_ACCOUNT, api_menu_delete},
	{"/cgi-bin/ticket/getticket", "GET", NEEDS_ACCOUNT, api_getticket},
	{"/cgi-bin/getcallbackip", "GET", NEEDS_ANY, api_getcallbackip},
};

static const struct route *find_route(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(routes[i].path, path) == 0)
			return &routes[i];
	return NULL;
}

enum api_token api_token_of(const char *path)
{
	const struct route *route = find_route(path);

	if (!route)
		return API_TOKEN_UNKNOWN;
	if (route->needs == NEEDS_COMPONENT && strncmp(path, "/sns/", 5) != 0)
		return API_TOKEN_COMPONENT;
	return route->needs == NEEDS_ACCOUNT ? API_TOKEN_ACCOUNT : API_TOKEN_OTHER;
}

/* The account of a token may have taken its authorization back since. */
static int check_authorized(const struct api_call *call, const struct token_info *token)
{
	const struct authorization *auth;

	if (token->kind != TOKEN_AUTHORIZER)
		return 0;
	auth = state_authorization(&call->sim->state, token->component_appid, token->appid);
	return auth && auth->authorized ? 0 : 61003;
}

static int check_token(struct api_call *call, enum needs needs)
{
	const char *value = query_get(&call->query, "access_token");
	const struct token_info *token;
	int errcode;

	if (needs == NEEDS_NONE)
		return 0;
	if (!value)
		value = query_get(&call->query, "component_access_token");
	if (!value || value[0] == '\0')
		return 41001;
	errcode = tokens_check(&call->sim->state.tokens, value, call->now_ms, &token);
	if (!token)
		return errcode;
	str_copy(call->component_appid, sizeof(call->component_appid), token->component_appid);
	str_copy(call->appid, sizeof(call->appid), token->appid);
	if (needs == NEEDS_COMPONENT && token->kind != TOKEN_COMPONENT)
		return 61014;
	if (needs == NEEDS_ACCOUNT && token->kind != TOKEN_AUTHORIZER)
		return 61015;
	if (check_authorized(call, token) != 0)
		return 61003;
	return errcode;
}

static int parse_body(struct api_call *call)
{
	const struct json_limits limits = {.max_bytes = BODY_MAX, .max_depth = 16};

	if (strcmp(call->method, "POST") != 0)
		return 0;
	if (call->raw[0] == '\0')
		return 44002;
	if (json_parse(call->raw, strlen(call->raw), &limits, &call->body, NULL) < 0 ||
		json_kind(call->body) != JSON_OBJECT)
		return 47001;
	return 0;
}

static int perform(struct api_call *call)
{
	const struct route *route = find_route(call->path);
	int errcode;

	if (!route)
		return 40066;
	if (strcmp(route->method, call->method) != 0)
		return strcmp(route->method, "GET") == 0 ? 43001 : 43002;
	state_lock(&call->sim->state);
	call->now_ms = clock_wall_ms();
	if ((errcode = check_token(call, route->needs)) == 0 && (errcode = parse_body(call)) == 0) {
		if (route->needs != NEEDS_NONE)
			api_count(call);
		errcode = route->handle(call);
	}
	state_unlock(&call->sim->state);
	return errcode;
}

struct outcome {
	int http_status;
	const char *content_type;
	struct buf body;
	int errcode;
	bool is_json;
	bool reset;
	int64_t cut; /* FAULT_UNCUT, or so many bytes of the body are sent */
};

static void write_outcome(struct outcome *o, int errcode, struct json *answer)
{
	struct json *error = answer && errcode == 0 ? NULL : weixin_error(errcode);

	o->http_status = 200;
	o->content_type = "application/json; encoding=utf-8";
	o->errcode = errcode;
	o->is_json = true;
	json_write(error ? error : answer, &o->body);
	json_free(&error);
}

/* What the fault puts in the place of the answer. */
static void write_fault(struct outcome *o, const struct fault *f)
{
	if (f->errcode) {
		write_outcome(o, f->errcode, NULL);
		return;
	}
	if (f->reset) {
		o->http_status = 0;
		o->is_json = false;
		o->reset = true;
		return;
	}
	o->http_status = f->http_status ? f->http_status : 200;
	o->is_json = false;
	o->content_type = f->body ? "text/plain" : "text/html";
	buf_add_str(&o->body, f->body ? f->body : "<html><body><h1>an error page</h1></body></html>");
}

static void set_str_or_null(struct json *j, const char *name, const char *value)
{
	json_set_str(j, name, value && value[0] ? value : NULL);
}

static void record_call(struct api_call *call, const char *query, const struct outcome *o, bool faulty,
	int64_t at_ms, int64_t ms)
{
	struct json *entry = json_new_object();

	json_set_int(entry, "at_ms", at_ms);
	json_set_str(entry, "method", call->method);
	json_set_str(entry, "path", call->path);
	json_set_str(entry, "query", query ? query : "");
	set_str_or_null(entry, "component_appid", call->component_appid);
	set_str_or_null(entry, "appid", call->appid);
	json_set_str(entry, "body", call->raw);
	json_set_int(entry, "http_status", o->http_status);
	if (o->is_json)
		json_set_int(entry, "errcode", o->errcode);
	else
		json_set(entry, "errcode", json_new_null());
	json_set_str(entry, "answer", buf_cstr(&o->body));
	json_set_bool(entry, "fault", faulty);
	json_set_int(entry, "ms", ms);
	record_add(&call->sim->record, "api", entry);
	json_free(&entry);
}

/* -1: the request's body cannot be had; the request is refused. */
static int read_call(struct httpd_request *req, struct api_call *call)
{
	struct buf body = BUF_INIT(BODY_MAX);
	const char *query = httpd_query(req);
	size_t len = 0;
	int status;

	call->method = httpd_method(req);
	call->path = httpd_path(req);
	call->raw = NULL;
	if (query && query_parse(query, strlen(query), &call->arena, &call->query) != QUERY_OK)
		call->query.n = 0; /* then the token is missing */
	if (strcmp(call->method, "POST") == 0) {
		if ((status = httpd_body_check(req, BODY_MAX, &len, NULL)) != 0) {
			httpd_refuse(req, status);
			return -1;
		}
		if (httpd_body_read(req, &body, NULL) < 0 || !str_is_utf8(buf_cstr(&body), body.len)) {
			buf_release(&body);
			httpd_refuse(req, 400);
			return -1;
		}
	}
	call->raw = buf_detach(&body);
	return 0;
}

/* The call with the faults that were asked for it. */
static void run(struct api_call *call, struct outcome *o, bool *faulty)
{
	struct fault fault = {.cut = FAULT_UNCUT};
	int errcode;

	*faulty = faults_take(&call->sim->faults, FAULT_OF_CALL, call->path, &fault);
	if (*faulty && !fault.after)
		sim_sleep(call->sim, fault.delay_ms);
	if (!*faulty || fault.after || !fault_answers(&fault)) {
		errcode = perform(call);
		write_outcome(o, errcode, call->answer);
	}
	if (*faulty && fault_answers(&fault)) {
		buf_reset(&o->body);
		write_fault(o, &fault);
	}
	o->cut = fault.cut;
	if (*faulty && fault.after)
		sim_sleep(call->sim, fault.delay_ms);
	free(fault.body);
}

/* The bytes of the answer, or what a fault leaves of them. */
static void send_outcome(struct httpd_request *req, const struct outcome *o)
{
	const char *body = buf_cstr(&o->body);

	if (o->reset) {
		httpd_reply_reset(req);
	} else if (o->cut == FAULT_UNCUT || (size_t)o->cut >= o->body.len) {
		httpd_reply(req, o->http_status, o->content_type, body, o->body.len, NULL, 0);
	} else {
		httpd_reply_begin(req, o->http_status, o->content_type, (long long)o->body.len, NULL, 0);
		(void)httpd_reply_write(req, body, (size_t)o->cut);
		httpd_reply_abort(req);
	}
}

void api_handle(struct httpd_request *req, void *arg)
{
	struct api_call call = {.sim = arg, .arena = ARENA_INIT};
	struct outcome o = {.body = BUF_INIT((size_t)16 << 20)};
	int64_t at_ms = clock_wall_ms(), started_ms = clock_mono_ms();
	bool faulty;

	if (chat_pages_serve(req, arg) || pages_serve(req, arg))
		return;
	if (read_call(req, &call) == 0) {
		run(&call, &o, &faulty);
		record_call(&call, httpd_query(req), &o, faulty, at_ms, clock_mono_ms() - started_ms);
		send_outcome(req, &o);
		if (call.wants_ticket)
			ticker_push_soon(call.sim->ticker, call.component_appid);
	}
	json_free(&call.answer);
	json_free(&call.body);
	free(call.raw);
	buf_release(&o.body);
	arena_release(&call.arena);
}
