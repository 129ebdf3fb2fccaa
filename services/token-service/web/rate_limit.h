#ifndef SERVICES_TOKEN_SERVICE_WEB_RATE_LIMIT_H
#define SERVICES_TOKEN_SERVICE_WEB_RATE_LIMIT_H

#include <stdbool.h>

/* How often one address, or one platform, may do something: a bucket for each, in a table of fixed size, so
 * that no flood of names can fill the memory (it can only make us forget the bucket that was used the longest
 * ago). Per process: with N replicas behind a balancer the limits are up to N times as wide. Any thread. */
struct rate_limit;

/* `per_minute` times a minute, and that many at once after a pause. */
struct rate_limit *rate_limit_new(int per_minute);
void rate_limit_free(struct rate_limit **r);

/* False: too often. `whom` is kept as a hash only. */
bool rate_limit_take(struct rate_limit *r, const char *whom);

#endif
