/* One thread polls and stores offsets; a pool of threads handles in lanes. Between them stand the offsets: a
 * record may be begun only while its partition is ours, and only the contiguous run of settled ones is
 * stored.
 *
 * Records that give way wait in a queue before the lanes, and whoever ends a record lets in the next:
 * in a lane they would stand before what comes later for the same key. */
#include "common/kafka/worker.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/lanes.h"
#include "common/base/lock.h"
#include "common/base/log.h"
#include "common/kafka/consumer.h"
#include "common/kafka/offsets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/base/banned.h"

#define POLL_MS         50
#define BATCH           32
#define LOOK_EVERY_MS   10
#define CATCH_UP_MS     10 /* handlers that fall behind are waited for so long */
#define LAG_EVERY_MS    2000
#define WAIT_STEP_MS    20
#define REBUILD_MS      1000
#define REVOKE_WAIT_MS  3000 /* below the session time-out: others wait for us */
#define CLOSE_MS        2000
#define PENDING_DEFAULT 1000
#define BYTES_DEFAULT   (64 * 1024 * 1024)
#define SPAN_DEFAULT    100000
#define TOPIC_SHIFT     24 /* a partition's number for the offsets: place of its topic, then its own */

struct partition {
	int32_t id;
	bool paused;
	struct worker_job *held; /* read, and not due yet; in their order */
};

struct worker {
	const struct kafka_conf *kafka;
	struct worker_options options;
	char *client_id, *group;
	char **topics; /* copies; options.topics points to them */
	struct offsets *offsets;
	struct lanes *lanes;
	atomic_int taken; /* records read and neither handled nor dropped yet */

	/* Jobs in the lanes: those that give way, and the others, whose way is the common one and takes no
	 * lock of its own. */
	pthread_mutex_t turns;      /* over `waiting` and `background` */
	struct worker_job *waiting; /* those that give way, in their order */
	atomic_int n_waiting;
	int background;
	atomic_int others;

	/* Of the polling thread. */
	struct lanes_entry batch[BATCH]; /* to be given to the lanes together */
	size_t n_batch;
	struct consumer *consumer;
	struct partition *partitions;
	size_t n_partitions;
	int64_t look_at_ms, lag_at_ms;
	int64_t revoking_since_ms; /* 0: not revoking */

	atomic_llong lag;
	/* Wall clock: of what is not in hand, and may be there, nothing waits for longer than since then, as
	 * far as we know; 0: the first of each partition is in hand. */
	atomic_llong unread_since_ms;
	atomic_bool ready;
	atomic_bool stopping;        /* no new records */
	atomic_llong begin_until_ms; /* monotonic; nothing is begun any more then */
	atomic_bool finished;        /* all that was taken is handled */
	atomic_bool hurry;           /* the deadline has come: stop waiting for anything */
	pthread_t thread;
	bool runs;
};

struct worker_job {
	struct worker *worker;
	struct kafka_record record;
	struct offset_ticket ticket;
	int64_t due_ms;   /* wall clock; 0: now */
	int64_t again_ms; /* monotonic; put back until then; 0: not */
	bool was_put_back;
	bool gives_way;
	bool in_lanes;
	struct worker_job *prev, *next; /* in a partition's `held`, or in `waiting` */
	struct kafka_header headers[];  /* the record's, and behind them all its bytes */
};

static int32_t id_of(const struct worker *w, const char *topic, int32_t partition)
{
	size_t i = 0;

	while (i + 1 < w->options.n_topics && strcmp(w->topics[i], topic) != 0)
		i++;
	return (int32_t)(i << TOPIC_SHIFT) | partition;
}

static const char *topic_of(const struct worker *w, int32_t id)
{
	return w->topics[id >> TOPIC_SHIFT];
}

static int32_t number_of(int32_t id)
{
	return id & ((1 << TOPIC_SHIFT) - 1);
}

/* --- jobs ------------------------------------------------------------------------------------------------
 */

static size_t job_size(const struct kafka_record *r)
{
	size_t size = sizeof(struct worker_job) + r->n_headers * sizeof(struct kafka_header);

	size += r->key_len + r->value_len + 2;
	for (size_t i = 0; i < r->n_headers; i++)
		size += strlen(r->headers[i].name) + r->headers[i].value_len + 2;
	return size;
}

/* At `*to`, which moves on, with a NUL behind. */
static void *copy_bytes(char **to, const void *p, size_t len)
{
	char *copy = *to;

	if (!p)
		return NULL;
	memcpy(copy, p, len);
	copy[len] = '\0';
	*to += len + 1;
	return copy;
}

/* Of job_size() bytes, all of which are written. */
static struct worker_job *job_new(
	struct worker *w, const struct kafka_record *r, const struct offset_ticket *ticket, size_t size)
{
	struct worker_job *j = xmalloc(size);
	char *bytes = (char *)&j->headers[r->n_headers];

	*j = (struct worker_job){.worker = w, .ticket = *ticket, .record = *r};
	j->record.topic = topic_of(w, ticket->partition);
	j->record.key = copy_bytes(&bytes, r->key, r->key_len);
	j->record.value = copy_bytes(&bytes, r->value, r->value_len);
	for (size_t i = 0; i < r->n_headers; i++) {
		j->headers[i].name = copy_bytes(&bytes, r->headers[i].name, strlen(r->headers[i].name));
		j->headers[i].value = copy_bytes(&bytes, r->headers[i].value, r->headers[i].value_len);
		j->headers[i].value_len = r->headers[i].value_len;
	}
	j->record.headers = j->headers;
	return j;
}

static bool in_background(const struct worker *w, int32_t id)
{
	return (size_t)(id >> TOPIC_SHIFT) + w->options.n_background >= w->options.n_topics;
}

static struct lanes_entry entry_of(const struct worker *w, struct worker_job *j)
{
	const struct kafka_record *r = &j->record;
	struct lanes_entry e = {.key = r->key, .key_len = r->key_len, .job = j};
	const char *lane = r->key;

	if (w->options.lane) {
		e.key_len = w->options.lane(w->options.arg, r, &lane);
		e.key = lane;
	}
	if (w->options.shares)
		e.n_shares = w->options.shares(w->options.arg, r, e.shares);
	return e;
}

/* With `turns` held. */
static int most_background(struct worker *w)
{
	int most = w->options.threads / 4, left = w->options.threads - atomic_load(&w->others);

	if (most > left)
		most = left;
	return most < 1 ? 1 : most;
}

/* With `turns` held, of those that give way. */
static void enter_lanes(struct worker *w, struct worker_job *j)
{
	struct lanes_entry e = entry_of(w, j);

	w->background++;
	j->in_lanes = true;
	lanes_add_all(w->lanes, &e, 1);
}

/* With `turns` held. */
static void let_in(struct worker *w)
{
	struct worker_job *j;

	while ((j = w->waiting) != NULL && w->background < most_background(w) && !atomic_load(&w->stopping)) {
		DL_DELETE(w->waiting, j);
		atomic_fetch_sub(&w->n_waiting, 1);
		enter_lanes(w, j);
	}
}

static void flush(struct worker *w)
{
	if (w->n_batch == 0)
		return;
	lanes_add_all(w->lanes, w->batch, w->n_batch);
	w->n_batch = 0;
}

static void begin(struct worker *w, struct worker_job *j)
{
	if (!j->gives_way) {
		atomic_fetch_add(&w->others, 1);
		j->in_lanes = true;
		w->batch[w->n_batch++] = entry_of(w, j);
		if (w->n_batch == BATCH)
			flush(w);
		return;
	}
	pthread_mutex_lock(&w->turns);
	DL_APPEND(w->waiting, j);
	atomic_fetch_add(&w->n_waiting, 1);
	let_in(w);
	pthread_mutex_unlock(&w->turns);
}

static void left_lanes(struct worker *w, const struct worker_job *j)
{
	if (!j->gives_way)
		atomic_fetch_sub(&w->others, 1);
	if (!j->gives_way && atomic_load(&w->n_waiting) == 0)
		return;
	pthread_mutex_lock(&w->turns);
	w->background -= j->gives_way;
	let_in(w);
	pthread_mutex_unlock(&w->turns);
}

static void job_free(void *arg, void *job)
{
	struct worker *w = arg;
	struct worker_job *j = job;

	if (j->in_lanes)
		left_lanes(w, j);
	free(j);
	atomic_fetch_sub(&w->taken, 1);
}

/* Those of a background topic stand behind what has begun of their partition, so that nothing behind them is
 * settled; behind the others there may be. */
static void end_waiting(struct worker *w)
{
	struct worker_job *dropped = NULL, *j, *next;

	pthread_mutex_lock(&w->turns);
	DL_FOREACH_SAFE (w->waiting, j, next) {
		DL_DELETE(w->waiting, j);
		atomic_fetch_sub(&w->n_waiting, 1);
		if (in_background(w, j->ticket.partition))
			DL_APPEND(dropped, j);
		else
			enter_lanes(w, j);
	}
	pthread_mutex_unlock(&w->turns);
	DL_FOREACH_SAFE (dropped, j, next)
		job_free(w, j);
}

bool worker_may_go_on(struct worker_job *j)
{
	return !atomic_load(&j->worker->hurry) && offsets_current(j->worker->offsets, &j->ticket);
}

bool worker_wait(struct worker_job *j, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;

	while (worker_may_go_on(j) && clock_mono_ms() < until)
		clock_sleep_ms(WAIT_STEP_MS);
	return worker_may_go_on(j);
}

bool worker_put_back(struct worker_job *j, int64_t ms)
{
	j->again_ms = clock_mono_ms() + (ms > 0 ? ms : 0);
	j->was_put_back = true;
	return false;
}

bool worker_was_put_back(const struct worker_job *j)
{
	return j->was_put_back;
}

static int64_t job_run(void *arg, void *job)
{
	struct worker *w = arg;
	struct worker_job *j = job;

	j->again_ms = 0;
	if (!atomic_load(&w->hurry) && clock_mono_ms() < atomic_load(&w->begin_until_ms) &&
		offsets_begin(w->offsets, &j->ticket))
		offsets_end(w->offsets, &j->ticket, w->options.handle(w->options.arg, &j->record, j));
	if (j->again_ms > 0 && worker_may_go_on(j))
		return j->again_ms;
	job_free(w, j);
	return 0;
}

/* At the end the time to begin anything may be over before a record that was put back is due. */
static void resume(struct worker *w)
{
	int64_t now = clock_mono_ms();

	lanes_resume(w->lanes, now < atomic_load(&w->begin_until_ms) ? now : INT64_MAX);
}

/* --- the polling thread ----------------------------------------------------------------------------------
 */

static void store_advanced(struct worker *w, int32_t id)
{
	struct err err;
	int64_t offset;

	if (w->consumer && offsets_advanced(w->offsets, id, &offset) &&
		consumer_store_offset(w->consumer, topic_of(w, id), number_of(id), offset + 1, &err) < 0)
		log_warn(NULL, "%s, partition %d: offset %lld not stored, its records will come again: %s",
			topic_of(w, id), number_of(id), (long long)offset, err.text);
}

/* What waits in hand is about to be out of sight, and is not settled. */
static void lose_sight(struct worker *w)
{
	int64_t since_ms, now = clock_wall_ms();

	if (atomic_load(&w->unread_since_ms) == 0)
		atomic_store(&w->unread_since_ms,
			offsets_oldest(w->offsets, &since_ms) && since_ms < now ? since_ms : now);
}

static void note_unread(struct worker *w)
{
	int64_t since_ms = consumer_unread_since(w->consumer), before_ms = atomic_load(&w->unread_since_ms);

	if (since_ms == 0 || before_ms == 0 || since_ms < before_ms)
		atomic_store(&w->unread_since_ms, since_ms);
}

static void assigned(void *arg, const char *topic, int32_t partition)
{
	struct worker *w = arg;
	int32_t id = id_of(w, topic, partition);

	w->revoking_since_ms = 0;
	lanes_resume(w->lanes, INT64_MAX); /* what was put back before is void: it must not hold its lane */
	offsets_open(w->offsets, id);
	w->partitions = xrealloc(w->partitions, (w->n_partitions + 1) * sizeof(*w->partitions));
	w->partitions[w->n_partitions++] = (struct partition){.id = id};
}

static void drop_held(struct worker *w, struct partition *p)
{
	struct worker_job *j, *next;

	DL_FOREACH_SAFE (p->held, j, next) {
		DL_DELETE(p->held, j);
		job_free(w, j);
	}
}

static struct partition *partition_of(struct worker *w, int32_t id)
{
	size_t i = 0;

	while (i < w->n_partitions && w->partitions[i].id != id)
		i++;
	return i < w->n_partitions ? &w->partitions[i] : NULL;
}

static void revoked(void *arg, const char *topic, int32_t partition)
{
	struct worker *w = arg;
	int32_t id = id_of(w, topic, partition);
	struct partition *p = partition_of(w, id);
	int64_t now = clock_mono_ms();

	lose_sight(w);
	if (w->revoking_since_ms == 0)
		w->revoking_since_ms = now; /* one wait for all partitions of a rebalance */
	offsets_close(w->offsets, id, w->revoking_since_ms + REVOKE_WAIT_MS - now);
	store_advanced(w, id);
	if (!p)
		return;
	/* The library would keep it paused when it comes back, without our knowing. */
	if (p->paused && w->consumer)
		(void)consumer_resume(w->consumer, topic, partition, NULL);
	drop_held(w, p);
	*p = w->partitions[--w->n_partitions];
}

/* Behind those that give way there may be others, which are not known before they are read. */
static bool within(const struct offsets_load *l, size_t pending, size_t bytes, size_t span)
{
	return l->pending - l->patient + l->patient / WORKER_PATIENCE < pending && l->bytes < bytes &&
	       l->span < span;
}

static bool has_room(struct worker *w, const struct partition *p)
{
	const struct worker_options *o = &w->options;
	struct offsets_load l = offsets_load(w->offsets, p->id);

	return !p->held && within(&l, o->most_pending, o->most_bytes, o->most_span);
}

/* Half of what was allowed is settled. */
static bool has_room_again(struct worker *w, const struct partition *p)
{
	const struct worker_options *o = &w->options;
	struct offsets_load l = offsets_load(w->offsets, p->id);

	return !p->held && within(&l, o->most_pending / 2 + 1, o->most_bytes / 2 + 1, o->most_span / 2 + 1);
}

/* For what goes on within moments a pause would cost more than the wait: the library throws away all that it
 * has read ahead of the partition, and reads it again. */
static bool catches_up(struct worker *w, const struct partition *p)
{
	int64_t until = clock_mono_ms() + CATCH_UP_MS;

	flush(w);
	while (!p->held && !has_room_again(w, p) && clock_mono_ms() < until)
		clock_sleep_ms(1);
	return has_room_again(w, p);
}

/* Stops fetching a partition whose handling does not keep up or whose next record is not due, and goes on
 * with it once there is room again. */
static void pace(struct worker *w, struct partition *p)
{
	if (!p->paused && !has_room(w, p) && !catches_up(w, p))
		p->paused = consumer_pause(w->consumer, topic_of(w, p->id), number_of(p->id), NULL) == 0;
	else if (p->paused && has_room_again(w, p))
		p->paused = consumer_resume(w->consumer, topic_of(w, p->id), number_of(p->id), NULL) != 0;
}

static void begin_due(struct worker *w, struct partition *p)
{
	struct worker_job *j;

	while ((j = p->held) != NULL && j->due_ms <= clock_wall_ms()) {
		DL_DELETE(p->held, j);
		begin(w, j);
	}
}

static bool gives_way(const struct worker *w, const struct partition *p, const struct kafka_record *r)
{
	return in_background(w, p->id) || (w->options.gives_way && w->options.gives_way(w->options.arg, r));
}

/* What gives way was written long ago, and waits by design: it grows old from when it was read. */
static int64_t waits_since_ms(const struct kafka_record *r, int64_t due_ms, bool gives_way)
{
	int64_t since_ms = gives_way ? clock_wall_ms() : r->timestamp_ms;

	return due_ms > since_ms ? due_ms : since_ms;
}

static void take(struct worker *w, const struct kafka_record *r)
{
	struct partition *p = partition_of(w, id_of(w, r->topic, r->partition));
	int64_t due_ms = w->options.due_ms ? w->options.due_ms(w->options.arg, r) : 0;
	bool background = p && gives_way(w, p, r);
	const struct offset_record o = {.offset = r->offset,
		.bytes = job_size(r),
		.since_ms = waits_since_ms(r, due_ms, background),
		.patient = background && !in_background(w, p->id)};
	struct offset_ticket ticket;
	struct worker_job *j;

	if (!p || !offsets_add(w->offsets, p->id, &o, &ticket))
		return; /* taken away meanwhile */
	atomic_fetch_add(&w->taken, 1);
	j = job_new(w, r, &ticket, o.bytes);
	j->due_ms = due_ms;
	j->gives_way = background;
	if (p->held || (due_ms > 0 && due_ms > clock_wall_ms()))
		DL_APPEND(p->held, j);
	else
		begin(w, j);
	pace(w, p); /* at each record: until the next look a fast broker brings far more than is allowed */
}

static void look_after(struct worker *w)
{
	int64_t now = clock_mono_ms();

	w->look_at_ms = now + LOOK_EVERY_MS;
	resume(w);
	for (size_t i = 0; i < w->n_partitions; i++) {
		store_advanced(w, w->partitions[i].id);
		begin_due(w, &w->partitions[i]);
		pace(w, &w->partitions[i]);
	}
	flush(w);
	atomic_store(&w->ready, consumer_ready(w->consumer));
	if (atomic_load(&w->unread_since_ms) > 0)
		note_unread(w); /* that it is over shows at once */
	if (now >= w->lag_at_ms) {
		note_unread(w);
		atomic_store(&w->lag, consumer_lag(w->consumer));
		w->lag_at_ms = now + LAG_EVERY_MS;
	}
}

static int join_group(struct worker *w, struct err *err)
{
	const struct consumer_options options = {
		.client_id = w->client_id,
		.group = w->group,
		.topics = w->options.topics,
		.n_topics = w->options.n_topics,
		.from_beginning = w->options.from_beginning,
		.n_from_beginning = w->options.n_from_beginning,
		.gather_ms = w->options.gather_ms,
		.assigned = assigned,
		.revoked = revoked,
		.arg = w,
	};

	return consumer_new(&w->consumer, w->kafka, &options, err);
}

/* This member is dead. What it had under way is another's now; a new one is made. */
static void join_again(struct worker *w)
{
	struct err err;

	atomic_store(&w->ready, false);
	lose_sight(w);
	for (size_t i = 0; i < w->n_partitions; i++) {
		offsets_close(w->offsets, w->partitions[i].id, 0);
		drop_held(w, &w->partitions[i]);
	}
	w->n_partitions = 0;
	consumer_free(&w->consumer, CLOSE_MS);
	while (!atomic_load(&w->stopping) && join_group(w, &err) < 0) {
		log_error(NULL, "cannot join the group %s: %s", w->group, err.text);
		clock_sleep_ms(REBUILD_MS);
	}
}

/* Waits for a record, and takes with it those that are there already. */
static void poll_once(struct worker *w, bool *told)
{
	const struct kafka_record *r;
	struct err err;
	int rc = consumer_poll(w->consumer, POLL_MS, &r, &err);

	for (int n = 0; rc == 0; rc = ++n < BATCH ? consumer_poll(w->consumer, 0, &r, &err) : CONSUMER_NONE) {
		*told = false;
		take(w, r);
	}
	flush(w);
	if (rc < 0) {
		if (!*told)
			log_warn(NULL, "group %s: %s", w->group, err.text);
		*told = true;
		if (err.kind == ERR_FATAL)
			join_again(w);
	}
}

static void *poller(void *arg)
{
	struct worker *w = arg;
	bool told = false;

	while (!atomic_load(&w->stopping) && w->consumer) {
		poll_once(w, &told);
		if (w->consumer && clock_mono_ms() >= w->look_at_ms)
			look_after(w);
	}
	atomic_store(&w->ready, false);
	for (size_t i = 0; i < w->n_partitions; i++)
		drop_held(w, &w->partitions[i]); /* nothing that was read stands behind it */
	end_waiting(w);
	/* A record that is dropped here would leave a gap, and all behind it would be handled twice. */
	while (atomic_load(&w->taken) > 0 && !atomic_load(&w->hurry)) {
		resume(w);
		clock_sleep_ms(WAIT_STEP_MS / 2);
	}
	atomic_store(&w->finished, true);
	for (size_t i = 0; w->consumer && i < w->n_partitions; i++) {
		offsets_close(w->offsets, w->partitions[i].id, 0);
		store_advanced(w, w->partitions[i].id);
	}
	consumer_free(&w->consumer, CLOSE_MS);
	return NULL;
}

/* --- from outside ----------------------------------------------------------------------------------------
 */

static void copy_options(struct worker *w, const struct worker_options *o)
{
	w->options = *o;
	if (w->options.most_pending == 0)
		w->options.most_pending = PENDING_DEFAULT;
	if (w->options.most_bytes == 0)
		w->options.most_bytes = BYTES_DEFAULT;
	if (w->options.most_span == 0)
		w->options.most_span = SPAN_DEFAULT;
	w->client_id = xstrdup(o->client_id);
	w->group = xstrdup(o->group);
	w->topics = xcalloc(o->n_topics, sizeof(*w->topics));
	for (size_t i = 0; i < o->n_topics; i++)
		w->topics[i] = xstrdup(o->topics[i]);
	w->options.topics = (const char *const *)w->topics;
	w->options.client_id = w->client_id;
	w->options.group = w->group;
}

int worker_new(
	struct worker **out, const struct kafka_conf *conf, const struct worker_options *o, struct err *err)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	const struct lanes_work lanes = {job_run, job_free, w};
	int rc;

	w->kafka = conf;
	lock_init(&w->turns);
	atomic_store(&w->lag, -1);
	atomic_store(&w->unread_since_ms, clock_wall_ms());
	atomic_store(&w->begin_until_ms, INT64_MAX);
	copy_options(w, o);
	w->offsets = offsets_new();
	if ((rc = lanes_new(&w->lanes, o->threads, &lanes, err)) < 0 || (rc = join_group(w, err)) < 0)
		goto failed;
	rc = pthread_create(&w->thread, NULL, poller, w);
	if (rc != 0) {
		rc = err_set(err, ERR_FATAL, rc, "no thread can be made");
		goto failed;
	}
	w->runs = true;
	*out = w;
	return 0;
failed:
	worker_free(&w);
	return rc;
}

void worker_stop(struct worker *w, int64_t deadline_mono_ms)
{
	if (w->options.begin_ms > 0)
		atomic_store(&w->begin_until_ms, clock_mono_ms() + w->options.begin_ms);
	atomic_store(&w->stopping, true);
	while (w->runs && !atomic_load(&w->finished) && clock_mono_ms() < deadline_mono_ms)
		clock_sleep_ms(WAIT_STEP_MS / 2);
	atomic_store(&w->hurry, true);
	if (w->runs)
		pthread_join(w->thread, NULL);
	w->runs = false;
}

void worker_free(struct worker **wp)
{
	struct worker *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	worker_stop(w, 0);
	lanes_free(&w->lanes);
	consumer_free(&w->consumer, CLOSE_MS);
	offsets_free(&w->offsets);
	pthread_mutex_destroy(&w->turns);
	for (size_t i = 0; i < w->options.n_topics; i++)
		free(w->topics[i]);
	free(w->topics);
	free(w->partitions);
	free(w->client_id);
	free(w->group);
	free(w);
}

bool worker_ready(struct worker *w)
{
	return atomic_load(&w->ready);
}

int64_t worker_lag(struct worker *w)
{
	return atomic_load(&w->lag);
}

int64_t worker_oldest_ms(struct worker *w)
{
	int64_t since_ms = INT64_MAX, unread_ms = atomic_load(&w->unread_since_ms), now = clock_wall_ms();

	(void)offsets_oldest(w->offsets, &since_ms);
	if (unread_ms > 0 && unread_ms < since_ms)
		since_ms = unread_ms;
	return since_ms < now ? now - since_ms : 0;
}
