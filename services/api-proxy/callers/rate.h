#ifndef API_PROXY_CALLERS_RATE_H
#define API_PROXY_CALLERS_RATE_H

#include <stdbool.h>
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

/* The same for one that waits where others are refused: its milliseconds lead to a turn of its own, behind
 * those who wait already, so that not all of them come back at once; at most RATE_TURN_MAX_MS. `waited`: it
 * comes back; who comes for the first time is not let in before those who wait. */
#define RATE_TURN_MAX_MS 10000
int64_t rate_turn(struct rate *r, const struct rate_want *wants, size_t n, bool waited);

/* One call that was counted in each of these is not to count after all. */
void rate_return(struct rate *r, const struct rate_want *wants, size_t n);

#endif
