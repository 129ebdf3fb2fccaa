#include "services/business/sdk/payload.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define PREFIX         "weixin."
#define NAME_MAX_BYTES 64
#define NUMBER_MAX     64

enum kind { KIND_STR, KIND_INT, KIND_NUM, KIND_TREE };

struct field {
	enum kind kind;
	size_t offset;
	const char *path; /* "ScanCodeInfo.ScanType" */
};

struct payload {
	size_t size;
	const char *const *types; /* NULL behind the last */
	const struct field *fields;
	size_t n_fields;
};

/* --- one field ---------------------------------------------------------------------------------------------
 */

static const struct json *find(const struct json *at, const char *path)
{
	char name[NAME_MAX_BYTES + 1];
	const char *dot;

	while ((dot = strchr(path, '.')) != NULL) {
		if (str_ncopy(name, sizeof(name), path, (size_t)(dot - path)) < 0)
			return NULL;
		at = json_get(at, name);
		path = dot + 1;
	}
	return json_get(at, path);
}

/* A number of a JSON push, as it was written: an id may be too long for an integer. */
static const char *text_of(const struct json *j, struct arena *arena)
{
	struct buf text = BUF_INIT(NUMBER_MAX);
	const char *s = json_str(j);

	if (s || (json_kind(j) != JSON_INT && json_kind(j) != JSON_DOUBLE))
		return s ? s : "";
	json_write(j, &text);
	s = text.overflow ? "" : arena_strdup(arena, buf_cstr(&text));
	buf_release(&text);
	return s;
}

static int64_t int_of(const struct json *j)
{
	const char *s = json_str(j);
	int64_t n = 0;

	if (s)
		return str_to_int64(s, strlen(s), INT64_MIN, INT64_MAX, &n) < 0 ? 0 : n;
	return json_int(j, &n) < 0 ? 0 : n;
}

static double num_of(const struct json *j, struct arena *arena)
{
	return strtod(text_of(j, arena), NULL);
}

static const struct json *tree_of(const struct json *j)
{
	return json_kind(j) == JSON_ARRAY || json_kind(j) == JSON_OBJECT ? j : NULL;
}

static void fill(const struct field *f, const struct event *e, char *at)
{
	const struct json *j = find(e->fields, f->path);

	switch (f->kind) {
	case KIND_STR:
		*(const char **)(void *)at = text_of(j, e->arena);
		break;
	case KIND_INT:
		*(int64_t *)(void *)at = int_of(j);
		break;
	case KIND_NUM:
		*(double *)(void *)at = num_of(j, e->arena);
		break;
	case KIND_TREE:
		*(const struct json **)(void *)at = tree_of(j);
		break;
	}
}

/* --- all of them -------------------------------------------------------------------------------------------
 */

static bool is_of(const struct payload *p, const char *type)
{
	if (!str_starts_with(type, PREFIX))
		return false;
	for (size_t i = 0; p->types[i]; i++)
		if (strcmp(p->types[i], type + strlen(PREFIX)) == 0)
			return true;
	return false;
}

static void *view(const struct payload *p, const struct event *e)
{
	char *out;

	if (!is_of(p, e->type))
		return NULL;
	out = arena_alloc(e->arena, p->size);
	for (size_t i = 0; i < p->n_fields; i++)
		fill(&p->fields[i], e, out + p->fields[i].offset);
	return out;
}

#define ROW(kind_, member, path_) {.kind = (kind_), .offset = offsetof(viewed, member), .path = (path_)},
#define STR(member, path)         ROW(KIND_STR, member, path)
#define INT(member, path)         ROW(KIND_INT, member, path)
#define NUM(member, path)         ROW(KIND_NUM, member, path)
#define TREE(member, path)        ROW(KIND_TREE, member, path)
#define PAYLOAD(name, FIELDS, ...)                                                                           \
	const struct name##_payload *name##_payload(const struct event *e)                                   \
	{                                                                                                    \
		typedef struct name##_payload viewed;                                                        \
		static const char *const types[] = {__VA_ARGS__, NULL};                                      \
		static const struct field fields[] = {FIELDS(STR, INT, NUM, TREE)};                          \
		static const struct payload p = {                                                            \
			sizeof(viewed), types, fields, sizeof(fields) / sizeof(fields[0])};                  \
                                                                                                             \
		return view(&p, e);                                                                          \
	}
PAYLOADS(PAYLOAD)
