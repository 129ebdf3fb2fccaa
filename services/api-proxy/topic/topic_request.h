#ifndef API_PROXY_TOPIC_TOPIC_REQUEST_H
#define API_PROXY_TOPIC_TOPIC_REQUEST_H

#include "common/base/arena.h"
#include "common/kafka/record.h"
#include "proto/api_call.h"
#include "proto/envelope.h"
#include "services/api-proxy/callers/callers.h"
#include "services/api-proxy/refusal.h"

#include <stdbool.h>

/* A record of `api-requests`, read and judged. Pure functions: bytes in, answers out. Anybody who may write
 * to the topic may write anything to it, so nothing in a record counts before its signature has been checked.
 */
struct topic_request {
	struct arena arena; /* holds the envelope's strings */
	struct envelope envelope;
	const char *component_appid; /* the envelope's, else the value's; "" if neither says */
	struct api_request *call;    /* NULL: the value is malformed */
};

#define REQUEST_ID_MAX 256

/* ERR_REJECT: no envelope at all (nobody could be answered). A malformed value alone is no error yet. */
int topic_request_read(const struct kafka_record *r, struct topic_request *out, struct err *err);
void topic_request_release(struct topic_request *q);

/* Did the holder of this key write the record? Constant time. */
bool topic_request_signed(const struct topic_request *q, const struct kafka_record *r, const char *key);

/* What a proven caller may not have: REFUSAL_NONE or why. not_after is left to the moment of the call. */
enum refusal topic_request_judge(const struct topic_request *q, const struct caller *caller);

/* May it be called again after an unknown outcome? */
bool topic_request_repeatable(const struct topic_request *q);

/* The account of a record's key: what stands before its '/', all of it without one; "-" without a key. */
size_t topic_request_account(const void *key, size_t key_len, const char **account_out);

/* The lane of a record's key, "appid/lane": the whole key if it has a lane, else empty. */
size_t topic_request_lane(const void *key, size_t key_len);

#endif
