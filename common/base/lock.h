#ifndef COMMON_BASE_LOCK_H
#define COMMON_BASE_LOCK_H

#include <pthread.h>

/* A mutex that is taken very often and held for a moment: whoever finds it taken looks again a few times
 * before sleeping, which costs more than the wait. Otherwise like any other. */
void lock_init(pthread_mutex_t *m);

#endif
