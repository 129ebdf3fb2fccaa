#ifndef WEIXIN_SIM_WORLD_MEDIA_H
#define WEIXIN_SIM_WORLD_MEDIA_H

#include "tools/weixin-sim/world/names.h"

#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

/* The temporary media that accounts have uploaded. The caller locks (struct state).
 * https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/New_temporary_materials.html */
#define MEDIA_STORE_MAX ((size_t)64 << 20) /* bytes of all; the oldest go for a new one */

struct media {
	char id[TOKEN_MAX];
	char appid[NAME_MAX_LEN];
	const char *type;         /* image, voice, video, thumb */
	const char *content_type; /* as its bytes say */
	const char *extension;
	char *bytes; /* owned */
	size_t len;
	int64_t expires_ms; /* wall clock */
	UT_hash_handle hh;
};

struct media_store {
	struct media *by_id; /* in the order in which they came */
	size_t bytes;
};

void media_release(struct media_store *s);

/* 0, or why Weixin does not take it: 40004 no such type, 44001 no bytes, 40005 not of a format that this type
 * may have, 40006 too large. Copies the bytes. */
int media_add(struct media_store *s, const char *appid, const char *type, const char *bytes, size_t len,
	int64_t expires_ms, const struct media **out);

/* NULL: the account (NULL: any) has no such one, or not any more. */
const struct media *media_find(
	const struct media_store *s, const char *appid, const char *id, int64_t now_ms);

#endif
