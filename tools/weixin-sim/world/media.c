#include "tools/weixin-sim/world/media.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

static const struct media_type {
	const char *name;
	size_t max;
} types[] = {{"image", 10 * MIB}, {"voice", 2 * MIB}, {"video", 10 * MIB}, {"thumb", 64 * KIB}};

/* What the first bytes of a file say. */
static const struct media_format {
	const char *type; /* image: of a thumb too, if `thumb` */
	size_t at;
	const char *bytes;
	size_t len;
	const char *content_type;
	const char *extension;
	int thumb;
} formats[] = {
	{"image", 0, "\xff\xd8\xff", 3, "image/jpeg", "jpg", 1},
	{"image", 0, "\x89PNG\r\n\x1a\n", 8, "image/png", "png", 0},
	{"image", 0, "GIF8", 4, "image/gif", "gif", 0},
	{"image", 0, "BM", 2, "image/bmp", "bmp", 0},
	{"voice", 0, "#!AMR", 5, "audio/amr", "amr", 0},
	{"voice", 0, "ID3", 3, "audio/mp3", "mp3", 0},
	{"voice", 0, "\xff\xfb", 2, "audio/mp3", "mp3", 0},
	{"video", 4, "ftyp", 4, "video/mp4", "mp4", 0},
};

void media_release(struct media_store *s)
{
	struct media *m, *next;

	HASH_ITER (hh, s->by_id, m, next) {
		HASH_DEL(s->by_id, m);
		free(m->bytes);
		free(m);
	}
	s->bytes = 0;
}

static const struct media_type *find_type(const char *name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

static const struct media_format *find_format(const char *type, const char *bytes, size_t len)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const struct media_format *f = &formats[i];

		if (strcmp(type, f->type) != 0 && !(f->thumb && strcmp(type, "thumb") == 0))
			continue;
		if (len >= f->at + f->len && memcmp(bytes + f->at, f->bytes, f->len) == 0)
			return f;
	}
	return NULL;
}

static void drop_oldest(struct media_store *s)
{
	struct media *oldest = s->by_id;

	HASH_DEL(s->by_id, oldest);
	s->bytes -= oldest->len;
	free(oldest->bytes);
	free(oldest);
}

int media_add(struct media_store *s, const char *appid, const char *type, const char *bytes, size_t len,
	int64_t expires_ms, const struct media **out)
{
	const struct media_type *t = find_type(type);
	const struct media_format *f;
	struct media *m;

	if (!t)
		return 40004;
	if (len == 0)
		return 44001;
	if (!(f = find_format(type, bytes, len)))
		return 40005;
	if (len > t->max)
		return 40006;
	while (s->bytes + len > MEDIA_STORE_MAX)
		drop_oldest(s);
	m = xcalloc(1, sizeof(*m));
	weixin_random_text(m->id, 64);
	str_copy(m->appid, sizeof(m->appid), appid);
	m->type = t->name;
	m->content_type = f->content_type;
	m->extension = f->extension;
	m->bytes = xmemdup(bytes, len);
	m->len = len;
	m->expires_ms = expires_ms;
	HASH_ADD_STR(s->by_id, id, m);
	s->bytes += len;
	*out = m;
	return 0;
}

const struct media *media_find(const struct media_store *s, const char *appid, const char *id, int64_t now_ms)
{
	const struct media *m;

	HASH_FIND_STR(s->by_id, id, m);
	return m && now_ms < m->expires_ms && (!appid || strcmp(m->appid, appid) == 0) ? m : NULL;
}
