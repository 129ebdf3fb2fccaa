#include "tools/weixin-sim/push/delivery.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

struct delivery_url {
	char *url;
	int64_t failures;          /* in a row */
	int64_t shielded_until_ms; /* monotonic; 0: not */
	UT_hash_handle hh;
};

void delivery_init(struct delivery *d, const struct delivery_rules *rules)
{
	pthread_mutex_init(&d->lock, NULL);
	d->preset = d->rules = *rules;
	d->urls = NULL;
}

void delivery_forget(struct delivery *d)
{
	struct delivery_url *u, *next;

	pthread_mutex_lock(&d->lock);
	HASH_ITER (hh, d->urls, u, next) {
		HASH_DEL(d->urls, u);
		free(u->url);
		free(u);
	}
	d->rules = d->preset;
	pthread_mutex_unlock(&d->lock);
}

void delivery_release(struct delivery *d)
{
	delivery_forget(d);
	pthread_mutex_destroy(&d->lock);
}

void delivery_set_rules(struct delivery *d, const struct delivery_rules *rules)
{
	pthread_mutex_lock(&d->lock);
	d->rules = *rules;
	pthread_mutex_unlock(&d->lock);
}

void delivery_get_rules(struct delivery *d, struct delivery_rules *out)
{
	pthread_mutex_lock(&d->lock);
	*out = d->rules;
	pthread_mutex_unlock(&d->lock);
}

static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; *p; p += strcspn(p, ",")) {
		p += *p == ',';
		if (len && strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

int64_t delivery_retries(struct delivery *d, const char *kind)
{
	int64_t retries;

	pthread_mutex_lock(&d->lock);
	retries = in_list(d->rules.unrepeated, kind) ? 0 : d->rules.retries;
	pthread_mutex_unlock(&d->lock);
	return retries;
}

bool delivery_shielded(struct delivery *d, const char *url)
{
	struct delivery_url *u;
	bool shielded;

	pthread_mutex_lock(&d->lock);
	HASH_FIND_STR(d->urls, url, u);
	shielded = u && clock_mono_ms() < u->shielded_until_ms;
	pthread_mutex_unlock(&d->lock);
	return shielded;
}

static struct delivery_url *put(struct delivery *d, const char *url)
{
	struct delivery_url *u;

	HASH_FIND_STR(d->urls, url, u);
	if (!u) {
		u = xcalloc(1, sizeof(*u));
		u->url = xstrdup(url);
		HASH_ADD_KEYPTR(hh, d->urls, u->url, strlen(u->url), u);
	}
	return u;
}

void delivery_count(struct delivery *d, const char *url, bool failed)
{
	struct delivery_url *u;

	pthread_mutex_lock(&d->lock);
	u = put(d, url);
	u->failures = failed ? u->failures + 1 : 0;
	if (d->rules.mark_fail_after && u->failures >= d->rules.mark_fail_after) {
		u->failures = 0;
		u->shielded_until_ms = clock_mono_ms() + d->rules.mark_fail_ms;
	}
	pthread_mutex_unlock(&d->lock);
}
