#include "common/base/lock.h"

#include "common/base/alloc.h"

#include "common/base/banned.h"

void lock_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t attr;

	if (pthread_mutexattr_init(&attr) != 0 ||
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP) != 0 ||
		pthread_mutex_init(m, &attr) != 0)
		alloc_failed();
	pthread_mutexattr_destroy(&attr);
}
