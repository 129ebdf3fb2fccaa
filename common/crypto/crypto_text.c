#include "common/crypto/crypto.h"

#include <limits.h>
#include <pthread.h>
#include <string.h>

#include "common/base/banned.h"

static const char STANDARD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL_SAFE[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(const char *alphabet, bool padding, const uint8_t *p, size_t len, struct buf *out)
{
	size_t groups = len / 3 + (len % 3 != 0);
	char *w;
	size_t n = 0;

	if (len == 0)
		return;
	if (groups > SIZE_MAX / 4 || (w = buf_reserve(out, groups * 4)) == NULL) {
		out->overflow = 1;
		return;
	}
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)p[i] << 16;

		if (left > 1)
			v |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			v |= p[i + 2];
		w[n++] = alphabet[v >> 18];
		w[n++] = alphabet[(v >> 12) & 63];
		if (left > 1 || padding)
			w[n++] = left > 1 ? alphabet[(v >> 6) & 63] : '=';
		if (left > 2 || padding)
			w[n++] = left > 2 ? alphabet[v & 63] : '=';
	}
	buf_grown(out, n);
}

#define STRAY 0x80 /* not of the alphabet */

struct values {
	uint8_t of[256];
};

static void values_fill(struct values *v, const char *alphabet)
{
	memset(v->of, STRAY, sizeof(v->of));
	for (size_t i = 0; alphabet[i]; i++)
		v->of[(uint8_t)alphabet[i]] = (uint8_t)i;
}

static struct values standard_values, url_safe_values;
static pthread_once_t values_once = PTHREAD_ONCE_INIT;

static void values_init(void)
{
	values_fill(&standard_values, STANDARD);
	values_fill(&url_safe_values, URL_SAFE);
}

static size_t first_stray(const struct values *v, const char *s)
{
	size_t i = 0;

	while (!(v->of[(uint8_t)s[i]] & STRAY))
		i++;
	return i;
}

/* `len` without padding. Bits that fill no byte must be zero if `strict`. */
static int decode(
	const struct values *v, bool strict, const char *s, size_t len, struct buf *out, struct err *err)
{
	const uint8_t *p = (const uint8_t *)s;
	uint32_t bits = 0, stray = 0;
	size_t n = 0, i, rest = len % 4;
	uint8_t *w;

	if (len == 0)
		return 0;
	if (rest == 1)
		return err_set(err, ERR_REJECT, 0, "base64 is cut short");
	if ((w = (uint8_t *)buf_reserve(out, len / 4 * 3 + rest * 3 / 4)) == NULL)
		return err_set(err, ERR_REJECT, 0, "base64 decodes to more than %zu bytes", out->cap);
	for (i = 0; i + 4 <= len; i += 4) {
		uint32_t a = v->of[p[i]], b = v->of[p[i + 1]], c = v->of[p[i + 2]], d = v->of[p[i + 3]];

		stray |= a | b | c | d;
		bits = a << 18 | b << 12 | c << 6 | d;
		w[n++] = (uint8_t)(bits >> 16);
		w[n++] = (uint8_t)(bits >> 8);
		w[n++] = (uint8_t)bits;
	}
	if (rest > 0) {
		uint32_t a = v->of[p[i]], b = v->of[p[i + 1]], c = rest > 2 ? v->of[p[i + 2]] : 0;

		stray |= a | b | c;
		bits = a << 18 | b << 12 | c << 6;
		w[n++] = (uint8_t)(bits >> 16);
		if (rest > 2)
			w[n++] = (uint8_t)(bits >> 8);
	}
	if (stray & STRAY)
		return err_set(err, ERR_REJECT, 0, "no base64 at byte %zu", first_stray(v, s));
	if (strict && ((rest == 2 && (bits & 0xffff) != 0) || (rest == 3 && (bits & 0xff) != 0)))
		return err_set(err, ERR_REJECT, 0, "base64 ends with stray bits");
	buf_grown(out, n);
	return 0;
}

static const struct values *standard(void)
{
	pthread_once(&values_once, values_init);
	return &standard_values;
}

static const struct values *url_safe(void)
{
	pthread_once(&values_once, values_init);
	return &url_safe_values;
}

static size_t count_padding(const char *s, size_t len)
{
	size_t n = 0;

	while (n < 2 && n < len && s[len - 1 - n] == '=')
		n++;
	return n;
}

void crypto_base64(const void *p, size_t len, struct buf *out)
{
	encode(STANDARD, true, p, len, out);
}

int crypto_base64_decode(const char *s, size_t len, struct buf *out, struct err *err)
{
	if (len % 4 != 0)
		return err_set(err, ERR_REJECT, 0, "base64 is not of whole groups");
	return decode(standard(), true, s, len - count_padding(s, len), out, err);
}

int crypto_base64_decode_loose(const char *s, size_t len, struct buf *out, struct err *err)
{
	size_t padding = count_padding(s, len);

	if (padding > 0 && len % 4 != 0)
		return err_set(err, ERR_REJECT, 0, "base64 is wrongly padded");
	return decode(standard(), false, s, len - padding, out, err);
}

void crypto_base64url(const void *p, size_t len, struct buf *out)
{
	encode(URL_SAFE, false, p, len, out);
}

int crypto_base64url_decode(const char *s, size_t len, struct buf *out, struct err *err)
{
	return decode(url_safe(), true, s, len, out, err);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int crypto_hex_decode(const char *s, size_t len, void *out, size_t out_len)
{
	uint8_t *w = out;

	if (len % 2 != 0 || len / 2 != out_len)
		return -1;
	for (size_t i = 0; i < len; i++)
		if (hex_value(s[i]) < 0)
			return -1;
	for (size_t i = 0; i < out_len; i++)
		w[i] = (uint8_t)(hex_value(s[2 * i]) << 4 | hex_value(s[2 * i + 1]));
	return 0;
}
