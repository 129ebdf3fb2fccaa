#include "common/json/json.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/json/jsonc.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Reads bytes into json-c's values. json-c's own tokener is not used: even its strict mode replaces the value
 * of a key that comes twice (two readers of one message would see different things), saturates integers past
 * 64 bits and takes forms that RFC 8259 does not know; checking all that beforehand would be the same walk
 * over the bytes, done twice. */

#define JSON_DEPTH_MAX 32

struct reader {
	const char *start, *p, *end;
	int depth, max_depth;
	int values, max_values;
	struct buf text; /* the string being read */
	struct err *err;
};

static int read_value(struct reader *r, struct json_object **out);

static int bad(struct reader *r, const char *what)
{
	size_t byte = (size_t)(r->p - r->start);

	return err_set(r->err, ERR_REJECT, (int)byte, "%s at byte %zu", what, byte);
}

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r' || *r->p == '\n'))
		r->p++;
}

/* The next byte, after blanks, if it is `c`. */
static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool at_digit(const struct reader *r)
{
	return r->p < r->end && *r->p >= '0' && *r->p <= '9';
}

static int skip_digits(struct reader *r)
{
	if (!at_digit(r))
		return bad(r, "a digit is missing");
	while (at_digit(r))
		r->p++;
	return 0;
}

/* Leaves r->p behind a number. *whole_out: no fraction, no exponent. */
static int skip_number(struct reader *r, bool *whole_out)
{
	bool whole = true;

	if (*r->p == '-')
		r->p++;
	if (r->p < r->end && *r->p == '0')
		r->p++;
	else if (skip_digits(r) < 0)
		return -1;
	if (r->p < r->end && *r->p == '.') {
		whole = false;
		r->p++;
		if (skip_digits(r) < 0)
			return -1;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
		whole = false;
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (skip_digits(r) < 0)
			return -1;
	}
	*whole_out = whole;
	return 0;
}

static int read_number(struct reader *r, struct json_object **out)
{
	const char *from = r->p;
	bool whole;
	int64_t v;
	uint64_t u;
	char *text;

	if (skip_number(r, &whole) < 0)
		return -1;
	text = xmemdup(from, (size_t)(r->p - from));
	/* "-0" is no integer of ours: written again it would be "0". */
	whole = whole && strcmp(text, "-0") != 0;
	errno = 0;
	if (whole && str_to_int64(text, strlen(text), INT64_MIN, INT64_MAX, &v) == 0)
		*out = json_object_new_int64(v);
	else if (whole && *text != '-' && (u = strtoull(text, NULL, 10), errno == 0))
		*out = json_object_new_uint64(u);
	else
		*out = json_object_new_double_s(strtod(text, NULL), text);
	free(text);
	return *out ? 0 : (alloc_failed(), -1);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits at p; -1: they are not there. */
static int32_t hex4(const struct reader *r, const char *p)
{
	int32_t v = 0;
	int i, digit;

	if (r->end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		if ((digit = hex_digit(p[i])) < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

static void add_utf8(struct buf *out, uint32_t cp)
{
	if (cp < 0x80) {
		buf_add_char(out, (char)cp);
		return;
	}
	if (cp < 0x800) {
		buf_add_char(out, (char)(0xc0 | cp >> 6));
	} else {
		if (cp < 0x10000) {
			buf_add_char(out, (char)(0xe0 | cp >> 12));
		} else {
			buf_add_char(out, (char)(0xf0 | cp >> 18));
			buf_add_char(out, (char)(0x80 | (cp >> 12 & 0x3f)));
		}
		buf_add_char(out, (char)(0x80 | (cp >> 6 & 0x3f)));
	}
	buf_add_char(out, (char)(0x80 | (cp & 0x3f)));
}

/* r->p is behind "\u". */
static int read_unicode_escape(struct reader *r)
{
	int32_t cp = hex4(r, r->p), low = -1;

	if (cp < 0)
		return bad(r, "four hexadecimal digits are missing");
	if (cp == 0)
		return bad(r, "a NUL character");
	r->p += 4;
	if (cp >= 0xd800 && cp <= 0xdbff && r->end - r->p >= 2 && r->p[0] == '\\' && r->p[1] == 'u')
		low = hex4(r, r->p + 2);
	if (low >= 0xdc00 && low <= 0xdfff) {
		r->p += 6;
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	if (cp >= 0xd800 && cp <= 0xdfff)
		cp = 0xfffd;
	add_utf8(&r->text, (uint32_t)cp);
	return 0;
}

/* r->p is behind the backslash. */
static int read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *found;

	if (r->p == r->end)
		return bad(r, "an unfinished string");
	if (*r->p == 'u') {
		r->p++;
		return read_unicode_escape(r);
	}
	found = memchr(from, *r->p, sizeof(from) - 1);
	if (!found)
		return bad(r, "an unknown escape");
	r->p++;
	buf_add_char(&r->text, to[found - from]);
	return 0;
}

/* Into r->text. r->p is behind the opening quotation mark. */
static int read_string(struct reader *r)
{
	const char *from;

	buf_reset(&r->text);
	for (;;) {
		from = r->p;
		while (r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
			r->p++;
		buf_add(&r->text, from, (size_t)(r->p - from));
		if (r->p == r->end)
			return bad(r, "an unfinished string");
		if ((unsigned char)*r->p < 0x20)
			return bad(r, "a control character in a string");
		if (*r->p++ == '"')
			return 0;
		if (read_escape(r) < 0)
			return -1;
	}
}

/* One `"key": value` of `object`. */
static int read_member(struct reader *r, struct json_object *object)
{
	struct json_object *value = NULL;
	char *key;
	int rc = -1;

	if (!take(r, '"'))
		return bad(r, "a key is missing");
	if (read_string(r) < 0)
		return -1;
	if (json_object_object_get_ex(object, buf_cstr(&r->text), NULL))
		return bad(r, "a key for the second time");
	key = xmemdup(buf_cstr(&r->text), r->text.len);
	if (!take(r, ':'))
		bad(r, "a colon is missing");
	else
		rc = read_value(r, &value);
	if (rc == 0 && json_object_object_add(object, key, value) < 0)
		alloc_failed();
	free(key);
	return rc;
}

static int read_element(struct reader *r, struct json_object *array)
{
	struct json_object *value;

	if (read_value(r, &value) < 0)
		return -1;
	if (json_object_array_add(array, value) < 0)
		alloc_failed();
	return 0;
}

/* The members or elements of `container` up to its closing bracket. r->p is behind the opening one. */
static int read_contents(struct reader *r, struct json_object *container, char closing)
{
	int rc;

	if (take(r, closing))
		return 0;
	do {
		rc = closing == '}' ? read_member(r, container) : read_element(r, container);
		if (rc < 0)
			return rc;
	} while (take(r, ','));
	return take(r, closing) ? 0 : bad(r, "a comma or a closing bracket is missing");
}

static int read_container(struct reader *r, struct json_object **out)
{
	bool object = *r->p == '{';
	struct json_object *container;

	if (r->depth == r->max_depth)
		return bad(r, "too deep nesting");
	container = object ? json_object_new_object() : json_object_new_array_ext(4);
	if (!container)
		alloc_failed();
	r->p++;
	r->depth++;
	if (read_contents(r, container, object ? '}' : ']') < 0) {
		json_object_put(container);
		return -1;
	}
	r->depth--;
	*out = container;
	return 0;
}

static bool take_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

/* json-c's null is the NULL pointer. */
static int read_word(struct reader *r, struct json_object **out)
{
	bool yes = take_word(r, "true");

	if (yes || take_word(r, "false")) {
		*out = json_object_new_boolean(yes);
		return *out ? 0 : (alloc_failed(), -1);
	}
	if (!take_word(r, "null"))
		return bad(r, "no JSON value");
	*out = NULL;
	return 0;
}

static int read_value(struct reader *r, struct json_object **out)
{
	skip_space(r);
	if (r->p == r->end)
		return bad(r, "the end instead of a value");
	if (r->max_values && ++r->values > r->max_values)
		return bad(r, "too many values");
	if (*r->p == '{' || *r->p == '[')
		return read_container(r, out);
	if (*r->p == '-' || at_digit(r))
		return read_number(r, out);
	if (*r->p != '"')
		return read_word(r, out);
	r->p++;
	if (read_string(r) < 0)
		return -1;
	*out = json_object_new_string_len(buf_cstr(&r->text), (int)r->text.len);
	return *out ? 0 : (alloc_failed(), -1);
}

int json_parse(
	const void *bytes, size_t len, const struct json_limits *limits, struct json **out, struct err *err)
{
	struct reader r = {.start = bytes,
		.p = bytes,
		.max_depth = limits->max_depth,
		.max_values = limits->max_values,
		.err = err};
	struct json_object *root = NULL;
	int rc;

	assert(limits->max_depth <= JSON_DEPTH_MAX && limits->max_bytes <= INT32_MAX);
	if (len > limits->max_bytes)
		return err_set(err, ERR_REJECT, 0, "more than %zu bytes", limits->max_bytes);
	if (!str_is_utf8(bytes, len))
		return err_set(err, ERR_REJECT, 0, "not UTF-8");
	r.end = r.start + len;
	buf_init(&r.text, len);
	rc = read_value(&r, &root);
	skip_space(&r);
	if (rc == 0 && r.p != r.end) {
		rc = bad(&r, "more after the value");
		json_object_put(root);
	}
	buf_wipe_release(&r.text);
	if (rc == 0)
		*out = root ? (struct json *)root : json_new_null();
	return rc;
}
