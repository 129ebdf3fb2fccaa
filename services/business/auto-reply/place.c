#include "services/business/auto-reply/place.h"

#include "common/base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

/* The parsed tree does not know where its values stood. So the text is walked once more, along the path, when
 * something is to be refused. It is valid JSON then, which makes the walk simple. */

void place_enter(struct place *p, const char *key)
{
	assert(p->depth < PLACE_DEPTH_MAX);
	p->steps[p->depth++] = (struct place_step){.key = key};
}

void place_enter_at(struct place *p, size_t index)
{
	assert(p->depth < PLACE_DEPTH_MAX);
	p->steps[p->depth++] = (struct place_step){.index = index};
}

void place_leave(struct place *p)
{
	assert(p->depth > 0);
	p->depth--;
}

/* --- walking -----------------------------------------------------------------------------------------------
 */

static const char *skip_space(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n'))
		s++;
	return s;
}

/* Behind the string whose opening quotation mark is at s. */
static const char *skip_string(const char *s, const char *end)
{
	for (s++; s < end && *s != '"'; s++)
		s += *s == '\\';
	return s < end ? s + 1 : end;
}

/* Behind the value at s. */
static const char *skip_value(const char *s, const char *end)
{
	int depth = 0;

	do {
		if (s == end)
			return end;
		if (*s == '"') {
			s = skip_string(s, end);
			continue;
		}
		if (*s == '{' || *s == '[')
			depth++;
		else if (*s == '}' || *s == ']')
			depth--;
		s++;
	} while (depth > 0 || (s < end && !strchr(",]} \t\r\n", *s)));
	return s;
}

static bool is_key(const char *s, const char *behind, const char *key)
{
	size_t len = strlen(key);

	return (size_t)(behind - s) == len + 2 && memcmp(s + 1, key, len) == 0;
}

/* The value of the step within the container at s; NULL: it is not there (a key that is missing, or written
 * with escapes). */
static const char *step_into(const char *s, const char *end, const struct place_step *step)
{
	const char *from;

	if (s == end || *s != (step->key ? '{' : '['))
		return NULL;
	s = skip_space(s + 1, end);
	for (size_t i = 0; s < end && *s != '}' && *s != ']'; i++) {
		from = s;
		if (step->key) {
			s = skip_string(s, end);
			s = skip_space(skip_space(s, end) + 1, end); /* over the colon */
			if (is_key(from, skip_string(from, end), step->key))
				return s;
		} else if (i == step->index) {
			return s;
		}
		s = skip_space(skip_value(s, end), end);
		if (s < end && *s == ',')
			s = skip_space(s + 1, end);
	}
	return NULL;
}

/* As far as the path can be followed. */
static const char *find(const struct place *p)
{
	const char *end = p->text + p->len;
	const char *s = skip_space(p->text, end), *next;

	for (size_t i = 0; i < p->depth; i++) {
		next = step_into(s, end, &p->steps[i]);
		if (!next)
			break;
		s = next;
	}
	return s;
}

/* --- saying ------------------------------------------------------------------------------------------------
 */

struct where {
	char text[160];
	size_t len;
};

static void add(struct where *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct where *w, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, fmt, args);
	va_end(args);
	w->len = w->len + (size_t)n < sizeof(w->text) ? w->len + (size_t)n : sizeof(w->text) - 1;
}

static void add_line(struct where *w, const struct place *p, const char *at)
{
	size_t line = p->first_line, column = 1;

	for (const char *s = p->text; s < at; s++) {
		if (*s == '\n') {
			line++;
			column = 1;
		} else {
			column += ((unsigned char)*s & 0xc0) != 0x80;
		}
	}
	add(w, "line %zu, column %zu", line, column);
}

/* A key is as its writer made it: what would not stand well in a line is left out. */
static const char *shown(const char *key)
{
	size_t len = strlen(key);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)key[i] < 0x20 || key[i] == 0x7f)
			return "?";
	return len > 0 && len <= 40 ? key : "?";
}

static void add_path(struct where *w, const struct place *p)
{
	for (size_t i = 0; i < p->depth; i++) {
		if (p->steps[i].key)
			add(w, "%s%s", i ? "." : ", ", shown(p->steps[i].key));
		else
			add(w, "%s[%zu]", i ? "" : ", ", p->steps[i].index);
	}
}

int place_refuse(const struct place *p, struct err *err, const char *fmt, ...)
{
	struct where w = {.len = 0};
	va_list args;
	char what[160];

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	add_line(&w, p, find(p));
	add_path(&w, p);
	return err_set(err, ERR_REJECT, 0, "%s: %s", w.text, what);
}

int place_refuse_syntax(const struct place *p, struct err *err)
{
	static const char mark[] = " at byte ";
	struct where w = {.len = 0};
	char what[sizeof(err->text)];
	char *found;
	int64_t byte;

	(void)str_copy(what, sizeof(what), err->text);
	found = strstr(what, mark);
	if (!found || str_to_int64(found + strlen(mark), strlen(found + strlen(mark)), 0, (int64_t)p->len,
			      &byte) < 0)
		return -1;
	*found = '\0';
	add_line(&w, p, p->text + byte);
	return err_set(err, ERR_REJECT, 0, "%s: %s", w.text, what);
}
