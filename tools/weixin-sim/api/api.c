#include "tools/weixin-sim/api/api.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "tools/weixin-sim/api/weixin_error.h"
#include "tools/weixin-sim/pages/chat_pages.h"
#include "tools/weixin-sim/pages/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX   ((size_t)1 << 20)
#define UPLOAD_MAX ((size_t)12 << 20)

/* The account of a token may have taken its authorization back since. */
static int check_authorized(const struct api_call *call, const struct token_info *token)
{
	const struct authorization *auth;

	if (token->kind != TOKEN_AUTHORIZER)
		return 0;
	auth = state_authorization(&call->sim->state, token->component_appid, token->appid);
	return auth && auth->authorized ? 0 : 61003;
}

int api_check_ip(const struct api_call *call, const struct platform *p)
{
	for (size_t i = 0; i < json_len(p->ip_list); i++)
		if (strcmp(json_str(json_at(p->ip_list, i)), call->client_ip) == 0)
			return 0;
	return p->ip_list ? 61004 : 0;
}

static int check_token(struct api_call *call)
{
	const char *value = query_get(&call->query, "access_token");
	enum api_needs needs = call->route->needs;
	const struct token_info *token;
	const struct platform *p;
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
	p = state_platform(&call->sim->state, token->component_appid);
	if (p && api_check_ip(call, p) != 0)
		return 61004;
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

	if (strcmp(call->method, "POST") != 0 || (call->route->flags & ROUTE_UPLOAD))
		return 0;
	if (call->raw[0] == '\0')
		return 44002;
	if (json_parse(call->raw, strlen(call->raw), &limits, &call->body, NULL) < 0 ||
		json_kind(call->body) != JSON_OBJECT)
		return 47001;
	return 0;
}

int api_count(struct api_call *call)
{
	struct quotas *quotas = &call->sim->state.quotas;
	struct quota quota = quotas_of(quotas, call->path, &call->route->quota);

	return quotas_take(quotas, call->appid[0] ? call->appid : call->component_appid, call->path, &quota,
		call->now_ms);
}

/* The account has what this API asks for, and has given it to the platform. */
static int check_account(const struct api_call *call)
{
	const struct account *a = state_account(&call->sim->state, call->appid);
	const struct authorization *auth =
		state_authorization(&call->sim->state, call->component_appid, call->appid);
	const int *set = call->route->sets;

	while (set && *set && !func_ids_has(&auth->granted, *set))
		set++;
	if (set && !*set)
		return 61007;
	if ((call->route->flags & ROUTE_OFFICIAL) && a->miniprogram)
		return 48001;
	return (call->route->flags & ROUTE_VERIFIED) && !a->miniprogram && a->verify_type < 0 ? 48001 : 0;
}

/* In the order in which Weixin checks; what is not documented of it, by choice. */
static int check(struct api_call *call)
{
	int errcode;

	if ((errcode = check_token(call)) != 0 || (errcode = parse_body(call)) != 0)
		return errcode;
	if (call->route->needs != NEEDS_NONE && (errcode = api_count(call)) != 0)
		return errcode;
	return call->route->needs == NEEDS_ACCOUNT ? check_account(call) : 0;
}

static int perform(struct api_call *call)
{
	int errcode;

	if (!call->route)
		return 40066;
	if (strcmp(call->route->method, call->method) != 0)
		return strcmp(call->route->method, "GET") == 0 ? 43001 : 43002;
	state_lock(&call->sim->state);
	call->now_ms = clock_wall_ms();
	if ((errcode = check(call)) == 0)
		errcode = call->route->handle(call);
	state_unlock(&call->sim->state);
	return errcode;
}

struct outcome {
	int http_status;
	const char *content_type;
	char disposition[2 * TOKEN_MAX]; /* "": not a file */
	struct buf body;
	int errcode;
	bool is_json;
	bool reset;
	int64_t cut;      /* FAULT_UNCUT, or so many bytes of the body are sent */
	int64_t stall_ms; /* then so long nothing, and after it the rest, unless it is cut */
};

static void write_outcome(struct outcome *o, int errcode, struct json *answer, const char *client_ip)
{
	struct json *error = answer && errcode == 0 ? NULL : weixin_error(errcode, client_ip);

	o->http_status = 200;
	o->content_type = "application/json; encoding=utf-8";
	o->errcode = errcode;
	o->is_json = true;
	json_write(error ? error : answer, &o->body);
	json_free(&error);
}

static void write_file(struct outcome *o, const struct api_call *call)
{
	o->http_status = 200;
	o->content_type = call->file_type;
	o->is_json = false;
	snprintf(o->disposition, sizeof(o->disposition), "attachment; filename=\"%s\"", call->file_name);
	buf_add(&o->body, call->file.data, call->file.len);
}

/* What the fault puts in the place of the answer. */
static void write_fault(struct outcome *o, const struct fault *f, const char *client_ip)
{
	if (f->errcode) {
		write_outcome(o, f->errcode, NULL, client_ip);
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
	json_set_str(entry, "answer", o->disposition[0] ? o->disposition : buf_cstr(&o->body));
	json_set_bool(entry, "fault", faulty);
	json_set_int(entry, "ms", ms);
	record_add(&call->sim->record, "api", entry);
	json_free(&entry);
}

/* -1: the request's body cannot be had; the request is refused. */
static int read_body(struct httpd_request *req, size_t max, struct buf *out)
{
	size_t len = 0;
	int status = httpd_body_check(req, max, &len, NULL);

	if (status == 0 && httpd_body_read(req, out, NULL) < 0)
		status = 400;
	if (status)
		httpd_refuse(req, status);
	return status ? -1 : 0;
}

/* A file's body is kept as it is; in the record a word stands for it. */
static int read_upload(struct httpd_request *req, struct api_call *call)
{
	call->content_type = httpd_header(req, "Content-Type");
	if (read_body(req, UPLOAD_MAX, &call->upload) < 0)
		return -1;
	call->raw = xasprintf("%zu bytes of a file", call->upload.len);
	return 0;
}

static int read_call(struct httpd_request *req, struct api_call *call)
{
	struct buf body = BUF_INIT(BODY_MAX);
	const char *query = httpd_query(req), *host = httpd_header(req, "Host");

	call->method = httpd_method(req);
	call->path = httpd_path(req);
	call->route = api_route_find(call->path);
	call->host = host ? host : "";
	call->client_ip = httpd_peer(req);
	if (query && query_parse(query, strlen(query), &call->arena, &call->query) != QUERY_OK)
		call->query.n = 0; /* then the token is missing */
	if (call->route && (call->route->flags & ROUTE_UPLOAD) && strcmp(call->method, "POST") == 0)
		return read_upload(req, call);
	if (strcmp(call->method, "POST") == 0) {
		if (read_body(req, BODY_MAX, &body) < 0) {
			buf_release(&body);
			return -1;
		}
		if (!str_is_utf8(buf_cstr(&body), body.len)) {
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
		if (errcode == 0 && call->file.len)
			write_file(o, call);
		else
			write_outcome(o, errcode, call->answer, call->client_ip);
	}
	if (*faulty && fault_answers(&fault)) {
		buf_reset(&o->body);
		o->disposition[0] = '\0';
		write_fault(o, &fault, call->client_ip);
	}
	o->cut = fault.cut;
	o->stall_ms = fault.stall_ms;
	if (*faulty && fault.after)
		sim_sleep(call->sim, fault.delay_ms);
	free(fault.body);
}

/* A body in two pieces with silence between them; a cut one has no second. */
static void send_slowly(struct httpd_request *req, const struct sim *sim, const struct outcome *o,
	const struct httpd_header *headers, size_t n_headers)
{
	bool cut = o->cut != FAULT_UNCUT && (size_t)o->cut < o->body.len;
	size_t first = cut ? (size_t)o->cut : o->body.len / 2;

	httpd_reply_begin(req, o->http_status, o->content_type, (long long)o->body.len, headers, n_headers);
	(void)httpd_reply_write(req, buf_cstr(&o->body), first);
	sim_sleep(sim, o->stall_ms);
	if (cut) {
		httpd_reply_abort(req);
		return;
	}
	(void)httpd_reply_write(req, buf_cstr(&o->body) + first, o->body.len - first);
	httpd_reply_end(req);
}

/* The bytes of the answer, or what a fault leaves of them. */
static void send_outcome(struct httpd_request *req, const struct sim *sim, const struct outcome *o)
{
	const struct httpd_header headers[] = {{"Content-disposition", o->disposition}};
	size_t n_headers = o->disposition[0] ? 1 : 0;

	if (o->reset)
		httpd_reply_reset(req);
	else if (o->stall_ms || (o->cut != FAULT_UNCUT && (size_t)o->cut < o->body.len))
		send_slowly(req, sim, o, headers, n_headers);
	else
		httpd_reply(req, o->http_status, o->content_type, buf_cstr(&o->body), o->body.len, headers,
			n_headers);
}

void api_handle(struct httpd_request *req, void *arg)
{
	struct api_call call = {.sim = arg,
		.arena = ARENA_INIT,
		.upload = BUF_INIT(UPLOAD_MAX),
		.file = BUF_INIT(UPLOAD_MAX)};
	struct outcome o = {.body = BUF_INIT((size_t)16 << 20)};
	int64_t at_ms = clock_wall_ms(), started_ms = clock_mono_ms();
	bool faulty;

	if (chat_pages_serve(req, arg) || pages_serve(req, arg))
		return;
	if (read_call(req, &call) == 0) {
		run(&call, &o, &faulty);
		record_call(&call, httpd_query(req), &o, faulty, at_ms, clock_mono_ms() - started_ms);
		send_outcome(req, call.sim, &o);
		if (call.wants_ticket)
			ticker_push_soon(call.sim->ticker, call.component_appid);
		if (call.sent.appid[0])
			ticker_finish_template(call.sim->jobs, &call.sent);
	}
	json_free(&call.answer);
	json_free(&call.body);
	buf_release(&call.upload);
	buf_release(&call.file);
	free(call.raw);
	buf_release(&o.body);
	arena_release(&call.arena);
}
