#include "tools/wxbus/replay/replay_feed.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/kafka/backlog.h"
#include "common/kafka/offsets.h"
#include "common/kafka/producer.h"
#include "proto/origin.h"
#include "tools/wxbus/events/topic_scan.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define NOTE_MS    1000
#define ASK_MS     250 /* how far the group is */
#define READ_MS    50
#define STEP_MS    5
#define WARM_MS    4000
#define FLUSH_MS   (REPLAY_DELIVERY_MS + 2000)
#define GIVE_UP_MS 120000 /* of trouble without any progress */
#define AGAIN_MS   1000
#define MARGIN_MS  (10LL * 60 * 1000) /* between the clocks of two operators' machines */
#define BURST_MS   200                /* what a rate may catch up on */
#define CHECK_MS   5000               /* nothing is sent so long after the source was known again */

/* A place on the source that is on the target already. */
struct place {
	int32_t partition;
	int64_t offset;
};

struct written {
	UT_hash_handle hh;
	struct place place;
};

/* What of a part has been read and is not decided yet: its events, and what stands behind lost records. */
struct under_way {
	struct read {
		int64_t offset;
		int64_t lost; /* before it */
		bool event;
	} * list;
	size_t head, n, room;
	int64_t lost; /* of what has been read, all told */
};

struct feed {
	struct replay_store *store;
	struct replay *r;
	const struct feed_options *o;
	struct producer *producer;
	struct span_reader *reader;
	struct backlog *backlog;
	struct offsets *offsets; /* which of the source's records are decided */
	struct under_way *under_way;
	struct written *written; /* by processes before */
	struct arena written_arena, arena;
	int64_t leased_until_ms, note_at_ms, ask_at_ms, check_at_ms, turn_at_us;
	int64_t ahead;    /* as last asked; -1: not yet */
	int64_t sent;     /* by us, so far ... */
	int64_t asked_at; /* ... and of these on the target, when that was asked */
	enum replay_state wanted;
	atomic_llong in_flight;
	atomic_bool failed;
	pthread_mutex_t lock; /* over failure */
	struct err failure;
};

/* --- what others have written
 * -----------------------------------------------------------------------------------
 */

static bool number_of(const struct kafka_record *r, const char *name, int64_t max, int64_t *out)
{
	const struct kafka_header *h = kafka_record_header(r, name);

	return h && h->value && str_to_int64(h->value, h->value_len, 0, max, out) == 0;
}

static void note_written(void *arg, const struct kafka_record *record)
{
	const struct kafka_header *h = kafka_record_header(record, ORIGIN_REPLAY);
	struct feed *f = arg;
	struct written *w, *known;
	int64_t partition, offset;

	if (!h || !str_eq_cstr((struct str){h->value, h->value_len}, f->r->id) ||
		!number_of(record, ORIGIN_PARTITION, INT32_MAX, &partition) ||
		!number_of(record, ORIGIN_OFFSET, INT64_MAX, &offset))
		return;
	for (size_t i = 0; i < f->r->n_parts; i++)
		if (f->r->parts[i].span.partition == partition && offset < f->r->parts[i].next)
			return; /* noted */
	w = arena_alloc(&f->written_arena, sizeof(*w));
	w->place.partition = (int32_t)partition;
	w->place.offset = offset;
	HASH_FIND(hh, f->written, &w->place, sizeof(w->place), known);
	if (!known)
		HASH_ADD(hh, f->written, place, sizeof(w->place), w);
}

static bool is_written(const struct feed *f, const struct kafka_record *record)
{
	struct place place;
	struct written *w;

	memset(&place, 0, sizeof(place)); /* its padding, too */
	place.partition = record->partition;
	place.offset = record->offset;
	HASH_FIND(hh, f->written, &place, sizeof(place), w);
	return w != NULL;
}

/* --- notes
 * -------------------------------------------------------------------------------------------------------
 */

static size_t part_of(const struct feed *f, int32_t partition)
{
	size_t i = 0;

	while (f->r->parts[i].span.partition != partition)
		i++;
	return i;
}

static void move_on(struct feed *f)
{
	for (size_t i = 0; i < f->r->n_parts; i++) {
		struct replay_part *part = &f->r->parts[i];
		struct under_way *u = &f->under_way[i];
		int64_t last;

		if (offsets_advanced(f->offsets, part->span.partition, &last))
			part->next = last + 1;
		for (; u->n > 0 && u->list[u->head].offset < part->next; u->head++, u->n--) {
			part->events += u->list[u->head].event;
			part->lost += u->list[u->head].lost;
		}
	}
}

static int note(struct feed *f, struct err *err)
{
	int64_t now = clock_mono_ms();
	int rc;

	move_on(f);
	rc = replay_store_note(f->store, f->r, &f->wanted, err);
	if (rc == 0) {
		f->leased_until_ms = now + REPLAY_LEASE_MS;
		f->note_at_ms = now + NOTE_MS;
	}
	return rc;
}

static void tell(struct feed *f, bool last)
{
	struct feed_progress p = {
		.ahead = f->ahead, .waits_for_group = f->ahead >= REPLAY_AHEAD_MAX, .last = last};

	for (size_t i = 0; i < f->r->n_parts; i++) {
		const struct replay_part *part = &f->r->parts[i];

		p.events += part->events;
		p.lost += part->lost;
		p.records += part->next - part->span.from;
		p.records_all += part->span.to - part->span.from;
	}
	f->o->progress(f->o->arg, &p);
}

static int failure_of(struct feed *f, struct err *err)
{
	pthread_mutex_lock(&f->lock);
	*err = f->failure;
	pthread_mutex_unlock(&f->lock);
	return -1;
}

static int ask_ahead(struct feed *f, struct err *err)
{
	int64_t on_target = f->sent - atomic_load(&f->in_flight);
	int rc = backlog_ask(f->backlog, &f->ahead, err);

	move_on(f); /* for whoever looks on */
	f->asked_at = on_target;
	f->ask_at_ms = clock_mono_ms() + ASK_MS;
	return rc;
}

static int say_source(const struct feed *f, int rc, struct err *err)
{
	return rc < 0 ? err_prefix(err, "%s", f->r->source) : 0;
}

/* What stands at the offsets planned is what was planned, as long as the source is the topic that it was. */
static int know_source(struct feed *f, struct err *err)
{
	struct kafka_span *spans = xcalloc(f->r->n_parts, sizeof(*spans));
	int rc;

	for (size_t i = 0; i < f->r->n_parts; i++)
		spans[i] = f->r->parts[i].span;
	rc = kafka_spans_check(f->o->kafka, f->r->source, spans, f->r->n_parts, err);
	free(spans);
	f->check_at_ms = clock_mono_ms() + CHECK_MS;
	return say_source(f, rc, err);
}

/* What has to be done in time, whatever else goes on. */
static int look_after(struct feed *f, struct err *err)
{
	int rc = 0;

	if (atomic_load(&f->failed))
		return failure_of(f, err);
	if (clock_mono_ms() >= f->note_at_ms)
		rc = note(f, err);
	if (rc == 0 && clock_mono_ms() >= f->ask_at_ms)
		rc = ask_ahead(f, err);
	tell(f, false);
	return rc;
}

static bool wants_to_end(const struct feed *f)
{
	return f->wanted != REPLAY_RUNNING || f->o->stop(f->o->arg);
}

/* --- events
 * ------------------------------------------------------------------------------------------------------
 */

struct sending {
	struct feed *feed;
	struct offset_ticket ticket;
};

static void sent(void *arg, const struct err *failure)
{
	struct sending *s = arg;
	struct feed *f = s->feed;

	offsets_end(f->offsets, &s->ticket, !failure);
	if (failure) {
		pthread_mutex_lock(&f->lock);
		f->failure = *failure;
		f->failure.kind = ERR_RETRY; /* whether it was written is looked up on the target */
		pthread_mutex_unlock(&f->lock);
		atomic_store(&f->failed, true);
	}
	atomic_fetch_sub(&f->in_flight, 1);
	free(s);
}

/* 0: it is its turn. 1: the replay is to end first. */
static int wait_for_turn(struct feed *f, struct err *err)
{
	int64_t now_us;
	int rc;

	for (;;) {
		if ((rc = look_after(f, err)) < 0)
			return rc;
		if (wants_to_end(f))
			return 1;
		now_us = clock_mono_us();
		if (now_us >= f->turn_at_us && clock_mono_ms() < f->leased_until_ms &&
			f->ahead + f->sent - f->asked_at < REPLAY_AHEAD_MAX) {
			if (clock_mono_ms() < f->check_at_ms)
				break;
			if ((rc = know_source(f, err)) < 0)
				return rc;
			continue;
		}
		clock_sleep_ms(STEP_MS);
	}
	if (f->turn_at_us < now_us - BURST_MS * 1000LL)
		f->turn_at_us = now_us - BURST_MS * 1000LL;
	f->turn_at_us += 1000000LL / f->r->rate;
	return 0;
}

static int send_event(struct feed *f, const struct kafka_record *record, const struct offset_ticket *ticket,
	struct err *err)
{
	const struct origin_replay of = {.id = f->r->id, .redo = f->r->redo, .effects = f->r->effects};
	struct kafka_header *headers =
		arena_alloc(&f->arena, (record->n_headers + ORIGIN_REPLAY_HEADERS_MAX) * sizeof(*headers));
	struct kafka_record r = *record;
	struct sending *s = xmalloc(sizeof(*s));
	int rc;

	r.n_headers = origin_write_replay(record, &of, &f->arena, headers);
	r.headers = headers;
	r.topic = f->r->target;
	r.partition = -1;
	r.timestamp_ms = clock_wall_ms();
	*s = (struct sending){f, *ticket};
	atomic_fetch_add(&f->in_flight, 1);
	for (;;) {
		rc = PRODUCER_FULL;
		if (clock_mono_ms() < f->leased_until_ms)
			rc = producer_send(f->producer, &r, sent, s, err);
		if (rc != PRODUCER_FULL || (rc = look_after(f, err)) < 0)
			break;
		clock_sleep_ms(STEP_MS);
	}
	if (rc < 0) {
		atomic_fetch_sub(&f->in_flight, 1);
		free(s);
		return rc;
	}
	f->sent++;
	return 0;
}

static void keep_in_mind(struct under_way *u, struct read read)
{
	if (u->head > 0 && u->head + u->n == u->room) {
		memmove(u->list, u->list + u->head, u->n * sizeof(*u->list));
		u->head = 0;
	}
	if (u->n == u->room) {
		u->room = u->room ? 2 * u->room : 64;
		u->list = xrealloc(u->list, u->room * sizeof(*u->list));
	}
	u->list[u->head + u->n++] = read;
}

/* Since it was asked last. */
static int64_t newly_lost(struct feed *f, size_t part)
{
	struct under_way *u = &f->under_way[part];
	int64_t before = u->lost;

	u->lost = span_reader_lost(f->reader, f->r->parts[part].span.partition);
	return u->lost - before;
}

static bool wanted(struct feed *f, const struct kafka_record *record)
{
	struct envelope e;
	struct err ignored;

	return envelope_decode(record, &f->arena, &e, &ignored) == 0 &&
	       event_wanted(&f->r->filter, record, &e);
}

/* 0; 1: the replay is to end before this record. */
static int decide(struct feed *f, const struct kafka_record *record, struct err *err)
{
	bool is_wanted = wanted(f, record), to_send = is_wanted && !is_written(f, record);
	size_t part = part_of(f, record->partition);
	struct read read = {.offset = record->offset, .event = is_wanted};
	struct offset_ticket ticket;
	int rc;

	if (to_send && (rc = wait_for_turn(f, err)) != 0)
		return rc;
	read.lost = newly_lost(f, part);
	if (read.event || read.lost > 0)
		keep_in_mind(&f->under_way[part], read);
	offsets_add(f->offsets, record->partition,
		&(struct offset_record){.offset = record->offset, .since_ms = record->timestamp_ms}, &ticket);
	offsets_begin(f->offsets, &ticket);
	if (to_send)
		return send_event(f, record, &ticket, err);
	offsets_end(f->offsets, &ticket, true);
	return 0;
}

/* 0: all is read. 1: it is to end before that. */
static int read_and_send(struct feed *f, struct err *err)
{
	const struct kafka_record *record;
	int rc = 0, got = 0;

	while (rc == 0 && got != SPAN_END && !wants_to_end(f)) {
		got = span_reader_next(f->reader, READ_MS, &record, err);
		rc = got < 0 ? say_source(f, got, err) : look_after(f, err);
		if (rc == 0 && got == 0)
			rc = decide(f, record, err);
		arena_reset(&f->arena);
	}
	if (rc == 0 && got == SPAN_END)
		return know_source(f, err); /* what was sent last, too, was of it */
	return rc != 0 ? rc : 1;
}

/* What is under way ends, one way or the other, in the producer's time. */
static int wait_for_sent(struct feed *f, struct err *err)
{
	int rc = 0;

	while (rc == 0 && atomic_load(&f->in_flight) > 0) {
		clock_sleep_ms(STEP_MS);
		if (clock_mono_ms() >= f->note_at_ms)
			rc = note(f, err);
	}
	if (rc == 0 && atomic_load(&f->failed))
		rc = failure_of(f, err);
	return rc;
}

/* --- one process's part
 * ------------------------------------------------------------------------------------------
 */

static int look_up_written(struct feed *f, struct err *err)
{
	const struct topic_scan scan = {.topic = f->r->target,
		/* Not since the last note: that may be of a process that ended before it had decided
		 * anything, and then says nothing of what the one before it wrote. */
		.back_ms = f->r->age_ms + MARGIN_MS,
		.record = note_written,
		.arg = f};

	return f->r->fence <= 1 ? 0 /* nobody before us */ : topic_scan(f->o->kafka, &scan, err);
}

static int open_reader(struct feed *f, struct err *err)
{
	const struct replay *r = f->r;
	struct kafka_span *left = xcalloc(r->n_parts, sizeof(*left));
	int rc;

	for (size_t i = 0; i < r->n_parts; i++) {
		left[i] = r->parts[i].span;
		left[i].from = r->parts[i].next;
		offsets_open(f->offsets, left[i].partition);
	}
	rc = span_reader_new(&f->reader, f->o->kafka, r->source, left, r->n_parts, err);
	free(left);
	return rc;
}

static int open_feed(struct feed *f, struct err *err)
{
	const struct producer_options options = {
		.client_id = "wxbus", .delivery_timeout_ms = REPLAY_DELIVERY_MS};
	const struct kafka_conf *conf = f->o->kafka;
	int rc;

	pthread_mutex_init(&f->lock, NULL);
	f->offsets = offsets_new();
	f->under_way = xcalloc(f->r->n_parts, sizeof(*f->under_way));
	if ((rc = know_source(f, err)) < 0 || (rc = look_up_written(f, err)) < 0 ||
		(rc = open_reader(f, err)) < 0 ||
		(rc = backlog_new(&f->backlog, conf, f->o->group, f->r->target, err)) < 0 ||
		(rc = producer_new(&f->producer, conf, &options, err)) < 0 ||
		(rc = producer_warm(f->producer, (const char *const[]){f->r->target}, 1, WARM_MS, err)) < 0)
		return rc;
	f->turn_at_us = clock_mono_us();
	return 0;
}

/* Nothing of it is under way after this. */
static void close_feed(struct feed *f)
{
	producer_free(&f->producer, FLUSH_MS);
	backlog_free(&f->backlog);
	span_reader_free(&f->reader);
	offsets_free(&f->offsets);
	for (size_t i = 0; f->under_way && i < f->r->n_parts; i++)
		free(f->under_way[i].list);
	free(f->under_way);
	HASH_CLEAR(hh, f->written);
	arena_release(&f->written_arena);
	arena_release(&f->arena);
	pthread_mutex_destroy(&f->lock);
}

/* What stands at the ends was deleted, or is offsets without a record. */
static void pass_to_ends(struct feed *f)
{
	for (size_t i = 0; i < f->r->n_parts; i++) {
		f->r->parts[i].lost += newly_lost(f, i);
		if (f->r->parts[i].next < f->r->parts[i].span.to)
			f->r->parts[i].next = f->r->parts[i].span.to;
	}
}

/* 0: r->state says why it ended. */
static int feed_once(struct replay_store *s, struct replay *r, const struct feed_options *o, struct err *err)
{
	struct feed f = {.store = s, .r = r, .o = o, .ahead = -1, .wanted = REPLAY_RUNNING};
	int rc = open_feed(&f, err), read = 1;

	/* The first question and the first note come before the first event. */
	if (rc == 0)
		rc = read = read_and_send(&f, err);
	if (rc >= 0)
		rc = wait_for_sent(&f, err);
	if (rc == 0) {
		move_on(&f);
		if (read == 0)
			pass_to_ends(&f);
		rc = note(&f, err);
	}
	if (rc == 0) {
		r->state = read == 0 ? REPLAY_DONE : f.wanted;
		tell(&f, true);
	}
	close_feed(&f);
	return rc;
}

static int take(struct replay_store *s, struct replay *r, const struct feed_options *o, struct err *err)
{
	int64_t wait_ms = 0;
	bool told = false;
	int rc;

	while ((rc = replay_store_take(s, r, &wait_ms, err)) == 0 && wait_ms > 0 && !o->stop(o->arg)) {
		if (!told)
			(void)fprintf(stderr,
				"wxbus: a process that fed it ended without leaving it: waiting %" PRId64
				" s until it surely writes no more\n",
				wait_ms / 1000 + 1);
		told = true;
		clock_sleep_ms(wait_ms < READ_MS ? wait_ms : READ_MS);
	}
	if (rc == 0 && wait_ms > 0)
		rc = err_set(err, ERR_RETRY, 0, "stopped");
	return rc;
}

static int64_t decided(const struct replay *r)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->n_parts; i++)
		n += r->parts[i].next;
	return n;
}

int replay_feed(struct replay_store *s, struct replay *r, const struct feed_options *o, struct err *err)
{
	int64_t before = decided(r), well_ms = clock_mono_ms();
	struct err ignored;
	bool mine = false;
	int rc;

	for (;;) {
		rc = take(s, r, o, err);
		mine |= rc == 0;
		if (rc == 0)
			rc = feed_once(s, r, o, err);
		if (decided(r) > before)
			well_ms = clock_mono_ms();
		before = decided(r);
		if (rc == 0 || err->kind != ERR_RETRY || o->stop(o->arg) ||
			clock_mono_ms() - well_ms > GIVE_UP_MS)
			break;
		(void)fprintf(stderr, "wxbus: trying again: %s\n", err->text);
		clock_sleep_ms(AGAIN_MS);
	}
	if (rc < 0 && mine)
		(void)replay_store_leave(s, r, false, err->text, &ignored);
	if (rc == 0)
		rc = replay_store_leave(s, r, r->state == REPLAY_DONE,
			r->state == REPLAY_RUNNING ? "stopped by a signal" : NULL, err);
	return rc;
}
