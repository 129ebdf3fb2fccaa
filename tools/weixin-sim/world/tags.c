#include "tools/weixin-sim/world/tags.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define OWN_IDS 100 /* Weixin's own are below */

static struct tag *find(struct tags *t, int64_t id)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->tag[i].id == id)
			return &t->tag[i];
	return NULL;
}

const struct tag *tags_find(const struct tags *t, int64_t id)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->tag[i].id == id)
			return &t->tag[i];
	return NULL;
}

static int check_name(const struct tags *t, const char *name, int64_t own_id)
{
	if (!name || name[0] == '\0')
		return 45157;
	if (strlen(name) > TAG_NAME_MAX)
		return 45158;
	for (size_t i = 0; i < t->n; i++)
		if (t->tag[i].id != own_id && strcmp(t->tag[i].name, name) == 0)
			return 45157;
	return 0;
}

int tags_create(struct tags *t, const char *name, const struct tag **out)
{
	int errcode = check_name(t, name, 0);
	struct tag *tag;

	if (errcode)
		return errcode;
	if (t->n == TAGS_MAX)
		return 45056;
	tag = &t->tag[t->n++];
	tag->id = OWN_IDS + t->last_id++;
	str_copy(tag->name, sizeof(tag->name), name);
	*out = tag;
	return 0;
}

static int find_own(struct tags *t, int64_t id, struct tag **out)
{
	if (id >= 0 && id <= 2)
		return 45058;
	*out = find(t, id);
	return *out ? 0 : 45159;
}

int tags_rename(struct tags *t, int64_t id, const char *name)
{
	struct tag *tag = NULL;
	int errcode;

	if ((errcode = find_own(t, id, &tag)) != 0 || (errcode = check_name(t, name, id)) != 0)
		return errcode;
	str_copy(tag->name, sizeof(tag->name), name);
	return 0;
}

int tags_delete(struct tags *t, int64_t id)
{
	struct tag *tag = NULL;
	int errcode = find_own(t, id, &tag);

	if (errcode)
		return errcode;
	t->n--;
	memmove(tag, tag + 1, (size_t)(&t->tag[t->n] - tag) * sizeof(*tag));
	return 0;
}

bool fan_tags_has(const struct fan_tags *f, int64_t id)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->id[i] == id)
			return true;
	return false;
}

int fan_tags_add(struct fan_tags *f, int64_t id)
{
	if (fan_tags_has(f, id))
		return 0;
	if (f->n == FAN_TAGS_MAX)
		return 45059;
	f->id[f->n++] = id;
	return 0;
}

void fan_tags_remove(struct fan_tags *f, int64_t id)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->id[i] != id)
			f->id[kept++] = f->id[i];
	f->n = kept;
}
