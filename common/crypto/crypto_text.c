#include "common/crypto/crypto.h"

#include <limits.h>
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

static int value_of(const char *alphabet, char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == alphabet[62])
		return 62;
	return c == alphabet[63] ? 63 : -1;
}

/* `len` without padding. Bits that fill no byte must be zero if `strict`. */
static int decode(
	const char *alphabet, bool strict, const char *s, size_t len, struct buf *out, struct err *err)
{
	uint32_t bits = 0;
	int n_bits = 0;
	size_t n = 0;
	char *w;

	if (len == 0)
		return 0;
	if (len % 4 == 1)
		return err_set(err, ERR_REJECT, 0, "base64 is cut short");
	if ((w = buf_reserve(out, len / 4 * 3 + len % 4 * 3 / 4)) == NULL)
		return err_set(err, ERR_REJECT, 0, "base64 decodes to more than %zu bytes", out->cap);
	for (size_t i = 0; i < len; i++) {
		int v = value_of(alphabet, s[i]);

		if (v < 0)
			return err_set(err, ERR_REJECT, 0, "no base64 at byte %zu", i);
		bits = bits << 6 | (uint32_t)v;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			w[n++] = (char)(bits >> n_bits);
		}
	}
	if (strict && (bits & ((1u << n_bits) - 1)) != 0)
		return err_set(err, ERR_REJECT, 0, "base64 ends with stray bits");
	buf_grown(out, n);
	return 0;
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
	return decode(STANDARD, true, s, len - count_padding(s, len), out, err);
}

int crypto_base64_decode_loose(const char *s, size_t len, struct buf *out, struct err *err)
{
	size_t padding = count_padding(s, len);

	if (padding > 0 && len % 4 != 0)
		return err_set(err, ERR_REJECT, 0, "base64 is wrongly padded");
	return decode(STANDARD, false, s, len - padding, out, err);
}

void crypto_base64url(const void *p, size_t len, struct buf *out)
{
	encode(URL_SAFE, false, p, len, out);
}

int crypto_base64url_decode(const char *s, size_t len, struct buf *out, struct err *err)
{
	return decode(URL_SAFE, true, s, len, out, err);
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
