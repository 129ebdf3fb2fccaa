#ifndef WEIXIN_SIM_PUSH_DELIVERY_H
#define WEIXIN_SIM_PUSH_DELIVERY_H

#include "common/base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* How Weixin goes on after a push has failed: it repeats at once, some events never; and it shields a URL
 * that fails many times in a row ("MarkFail"): nothing is pushed to it for a minute. What was due in that
 * minute is taken for lost. How many failures it takes, and which events are not repeated, is not documented.
 * https://developers.weixin.qq.com/doc/service/guide/dev/api/warn_guide.md
 * Any thread. */

struct delivery_rules {
	int64_t retries;         /* of a push that says nothing itself */
	int64_t mark_fail_after; /* failures in a row; 0: never */
	int64_t mark_fail_ms;
	char unrepeated[1024]; /* kinds, comma between them */
};

struct delivery_url;
struct delivery {
	pthread_mutex_t lock;
	struct delivery_rules preset, rules;
	struct delivery_url *urls;
};

void delivery_init(struct delivery *d, const struct delivery_rules *rules);
void delivery_release(struct delivery *d);
void delivery_forget(struct delivery *d); /* the failures, and rules set since the start */

void delivery_set_rules(struct delivery *d, const struct delivery_rules *rules);
void delivery_get_rules(struct delivery *d, struct delivery_rules *out);

/* How often a push of this kind is repeated. */
int64_t delivery_retries(struct delivery *d, const char *kind);

bool delivery_shielded(struct delivery *d, const char *url);
/* One delivery ended. */
void delivery_count(struct delivery *d, const char *url, bool failed);

#endif
