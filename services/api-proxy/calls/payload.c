#include "services/api-proxy/calls/payload.h"

#include "common/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

/* Not every file system has files without names; elsewhere the name is taken away at once. */
static int open_nameless(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *name;

	if (fd >= 0)
		return fd;
	name = xasprintf("%s/wxbus-spool-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name);
	free(name);
	return fd;
}

static int write_all(int fd, const char *bytes, size_t n, struct err *err)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_set(err, ERR_RETRY, errno, "WXBUS_SPOOL_DIR: %s", strerror(errno));
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

static int move_to_file(struct payload *p, struct err *err)
{
	p->fd = open_nameless(p->dir);
	if (p->fd < 0)
		return err_set(err, ERR_RETRY, errno, "WXBUS_SPOOL_DIR: %s", strerror(errno));
	if (write_all(p->fd, p->kept.data, p->kept.len, err) < 0)
		return -1;
	buf_release(&p->kept);
	return 0;
}

int payload_add(struct payload *p, const void *bytes, size_t n, struct err *err)
{
	if (p->fd < 0 && n <= p->kept.cap - p->kept.len) {
		buf_add(&p->kept, bytes, n);
	} else {
		if (p->fd < 0 && move_to_file(p, err) < 0)
			return -1;
		if (write_all(p->fd, bytes, n, err) < 0)
			return -1;
	}
	p->len += n;
	return 0;
}

void payload_rewind(struct payload *p)
{
	p->at = 0;
}

ssize_t payload_read(struct payload *p, void *to, size_t room)
{
	size_t left = p->len - p->at, n = left < room ? left : room;
	ssize_t got = (ssize_t)n;

	if (n == 0)
		return 0;
	if (p->fd < 0)
		memcpy(to, p->kept.data + p->at, n);
	else if ((got = pread(p->fd, to, n, (off_t)p->at)) <= 0)
		return -1;
	p->at += (size_t)got;
	return got;
}

void payload_release(struct payload *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
	p->len = p->at = 0;
	buf_release(&p->kept);
}
