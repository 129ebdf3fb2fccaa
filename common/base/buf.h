#ifndef COMMON_BASE_BUF_H
#define COMMON_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that grow up to a cap they are born with. What would pass the cap is not written and `overflow` stays
 * set, and nothing more is written: callers write freely and ask once at the end. data[len] is always NUL
 * (data may be NULL while empty). */
struct buf {
	char *data;
	size_t len;
	size_t size; /* allocated */
	size_t cap;  /* most bytes that len may reach */
	int overflow;
};

#define BUF_INIT(cap_bytes)                                                                                  \
	{                                                                                                    \
		.data = NULL, .len = 0, .size = 0, .cap = (cap_bytes), .overflow = 0                         \
	}

void buf_init(struct buf *b, size_t cap_bytes);
void buf_release(struct buf *b);      /* leaves an empty buf with the same cap */
void buf_wipe_release(struct buf *b); /* the same for secrets: the bytes are overwritten first */
void buf_reset(struct buf *b);        /* len 0, overflow cleared, memory kept */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_char(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for n more bytes at data + len, to be claimed by buf_grown(). NULL past the cap (overflow is set). */
char *buf_reserve(struct buf *b, size_t n);
void buf_grown(struct buf *b, size_t n);

const char *buf_cstr(const struct buf *b); /* "" when empty; valid until the next change */
char *buf_detach(struct buf *b);           /* the caller frees; b is empty afterwards; never NULL */

#endif
