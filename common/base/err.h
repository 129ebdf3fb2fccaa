#ifndef COMMON_BASE_ERR_H
#define COMMON_BASE_ERR_H

#include <stdbool.h>

/* What the caller can do about it. */
enum err_kind {
	ERR_NONE = 0,
	ERR_RETRY,     /* nothing happened; the same call may succeed later */
	ERR_REJECT,    /* nothing happened; the same input will fail again */
	ERR_UNCERTAIN, /* the effect may have happened: look before repeating */
	ERR_FATAL      /* this process cannot go on */
};

/* Lives on the caller's stack. `text` is one line, carries no secret and does not repeat what the caller
 * knows. */
struct err {
	int code; /* of the library that failed (errno, HTTP status, errcode); 0 if there is none */
	enum err_kind kind;
	char text[200];
};

/* Fill `err` (may be NULL) and return -1, so that `return err_set(...)` reads well. */
int err_set(struct err *err, enum err_kind kind, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Put "<prefix>: " before the text. Returns -1. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

const char *err_kind_name(enum err_kind kind);

/* What becomes of the message whose handling ended so. */
enum settlement { SETTLE_DONE, SETTLE_RETRY, SETTLE_DEAD_LETTER, SETTLE_STOP };

/* The one place where a kind becomes a settlement. `repeat_harmless`: the call site says (and says why) that
 * repeating an uncertain effect does no harm. */
enum settlement err_settlement(enum err_kind kind, bool repeat_harmless);

#endif
