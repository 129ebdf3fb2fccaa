#include "services/business/sdk/internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/api_call.h"
#include "proto/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define CUSTOM_SEND "/cgi-bin/message/custom/send"
#define THEN_MAX    24

/* --- the request -------------------------------------------------------------------------------------------
 */

static bool then_ok(const char *then)
{
	size_t n = strspn(then, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= THEN_MAX && then[n] == '\0';
}

/* Hash of group, event, run and ordinal: the same for each delivery of the event, another for each call of
 * the handler; behind it, who gets the result. */
static int make_request_id(
	const struct event *e, int ordinal, const char *then, char out[CALL_ID_MAX + 1], struct err *err)
{
	const char *group = e->business->group;
	uint8_t digest[CRYPTO_SHA256_LEN];
	char number[16], hex[EVENT_ID_LEN + 1];

	if (then && !then_ok(then))
		return err_set(err, ERR_REJECT, 0, "\"then\" is 1 to %d of a-z, 0-9 and '-'", THEN_MAX);
	snprintf(number, sizeof(number), "%d", ordinal);
	const struct crypto_piece pieces[] = {{group, strlen(group)}, {"\n", 1}, {e->id, strlen(e->id)},
		{"\n", 1}, {e->run, strlen(e->run)}, {"\n", 1}, {number, strlen(number)}};
	crypto_sha256(pieces, sizeof(pieces) / sizeof(pieces[0]), digest);
	str_hex(digest, EVENT_ID_LEN / 2, hex);
	snprintf(out, CALL_ID_MAX + 1, "%s%s%s", hex, then ? "." : "", then ? then : "");
	return 0;
}

static int encode(const struct envelope *about, const struct call *call, struct buf *out, struct err *err)
{
	struct api_request request = {
		.method = (char *)(uintptr_t)(call->method ? call->method : "POST"),
		.path = (char *)(uintptr_t)call->path,
		.body = call->body,
		.idempotent = call->idempotent,
		.not_after_ms = call->not_after_ms,
	};

	if (str_copy(request.component_appid, sizeof(request.component_appid), about->component_appid) < 0 ||
		str_copy(request.appid, sizeof(request.appid), about->appid) < 0)
		return err_set(err, ERR_REJECT, 0, "an appid is too long");
	api_request_encode(&request, out);
	return out->overflow ? err_set(err, ERR_REJECT, 0, "the request is too large") : 0;
}

static const struct caller_key *caller_of(const struct business *b, const char *component_appid)
{
	return b->callers ? caller_keys_find(b->callers, component_appid) : NULL;
}

static int no_caller(struct err *err)
{
	return err_set(err, ERR_REJECT, 0, "WXBUS_CALLER_KEYS_FILE has no key for this platform");
}

int sdk_request(struct business *b, const struct envelope *about, const char *id, const struct call *call,
	const char *lane, struct err *err)
{
	const struct caller_key *caller = caller_of(b, about->component_appid);
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	struct buf value = BUF_INIT(2 * MESSAGE_MAX_BYTES);
	struct envelope e = {
		.id = id,
		.type = "wxbus.api.request",
		.component_appid = about->component_appid,
		.appid = about->appid,
		.subject = about->subject,
		.content_type = "application/json",
		.traceparent = trace_current(),
		.received_ms = clock_wall_ms(),
		.reply_to = b->results_topic,
		.priority = call->priority ? call->priority : "service",
	};
	struct kafka_record r = {.topic = b->topics[TOPIC_API_REQUESTS], .partition = -1};
	char signature[65];
	const char *key;
	int rc;

	if (!caller) {
		rc = no_caller(err);
		goto out;
	}
	if ((rc = encode(about, call, &value, err)) < 0)
		goto out;
	key = arena_printf(&arena, "%s/%s", about->appid, lane);
	api_call_sign(
		caller->key, id, e.reply_to, e.priority, key, strlen(key), value.data, value.len, signature);
	e.caller = caller->caller_id;
	e.caller_signature = signature;
	e.time_ms = e.received_ms;
	r.timestamp_ms = e.received_ms;
	r.key = key;
	r.key_len = strlen(key);
	r.value = value.data;
	r.value_len = value.len;
	r.headers = headers;
	r.n_headers = envelope_encode(&e, &arena, headers);
	rc = sdk_publish(b, &r, err);
	if (rc == 0) {
		metric_add(&sdk_metrics[M_CALLS], NULL, 1);
		log_debug(id, "%s is requested", call->path);
	}
out:
	buf_release(&value);
	arena_release(&arena);
	return rc;
}

static struct envelope about_event(const struct event *e)
{
	return (struct envelope){.component_appid = e->component_appid,
		.appid = e->appid,
		.subject = e->openid[0] ? e->openid : NULL};
}

/* --- deferred calls ----------------------------------------------------------------------------------------
 */

/* What could never be sent must fail while the handler can still say what to do about it. */
static int check(const struct event *e, const struct call *call, struct err *err)
{
	const struct envelope about = about_event(e);
	struct buf value = BUF_INIT(2 * MESSAGE_MAX_BYTES);
	int rc = caller_of(e->business, e->component_appid) ? 0 : no_caller(err);

	if (rc == 0)
		rc = encode(&about, call, &value, err);
	buf_release(&value);
	return rc;
}

/* Takes *body over. */
static int defer(struct event *e, const char *id, const struct call *call, const char *lane,
	struct json **body, struct err *err)
{
	struct json *row;

	if (check(e, call, err) < 0)
		return -1;
	row = json_new_object();
	json_set_str(row, "id", id);
	json_set_str(row, "method", call->method);
	json_set_str(row, "path", call->path);
	json_set_str(row, "lane", lane);
	json_set_str(row, "priority", call->priority);
	json_set_bool(row, "idempotent", call->idempotent);
	json_set_int(row, "not_after_ms", call->not_after_ms);
	if (*body)
		json_set(row, "body", *body);
	*body = NULL;
	if (!e->work->outbox)
		e->work->outbox = json_new_array();
	json_push(e->work->outbox, row);
	return 0;
}

static int send_deferred(struct event *e, const struct json *row, struct err *err)
{
	const struct json *body = json_get(row, "body");
	const struct envelope about = about_event(e);
	struct call call = {
		.method = json_get_str(row, "method"),
		.path = json_get_str(row, "path"),
		.body = body ? json_copy(body) : NULL,
		.priority = json_get_str(row, "priority"),
		.idempotent = json_get_bool(row, "idempotent", false),
	};
	int rc;

	(void)json_get_int(row, "not_after_ms", &call.not_after_ms);
	rc = sdk_request(e->business, &about, json_get_str(row, "id"), &call, json_get_str(row, "lane"), err);
	json_free(&call.body);
	return rc;
}

int sdk_send_calls(struct event *e, const struct json *outbox, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_len(outbox); i++)
		rc = send_deferred(e, json_at(outbox, i), err);
	return rc;
}

/* --- for handlers ------------------------------------------------------------------------------------------
 */

int call_weixin(struct event *e, const struct call *call, struct err *err)
{
	const char *lane = call->lane ? call->lane : e->openid;
	const struct envelope about = about_event(e);
	char id[CALL_ID_MAX + 1];
	struct json *body = call->body;
	int rc = make_request_id(e, e->work->calls++, call->then, id, err);

	if (rc == 0 && call->id_out)
		str_copy(call->id_out, CALL_ID_MAX + 1, id);
	if (rc < 0 || !e->work->effects)
		goto out;
	if (e->work->deferred)
		rc = defer(e, id, call, lane, &body, err);
	else
		rc = sdk_request(e->business, &about, id, call, lane, err);
	e->work->away |= rc < 0 && err->kind == ERR_RETRY;
out:
	json_free(&body);
	return rc;
}

int call_custom_send_text(struct event *e, const char *content, struct err *err)
{
	struct json *body = json_new_object(), *text = json_new_object();

	json_set_str(text, "content", content);
	json_set_str(body, "touser", e->openid);
	json_set_str(body, "msgtype", "text");
	json_set(body, "text", text);
	return call_weixin(e, &(struct call){.path = CUSTOM_SEND, .body = body}, err);
}
