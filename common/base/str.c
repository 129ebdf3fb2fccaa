#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

struct str str_of(const char *s)
{
	return s ? (struct str){s, strlen(s)} : (struct str){"", 0};
}

bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool str_eq_cstr(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}

bool str_starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len && is_space(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len && is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

int str_ncopy(char *dst, size_t size, const char *src, size_t n)
{
	dst[0] = '\0';
	if (n >= size)
		return -1;
	if (n)
		memcpy(dst, src, n);
	dst[n] = '\0';
	return 0;
}

int str_copy(char *dst, size_t size, const char *src)
{
	return str_ncopy(dst, size, src, strlen(src));
}

void str_lower_ascii(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

int str_to_int64(const char *s, size_t len, int64_t min, int64_t max, int64_t *out)
{
	bool negative = len > 0 && s[0] == '-';
	size_t i = negative;
	int64_t v = 0;

	if (i == len || (negative && min >= 0))
		return -1;
	/* Counted downwards: INT64_MIN has no positive twin. */
	for (; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
			__builtin_sub_overflow(v, s[i] - '0', &v))
			return -1;
	}
	if (!negative && __builtin_sub_overflow(0, v, &v))
		return -1;
	if (v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

/* Lead byte: how many bytes follow, its payload bits, the smallest code point that needs that length. */
static const struct utf8_form {
	unsigned char mask, lead;
	size_t size;
	uint32_t min;
} utf8_forms[] = {
	{0xe0, 0xc0, 2, 0x80},
	{0xf0, 0xe0, 3, 0x800},
	{0xf8, 0xf0, 4, 0x10000},
};

size_t str_utf8_char(const char *s, size_t len, uint32_t *cp_out)
{
	const struct utf8_form *f = utf8_forms, *end = f + sizeof(utf8_forms) / sizeof(utf8_forms[0]);
	uint32_t cp;
	size_t i;

	if (len == 0)
		return 0;
	if ((unsigned char)s[0] < 0x80) {
		if (cp_out)
			*cp_out = (unsigned char)s[0];
		return 1;
	}
	while (f < end && ((unsigned char)s[0] & f->mask) != f->lead)
		f++;
	if (f == end || f->size > len)
		return 0;
	cp = (unsigned char)s[0] & (unsigned char)~f->mask;
	for (i = 1; i < f->size; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (cp < f->min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;
	if (cp_out)
		*cp_out = cp;
	return f->size;
}

/* ASCII at the start, eight bytes at a time. */
static size_t ascii_prefix(const char *s, size_t len)
{
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, s + i, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			break;
	}
	return i;
}

bool str_is_utf8(const char *s, size_t len)
{
	size_t i, n;

	for (i = 0; i < len; i += n) {
		if ((n = ascii_prefix(s + i, len - i)) > 0)
			continue;
		if ((n = str_utf8_char(s + i, len - i, NULL)) == 0)
			return false;
	}
	return true;
}

void str_hex(const void *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}
