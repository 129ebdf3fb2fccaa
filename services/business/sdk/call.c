#include "services/business/sdk/internal.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/api_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define CUSTOM_SEND "/cgi-bin/message/custom/send"

/* Hash of group, event and ordinal: the same for each delivery of the event, another for each call of the
 * handler. */
static void request_id(
	const struct business *b, const char *event_id, int ordinal, char out[EVENT_ID_LEN + 1])
{
	uint8_t digest[CRYPTO_SHA256_LEN];
	char number[16];

	snprintf(number, sizeof(number), "%d", ordinal);
	const struct crypto_piece pieces[] = {{b->group, strlen(b->group)}, {"\n", 1},
		{event_id, strlen(event_id)}, {"\n", 1}, {number, strlen(number)}};
	crypto_sha256(pieces, sizeof(pieces) / sizeof(pieces[0]), digest);
	str_hex(digest, EVENT_ID_LEN / 2, out);
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

int sdk_request(struct business *b, const struct envelope *about, const char *id, const struct call *call,
	const char *lane, struct err *err)
{
	const struct caller_key *caller =
		b->callers ? caller_keys_find(b->callers, about->component_appid) : NULL;
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
		.traceparent = about->traceparent,
		.received_ms = clock_wall_ms(),
		.reply_to = b->results_topic,
		.priority = call->priority ? call->priority : "service",
	};
	struct kafka_record r = {.topic = b->topics[TOPIC_API_REQUESTS], .partition = -1};
	char signature[65];
	const char *key;
	int rc;

	if (!caller) {
		err_set(err, ERR_REJECT, 0, "WXBUS_CALLER_KEYS_FILE has no key for this platform");
		rc = -1;
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
	if (rc == 0)
		metric_add(&sdk_metrics[M_CALLS], NULL, 1);
out:
	buf_release(&value);
	arena_release(&arena);
	return rc;
}

int call_weixin(struct event *e, const struct call *call, struct err *err)
{
	struct envelope about = {.component_appid = e->component_appid,
		.appid = e->appid,
		.subject = e->openid[0] ? e->openid : NULL};
	char id[EVENT_ID_LEN + 1];
	struct json *body = call->body;
	int rc;

	request_id(e->business, e->id, e->work->calls++, id);
	rc = sdk_request(e->business, &about, id, call, call->lane ? call->lane : e->openid, err);
	e->work->kafka_away |= rc < 0 && err->kind == ERR_RETRY;
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
