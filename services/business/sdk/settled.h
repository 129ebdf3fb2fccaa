#ifndef SERVICES_BUSINESS_SDK_SETTLED_H
#define SERVICES_BUSINESS_SDK_SETTLED_H

#include "common/json/json.h"
#include "proto/reply.h"

#include <stdbool.h>

/* The events that this process settled in the last ten minutes, with their verdicts: Weixin repeats a push
 * that it got no answer to, and the ingress may write it twice; the second is dropped here, its verdict
 * repeated. In memory only. Any thread. */
struct settled;

#define SETTLED_KEEP_MS 600000
#define SETTLED_MAX     200000

struct settled *settled_new(void);
void settled_free(struct settled **s);

/* reply is copied; NULL: none. has_verdict false: the group was not asked. */
void settled_add(struct settled *s, const char *event_id, bool has_verdict, enum verdict verdict,
	const struct json *reply);

/* True: it was settled; *reply_out is then the caller's. */
bool settled_find(struct settled *s, const char *event_id, bool *has_verdict_out, enum verdict *verdict_out,
	struct json **reply_out);

#endif
