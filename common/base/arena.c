#include "common/base/arena.h"

#include "common/base/alloc.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Blocks of one size, the newest first; what is large gets a block of its own behind the first, so that the
 * room left in the first is not lost. A reset keeps one ordinary block: the next message allocates nothing.
 */
#define ARENA_BLOCK_BYTES 8192
#define ARENA_LARGE_BYTES (ARENA_BLOCK_BYTES / 4)

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

static struct arena_block *block_new(size_t size)
{
	struct arena_block *b = xmalloc(sizeof(*b) + size);

	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

static void *block_take(struct arena_block *b, size_t size)
{
	void *p = b->bytes + b->used;

	b->used += size;
	memset(p, 0, size);
	return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;

	assert(size < SIZE_MAX / 2);
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (b && b->size - b->used >= size)
		return block_take(b, size);
	if (size > ARENA_LARGE_BYTES) {
		b = block_new(size);
		if (a->blocks) {
			b->next = a->blocks->next;
			a->blocks->next = b;
		} else {
			a->blocks = b;
		}
		return block_take(b, size);
	}
	b = block_new(ARENA_BLOCK_BYTES);
	b->next = a->blocks;
	a->blocks = b;
	return block_take(b, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, s, len);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void arena_reset(struct arena *a)
{
	struct arena_block *kept = NULL, *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		if (!kept && b->size == ARENA_BLOCK_BYTES) {
			kept = b;
			kept->used = 0;
			kept->next = NULL;
		} else {
			free(b);
		}
	}
	a->blocks = kept;
}

void arena_release(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
}
