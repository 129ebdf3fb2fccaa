#include "tools/weixin-sim/scenario/match.h"

#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define VARIABLE_MAX 64
#define TEXT_MAX     ((size_t)1 << 20)
#define PATH_MAX_LEN 400
#define SHOWN_MAX    300 /* bytes of a value in a message */

/* --- expectations ------------------------------------------------------------------------------------------
 */

struct difference {
	char path[PATH_MAX_LEN]; /* of the value that is looked at */
	struct buf *why;
};

static void show(const struct json *j, struct buf *out)
{
	struct buf text = BUF_INIT(TEXT_MAX);
	size_t len;

	if (j)
		json_write(j, &text);
	else
		buf_add_str(&text, "nothing");
	len = text.len;
	if (len > SHOWN_MAX)
		for (len = SHOWN_MAX; (text.data[len] & 0xc0) == 0x80; len--)
			continue; /* to where a character begins */
	buf_addf(out, "%.*s%s", (int)len, buf_cstr(&text), len < text.len ? "..." : "");
	buf_release(&text);
}

static bool differs(
	struct difference *d, const char *what, const struct json *expected, const struct json *actual)
{
	buf_addf(d->why, "%s is ", d->path[0] ? d->path : "it");
	show(actual, d->why);
	buf_addf(d->why, ", not %s", what);
	show(expected, d->why);
	return false;
}

/* A single operator's object; NULL: it is an ordinary value. */
static const struct json *operand(const struct json *expected, const char **name_out)
{
	const struct json *value = NULL;
	size_t it = 0;

	if (json_kind(expected) != JSON_OBJECT || json_len(expected) != 1)
		return NULL;
	(void)json_next(expected, &it, name_out, &value);
	return (*name_out)[0] == '$' ? value : NULL;
}

/* Whether the operator exists and takes this; a text with a variable may become anything. */
static bool takes(const char *name, const struct json *operand)
{
	enum json_kind kind = json_kind(operand);
	bool open = kind == JSON_STRING && strstr(json_str(operand), "${");

	if (strcmp(name, "$any") == 0)
		return json_bool(operand, false);
	if (strcmp(name, "$contains") == 0)
		return kind == JSON_STRING;
	return (strcmp(name, "$at_least") == 0 || strcmp(name, "$at_most") == 0) &&
	       (kind == JSON_INT || open);
}

const char *match_flaw(const struct json *expected)
{
	const char *name = NULL, *flaw = NULL;
	const struct json *value = operand(expected, &name);
	size_t it = 0;

	if (value)
		return takes(name, value) ? NULL : name;
	for (size_t i = 0; json_kind(expected) == JSON_ARRAY && i < json_len(expected) && !flaw; i++)
		flaw = match_flaw(json_at(expected, i));
	while (json_kind(expected) == JSON_OBJECT && !flaw && json_next(expected, &it, &name, &value))
		flaw = name[0] == '$' ? name : match_flaw(value);
	return flaw;
}

static bool operate(
	struct difference *d, const char *name, const struct json *operand, const struct json *actual)
{
	int64_t limit, number;

	if (strcmp(name, "$any") == 0)
		return actual || differs(d, "", operand, actual);
	if (strcmp(name, "$contains") == 0)
		return (json_str(actual) && json_str(operand) &&
			       strstr(json_str(actual), json_str(operand))) ||
		       differs(d, "with ", operand, actual);
	if (json_int(operand, &limit) == 0 && json_int(actual, &number) == 0 &&
		(strcmp(name, "$at_least") == 0 ? number >= limit
						: strcmp(name, "$at_most") == 0 && number <= limit))
		return true;
	return differs(d, strcmp(name, "$at_least") == 0 ? "at least " : "at most ", operand, actual);
}

static bool equal(const struct json *a, const struct json *b)
{
	struct buf one = BUF_INIT(TEXT_MAX), other = BUF_INIT(TEXT_MAX);
	bool same;

	json_write(a, &one);
	json_write(b, &other);
	same = strcmp(buf_cstr(&one), buf_cstr(&other)) == 0;
	buf_release(&one);
	buf_release(&other);
	return same;
}

static bool compare(struct difference *d, const struct json *expected, const struct json *actual);

/* The value under a member's name or an index. */
static bool compare_at(
	struct difference *d, const char *name, const struct json *expected, const struct json *actual)
{
	size_t len = strlen(d->path);
	struct buf path = BUF_INIT(PATH_MAX_LEN);
	bool same;

	buf_addf(&path, "%s%s%s", d->path, len ? "." : "", name);
	if (!path.overflow)
		str_copy(d->path, sizeof(d->path), buf_cstr(&path));
	buf_release(&path);
	same = compare(d, expected, actual);
	d->path[len] = '\0';
	return same;
}

static bool compare_object(struct difference *d, const struct json *expected, const struct json *actual)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	if (json_kind(actual) != JSON_OBJECT)
		return differs(d, "", expected, actual);
	while (json_next(expected, &it, &name, &value))
		if (!compare_at(d, name, value, json_get(actual, name)))
			return false;
	return true;
}

static bool compare_array(struct difference *d, const struct json *expected, const struct json *actual)
{
	char index[24];

	if (json_kind(actual) != JSON_ARRAY || json_len(actual) != json_len(expected))
		return differs(d, "", expected, actual);
	for (size_t i = 0; i < json_len(expected); i++) {
		snprintf(index, sizeof(index), "%zu", i);
		if (!compare_at(d, index, json_at(expected, i), json_at(actual, i)))
			return false;
	}
	return true;
}

static bool compare(struct difference *d, const struct json *expected, const struct json *actual)
{
	const char *name = NULL;
	const struct json *value = operand(expected, &name);

	if (value)
		return operate(d, name, value, actual);
	if (json_kind(expected) == JSON_OBJECT)
		return compare_object(d, expected, actual);
	if (json_kind(expected) == JSON_ARRAY)
		return compare_array(d, expected, actual);
	return (actual && equal(expected, actual)) || differs(d, "", expected, actual);
}

bool match(const struct json *expected, const struct json *actual, struct buf *why)
{
	struct difference d = {.why = why};

	return compare(&d, expected, actual);
}

/* --- paths
 * -------------------------------------------------------------------------------------------------- */

const struct json *match_at(const struct json *j, const char *path)
{
	while (j && *path) {
		size_t len = strcspn(path, ".");
		char name[VARIABLE_MAX];
		int64_t index;

		if (len >= sizeof(name))
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		if (json_kind(j) != JSON_ARRAY)
			j = json_get(j, name);
		else
			j = str_to_int64(name, len, 0, INT32_MAX, &index) == 0 ? json_at(j, (size_t)index)
									       : NULL;
		path += path[len] == '.' ? len + 1 : len;
	}
	return j;
}

/* --- variables
 * ---------------------------------------------------------------------------------------------- */

/* The next "${name}" from `text` on: where it begins, and its name. NULL: none. */
static const char *next_name(const char *text, char name[VARIABLE_MAX], size_t *len_out)
{
	for (const char *at = strstr(text, "${"); at; at = strstr(at + 2, "${")) {
		const char *end = strchr(at, '}');
		size_t len = end ? (size_t)(end - at) - 2 : 0;

		if (len == 0 || len >= VARIABLE_MAX)
			continue;
		memcpy(name, at + 2, len);
		name[len] = '\0';
		*len_out = len + 3;
		return at;
	}
	return NULL;
}

static void add_value(struct buf *out, const struct json *value)
{
	if (json_str(value))
		buf_add_str(out, json_str(value));
	else
		json_write(value, out);
}

static struct json *fill_text(const char *text, const struct json *variables)
{
	struct buf out = BUF_INIT(TEXT_MAX);
	char name[VARIABLE_MAX];
	struct json *filled;
	const char *at;
	size_t len;

	at = next_name(text, name, &len);
	if (at == text && text[len] == '\0' && json_get(variables, name))
		return json_copy(json_get(variables, name));
	for (; at; at = next_name(text, name, &len)) {
		buf_add(&out, text, (size_t)(at - text));
		if (json_get(variables, name))
			add_value(&out, json_get(variables, name));
		else
			buf_add(&out, at, len);
		text = at + len;
	}
	buf_add_str(&out, text);
	filled = json_new_string_len(buf_cstr(&out), out.len);
	buf_release(&out);
	return filled;
}

struct json *match_fill(const struct json *j, const struct json *variables)
{
	const struct json *value;
	struct json *filled;
	const char *name;
	size_t it = 0;

	if (json_kind(j) == JSON_OBJECT) {
		filled = json_new_object();
		while (json_next(j, &it, &name, &value))
			json_set(filled, name, match_fill(value, variables));
		return filled;
	}
	if (json_kind(j) == JSON_ARRAY) {
		filled = json_new_array();
		for (size_t i = 0; i < json_len(j); i++)
			json_push(filled, match_fill(json_at(j, i), variables));
		return filled;
	}
	return json_str(j) ? fill_text(json_str(j), variables) : json_copy(j);
}

int match_names(const struct json *j, int (*found)(const char *name, void *arg), void *arg)
{
	const struct json *value;
	const char *key, *at;
	char name[VARIABLE_MAX];
	size_t it = 0, len;

	if (json_kind(j) == JSON_OBJECT) {
		while (json_next(j, &it, &key, &value))
			if (match_names(value, found, arg) < 0)
				return -1;
	} else if (json_kind(j) == JSON_ARRAY) {
		for (size_t i = 0; i < json_len(j); i++)
			if (match_names(json_at(j, i), found, arg) < 0)
				return -1;
	} else if (json_str(j)) {
		for (at = next_name(json_str(j), name, &len); at; at = next_name(at + len, name, &len))
			if (found(name, arg) < 0)
				return -1;
	}
	return 0;
}
