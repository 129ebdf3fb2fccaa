#ifndef WEIXIN_SIM_WORLD_TAGS_H
#define WEIXIN_SIM_WORLD_TAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The tags of an account, and those of one of its fans. The caller locks (struct state).
 * https://developers.weixin.qq.com/doc/offiaccount/User_Management/User_Tag_Management.html */
#define TAGS_MAX     100 /* of an account */
#define FAN_TAGS_MAX 20
#define TAG_NAME_MAX 30 /* bytes */

struct tag {
	int64_t id;
	char name[TAG_NAME_MAX + 1];
};

struct tags {
	struct tag tag[TAGS_MAX];
	size_t n;
	int64_t last_id; /* given so far; 0: none */
};

struct fan_tags {
	int64_t id[FAN_TAGS_MAX];
	size_t n;
};

const struct tag *tags_find(const struct tags *t, int64_t id); /* NULL: none */

/* 0 or an errcode: 45157 no name, or one that is taken; 45158 too long; 45056 as many as an account may have;
 * 45058 one of Weixin's own (0, 1, 2); 45159 no such tag. */
int tags_create(struct tags *t, const char *name, const struct tag **out);
int tags_rename(struct tags *t, int64_t id, const char *name);
int tags_delete(struct tags *t, int64_t id);

bool fan_tags_has(const struct fan_tags *f, int64_t id);
int fan_tags_add(struct fan_tags *f, int64_t id); /* 0, or 45059: as many as a fan may have */
void fan_tags_remove(struct fan_tags *f, int64_t id);

#endif
