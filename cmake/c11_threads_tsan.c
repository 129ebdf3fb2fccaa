/* Only in builds with ThreadSanitizer. It intercepts POSIX threads but not those of C11, on which Debian's
 * librdkafka is built: a thread that it has not seen start crashes it. Here they are made of POSIX threads,
 * as glibc makes them too (its types wrap the same ones).
 *
 * The library's own memory accesses are not instrumented, but its calls of free(), pthread_rwlock_destroy()
 * and of the functions here are seen, without the atomic counters and fences that make them safe. Only those
 * calls are left out; what our callbacks do below the library is judged.
 *
 * The same with Debian's CivetWeb: its accesses through libc are seen, its locks are not. Its thread closes
 * the listening socket at the end, which httpd_stop_accepting() has replaced before. And it accepts and
 * closes connections unseen: to disconnect one, in httpd_reply_reset(), is taken for the making of a
 * descriptor, which whoever gets its number later by fcntl(), unseen too, then seems to close. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "glibc's mtx_t is a POSIX mutex");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "glibc's cnd_t is a POSIX condition");

const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librdkafka.so.1\n"
	       "race:^mtx_\n"
	       "race:^cnd_\n"
	       "called_from_lib:libcivetweb.so.1\n"
	       "race:^httpd_stop_accepting$\n"
	       "race:^httpd_reply_reset$\n";
}

static int result(int rc)
{
	switch (rc) {
	case 0:
		return thrd_success;
	case ENOMEM:
		return thrd_nomem;
	case ETIMEDOUT:
		return thrd_timedout;
	case EBUSY:
		return thrd_busy;
	default:
		return thrd_error;
	}
}

struct start {
	thrd_start_t fn;
	void *arg;
};

static void *run(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	return (void *)(intptr_t)start.fn(start.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t fn, void *arg)
{
	struct start *start = malloc(sizeof(*start));
	int rc;

	if (!start)
		return thrd_nomem;
	*start = (struct start){fn, arg};
	rc = pthread_create(thread, NULL, run, start);
	if (rc)
		free(start);
	return result(rc);
}

int thrd_join(thrd_t thread, int *code)
{
	void *value = NULL;
	int rc = pthread_join(thread, &value);

	if (code)
		*code = (int)(intptr_t)value;
	return result(rc);
}

int thrd_detach(thrd_t thread)
{
	return result(pthread_detach(thread));
}

int mtx_init(mtx_t *m, int type)
{
	pthread_mutexattr_t attr;
	int rc;

	pthread_mutexattr_init(&attr);
	if (type & mtx_recursive)
		pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	rc = pthread_mutex_init((pthread_mutex_t *)m, &attr);
	pthread_mutexattr_destroy(&attr);
	return result(rc);
}

void mtx_destroy(mtx_t *m)
{
	pthread_mutex_destroy((pthread_mutex_t *)m);
}

int mtx_lock(mtx_t *m)
{
	return result(pthread_mutex_lock((pthread_mutex_t *)m));
}

int mtx_trylock(mtx_t *m)
{
	return result(pthread_mutex_trylock((pthread_mutex_t *)m));
}

int mtx_unlock(mtx_t *m)
{
	return result(pthread_mutex_unlock((pthread_mutex_t *)m));
}

int cnd_init(cnd_t *c)
{
	return result(pthread_cond_init((pthread_cond_t *)c, NULL));
}

void cnd_destroy(cnd_t *c)
{
	pthread_cond_destroy((pthread_cond_t *)c);
}

int cnd_signal(cnd_t *c)
{
	return result(pthread_cond_signal((pthread_cond_t *)c));
}

int cnd_broadcast(cnd_t *c)
{
	return result(pthread_cond_broadcast((pthread_cond_t *)c));
}

int cnd_wait(cnd_t *c, mtx_t *m)
{
	return result(pthread_cond_wait((pthread_cond_t *)c, (pthread_mutex_t *)m));
}

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until)
{
	return result(pthread_cond_timedwait((pthread_cond_t *)c, (pthread_mutex_t *)m, until));
}
