#include "tools/weixin-sim/admin/record.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ENTRY_MAX ((size_t)4 << 20)

struct record_entry {
	const char *what; /* a constant */
	char *json;
};

void record_init(struct record *r, uint64_t max)
{
	memset(r, 0, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	clock_cond_init(&r->added);
	r->ring = xcalloc(max, sizeof(*r->ring));
	r->max = max;
}

void record_release(struct record *r)
{
	if (!r->ring)
		return;
	record_forget(r);
	free(r->ring);
	pthread_cond_destroy(&r->added);
	pthread_mutex_destroy(&r->lock);
}

void record_forget(struct record *r)
{
	pthread_mutex_lock(&r->lock);
	for (uint64_t i = 0; i < r->max; i++) {
		free(r->ring[i].json);
		r->ring[i].json = NULL;
	}
	r->dropped = r->n;
	pthread_mutex_unlock(&r->lock);
}

void record_stop(struct record *r)
{
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->added);
	pthread_mutex_unlock(&r->lock);
}

void record_add(struct record *r, const char *what, const struct json *entry)
{
	struct buf text = BUF_INIT(ENTRY_MAX), members = BUF_INIT(ENTRY_MAX);
	struct record_entry *slot;

	json_write(entry, &members);
	pthread_mutex_lock(&r->lock);
	r->n++;
	/* The members follow those two, so that the order of reading is that of importance. */
	buf_addf(&text, "{\"n\":%" PRIu64 ",\"what\":\"%s\",", r->n, what);
	buf_add_str(&text, buf_cstr(&members) + 1);
	slot = &r->ring[(r->n - 1) % r->max];
	free(slot->json);
	*slot = (struct record_entry){what, buf_detach(&text)};
	if (r->n - r->dropped > r->max)
		r->dropped = r->n - r->max;
	pthread_cond_broadcast(&r->added);
	pthread_mutex_unlock(&r->lock);
	buf_release(&members);
}

uint64_t record_last(struct record *r)
{
	uint64_t n;

	pthread_mutex_lock(&r->lock);
	n = r->n;
	pthread_mutex_unlock(&r->lock);
	return n;
}

/* With the lock held: the first entry above `since` that is `what`, 0 if there is none. */
static uint64_t find(const struct record *r, uint64_t since, const char *what)
{
	uint64_t n = since > r->dropped ? since : r->dropped;

	for (n++; n <= r->n; n++)
		if (!what || strcmp(r->ring[(n - 1) % r->max].what, what) == 0)
			return n;
	return 0;
}

void record_write(struct record *r, uint64_t since, const char *what, int64_t wait_ms, struct buf *out)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + wait_ms);
	bool first = true;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping && !find(r, since, what) &&
		pthread_cond_timedwait(&r->added, &r->lock, &until) == 0)
		continue;
	buf_addf(out, "{\"next\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"entries\":[", r->n, r->dropped);
	for (uint64_t n = find(r, since, what); n; n = find(r, n, what)) {
		buf_add_str(out, first ? "" : ",\n");
		buf_add_str(out, r->ring[(n - 1) % r->max].json);
		first = false;
	}
	buf_add_str(out, "]}\n");
	pthread_mutex_unlock(&r->lock);
}

/* A look at the bytes first: most entries need not be parsed. */
static bool matches(const char *bytes, const char *name, const char *text, struct json **out)
{
	const struct json_limits limits = {.max_bytes = ENTRY_MAX, .max_depth = 32};
	const char *own;

	if (!strstr(bytes, text) || json_parse(bytes, strlen(bytes), &limits, out, NULL) < 0)
		return false;
	own = json_get_str(*out, name);
	if (own && strstr(own, text))
		return true;
	json_free(out);
	return false;
}

int record_find(struct record *r, const char *what, const char *name, const char *text, struct json **out)
{
	bool found = false;

	*out = NULL;
	pthread_mutex_lock(&r->lock);
	for (uint64_t n = find(r, 0, what); n && !found; n = find(r, n, what))
		found = matches(r->ring[(n - 1) % r->max].json, name, text, out);
	pthread_mutex_unlock(&r->lock);
	return found ? 0 : -1;
}
