#ifndef API_PROXY_CALLERS_RATE_H
#define API_PROXY_CALLERS_RATE_H

#include <stddef.h>
#include <stdint.h>

/* Token buckets by name, each with room for one second's calls. In memory, one for each process: a call must
 * not wait for the database to learn that it may be made, and goes on while that is away. With n processes a
 * rate lets up to n times as much through; what must hold exactly is the number a day (day_limit.h). Any
 * thread. */
struct rate;

struct rate *rate_new(void);
void rate_free(struct rate **r);

struct rate_want {
	const char *name;
	int64_t per_s; /* 0: no limit */
};

/* One call against all of these at once: 0 and counted in each, or counted in none and the milliseconds
 * after which it may be asked again. */
int64_t rate_take(struct rate *r, const struct rate_want *wants, size_t n);

#endif
