#include "proto/reply_record.h"

#include <string.h>

#include "common/base/banned.h"

void reply_record(const struct reply_verdict *v, const struct reply_record *about, const char *topic,
	struct arena *arena, struct kafka_header *headers, struct buf *value, struct kafka_record *out)
{
	const struct envelope e = {
		.id = v->event_id,
		.type = "wxbus.reply.verdict",
		.component_appid = about->component_appid,
		.appid = about->appid,
		.subject = about->openid[0] ? about->openid : NULL,
		.content_type = "application/json",
		.traceparent = about->traceparent,
		.time_ms = about->now_ms,
		.received_ms = about->now_ms,
	};

	reply_verdict_encode(v, value);
	*out = (struct kafka_record){
		.topic = topic,
		.partition = -1,
		.timestamp_ms = about->now_ms,
		.key = v->event_id,
		.key_len = strlen(v->event_id),
		.value = value->data,
		.value_len = value->len,
		.headers = headers,
		.n_headers = envelope_encode(&e, arena, headers),
	};
}
