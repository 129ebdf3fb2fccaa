#include "common/base/buf.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BUF_FIRST_BYTES 64

void buf_init(struct buf *b, size_t cap_bytes)
{
	*b = (struct buf)BUF_INIT(cap_bytes);
}

void buf_release(struct buf *b)
{
	free(b->data);
	buf_init(b, b->cap);
}

void buf_wipe_release(struct buf *b)
{
	if (b->data)
		secret_wipe(b->data, b->size);
	buf_release(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->overflow = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Not realloc(): it would leave a copy of what may be a secret in freed memory. */
static void move_to(struct buf *b, size_t size)
{
	char *data = xmalloc(size);

	if (b->len)
		memcpy(data, b->data, b->len);
	data[b->len] = '\0';
	if (b->data) {
		secret_wipe(b->data, b->size);
		free(b->data);
	}
	b->data = data;
	b->size = size;
}

char *buf_reserve(struct buf *b, size_t n)
{
	size_t size;

	if (b->overflow || n > b->cap - b->len) {
		b->overflow = 1;
		return NULL;
	}
	if (b->len + n >= b->size) {
		size = b->size < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : b->size * 2;
		if (size <= b->len + n)
			size = b->len + n + 1;
		if (size > b->cap)
			size = b->cap + 1;
		move_to(b, size);
	}
	return b->data + b->len;
}

void buf_grown(struct buf *b, size_t n)
{
	assert(n < b->size - b->len);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *room = buf_reserve(b, n);

	if (!room)
		return;
	if (n)
		memcpy(room, p, n);
	buf_grown(b, n);
}

void buf_add_str(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *room;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(n >= 0);
	if ((room = buf_reserve(b, (size_t)n)) == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(room, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_grown(b, (size_t)n);
}

const char *buf_cstr(const struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_detach(struct buf *b)
{
	char *data = b->data ? b->data : xstrdup("");

	b->data = NULL;
	buf_release(b);
	return data;
}
