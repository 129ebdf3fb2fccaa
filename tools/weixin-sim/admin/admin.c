#include "tools/weixin-sim/admin/admin.h"

#include "common/base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX   ((size_t)1 << 20)
#define ANSWER_MAX ((size_t)512 << 20) /* the whole record of a long test */

static const struct route {
	const char *method;
	const char *path;
	admin_handler handle;
} routes[] = {
	{"GET", "/admin/healthz", admin_healthz},
	{"POST", ADMIN_RUN_PATH, admin_run},
	{"POST", "/admin/reset", admin_reset},
	{"POST", "/admin/platforms", admin_put_platform},
	{"POST", "/admin/accounts", admin_put_account},
	{"POST", "/admin/push/ticket", admin_push_ticket},
	{"POST", "/admin/push/authorized", admin_push_authorized},
	{"POST", "/admin/push/updateauthorized", admin_push_updateauthorized},
	{"POST", "/admin/push/unauthorized", admin_push_unauthorized},
	{"POST", "/admin/push/registered", admin_push_registered},
	{"POST", "/admin/push/message", admin_push_message},
	{"POST", "/admin/push/sample", admin_push_sample},
	{"GET", "/admin/samples", admin_get_samples},
	{"POST", "/admin/delivery", admin_set_delivery},
	{"POST", "/admin/release-check", admin_release_check},
	{"GET", "/admin/record", admin_get_record},
	{"GET", "/admin/tokens", admin_get_tokens},
	{"POST", "/admin/tokens/expire", admin_expire_tokens},
	{"POST", "/admin/push-order", admin_set_push_order},
	{"POST", "/admin/login", admin_login},
	{"GET", "/admin/fans", admin_get_fans},
	{"POST", "/admin/fans", admin_set_fan},
	{"POST", "/admin/clock", admin_set_clock},
	{"POST", "/admin/quotas", admin_set_quota},
	{"POST", "/admin/faults", admin_add_fault},
	{"POST", "/admin/faults/clear", admin_clear_faults},
};

int admin_refuse(struct admin_call *call, int status, const char *fmt, ...)
{
	char text[sizeof(call->err.text)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(&call->err, ERR_REJECT, status, "%s", text);
	return status;
}

int admin_str(struct admin_call *call, const char *name, size_t size, const char **out)
{
	const char *s = json_get_str(call->body, name);

	if (!s || s[0] == '\0' || strlen(s) >= size)
		return admin_refuse(
			call, 400, "%s is missing, empty or longer than %zu bytes", name, size - 1);
	*out = s;
	return 0;
}

int admin_int(
	struct admin_call *call, const char *name, int64_t fallback, int64_t min, int64_t max, int64_t *out)
{
	*out = fallback;
	if (!json_get(call->body, name))
		return 0;
	if (json_get_int(call->body, name, out) < 0 || *out < min || *out > max)
		return admin_refuse(call, 400, "%s is no whole number from %lld to %lld", name,
			(long long)min, (long long)max);
	return 0;
}

int admin_bool(struct admin_call *call, const char *name, int fallback, int *out)
{
	const struct json *value = json_get(call->body, name);

	*out = fallback;
	if (!value)
		return 0;
	if (json_kind(value) != JSON_BOOL)
		return admin_refuse(call, 400, "%s is neither true nor false", name);
	*out = json_bool(value, false);
	return 0;
}

int admin_func_ids(struct admin_call *call, struct func_ids *out)
{
	const struct json *list = json_get(call->body, "func_ids");
	struct func_ids ids = {.n = json_len(list)};

	if (!list)
		return 0;
	if (json_kind(list) != JSON_ARRAY || ids.n > FUNC_IDS_MAX)
		return admin_refuse(call, 400, "func_ids is no list of at most %d numbers", FUNC_IDS_MAX);
	for (size_t i = 0; i < ids.n; i++) {
		int64_t id;

		if (json_int(json_at(list, i), &id) < 0 || id < 1 || id > 100000)
			return admin_refuse(call, 400, "func_ids holds something else than numbers");
		ids.id[i] = (int)id;
	}
	*out = ids;
	return 0;
}

static int read_body(struct httpd_request *req, struct admin_call *call)
{
	const struct json_limits limits = {.max_bytes = BODY_MAX, .max_depth = 32};
	struct buf body = BUF_INIT(BODY_MAX);
	size_t len;
	int status = httpd_body_check(req, BODY_MAX, &len, NULL);

	if (status)
		return admin_refuse(call, status, "the body's length is missing, wrong or too large");
	if (httpd_body_read(req, &body, &call->err) < 0)
		status = 400;
	/* No body at all stands for no options. */
	else if (body.len == 0)
		call->body = json_new_object();
	else if (json_parse(buf_cstr(&body), body.len, &limits, &call->body, &call->err) < 0)
		status = 400;
	else if (json_kind(call->body) != JSON_OBJECT)
		status = admin_refuse(call, 400, "the body is no JSON object");
	buf_release(&body);
	return status;
}

/* 0, or 404 or 405. */
static int find_route(const char *method, const char *path, const struct route **out)
{
	int status = 404;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].path, path) != 0)
			continue;
		status = 405;
		if (strcmp(routes[i].method, method) != 0)
			continue;
		*out = &routes[i];
		return 0;
	}
	return status;
}

static int parse_query(struct admin_call *call, const char *query, struct arena *arena)
{
	if (query && query_parse(query, strlen(query), arena, &call->query) != QUERY_OK)
		return admin_refuse(call, 400, "the query is malformed");
	return 0;
}

static int dispatch(struct httpd_request *req, struct admin_call *call, struct arena *arena)
{
	const struct route *route = NULL;
	int status = find_route(httpd_method(req), httpd_path(req), &route);

	if (status)
		return admin_refuse(call, status, status == 405 ? "another method" : "no such path");
	if ((status = parse_query(call, httpd_query(req), arena)) != 0 ||
		(strcmp(route->method, "POST") == 0 && (status = read_body(req, call)) != 0))
		return status;
	return route->handle(call);
}

/* What `answer` lacks: the reason of a refusal, or that there was none. */
static void complete_answer(struct admin_call *call, int status)
{
	if (status != 200) {
		json_free(&call->answer);
		call->answer = json_new_object();
		json_set_str(call->answer, "error", call->err.text);
	} else if (!call->answer) {
		call->answer = json_new_object();
		json_set_bool(call->answer, "ok", true);
	}
}

static void write_answer(struct admin_call *call, int status)
{
	if (call->raw.len)
		return;
	complete_answer(call, status);
	json_write(call->answer, &call->raw);
	buf_add_char(&call->raw, '\n');
}

static void release(struct admin_call *call, struct arena *arena)
{
	buf_release(&call->raw);
	json_free(&call->answer);
	json_free(&call->body);
	arena_release(arena);
}

void admin_handle(struct httpd_request *req, void *arg)
{
	struct admin_call call = {.sim = arg, .raw = BUF_INIT(ANSWER_MAX)};
	struct arena arena = ARENA_INIT;
	int status = dispatch(req, &call, &arena);

	write_answer(&call, status);
	httpd_reply(req, status, "application/json", buf_cstr(&call.raw), call.raw.len, NULL, 0);
	release(&call, &arena);
}

bool admin_knows(const char *method, const char *path)
{
	const struct route *route = NULL;

	return find_route(method, path, &route) == 0 && route->handle != admin_run;
}

int admin_ask(
	struct sim *sim, const char *method, const char *target, const struct json *body, struct json **out)
{
	const struct json_limits limits = {.max_bytes = ANSWER_MAX, .max_depth = 32};
	struct admin_call call = {.sim = sim, .raw = BUF_INIT(ANSWER_MAX)};
	size_t len = strcspn(target, "?");
	char *path = xstrndup(target, len);
	const struct route *route = NULL;
	struct arena arena = ARENA_INIT;
	int status = find_route(method, path, &route);

	call.body = strcmp(method, "POST") != 0 ? NULL : body ? json_copy(body) : json_new_object();
	if (status)
		admin_refuse(&call, status, "no such path");
	else if ((status = parse_query(&call, target[len] ? target + len + 1 : NULL, &arena)) == 0)
		status = route->handle(&call);
	if (status == 200 && call.raw.len)
		(void)json_parse(buf_cstr(&call.raw), call.raw.len, &limits, &call.answer, NULL);
	complete_answer(&call, status);
	*out = call.answer;
	call.answer = NULL;
	release(&call, &arena);
	free(path);
	return status;
}
