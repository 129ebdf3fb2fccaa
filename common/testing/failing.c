/* Preloaded into a unit test (LD_PRELOAD), fails one allocation or one I/O call of it, by number:
 *
 *     WXBUS_FAIL=alloc:17  the 17th malloc(), calloc(), realloc() answers NULL
 *     WXBUS_FAIL=io:3      the 3rd call that opens, reads, writes, connects answers EIO or ECONNRESET
 *
 * WXBUS_FAIL_COUNTS names a file to which the numbers of both are written at the end: "alloc N io N". A crash
 * (SIGSEGV, SIGBUS) is told from an orderly stop by its signal; where it was is printed.
 * `./dev torture` goes through the numbers one by one. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/banned.h"

#define FRAMES_MAX 40

/* glibc's own, which need no dlsym(): that one allocates. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

enum what { ALLOC, IO, N_WHAT };

static const char *const names[N_WHAT] = {"alloc", "io"};
static atomic_long calls[N_WHAT];
static long failing[N_WHAT]; /* 0: none */
static atomic_bool running;  /* not before the test's main(), not at its exit */

static bool fails(enum what what)
{
	return atomic_load(&running) && atomic_fetch_add(&calls[what], 1) + 1 == failing[what];
}

static void crashed(int number)
{
	void *frames[FRAMES_MAX];

	atomic_store(&running, false);
	backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void read_settings(void)
{
	const char *setting = getenv("WXBUS_FAIL");

	for (int i = 0; setting && i < N_WHAT; i++)
		if (strncmp(setting, names[i], strlen(names[i])) == 0)
			failing[i] = strtol(setting + strlen(names[i]) + 1, NULL, 10);
}

__attribute__((constructor)) static void begin(void)
{
	void *frame;

	(void)backtrace(&frame, 1); /* loads what it needs while it may still allocate */
	read_settings();
	(void)signal(SIGSEGV, crashed);
	(void)signal(SIGBUS, crashed);
	atomic_store(&running, true);
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("WXBUS_FAIL_COUNTS");
	FILE *file;

	atomic_store(&running, false);
	file = path ? fopen(path, "we") : NULL;
	if (!file)
		return;
	(void)fprintf(file, "alloc %ld io %ld\n", atomic_load(&calls[ALLOC]), atomic_load(&calls[IO]));
	(void)fclose(file);
}

/* --- allocations -------------------------------------------------------------------------------------------
 */

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *malloc(size_t size)
{
	return fails(ALLOC) ? no_memory() : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(ALLOC) ? no_memory() : __libc_calloc(count, size);
}

void *realloc(void *p, size_t size)
{
	return fails(ALLOC) ? no_memory() : __libc_realloc(p, size);
}

/* --- I/O ---------------------------------------------------------------------------------------------------
 */

static int broken(int code)
{
	errno = code;
	return -1;
}

/* The function behind ours. A function pointer does not fit through void * in ISO C; through memory it does.
 */
#define NEXT(name, type)                                                                                     \
	type next = NULL;                                                                                    \
	void *found = dlsym(RTLD_NEXT, name);                                                                \
	if (!found)                                                                                          \
		abort();                                                                                     \
	memcpy((void *)&next, (const void *)&found, sizeof(next))

typedef int (*open_fn)(const char *, int, ...);
typedef ssize_t (*read_fn)(int, void *, size_t);
typedef ssize_t (*write_fn)(int, const void *, size_t);
typedef ssize_t (*recv_fn)(int, void *, size_t, int);
typedef ssize_t (*send_fn)(int, const void *, size_t, int);
typedef int (*connect_fn)(int, const struct sockaddr *, socklen_t);
typedef int (*socket_fn)(int, int, int);
typedef FILE *(*fopen_fn)(const char *, const char *);

int open(const char *path, int flags, ...)
{
	va_list list;
	mode_t mode;
	NEXT("open", open_fn);

	va_start(list, flags);
	mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
	va_end(list);
	return fails(IO) ? broken(EIO) : next(path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
	NEXT("fopen", fopen_fn);

	if (!fails(IO))
		return next(path, mode);
	errno = EIO;
	return NULL;
}

ssize_t read(int fd, void *to, size_t size)
{
	NEXT("read", read_fn);
	return fails(IO) ? broken(EIO) : next(fd, to, size);
}

ssize_t write(int fd, const void *from, size_t size)
{
	NEXT("write", write_fn);
	return fails(IO) ? broken(EIO) : next(fd, from, size);
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
	NEXT("recv", recv_fn);
	return fails(IO) ? broken(ECONNRESET) : next(fd, to, size, flags);
}

ssize_t send(int fd, const void *from, size_t size, int flags)
{
	NEXT("send", send_fn);
	return fails(IO) ? broken(ECONNRESET) : next(fd, from, size, flags);
}

int connect(int fd, const struct sockaddr *to, socklen_t size)
{
	NEXT("connect", connect_fn);
	return fails(IO) ? broken(ECONNREFUSED) : next(fd, to, size);
}

int socket(int domain, int type, int protocol)
{
	NEXT("socket", socket_fn);
	return fails(IO) ? broken(EMFILE) : next(domain, type, protocol);
}
