#include "services/token-service/tokens/breaker.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct one {
	char component_appid[APPID_MAX + 1];
	int failures;          /* in a row */
	int64_t open_for_ms;   /* 0: closed */
	int64_t open_until_ms; /* no trial before this */
	bool on_trial;         /* one has been let through */
};

struct breaker {
	pthread_mutex_t lock;
	struct one ones[BREAKER_MAX_PLATFORMS];
	size_t n;
};

struct breaker *breaker_new(void)
{
	struct breaker *b = xcalloc(1, sizeof(*b));

	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void breaker_free(struct breaker **bp)
{
	struct breaker *b = *bp;

	*bp = NULL;
	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* Under the lock. NULL: one platform too many. */
static struct one *find(struct breaker *b, const char *component_appid)
{
	for (size_t i = 0; i < b->n; i++) {
		if (strcmp(b->ones[i].component_appid, component_appid) == 0)
			return &b->ones[i];
	}
	if (b->n == BREAKER_MAX_PLATFORMS)
		return NULL;
	(void)str_copy(b->ones[b->n].component_appid, sizeof(b->ones[b->n].component_appid), component_appid);
	return &b->ones[b->n++];
}

static bool lets_through(const struct one *o, int64_t now_ms)
{
	return !o || o->open_for_ms == 0 || now_ms >= o->open_until_ms;
}

bool breaker_is_closed(struct breaker *b, const char *component_appid, int64_t now_ms)
{
	bool closed;

	pthread_mutex_lock(&b->lock);
	closed = lets_through(find(b, component_appid), now_ms);
	pthread_mutex_unlock(&b->lock);
	return closed;
}

bool breaker_admit(struct breaker *b, const char *component_appid, int64_t now_ms)
{
	struct one *o;
	bool admitted;

	pthread_mutex_lock(&b->lock);
	o = find(b, component_appid);
	admitted = lets_through(o, now_ms);
	if (admitted && o && o->open_for_ms) {
		o->open_until_ms = now_ms + BREAKER_TRIAL_MS;
		o->on_trial = true;
	}
	pthread_mutex_unlock(&b->lock);
	return admitted;
}

static bool note_failure(struct one *o, int64_t now_ms)
{
	bool was_open = o->open_for_ms > 0;

	if (++o->failures < BREAKER_FAILURES || (was_open && !o->on_trial))
		return false; /* while open, without a trial: a call from before it opened */
	o->open_for_ms = was_open ? o->open_for_ms * 2 : BREAKER_LEAST_MS;
	if (o->open_for_ms > BREAKER_MOST_MS)
		o->open_for_ms = BREAKER_MOST_MS;
	o->open_until_ms = now_ms + o->open_for_ms;
	o->on_trial = false;
	return !was_open;
}

bool breaker_note(struct breaker *b, const char *component_appid, bool failed, int64_t now_ms)
{
	bool changed = false;
	struct one *o;

	pthread_mutex_lock(&b->lock);
	o = find(b, component_appid);
	if (o && failed) {
		changed = note_failure(o, now_ms);
	} else if (o) {
		changed = o->open_for_ms > 0;
		o->failures = 0;
		o->open_for_ms = 0;
		o->on_trial = false;
	}
	pthread_mutex_unlock(&b->lock);
	return changed;
}
