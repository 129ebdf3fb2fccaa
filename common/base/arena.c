#include "common/base/arena.h"

#include "common/base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Blocks of one size, the newest first; what is large gets a block of its own behind the first, so that the
 * room left in the first is not lost. A reset keeps one ordinary block: the next message allocates nothing.
 * A thread keeps a few ordinary blocks of arenas that it released, for those that it begins anew. */
#define ARENA_BLOCK_BYTES 8192
#define ARENA_LARGE_BYTES (ARENA_BLOCK_BYTES / 4)

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* AddressSanitizer must see what is used after its arena is gone. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define KEPT_MAX 0
#else
#define KEPT_MAX 4
#endif

struct kept {
	struct arena_block *blocks;
	int n;
};

static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void kept_free(void *arg)
{
	struct kept *k = arg;
	struct arena_block *b, *next;

	for (b = k->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	free(k);
}

static void kept_init(void)
{
	if (pthread_key_create(&kept_key, kept_free) != 0)
		alloc_failed();
}

static struct kept *kept_get(void)
{
	struct kept *k;

	pthread_once(&kept_once, kept_init);
	if ((k = pthread_getspecific(kept_key)) != NULL)
		return k;
	k = xcalloc(1, sizeof(*k));
	if (pthread_setspecific(kept_key, k) != 0)
		alloc_failed();
	return k;
}

static struct arena_block *block_new(size_t size)
{
	struct kept *k = size == ARENA_BLOCK_BYTES ? kept_get() : NULL;
	struct arena_block *b;

	if (k && k->blocks) {
		b = k->blocks;
		k->blocks = b->next;
		k->n--;
	} else {
		b = xmalloc(sizeof(*b) + size);
	}
	b->next = NULL;
	b->size = size;
	b->used = 0;
	return b;
}

static void block_free(struct arena_block *b)
{
	struct kept *k = b->size == ARENA_BLOCK_BYTES ? kept_get() : NULL;

	if (!k || k->n == KEPT_MAX) {
		free(b);
		return;
	}
	b->next = k->blocks;
	k->blocks = b;
	k->n++;
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
	char usual[256]; /* so that it need not be written twice to know its length */
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(usual, sizeof(usual), fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((size_t)n < sizeof(usual))
		return arena_strndup(a, usual, (size_t)n);
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
			block_free(b);
		}
	}
	a->blocks = kept;
}

void arena_release(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		block_free(b);
	}
	a->blocks = NULL;
}
