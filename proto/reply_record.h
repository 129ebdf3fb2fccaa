#ifndef PROTO_REPLY_RECORD_H
#define PROTO_REPLY_RECORD_H

#include "proto/envelope.h"
#include "proto/reply.h"

/* A verdict as a record of the topic `replies`: key = event id; headers as on every topic, with ce_id = the
 * event's id, so that whoever reads a `late` knows whom to write to. */
struct reply_record {
	const char *component_appid, *appid, *openid;
	int64_t now_ms;
	const char *traceparent; /* NULL or "": none */
};

/* Headers in `headers` (ENVELOPE_HEADERS_MAX), their text in the arena, the value in `value`; *out borrows
 * all of it. */
void reply_record(const struct reply_verdict *v, const struct reply_record *about, const char *topic,
	struct arena *arena, struct kafka_header *headers, struct buf *value, struct kafka_record *out);

#endif
