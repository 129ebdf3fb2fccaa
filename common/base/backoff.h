#ifndef COMMON_BASE_BACKOFF_H
#define COMMON_BASE_BACKOFF_H

#include <stdint.h>

/* Exponential waiting with full jitter: the n-th wait is random in [min, min(max, min * 2^n)]. */
struct backoff {
	int64_t min_ms;
	int64_t max_ms;
	int attempts;
};

#define BACKOFF_INIT(min_, max_)                                                                             \
	{                                                                                                    \
		.min_ms = (min_), .max_ms = (max_), .attempts = 0                                            \
	}

int64_t backoff_next_ms(struct backoff *b);
void backoff_reset(struct backoff *b);

#endif
