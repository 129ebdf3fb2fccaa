#include "tools/weixin-sim/world/office.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

void office_release(struct office *o)
{
	struct office_text *text, *next_text;
	struct registration *r;

	HASH_ITER (hh, o->texts, text, next_text) {
		HASH_DEL(o->texts, text);
		free(text);
	}
	while ((r = o->registrations) != NULL) {
		o->registrations = r->next;
		json_free(&r->fields);
		free(r);
	}
}

const char *office_get(const struct office *o, const char *name)
{
	const struct office_text *text;

	HASH_FIND_STR(o->texts, name, text);
	return text ? text->value : "";
}

void office_set(struct office *o, const char *name, const char *value)
{
	struct office_text *text;

	HASH_FIND_STR(o->texts, name, text);
	if (!text) {
		text = xcalloc(1, sizeof(*text));
		str_copy(text->name, sizeof(text->name), name);
		HASH_ADD_STR(o->texts, name, text);
	}
	str_copy(text->value, sizeof(text->value), value);
}

static bool begins(const char *name, const char *beginning)
{
	return strncmp(name, beginning, strlen(beginning)) == 0;
}

bool office_has_value(const struct office *o, const char *beginning, const char *value)
{
	for (const struct office_text *text = o->texts; text; text = text->hh.next)
		if (begins(text->name, beginning) && strcmp(text->value, value) == 0)
			return true;
	return false;
}

struct registration *office_register(struct office *o, enum registration_kind kind,
	const char *component_appid, const char *id, struct json *fields)
{
	struct registration *r = xcalloc(1, sizeof(*r));

	r->kind = kind;
	str_copy(r->component_appid, sizeof(r->component_appid), component_appid);
	str_copy(r->id, sizeof(r->id), id);
	r->fields = fields;
	r->next = o->registrations;
	o->registrations = r;
	return r;
}

static bool is_of(const struct registration *r, enum registration_kind kind, const char *component_appid)
{
	return r->kind == kind && strcmp(r->component_appid, component_appid) == 0;
}

struct registration *office_find(const struct office *o, enum registration_kind kind,
	const char *component_appid, const char *field, const char *value)
{
	for (struct registration *r = o->registrations; r; r = r->next) {
		const char *own = json_get_str(r->fields, field);

		if (is_of(r, kind, component_appid) && own && strcmp(own, value) == 0)
			return r;
	}
	return NULL;
}

struct registration *office_oldest(
	const struct office *o, enum registration_kind kind, const char *component_appid)
{
	struct registration *oldest = NULL;

	for (struct registration *r = o->registrations; r; r = r->next)
		if (is_of(r, kind, component_appid) && !r->ended)
			oldest = r;
	return oldest;
}
