#include "services/api-proxy/topic/result.h"

#include "common/base/alloc.h"
#include "proto/api_call.h"

#include <stdlib.h>

#include "common/base/banned.h"

static void encode(
	const char *request_id, const struct answer *a, struct json *body, bool truncated, struct buf *out)
{
	char *id = xstrdup(request_id), *errmsg = xstrdup(a->errmsg);
	const struct api_result r = {
		.request_id = id,
		.outcome = a->outcome,
		.errcode = a->errcode,
		.errmsg = errmsg,
		.http_status = a->http_status,
		.body = body,
		.attempts = a->attempts,
		.truncated = truncated,
	};

	api_result_encode(&r, out);
	free(errmsg);
	free(id);
}

void result_of_refusal(const char *request_id, enum refusal refusal, struct buf *out)
{
	struct answer a;

	answer_init(&a, 0);
	answer_refuse(&a, refusal);
	encode(request_id, &a, NULL, false, out);
	answer_release(&a);
}

void result_of_answer(const char *request_id, const struct answer *a, struct buf *out)
{
	const struct json_limits limits = {
		.max_bytes = RESULT_BODY_MAX, .max_depth = 32, .max_values = 100000};
	struct json *body = NULL;
	size_t before = out->len;

	if (a->body.len > 0)
		(void)json_parse(a->body.data, a->body.len, &limits, &body, NULL);
	encode(request_id, a, body, a->truncated || (a->body.len > 0 && !body), out);
	if (out->overflow) { /* escaping made it longer than it came */
		out->len = before;
		out->overflow = 0;
		encode(request_id, a, NULL, true, out);
	}
	json_free(&body);
}
