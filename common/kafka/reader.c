#include "common/kafka/reader.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/client.h"
#include "common/kafka/message.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* It uses the library's simple consumer, which needs no group (and no right to one): every partition is
 * started into one queue at an offset that is worked out here.
 *
 * Where to start: the log's beginning, or the look-up by time. The embedded broker answers every look-up by
 * time with "the end", which would silently read nothing. So the look-up is first asked for time 0, whose
 * answer must be the beginning; if it is not, reading starts at the beginning and records that are too old
 * are skipped, though only those from before the start: a later record is new whatever its timestamp. */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define POLL_MS          100
#define ASK_MS           1000  /* one question to the brokers */
#define RETRY_MS         250   /* between two attempts to find the topic */
#define TROUBLE_MS       1000  /* between two looks at it while something is wrong */
#define NEW_PARTITION_MS 30000 /* how often the number of partitions is asked */
#define DESTROY_MS       500

struct partition {
	int64_t begin, end; /* when the reader started */
	int64_t next;       /* to read */
	bool skip_old;      /* before `end`: by timestamp */
	bool reached;       /* `end` has been read */
	bool ends_early;    /* the one that is read from says that it ends at `next` */
};

struct reader {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	struct reader_options o;
	char *name;       /* of the topic */
	int64_t since_ms; /* wall clock; records older than this are not wanted */
	struct kafka_message message;
	pthread_t thread;

	/* The thread's own. */
	struct partition *partitions;
	int n_partitions;
	int n_reached;
	bool any_early;    /* somewhere it ends early: where it does is asked again */
	int64_t looked_ms; /* at the topic; 0: not yet */
	int64_t next_say_ms;

	atomic_bool stopping;
	atomic_bool caught_up;
	atomic_bool scans;
	atomic_llong left;
	pthread_mutex_t lock; /* over the texts */
	char progress[80];
	char trouble[sizeof(((struct err *)NULL)->text)]; /* "": well */
};

/* ---- for /readyz ---- */

static void say_trouble(struct reader *r, const char *text)
{
	pthread_mutex_lock(&r->lock);
	snprintf(r->trouble, sizeof(r->trouble), "%s", text);
	pthread_mutex_unlock(&r->lock);
}

static bool in_trouble(struct reader *r)
{
	bool yes;

	pthread_mutex_lock(&r->lock);
	yes = r->trouble[0] != '\0';
	pthread_mutex_unlock(&r->lock);
	return yes;
}

static void say_progress(struct reader *r)
{
	int64_t left = 0;
	int i, first = -1;

	for (i = 0; i < r->n_partitions; i++) {
		if (r->partitions[i].reached)
			continue;
		left += r->partitions[i].end - r->partitions[i].next;
		if (first < 0)
			first = i;
	}
	if (r->n_partitions > 0)
		atomic_store(&r->left, left);
	pthread_mutex_lock(&r->lock);
	if (atomic_load(&r->caught_up))
		snprintf(r->progress, sizeof(r->progress), "read to the end");
	else if (first >= 0)
		snprintf(r->progress, sizeof(r->progress), "reading, %lld left, partition %d first",
			(long long)left, first);
	pthread_mutex_unlock(&r->lock);
}

static void note_reached(struct reader *r, struct partition *p)
{
	if (p->reached)
		return;
	p->reached = true;
	if (++r->n_reached == r->n_partitions && !atomic_exchange(&r->caught_up, true))
		say_progress(r);
}

/* ---- where to start ---- */

/* Answers 0 and a number of partitions above 0, or -1. */
static int count_partitions(struct reader *r, int *n_out, struct err *err)
{
	const struct rd_kafka_metadata *md = NULL;
	rd_kafka_resp_err_t code = rd_kafka_metadata(r->rk, 0, r->topic, &md, ASK_MS);
	int rc = 0;

	if (code)
		return kafka_err_set(err, ERR_RETRY, code, "no metadata");
	if (md->topic_cnt != 1 || md->topics[0].err)
		rc = kafka_err_set(err, ERR_RETRY,
			md->topic_cnt == 1 ? md->topics[0].err : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "topic");
	else if (md->topics[0].partition_cnt == 0)
		rc = err_set(err, ERR_RETRY, 0, "the topic has no partitions yet");
	else
		*n_out = md->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(md);
	return rc;
}

/* One request for all partitions: answers[i] is the offset of partition from + i at `time`, which is a time
 * or one of the library's names for beginning and end. */
static int look_up(struct reader *r, int from, int to, int64_t time, int64_t *answers, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(to - from);
	rd_kafka_resp_err_t code;
	int i;

	for (i = from; i < to; i++)
		rd_kafka_topic_partition_list_add(list, r->name, i)->offset = time;
	code = rd_kafka_offsets_for_times(r->rk, list, ASK_MS);
	for (i = 0; i < list->cnt && !code; i++) {
		code = list->elems[i].err;
		answers[i] = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, ERR_RETRY, code, "no offsets") : 0;
}

/* Beginning, end, and the answers for time 0, since_ms and until_ms; of n partitions each. */
struct looked_up {
	int64_t *begin, *end, *zero, *since, *until;
};

static int look_up_all(struct reader *r, int from, int to, struct looked_up *l, struct err *err)
{
	int rc;

	if ((rc = look_up(r, from, to, RD_KAFKA_OFFSET_BEGINNING, l->begin, err)) < 0 ||
		(rc = look_up(r, from, to, RD_KAFKA_OFFSET_END, l->end, err)) < 0)
		return rc;
	if ((r->o.back_ms == READER_FROM_BEGINNING && !r->o.until_ms) || from > 0)
		return 0;
	if ((rc = look_up(r, from, to, 0, l->zero, err)) < 0 ||
		(rc = look_up(r, from, to, r->since_ms, l->since, err)) < 0)
		return rc;
	return r->o.until_ms ? look_up(r, from, to, r->o.until_ms, l->until, err) : 0;
}

static bool trusted(const struct partition *p, const struct looked_up *l, int i)
{
	return l->zero[i] >= 0 && l->zero[i] < p->end;
}

static int64_t choose_start(const struct reader *r, struct partition *p, const struct looked_up *l, int i)
{
	if (r->o.back_ms == READER_FROM_BEGINNING || p->begin >= p->end)
		return p->begin;
	if (!trusted(p, l, i)) {
		p->skip_old = true;
		return p->begin;
	}
	return l->since[i] < 0 ? p->end : l->since[i]; /* below 0: all are older */
}

static void choose(struct reader *r, struct partition *p, const struct looked_up *l, int i)
{
	bool by_time = r->o.back_ms != READER_FROM_BEGINNING || r->o.until_ms;

	p->next = choose_start(r, p, l, i);
	if (!by_time || p->begin >= p->end)
		return;
	if (!trusted(p, l, i))
		atomic_store(&r->scans, true);
	else if (r->o.until_ms && l->until[i] >= 0) /* below 0: all are older */
		p->end = l->until[i];
}

static void start_one(struct reader *r, int i)
{
	struct partition *p = &r->partitions[i];
	struct err err;

	if (rd_kafka_consume_start_queue(r->topic, i, p->next, r->queue) < 0) {
		kafka_err_set(&err, ERR_FATAL, rd_kafka_last_error(), "cannot start reading");
		say_trouble(r, err.text);
		return;
	}
	if (p->next >= p->end)
		note_reached(r, p);
}

/* Begin with the partitions from..to-1. Those that come later (from > 0) are read from their beginning. */
static int start(struct reader *r, int from, int to, struct err *err)
{
	size_t n = (size_t)(to - from);
	int64_t *room = xcalloc(n * 5, sizeof(*room));
	struct looked_up l = {.begin = room,
		.end = room + n,
		.zero = room + 2 * n,
		.since = room + 3 * n,
		.until = room + 4 * n};
	int rc = look_up_all(r, from, to, &l, err), i;

	if (rc == 0) {
		r->partitions = xrealloc(r->partitions, (size_t)to * sizeof(*r->partitions));
		for (i = from; i < to; i++) {
			struct partition *p = &r->partitions[i];

			*p = (struct partition){.begin = l.begin[i - from], .end = l.end[i - from]};
			if (from > 0)
				p->next = p->begin;
			else
				choose(r, p, &l, i - from);
		}
		r->n_partitions = to;
		for (i = from; i < to; i++)
			start_one(r, i);
	}
	free(room);
	return rc;
}

/* A replica that lags says so of what is still to come; a log that was made anew, or whose last records were
 * lost with a leader, really ends there. -1: it lags, or nobody answers. */
static int look_at_ends(struct reader *r, struct err *err)
{
	int64_t *ends = xcalloc((size_t)r->n_partitions, sizeof(*ends));
	int rc = look_up(r, 0, r->n_partitions, RD_KAFKA_OFFSET_END, ends, err), i;

	r->any_early = rc < 0; /* nobody answered: once more, and so while one lags */
	for (i = 0; i < r->n_partitions && !r->any_early; i++) {
		struct partition *p = &r->partitions[i];

		if (!p->ends_early || p->reached)
			continue;
		if (ends[i] < p->end)
			p->end = ends[i];
		if (p->next >= p->end)
			note_reached(r, p);
		else
			rc = err_set(err, ERR_RETRY, 0, "partition %d ends at %lld, it was %lld", i,
				(long long)p->next, (long long)p->end);
	}
	r->any_early = rc < 0;
	free(ends);
	return rc;
}

/* Find the topic, and later its new partitions. Every second while something is wrong, which also shows when
 * it is well again. */
static void look_at_topic(struct reader *r)
{
	int64_t pause = r->n_partitions == 0 ? RETRY_MS : in_trouble(r) ? TROUBLE_MS : NEW_PARTITION_MS;
	struct err err;
	int n = 0, rc;

	if (r->looked_ms && clock_mono_ms() - r->looked_ms < pause)
		return;
	rc = count_partitions(r, &n, &err);
	if (rc == 0 && n > r->n_partitions)
		rc = start(r, r->n_partitions, n, &err);
	if (rc == 0 && r->any_early)
		rc = look_at_ends(r, &err);
	say_trouble(r, rc < 0 ? err.text : "");
	r->looked_ms = clock_mono_ms();
}

/* ---- reading ---- */

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	(void)rk;
	(void)code;
	say_trouble(opaque, reason);
}

static void read_record(struct reader *r, struct partition *p, rd_kafka_message_t *raw)
{
	const struct kafka_record *record = &r->message.record;
	bool old;

	kafka_message_take(&r->message, raw);
	old = p->skip_old && record->offset < p->end && record->timestamp_ms < r->since_ms;
	if (!old)
		r->o.record(r->o.arg, record);
	p->next = record->offset + 1;
	p->ends_early = false;
	if (p->next >= p->end)
		note_reached(r, p);
	kafka_message_drop(&r->message);
}

/* Nothing stands there now. Before what was the end at the start, that may be so for this replica only. */
static void note_end(struct reader *r, struct partition *p, const rd_kafka_message_t *raw)
{
	p->next = raw->offset;
	if (p->next >= p->end) {
		note_reached(r, p);
	} else if (!p->reached) {
		if (!r->any_early)
			r->looked_ms = 0;
		p->ends_early = r->any_early = true;
	}
}

static void take(struct reader *r, rd_kafka_message_t *raw)
{
	struct partition *p = NULL;

	if (raw->partition >= 0 && raw->partition < r->n_partitions)
		p = &r->partitions[raw->partition];
	if (!raw->err && p) {
		read_record(r, p, raw);
		return;
	}
	if (raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && p)
		note_end(r, p, raw);
	else if (raw->err)
		say_trouble(r, rd_kafka_message_errstr(raw));
	rd_kafka_message_destroy(raw);
}

static void *run(void *arg)
{
	struct reader *r = arg;
	rd_kafka_message_t *raw;
	int i;

	while (!atomic_load(&r->stopping)) {
		look_at_topic(r);
		raw = rd_kafka_consume_queue(r->queue, POLL_MS);
		if (raw)
			take(r, raw);
		rd_kafka_poll(r->rk, 0);
		if (!atomic_load(&r->caught_up) && clock_mono_ms() >= r->next_say_ms) {
			r->next_say_ms = clock_mono_ms() + POLL_MS;
			say_progress(r);
		}
	}
	for (i = 0; i < r->n_partitions; i++)
		rd_kafka_consume_stop(r->topic, i);
	return NULL;
}

/* ---- life ---- */

static void release(struct reader *r)
{
	if (r->queue)
		rd_kafka_queue_destroy(r->queue);
	if (r->topic)
		rd_kafka_topic_destroy(r->topic);
	kafka_client_destroy(&r->rk, 0, DESTROY_MS);
	kafka_message_release(&r->message);
	pthread_mutex_destroy(&r->lock);
	free(r->partitions);
	free(r->name);
	free(r);
}

static int client_make(struct reader *r, const struct kafka_conf *conf, struct err *err)
{
	static const struct kafka_property own[] = {
		{"fetch.wait.max.ms", KAFKA_FETCH_WAIT_MS},
		{"fetch.error.backoff.ms", "100"},
		{"socket.timeout.ms", "10000"},
		/* The preset, 64 MB, is soon full at a start, and the process as large from then on. One that
		 * is full is looked at once a second: with 4 MB a start took five times as long. */
		{"queued.max.messages.kbytes", "32768"},
		{"enable.partition.eof", "true"},
		/* Older records than those kept: the oldest there are. */
		{"auto.offset.reset", "earliest"},
		/* Without a group nothing is committed; said anyway, for the library's presets commit. */
		{"enable.auto.commit", "false"},
		{"auto.commit.enable", "false"},
		{"enable.auto.offset.store", "false"},
	};
	rd_kafka_conf_t *rk_conf = kafka_client_conf(conf, r->o.client_id, own, ARRAY_LEN(own), err);

	if (!rk_conf)
		return -1;
	rd_kafka_conf_set_opaque(rk_conf, r);
	rd_kafka_conf_set_error_cb(rk_conf, on_error);
	return kafka_client_new(&r->rk, RD_KAFKA_CONSUMER, rk_conf, err);
}

int reader_new(
	struct reader **out, const struct kafka_conf *conf, const struct reader_options *o, struct err *err)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	int rc;

	r->o = *o;
	r->name = xstrdup(o->topic);
	r->since_ms = o->back_ms == READER_FROM_BEGINNING ? 0 : clock_wall_ms() - o->back_ms;
	atomic_store(&r->left, READER_NOT_KNOWN);
	snprintf(r->progress, sizeof(r->progress), "looking for the topic");
	pthread_mutex_init(&r->lock, NULL);
	rc = client_make(r, conf, err);
	if (rc == 0) {
		r->queue = rd_kafka_queue_new(r->rk);
		r->topic = rd_kafka_topic_new(r->rk, r->name, NULL);
		if (!r->topic)
			rc = kafka_err_set(err, ERR_FATAL, rd_kafka_last_error(), r->name);
	}
	if (rc == 0)
		rc = kafka_thread_start(&r->thread, run, r, err);
	if (rc < 0) {
		release(r);
		return rc;
	}
	*out = r;
	return 0;
}

void reader_free(struct reader **rp)
{
	struct reader *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	atomic_store(&r->stopping, true);
	pthread_join(r->thread, NULL);
	release(r);
}

bool reader_caught_up(const struct reader *r)
{
	return atomic_load(&r->caught_up);
}

int64_t reader_left(const struct reader *r)
{
	return atomic_load(&r->left);
}

bool reader_scans(const struct reader *r)
{
	return atomic_load(&r->scans);
}

void reader_detail(const struct reader *r, char *detail, size_t size)
{
	struct reader *unlocked = (struct reader *)(uintptr_t)r; /* only the lock changes */

	pthread_mutex_lock(&unlocked->lock);
	snprintf(detail, size, "%s: %s%s%s", r->name, r->progress, r->trouble[0] ? "; " : "", r->trouble);
	pthread_mutex_unlock(&unlocked->lock);
}
