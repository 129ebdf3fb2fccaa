#include "common/base/err.h"

#include "common/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

/* Libraries' messages end in newlines and can be cut within a character: one line of whole characters is
 * kept. */
static void tidy(char *text)
{
	size_t len = strlen(text), i, n;

	for (i = 0; i < len; i += n) {
		n = str_utf8_char(text + i, len - i, NULL);
		if (n == 0 && len - i < 4 && len == sizeof(((struct err *)0)->text) - 1) {
			len = i;
			break;
		}
		if (n == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			text[i] = n == 0 ? '?' : ' ';
			n = 1;
		}
	}
	while (len > 0 && text[len - 1] == ' ')
		len--;
	text[len] = '\0';
}

int err_set(struct err *err, enum err_kind kind, int code, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	if (!err)
		return -1;
	/* Formatted aside: an argument may be the text that is replaced. */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tidy(text);
	err->code = code;
	err->kind = kind;
	memcpy(err->text, text, sizeof(text));
	return -1;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char text[2 * sizeof(err->text) + 2];
	va_list ap;
	size_t n;

	if (!err)
		return -1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(err->text), fmt, ap);
	va_end(ap);
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ": %s", err->text);
	text[sizeof(err->text) - 1] = '\0';
	tidy(text);
	memcpy(err->text, text, sizeof(err->text));
	return -1;
}

const char *err_kind_name(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return "none";
	case ERR_RETRY:
		return "retry";
	case ERR_REJECT:
		return "reject";
	case ERR_UNCERTAIN:
		return "uncertain";
	case ERR_FATAL:
		return "fatal";
	}
	return "unknown";
}

enum settlement err_settlement(enum err_kind kind, bool repeat_harmless)
{
	switch (kind) {
	case ERR_NONE:
		return SETTLE_DONE;
	case ERR_RETRY:
		return SETTLE_RETRY;
	case ERR_REJECT:
		return SETTLE_DEAD_LETTER;
	case ERR_UNCERTAIN:
		return repeat_harmless ? SETTLE_RETRY : SETTLE_DEAD_LETTER;
	case ERR_FATAL:
		break;
	}
	return SETTLE_STOP;
}
