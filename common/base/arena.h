#ifndef COMMON_BASE_ARENA_H
#define COMMON_BASE_ARENA_H

#include <stddef.h>

/* Memory that lives as long as one message: allocated freely, emptied at once. One thread at a time. */
struct arena {
	struct arena_block *blocks;
};

#define ARENA_INIT                                                                                           \
	{                                                                                                    \
		NULL                                                                                         \
	}

void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned for anything */
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_reset(struct arena *a);   /* everything handed out is gone; keeps one block */
void arena_release(struct arena *a); /* nothing is kept */

#endif
