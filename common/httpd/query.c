#include "common/httpd/query.h"

#include "common/base/str.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/banned.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* How many bytes stand for themselves, and are ASCII. */
static size_t plain_span(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[n] >= 0x20 && s[n] < 0x7f && s[n] != '%' && s[n] != '+')
		n++;
	return n;
}

/* NULL: malformed. */
static const char *decode(const char *s, size_t len, struct arena *arena)
{
	char *out = arena_alloc(arena, len + 1);
	size_t n = plain_span(s, len);

	memcpy(out, s, n);
	if (n == len)
		return out; /* as nearly all are */
	for (size_t i = n; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '%') {
			int high = len - i > 2 ? hex_value(s[i + 1]) : -1,
			    low = len - i > 2 ? hex_value(s[i + 2]) : -1;

			if (high < 0 || low < 0)
				return NULL;
			c = (unsigned char)(high << 4 | low);
			i += 2;
		} else if (c == '+') {
			c = ' ';
		}
		if (c < 0x20 || c == 0x7f)
			return NULL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return str_is_utf8(out, n) ? out : NULL;
}

static enum query_outcome add(struct query *q, const char *s, size_t len, struct arena *arena)
{
	const char *equals = memchr(s, '=', len);
	size_t name_len = equals ? (size_t)(equals - s) : len;
	struct query_param p = {decode(s, name_len, arena), ""};

	if (equals)
		p.value = decode(equals + 1, len - name_len - 1, arena);
	if (!p.name || p.name[0] == '\0' || !p.value)
		return QUERY_MALFORMED;
	if (query_get(q, p.name))
		return QUERY_DUPLICATE;
	if (q->n == QUERY_PARAMS_MAX)
		return QUERY_TOO_MANY;
	q->params[q->n++] = p;
	return QUERY_OK;
}

enum query_outcome query_parse(const char *bytes, size_t len, struct arena *arena, struct query *out)
{
	struct query q = {.n = 0};
	size_t i = 0;

	while (i < len) {
		const char *amp = memchr(bytes + i, '&', len - i);
		size_t part = amp ? (size_t)(amp - bytes) - i : len - i;
		/* "a=1&&b=2" and a last '&' are common and harmless. */
		enum query_outcome rc = part > 0 ? add(&q, bytes + i, part, arena) : QUERY_OK;

		if (rc != QUERY_OK)
			return rc;
		i += part + 1;
	}
	*out = q;
	return QUERY_OK;
}

const char *query_get(const struct query *q, const char *name)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->params[i].name, name) == 0)
			return q->params[i].value;
	return NULL;
}

static bool unreserved(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

void query_encode(struct buf *out, const char *s, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};

		if (unreserved(c))
			buf_add_char(out, (char)c);
		else
			buf_add(out, escape, sizeof(escape));
	}
}
