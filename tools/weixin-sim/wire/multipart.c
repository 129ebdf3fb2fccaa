#include "tools/weixin-sim/wire/multipart.h"

#include "common/base/str.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define BOUNDARY_MAX 70 /* RFC 2046 */
#define FORM_DATA    "multipart/form-data"
#define DISPOSITION  "Content-Disposition:"

/* A view of bytes that ends with `end`. */
struct span {
	const char *at, *end;
};

static size_t left(const struct span *s)
{
	return (size_t)(s->end - s->at);
}

static bool take(struct span *s, const char *text, size_t len)
{
	if (left(s) < len || strncasecmp(s->at, text, len) != 0)
		return false;
	s->at += len;
	return true;
}

/* Everything before `needle`, which is passed too. */
static bool take_until(struct span *s, const char *needle, size_t len, struct span *out)
{
	const char *found = memmem(s->at, left(s), needle, len);

	if (!found)
		return false;
	*out = (struct span){s->at, found};
	s->at = found + len;
	return true;
}

static void skip_blanks(struct span *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

/* `; name=value` or `; name="value"`. False at the end, or where it is malformed. */
static bool next_parameter(struct span *s, struct span *name, struct span *value)
{
	skip_blanks(s);
	if (!take(s, ";", 1))
		return false;
	skip_blanks(s);
	if (!take_until(s, "=", 1, name))
		return false;
	if (take(s, "\"", 1))
		return take_until(s, "\"", 1, value);
	value->at = s->at;
	while (s->at < s->end && *s->at != ';' && *s->at != ' ' && *s->at != '\t')
		s->at++;
	value->end = s->at;
	return true;
}

/* -1: missing, empty or too long. */
static int find_parameter(struct span s, const char *wanted, char *out, size_t size)
{
	struct span name, value;

	while (next_parameter(&s, &name, &value)) {
		if (left(&name) != strlen(wanted) || strncasecmp(name.at, wanted, left(&name)) != 0)
			continue;
		if (left(&value) == 0 || left(&value) >= size)
			return -1;
		memcpy(out, value.at, left(&value));
		out[left(&value)] = '\0';
		return 0;
	}
	return -1;
}

/* "\r\n--" and the boundary. */
static int read_boundary(const char *content_type, char *out, size_t size)
{
	struct span s = {content_type, content_type ? content_type + strlen(content_type) : NULL};
	char boundary[BOUNDARY_MAX + 1];

	if (!content_type || !take(&s, FORM_DATA, strlen(FORM_DATA)) ||
		find_parameter(s, "boundary", boundary, sizeof(boundary)) < 0)
		return -1;
	snprintf(out, size, "\r\n--%s", boundary);
	return 0;
}

/* The headers of one part: its name, and its file's if it has one. */
static int read_headers(struct span s, char *name, char *file_name)
{
	struct span line;

	while (left(&s) > 0) {
		if (!take_until(&s, "\r\n", 2, &line))
			return -1;
		if (!take(&line, DISPOSITION, strlen(DISPOSITION)))
			continue;
		skip_blanks(&line);
		if (!take(&line, "form-data", strlen("form-data")) ||
			find_parameter(line, "name", name, MULTIPART_NAME_MAX) < 0)
			return -1;
		if (find_parameter(line, "filename", file_name, MULTIPART_NAME_MAX) < 0)
			file_name[0] = '\0';
		return 0;
	}
	return -1;
}

int multipart_find(
	const char *content_type, const void *body, size_t len, const char *name, struct multipart_part *out)
{
	struct span s = {body, (const char *)body + len}, headers, data;
	char boundary[BOUNDARY_MAX + 5], own_name[MULTIPART_NAME_MAX], file_name[MULTIPART_NAME_MAX];
	bool found = false;

	if (read_boundary(content_type, boundary, sizeof(boundary)) < 0)
		return -1;
	/* The first stands without the line end that belongs to the others. */
	if (left(&s) < strlen(boundary) || memcmp(s.at, boundary + 2, strlen(boundary) - 2) != 0)
		return -1;
	s.at += strlen(boundary) - 2;
	while (!take(&s, "--", 2)) {
		if (!take(&s, "\r\n", 2) || !take_until(&s, "\r\n\r\n", 4, &headers))
			return -1;
		headers.end += 2; /* each header line keeps its end */
		if (read_headers(headers, own_name, file_name) < 0 ||
			!take_until(&s, boundary, strlen(boundary), &data))
			return -1;
		if (found || strcmp(own_name, name) != 0)
			continue;
		found = true;
		str_copy(out->file_name, sizeof(out->file_name), file_name);
		out->data = data.at;
		out->len = left(&data);
	}
	return found ? 0 : -1;
}
