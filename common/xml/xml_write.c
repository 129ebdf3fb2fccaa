#include "common/xml/xml.h"

#include "common/base/str.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/banned.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

int xml_name_ok(const char *name)
{
	if (!is_name_start(*name))
		return 0;
	while (*++name)
		if (!is_name_start(*name) && !(*name >= '0' && *name <= '9') && *name != '-' && *name != '.')
			return 0;
	return 1;
}

void xml_open(struct buf *out, const char *name)
{
	buf_addf(out, "<%s>", name);
}

void xml_close(struct buf *out, const char *name)
{
	buf_addf(out, "</%s>", name);
}

/* Whether XML 1.0 allows the character at s. *size_out: its bytes; of what is no character, one. */
static bool allowed(const char *s, size_t len, size_t *size_out)
{
	uint32_t cp;
	size_t n = str_utf8_char(s, len, &cp);

	*size_out = n ? n : 1;
	return n && (cp >= 0x20 || cp == '\t' || cp == '\n' || cp == '\r') && cp != 0xfffe && cp != 0xffff;
}

void xml_cdata(struct buf *out, const char *text, size_t len)
{
	size_t i, size;

	buf_add_str(out, "<![CDATA[");
	for (i = 0; i < len; i += size) {
		if (!allowed(text + i, len - i, &size))
			buf_add_str(out, REPLACEMENT);
		else if (text[i] == '>' && i >= 2 && text[i - 1] == ']' && text[i - 2] == ']')
			buf_add_str(out, "]]><![CDATA[>");
		else
			buf_add(out, text + i, size);
	}
	buf_add_str(out, "]]>");
}

/* A carriage return would be read as a newline if it were not a reference. */
static const char *reference(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\r':
		return "&#13;";
	default:
		return NULL;
	}
}

void xml_text(struct buf *out, const char *text, size_t len)
{
	size_t i, size;

	for (i = 0; i < len; i += size) {
		if (!allowed(text + i, len - i, &size))
			buf_add_str(out, REPLACEMENT);
		else if (reference(text[i]))
			buf_add_str(out, reference(text[i]));
		else
			buf_add(out, text + i, size);
	}
}

void xml_element_cdata(struct buf *out, const char *name, const char *text)
{
	xml_open(out, name);
	xml_cdata(out, text, strlen(text));
	xml_close(out, name);
}

void xml_element_int(struct buf *out, const char *name, int64_t v)
{
	xml_open(out, name);
	buf_addf(out, "%" PRId64, v);
	xml_close(out, name);
}
