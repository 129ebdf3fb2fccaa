#include "common/kafka/offsets.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/lock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct entry {
	int64_t offset;
	int64_t since_ms;
	uint32_t bytes;
	bool settled, patient;
};

struct partition {
	int32_t number;
	bool open;
	uint64_t generation;
	struct entry *entries; /* rising offsets; the head is the oldest not yet stored */
	size_t head, n, size;
	size_t pending, patient, bytes;
	size_t running;
};

struct offsets {
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct partition *list;
	size_t n;
	uint64_t generations;
};

struct offsets *offsets_new(void)
{
	struct offsets *o = xcalloc(1, sizeof(*o));

	lock_init(&o->lock);
	clock_cond_init(&o->idle);
	return o;
}

void offsets_free(struct offsets **op)
{
	struct offsets *o = *op;
	size_t i;

	*op = NULL;
	if (!o)
		return;
	for (i = 0; i < o->n; i++)
		free(o->list[i].entries);
	free(o->list);
	pthread_cond_destroy(&o->idle);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static struct partition *find(struct offsets *o, int32_t number)
{
	size_t i;

	for (i = 0; i < o->n; i++)
		if (o->list[i].number == number)
			return &o->list[i];
	return NULL;
}

static struct partition *find_of(struct offsets *o, const struct offset_ticket *t)
{
	struct partition *p = find(o, t->partition);

	return p && p->generation == t->generation ? p : NULL;
}

void offsets_open(struct offsets *o, int32_t number)
{
	struct partition *p;

	pthread_mutex_lock(&o->lock);
	p = find(o, number);
	if (!p) {
		o->list = xrealloc(o->list, (o->n + 1) * sizeof(*o->list));
		p = &o->list[o->n++];
		*p = (struct partition){.number = number};
	}
	p->open = true;
	p->generation = ++o->generations;
	p->head = p->n = p->pending = p->patient = p->bytes = p->running = 0;
	pthread_mutex_unlock(&o->lock);
}

void offsets_close(struct offsets *o, int32_t number, int64_t wait_ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + wait_ms);
	struct partition *p;

	pthread_mutex_lock(&o->lock);
	p = find(o, number);
	if (p)
		p->open = false;
	while (p && p->running > 0 && pthread_cond_timedwait(&o->idle, &o->lock, &until) == 0)
		p = find(o, number);
	pthread_mutex_unlock(&o->lock);
}

static void append(struct partition *p, const struct offset_record *r)
{
	uint32_t bytes = r->bytes < UINT32_MAX ? (uint32_t)r->bytes : UINT32_MAX;

	if (p->head > 0 && p->head + p->n == p->size) {
		memmove(p->entries, p->entries + p->head, p->n * sizeof(*p->entries));
		p->head = 0;
	}
	if (p->n == p->size) {
		p->size = p->size ? p->size * 2 : 64;
		p->entries = xrealloc(p->entries, p->size * sizeof(*p->entries));
	}
	p->entries[p->head + p->n++] = (struct entry){
		.offset = r->offset, .since_ms = r->since_ms, .bytes = bytes, .patient = r->patient};
	p->pending++;
	p->patient += r->patient;
	p->bytes += bytes;
}

bool offsets_add(struct offsets *o, int32_t number, const struct offset_record *r, struct offset_ticket *out)
{
	struct partition *p;
	bool open;

	pthread_mutex_lock(&o->lock);
	p = find(o, number);
	open = p && p->open;
	if (open) {
		append(p, r);
		*out = (struct offset_ticket){number, r->offset, p->generation};
	}
	pthread_mutex_unlock(&o->lock);
	return open;
}

bool offsets_begin(struct offsets *o, const struct offset_ticket *t)
{
	struct partition *p;
	bool ours;

	pthread_mutex_lock(&o->lock);
	p = find_of(o, t);
	ours = p && p->open;
	if (ours)
		p->running++;
	pthread_mutex_unlock(&o->lock);
	return ours;
}

bool offsets_current(struct offsets *o, const struct offset_ticket *t)
{
	struct partition *p;
	bool ours;

	pthread_mutex_lock(&o->lock);
	p = find_of(o, t);
	ours = p && p->open;
	pthread_mutex_unlock(&o->lock);
	return ours;
}

static struct entry *entry_of(struct partition *p, int64_t offset)
{
	size_t low = p->head, high = p->head + p->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (p->entries[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->head + p->n && p->entries[low].offset == offset ? &p->entries[low] : NULL;
}

void offsets_end(struct offsets *o, const struct offset_ticket *t, bool settled)
{
	struct partition *p;
	struct entry *e;

	pthread_mutex_lock(&o->lock);
	p = find_of(o, t);
	if (p) {
		e = entry_of(p, t->offset);
		if (e && settled && !e->settled) {
			e->settled = true;
			p->pending--;
			p->patient -= e->patient;
			p->bytes -= e->bytes;
		}
		if (--p->running == 0)
			pthread_cond_broadcast(&o->idle);
	}
	pthread_mutex_unlock(&o->lock);
}

bool offsets_advanced(struct offsets *o, int32_t number, int64_t *offset_out)
{
	struct partition *p;
	bool advanced = false;

	pthread_mutex_lock(&o->lock);
	p = find(o, number);
	while (p && p->n > 0 && p->entries[p->head].settled) {
		*offset_out = p->entries[p->head].offset;
		advanced = true;
		p->head++;
		p->n--;
	}
	pthread_mutex_unlock(&o->lock);
	return advanced;
}

struct offsets_load offsets_load(struct offsets *o, int32_t number)
{
	struct offsets_load load = {0, 0, 0, 0};
	struct partition *p;

	pthread_mutex_lock(&o->lock);
	p = find(o, number);
	if (p)
		load = (struct offsets_load){p->pending, p->patient, p->bytes, p->n};
	pthread_mutex_unlock(&o->lock);
	return load;
}

/* The first that is not settled; those before it only wait to be stored. */
static const struct entry *first_unsettled(const struct partition *p)
{
	for (size_t i = p->head; p->pending > 0 && i < p->head + p->n; i++)
		if (!p->entries[i].settled)
			return &p->entries[i];
	return NULL;
}

bool offsets_oldest(struct offsets *o, int64_t *since_ms_out)
{
	bool found = false;

	pthread_mutex_lock(&o->lock);
	for (size_t i = 0; i < o->n; i++) {
		const struct entry *e = o->list[i].open ? first_unsettled(&o->list[i]) : NULL;

		if (e && (!found || e->since_ms < *since_ms_out))
			*since_ms_out = e->since_ms;
		found |= e != NULL;
	}
	pthread_mutex_unlock(&o->lock);
	return found;
}
