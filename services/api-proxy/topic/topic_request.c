#include "services/api-proxy/topic/topic_request.h"

#include "common/base/secret.h"
#include "services/api-proxy/allowance/allowance_rule.h"
#include "services/api-proxy/calls/api_table.h"
#include "services/api-proxy/calls/route.h"

#include <string.h>

#include "common/base/banned.h"

int topic_request_read(const struct kafka_record *r, struct topic_request *out, struct err *err)
{
	*out = (struct topic_request){.arena = ARENA_INIT, .component_appid = "", .call = NULL};
	if (envelope_decode(r, &out->arena, &out->envelope, err) < 0) {
		arena_release(&out->arena);
		return -1;
	}
	(void)api_request_parse(r->value, r->value_len, &out->call, NULL);
	if (out->envelope.component_appid && out->envelope.component_appid[0])
		out->component_appid = out->envelope.component_appid;
	else if (out->call)
		out->component_appid = out->call->component_appid;
	return 0;
}

void topic_request_release(struct topic_request *q)
{
	api_request_free(&q->call);
	arena_release(&q->arena);
}

bool topic_request_signed(const struct topic_request *q, const struct kafka_record *r, const char *key)
{
	const struct envelope *e = &q->envelope;
	char expected[65];

	if (!e->caller_signature || !e->reply_to)
		return false;
	api_call_sign(
		key, e->id, e->reply_to, e->priority, r->key, r->key_len, r->value, r->value_len, expected);
	return secret_equal(expected, strlen(expected), e->caller_signature, strlen(e->caller_signature));
}

static bool method_ok(const char *method)
{
	return strcmp(method, "GET") == 0 || strcmp(method, "POST") == 0;
}

enum refusal topic_request_judge(const struct topic_request *q, const struct caller *caller)
{
	const struct api_request *call = q->call;
	enum refusal refusal;

	if (!call || strlen(q->envelope.id) > REQUEST_ID_MAX)
		return REFUSAL_BAD_REQUEST;
	if (strcmp(call->component_appid, caller->component_appid) != 0)
		return REFUSAL_COMPONENT;
	if (!method_ok(call->method))
		return REFUSAL_METHOD;
	if (allowance_reserve_of(q->envelope.priority) < 0)
		return REFUSAL_PRIORITY;
	if ((refusal = route_judge_path(call->path)) != REFUSAL_NONE)
		return refusal;
	if (route_is_http_only(call->path))
		return REFUSAL_HTTP_ONLY;
	if (!grants_account(&caller->grants, call->appid[0] ? call->appid : call->component_appid))
		return REFUSAL_ACCOUNT;
	return grants_path(&caller->grants, call->path) ? REFUSAL_NONE : REFUSAL_PATH;
}

bool topic_request_repeatable(const struct topic_request *q)
{
	return q->call && (q->call->idempotent || api_repeatable(q->call->method, q->call->path));
}

size_t topic_request_account(const void *key, size_t key_len, const char **account_out)
{
	const char *slash = key_len > 0 ? memchr(key, '/', key_len) : NULL;
	size_t len = slash ? (size_t)(slash - (const char *)key) : key_len;

	*account_out = len > 0 ? key : "-";
	return len > 0 ? len : 1;
}

size_t topic_request_lane(const void *key, size_t key_len)
{
	const char *slash = key_len > 0 ? memchr(key, '/', key_len) : NULL;

	return slash && slash + 1 < (const char *)key + key_len ? key_len : 0;
}
