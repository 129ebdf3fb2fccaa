#include "common/base/backoff.h"

#include <stdlib.h>

#include "common/base/banned.h"

int64_t backoff_next_ms(struct backoff *b)
{
	int64_t top = b->min_ms;
	int64_t spread;
	int i;

	for (i = 0; i < b->attempts && top < b->max_ms; i++)
		top = top > b->max_ms / 2 ? b->max_ms : top * 2;
	if (top < b->max_ms)
		b->attempts++;
	if (top > b->max_ms)
		top = b->max_ms;
	spread = top - b->min_ms;
	if (spread <= 0)
		return top;
	if (spread >= UINT32_MAX)
		spread = UINT32_MAX - 1;
	return b->min_ms + arc4random_uniform((uint32_t)spread + 1);
}

void backoff_reset(struct backoff *b)
{
	b->attempts = 0;
}
