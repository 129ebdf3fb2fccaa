#ifndef SERVICES_BUSINESS_SDK_SETTLED_H
#define SERVICES_BUSINESS_SDK_SETTLED_H

#include "common/json/json.h"
#include "proto/reply.h"

#include <stdbool.h>

/* The events that this process is through with, of the last ten minutes, with their verdicts: Weixin repeats
 * a push that it got no answer to, and the ingress may write it twice; the second is dropped here, its
 * verdict repeated. In memory only. Any thread. */
struct settled;

#define SETTLED_KEEP_MS 600000
#define SETTLED_MAX     200000
#define SETTLED_KEY_MAX 160 /* the event's id and its run; a longer one is not remembered */

enum settled_state {
	SETTLED_UNKNOWN,
	SETTLED_HANDED_OVER, /* it goes on from a topic of the group's own: what is delivered there is not it
			      */
	SETTLED_DONE
};

struct settled_verdict {
	bool given; /* false: the group was not asked */
	enum verdict verdict;
	struct json *reply; /* NULL: none */
};

struct settled *settled_new(void);
void settled_free(struct settled **s);

/* v->reply is copied. The newest word on a key counts. */
void settled_add(
	struct settled *s, const char *key, enum settled_state state, const struct settled_verdict *v);

/* Unless it is unknown, out->reply is the caller's. */
enum settled_state settled_find(struct settled *s, const char *key, struct settled_verdict *out);

#endif
