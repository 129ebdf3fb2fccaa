#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/kafka/record.h"
#include "proto/message.h"
#include "proto/platforms.h"

#include <stdbool.h>
#include <stdint.h>

/* CloudEvents 1.0 in Kafka's binary mode
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md):
 * attributes in headers, the data in the value. Strings are borrowed; NULL: attribute absent. */
struct envelope {
	const char *id;                     /* ce_id */
	const char *type;                   /* ce_type */
	const char *component_appid;        /* ce_componentappid */
	const char *appid;                  /* ce_appid; "" for a platform's own */
	const char *subject;                /* ce_subject: openid */
	const char *content_type;           /* content-type */
	const char *traceparent;            /* ce_traceparent */
	int64_t time_ms;                    /* ce_time: Weixin's CreateTime; 0: absent */
	int64_t received_ms;                /* ce_receivedtime and the record's timestamp */
	const char *repliers[REPLIERS_MAX]; /* ce_repliers: "desk,shop"; base groups in order */
	size_t n_repliers;
	int64_t reply_deadline_ms; /* ce_replydeadline; with repliers only */
	bool unverified_account;   /* ce_unverifiedaccount: "true" */
	/* API calls: ce_replyto, ce_caller, ce_callersignature, ce_priority */
	const char *reply_to;
	const char *caller;
	const char *caller_signature;
	const char *priority;
};

#define ENVELOPE_HEADERS_MAX 20

/* Headers into `headers` (room for ENVELOPE_HEADERS_MAX), text in the arena or borrowed from `e`; ce_source
 * is made from the two appids: /platforms/{component_appid}/accounts/{appid}. Empty strings and times outside
 * the years 1970 to 9999 are left out. Returns how many. */
size_t envelope_encode(const struct envelope *e, struct arena *arena, struct kafka_header *headers);

/* From a record's headers, strings copied into the arena; of a header that comes twice the first counts.
 * `appid` is "" where absent, received_ms the record's timestamp where its header is.
 * ERR_REJECT: no ce_id, ce_type or wrong ce_specversion, malformed times, appids, repliers or flags, a header
 * not UTF-8, with a NUL or longer than 4 KiB. Unknown headers are passed over. */
int envelope_decode(const struct kafka_record *r, struct arena *arena, struct envelope *out, struct err *err);

#endif
