#ifndef COMMON_BASE_ALLOC_H
#define COMMON_BASE_ALLOC_H

#include <stddef.h>

/* Memory that cannot fail: running out stops the process with a message (a service that is out of memory is
 * restarted; half-working ones lose pushes). Free with free(). Any thread. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n); /* one NUL byte follows the copy */
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The same end for libraries that answer NULL. */
_Noreturn void alloc_failed(void);

#endif
