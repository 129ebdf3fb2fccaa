#include "services/api-proxy/web/http_door.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "proto/trace.h"
#include "services/api-proxy/allowance/allowance_door.h"
#include "services/api-proxy/allowance/allowance_rule.h"
#include "services/api-proxy/calls/route.h"
#include "services/api-proxy/metrics.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define PRIORITY          "Wxbus-Priority"
#define BEARER            "Bearer "
#define PIECE_BYTES       (16 * 1024)
#define CREDENTIAL_MAX    (4 * 1024)              /* bytes of a body of /cgi-bin/stable_token */
#define COLLECT_MAX       (2 * ANSWER_JUDGED_MAX) /* more is passed on as it comes */
#define TOKEN_ANSWER_MAX  (PROXY_TOKEN_MAX + 64)
#define REPLY_HEADERS_MAX (ANSWER_HEADERS_MAX + 5)

struct asked {
	struct caller *caller;     /* NULL: nobody's key was needed */
	char appid[APPID_MAX + 1]; /* "": the platform itself */
	const char *method;
	const char *path;
	const char *access_token; /* as sent; NULL: none */
	const char *user_token;   /* a person's own; NULL: the account's is put in */
	struct arena arena;       /* holds the query */
	struct httpc_pair query[ROUTE_QUERY_MAX];
	size_t n_query;
	struct payload body;
	bool inside;           /* admission lets it hold one of its account's places */
	const char *inside_as; /* ... or, without a key, one of its address's; NULL: not */
	int64_t retry_after_s; /* of a refusal; 0: not known */
};

/* --- answers ------------------------------------------------------------------------------------- */

struct reply_headers {
	struct httpd_header list[REPLY_HEADERS_MAX];
	size_t n;
	char attempts[16], retry_after[24], actions[64];
};

static void add_header(struct reply_headers *h, const char *name, const char *value)
{
	h->list[h->n++] = (struct httpd_header){name, value};
}

/* What we did beyond passing the call on. */
static const char *actions_of(const struct answer *a, char *out, size_t size)
{
	bool refused = a->refusal != REFUSAL_NONE;

	snprintf(out, size, "%s%s%s%s", refused ? "refused" : "",
		refused && (a->refreshed || a->repeated) ? ", " : "", a->refreshed ? "refreshed" : "",
		a->repeated == 0 ? ""
		: a->refreshed   ? ", repeated"
				 : "repeated");
	return out[0] ? out : "none";
}

static void fill_headers(const struct answer *a, struct reply_headers *h)
{
	size_t i;

	h->n = 0;
	snprintf(h->attempts, sizeof(h->attempts), "%d", a->attempts);
	add_header(h, "Wxbus-Attempts", h->attempts);
	add_header(h, "Wxbus-Outcome", api_outcome_name(a->outcome));
	add_header(h, "Wxbus-Actions", actions_of(a, h->actions, sizeof(h->actions)));
	add_header(h, "Wxbus-Trace", trace_current());
	if (a->retry_after_s > 0) {
		snprintf(h->retry_after, sizeof(h->retry_after), "%lld", (long long)a->retry_after_s);
		add_header(h, "Retry-After", h->retry_after);
	}
	for (i = 0; i < a->n_headers && a->refusal == REFUSAL_NONE; i++)
		add_header(h, a->headers[i].name, a->headers[i].value);
}

/* An answer of ours, in Weixin's shape. */
static void reply_own(struct httpd_request *req, const struct answer *a)
{
	struct json *j = json_new_object();
	struct buf body = BUF_INIT(4096);
	struct reply_headers headers;

	json_set_int(j, "errcode", a->errcode);
	json_set_str(j, "errmsg", a->errmsg);
	json_write(j, &body);
	json_free(&j);
	metric_add(&api_proxy_metrics[M_HTTP_REQUESTS], refusal_table[a->refusal].name, 1);
	fill_headers(a, &headers);
	httpd_reply(req, refusal_table[a->refusal].status, "application/json; charset=utf-8", body.data,
		body.len, headers.list, headers.n);
	buf_release(&body);
}

static const char *content_type_of(const struct answer *a)
{
	return a->content_type[0] ? a->content_type : NULL;
}

static void reply_weixins(struct httpd_request *req, const struct answer *a)
{
	struct reply_headers headers;

	metric_add(&api_proxy_metrics[M_HTTP_REQUESTS], "answered", 1);
	fill_headers(a, &headers);
	httpd_reply(
		req, a->http_status, content_type_of(a), a->body.data, a->body.len, headers.list, headers.n);
}

static void refuse_until(struct httpd_request *req, enum refusal refusal, int64_t retry_after_s)
{
	struct answer a;

	answer_init(&a, 0);
	answer_refuse(&a, refusal);
	a.retry_after_s = refusal == REFUSAL_STRANGERS ? 1 : retry_after_s;
	reply_own(req, &a);
	answer_release(&a);
}

static void refuse(struct httpd_request *req, enum refusal refusal)
{
	refuse_until(req, refusal, 0);
}

/* --- answers that are passed on as they come --------------------------------------------------------- */

static int begin_stream(void *arg, const struct answer *a)
{
	struct httpd_request *req = arg;
	struct reply_headers headers;

	metric_add(&api_proxy_metrics[M_HTTP_REQUESTS], "answered", 1);
	fill_headers(a, &headers);
	httpd_reply_begin(req, a->http_status, content_type_of(a), a->length, headers.list, headers.n);
	return 0;
}

static int write_stream(void *arg, const void *p, size_t len)
{
	return httpd_reply_write(arg, p, len);
}

static void end_stream(struct httpd_request *req, const struct answer *a)
{
	if (a->broken)
		httpd_reply_abort(req);
	else
		httpd_reply_end(req);
}

/* --- who asks for what --------------------------------------------------------------------------- */

static enum refusal find_caller(const struct http_door *d, struct httpd_request *req, struct caller **out)
{
	const char *header = httpd_header(req, "Authorization");
	struct err err;
	int rc;

	if (!header)
		return REFUSAL_NO_KEY;
	if (httpd_header_count(req, "Authorization") != 1 || strncasecmp(header, BEARER, strlen(BEARER)) != 0)
		return REFUSAL_BAD_KEY;
	rc = callers_by_key(d->callers, header + strlen(BEARER), httpd_peer(req), out, &err);
	if (rc == CALLERS_BUSY)
		return REFUSAL_STRANGERS;
	if (rc == CALLER_NONE)
		return REFUSAL_BAD_KEY;
	if (rc == 0)
		return REFUSAL_NONE;
	log_warn(NULL, "a caller cannot be looked up: %s", err.text);
	return REFUSAL_STORE;
}

/* Whose call it is: a platform's own counts as one of the component's appid. */
static const char *account_of(const struct asked *q)
{
	return q->appid[0] ? q->appid : q->caller->component_appid;
}

/* Our own two paths go with the path of Weixin's that they serve. */
static const char *granted_as(const char *path)
{
	if (allowance_door_is(path))
		return ALLOWANCE_SEND_PATH;
	return jssdk_is(path) ? JSSDK_TICKET_PATH : path;
}

static enum refusal check_grants(const struct asked *q)
{
	if (!grants_account(&q->caller->grants, account_of(q)))
		return REFUSAL_ACCOUNT;
	return grants_path(&q->caller->grants, granted_as(q->path)) ? REFUSAL_NONE : REFUSAL_PATH;
}

static enum refusal check_method(const struct asked *q)
{
	return strcmp(q->method, "GET") == 0 || strcmp(q->method, "POST") == 0 ? REFUSAL_NONE
									       : REFUSAL_METHOD;
}

static enum refusal read_query(struct httpd_request *req, struct asked *q)
{
	return route_read_query(httpd_query(req), &q->arena, q->query, &q->n_query, &q->access_token);
}

/* /accounts/..., /platforms/... */
static enum refusal enter_by_key(const struct http_door *d, struct httpd_request *req, struct asked *q)
{
	struct route route;
	enum refusal refusal;

	if ((refusal = find_caller(d, req, &q->caller)) != REFUSAL_NONE ||
		(refusal = check_method(q)) != REFUSAL_NONE ||
		(refusal = route_parse(httpd_path(req), &route)) != REFUSAL_NONE)
		return refusal;
	q->path = route.path;
	str_copy(q->appid, sizeof(q->appid), route.appid);
	if ((refusal = check_grants(q)) != REFUSAL_NONE || (refusal = read_query(req, q)) != REFUSAL_NONE ||
		weixin_path_of(q->path) != WEIXIN_PATH_PERSON)
		return refusal;
	q->user_token = q->access_token;
	return weixin_door_person(&d->weixin_door, q->access_token);
}

static enum refusal enter_as_account(const struct http_door *d, struct asked *q)
{
	enum refusal refusal = weixin_door_enter(&d->weixin_door, q->access_token, &q->caller, q->appid);

	return refusal == REFUSAL_NONE ? check_grants(q) : refusal;
}

/* Whoever comes with a person's token needs no key, so that strangers are bounded before the token is looked
 * at. */
static enum refusal enter_as_person(const struct http_door *d, struct httpd_request *req, struct asked *q)
{
	const char *address = httpd_peer(req);
	enum refusal refusal = admission_enter_person(d->admission, address, &q->retry_after_s);

	if (refusal != REFUSAL_NONE)
		return refusal;
	q->inside_as = address;
	q->user_token = q->access_token;
	return weixin_door_person(&d->weixin_door, q->access_token);
}

/* One of Weixin's own paths. */
static enum refusal enter_by_token(
	const struct http_door *d, struct httpd_request *req, enum weixin_path kind, struct asked *q)
{
	enum refusal refusal;

	q->path = httpd_path(req);
	if ((refusal = check_method(q)) != REFUSAL_NONE ||
		(refusal = route_judge_path(q->path)) != REFUSAL_NONE ||
		(refusal = read_query(req, q)) != REFUSAL_NONE)
		return refusal;
	if (kind == WEIXIN_PATH_ACCOUNT)
		return enter_as_account(d, q);
	return kind == WEIXIN_PATH_PLATFORM ? REFUSAL_PLATFORMS_API : enter_as_person(d, req, q);
}

/* --- bodies -------------------------------------------------------------------------------------- */

static bool has_body(struct httpd_request *req, const char *method)
{
	return strcmp(method, "GET") != 0 || httpd_header_count(req, "Content-Length") > 0 ||
	       httpd_header_count(req, "Transfer-Encoding") > 0;
}

static enum refusal check_body(struct httpd_request *req, size_t max)
{
	size_t len;

	switch (httpd_body_check(req, max, &len, NULL)) {
	case 0:
		return REFUSAL_NONE;
	case 413:
		return REFUSAL_TOO_LARGE;
	case 411:
		return REFUSAL_NO_LENGTH;
	default:
		return REFUSAL_BAD_REQUEST;
	}
}

static enum refusal read_body(struct httpd_request *req, int64_t deadline_mono_ms, struct payload *out)
{
	enum refusal refusal = check_body(req, HTTP_DOOR_BODY_MAX);
	char piece[PIECE_BYTES];
	struct err err;
	ssize_t n;

	if (refusal != REFUSAL_NONE)
		return refusal;
	while ((n = httpd_body_read_some(req, piece, sizeof(piece), &err)) > 0) {
		if (clock_mono_ms() > deadline_mono_ms)
			return REFUSAL_BAD_REQUEST;
		if (payload_add(out, piece, (size_t)n, &err) < 0) {
			log_error(NULL, "%s", err.text);
			return REFUSAL_SPOOL;
		}
	}
	if (n == 0)
		return REFUSAL_NONE;
	return out->len + PIECE_BYTES > HTTP_DOOR_BODY_MAX ? REFUSAL_TOO_LARGE : REFUSAL_BAD_REQUEST;
}

/* --- calls --------------------------------------------------------------------------------------- */

static int64_t time_for(const struct http_door *d, const struct asked *q)
{
	const struct api_row *row = api_find_path(q->path);
	bool file = q->body.fd >= 0 || api_is(row, API_FILE) || (row && row->body == API_BODY_FILE);

	return file && d->transfer_timeout_ms > d->call_timeout_ms ? d->transfer_timeout_ms
								   : d->call_timeout_ms;
}

static void pass_on(const struct http_door *d, struct httpd_request *req, struct asked *q)
{
	const struct call_sink sink = {begin_stream, write_stream, req};
	const struct call call = {
		.door = "http",
		.caller_id = q->caller ? q->caller->id : "",
		.component_appid = q->caller ? q->caller->component_appid : "",
		.appid = q->appid,
		.priority = httpd_header(req, PRIORITY),
		.user_token = q->user_token,
		.method = q->method,
		.path = q->path,
		.query = q->query,
		.n_query = q->n_query,
		.content_type = httpd_header(req, "Content-Type"),
		.payload = &q->body,
		.repeatable = api_repeatable(q->method, q->path),
		.deadline_mono_ms = clock_mono_ms() + time_for(d, q),
		.sink = &sink,
	};
	struct answer answer;

	answer_init(&answer, COLLECT_MAX);
	call_run(d->weixin, &call, &answer);
	if (answer.streamed)
		end_stream(req, &answer);
	else if (answer.refusal == REFUSAL_NONE)
		reply_weixins(req, &answer);
	else
		reply_own(req, &answer);
	answer_release(&answer);
}

/* Within its caller's limits, and inside until leave(). Before the body is read: a slow one holds a thread.
 */
static enum refusal enter(const struct http_door *d, struct httpd_request *req, struct asked *q)
{
	enum refusal refusal = REFUSAL_NONE;

	if (allowance_reserve_of(httpd_header(req, PRIORITY)) < 0)
		return REFUSAL_PRIORITY;
	if (q->caller)
		refusal = admission_enter(d->admission, q->caller, account_of(q), &q->retry_after_s);
	q->inside = q->caller && refusal == REFUSAL_NONE;
	return refusal;
}

static void leave(const struct http_door *d, const struct asked *q)
{
	if (q->inside)
		admission_leave(d->admission, q->caller, account_of(q));
	if (q->inside_as)
		admission_leave_person(d->admission, q->inside_as);
}

/* What is answered from here. */
static enum refusal answer_here(const struct http_door *d, struct httpd_request *req, const struct asked *q)
{
	struct buf answer = BUF_INIT(4096);
	enum refusal refusal = allowance_door_read(d->weixin->pool, q->appid, q->method, q->path, &answer);

	if (refusal == REFUSAL_NONE) {
		metric_add(&api_proxy_metrics[M_HTTP_REQUESTS], "answered_here", 1);
		httpd_reply(req, 200, "application/json; charset=utf-8", answer.data, answer.len, NULL, 0);
	}
	buf_release(&answer);
	return refusal;
}

static const char *query_value(const struct asked *q, const char *name)
{
	for (size_t i = 0; i < q->n_query; i++)
		if (strcmp(q->query[i].name, name) == 0)
			return q->query[i].value;
	return NULL;
}

static enum refusal serve_jssdk(const struct http_door *d, struct httpd_request *req, const struct asked *q)
{
	const struct call ask = {.door = "http",
		.caller_id = q->caller->id,
		.component_appid = q->caller->component_appid,
		.appid = q->appid,
		.deadline_mono_ms = clock_mono_ms() + d->call_timeout_ms};
	struct answer answer;

	if (!q->appid[0])
		return REFUSAL_NOT_FOUND;
	if (strcmp(q->method, "GET") != 0)
		return REFUSAL_METHOD;
	answer_init(&answer, COLLECT_MAX);
	jssdk_answer(&d->jssdk, &ask, query_value(q, "url"), &answer);
	if (answer.refusal == REFUSAL_NONE)
		reply_weixins(req, &answer);
	else
		reply_own(req, &answer);
	answer_release(&answer);
	return REFUSAL_NONE;
}

static enum refusal serve_entered(const struct http_door *d, struct httpd_request *req, struct asked *q)
{
	if (jssdk_is(q->path))
		return serve_jssdk(d, req, q);
	if (allowance_door_is(q->path))
		return answer_here(d, req, q);
	pass_on(d, req, q);
	return REFUSAL_NONE;
}

static void serve_call(const struct http_door *d, struct httpd_request *req, enum weixin_path kind)
{
	struct asked q = {
		.method = httpd_method(req), .arena = ARENA_INIT, .body = PAYLOAD_INIT(d->spool_dir)};
	enum refusal refusal;

	refusal = kind == WEIXIN_PATH_NONE ? enter_by_key(d, req, &q) : enter_by_token(d, req, kind, &q);
	if (refusal == REFUSAL_NONE)
		refusal = enter(d, req, &q);
	if (refusal == REFUSAL_NONE && has_body(req, q.method))
		refusal = read_body(req, clock_mono_ms() + d->transfer_timeout_ms, &q.body);
	if (refusal == REFUSAL_NONE)
		refusal = serve_entered(d, req, &q);
	if (refusal != REFUSAL_NONE)
		refuse_until(req, refusal, q.retry_after_s);
	leave(d, &q);
	caller_put(&q.caller);
	payload_release(&q.body);
	arena_release(&q.arena);
}

/* --- tokens -------------------------------------------------------------------------------------- */

static enum refusal issue_by_query(const struct http_door *d, struct httpd_request *req, struct buf *answer)
{
	struct httpc_pair query[ROUTE_QUERY_MAX];
	struct weixin_credential credential;
	struct arena arena = ARENA_INIT;
	enum refusal refusal;
	size_t n = 0;

	refusal = route_read_query(httpd_query(req), &arena, query, &n, NULL);
	credential = weixin_credential_of_query(query, n);
	if (refusal == REFUSAL_NONE)
		refusal = weixin_door_issue(&d->weixin_door, &credential, httpd_peer(req), answer);
	arena_release(&arena);
	return refusal;
}

static enum refusal issue_by_body(const struct http_door *d, struct httpd_request *req, struct buf *answer)
{
	const struct json_limits limits = {.max_bytes = CREDENTIAL_MAX, .max_depth = 4};
	struct buf body = BUF_INIT(CREDENTIAL_MAX);
	enum refusal refusal = check_body(req, CREDENTIAL_MAX);
	struct json *j = NULL;
	struct err err;

	if (refusal == REFUSAL_NONE && (httpd_body_read(req, &body, &err) < 0 ||
					       json_parse(body.data, body.len, &limits, &j, &err) < 0))
		refusal = REFUSAL_BAD_REQUEST;
	if (refusal == REFUSAL_NONE) {
		const struct weixin_credential credential = {
			json_get_str(j, "grant_type"), json_get_str(j, "appid"), json_get_str(j, "secret")};

		refusal = weixin_door_issue(&d->weixin_door, &credential, httpd_peer(req), answer);
	}
	json_free(&j);
	buf_wipe_release(&body);
	return refusal;
}

static void serve_token(const struct http_door *d, struct httpd_request *req, enum weixin_path kind)
{
	const char *method = kind == WEIXIN_PATH_TOKEN ? "GET" : "POST";
	struct buf answer = BUF_INIT(TOKEN_ANSWER_MAX);
	enum refusal refusal = REFUSAL_METHOD;

	if (strcmp(httpd_method(req), method) == 0)
		refusal = kind == WEIXIN_PATH_TOKEN ? issue_by_query(d, req, &answer)
						    : issue_by_body(d, req, &answer);
	if (refusal != REFUSAL_NONE) {
		refuse(req, refusal);
	} else {
		metric_add(&api_proxy_metrics[M_HTTP_REQUESTS], "token", 1);
		httpd_reply(req, 200, "application/json; charset=utf-8", answer.data, answer.len, NULL, 0);
	}
	buf_wipe_release(&answer);
}

void http_door_serve(struct httpd_request *req, void *door)
{
	enum weixin_path kind = weixin_path_of(httpd_path(req));

	trace_enter(httpd_header_alone(req, TRACE_HEADER));
	if (kind == WEIXIN_PATH_TOKEN || kind == WEIXIN_PATH_STABLE_TOKEN)
		serve_token(door, req, kind);
	else
		serve_call(door, req, kind);
	trace_leave();
}
