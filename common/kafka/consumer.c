#include "common/kafka/consumer.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/client.h"
#include "common/kafka/message.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Who commits: the library, every second and at each revocation, what consumer_store() has stored and nothing
 * else. It does so on its own thread, so a handler that takes minutes delays no commit, and a revocation
 * waits for the commit without a callback of ours having to. Its drawback is that leaving the group with
 * brokers away waits for the session time-out; so consumer_free() closes through a queue that it polls under
 * its own clock.
 *
 * Where a group starts is never left to auto.offset.reset, which would apply again whenever an offset is out
 * of range (a consumer that was away for longer than records are kept would skip to the end). It is
 * "earliest" for that case. On assignment the committed offsets are asked for; partitions without one get
 * their position from the brokers, which is committed before the partition is assigned to the library. Until
 * that has succeeded nothing is read. A topic that this member has read before and that has a partition
 * without an offset was deleted and made again, or grew: nothing of it may be passed over.
 *
 * The library never commits an offset below one that it has committed, so a topic that was made again under a
 * running member would have none until it is as long as the old one was. A record from further back than the
 * last is what shows it: the partition is announced anew, and its offset committed by us. */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define PRESET_SESSION_MS 6000
#define ASK_MS            1000 /* one question to the brokers */
#define SETTLE_PAUSE_MS   200  /* between two attempts to settle where to start */
#define LOOK_PAUSE_MS     500  /* between two looks for topics that are missing */
#define COMMIT_MS         5000 /* consumer_commit() */
#define SEEK_MS           5000
#define DESTROY_MS        500
#define LEAVING_MS        60000
#define GIVE_BACK_MS      300   /* for the library's thread to take the partitions back */
#define SAME_ERROR_MS     10000 /* the same complaint is reported so often at most */

/* librdkafka's own. */
#define PRESET_PREFETCH_KBYTES 65536
#define FETCH_MAX_KBYTES       51200
#define FETCH_GATHERED_BYTES   "1048576"

struct position {
	const char *topic; /* of `assigned` */
	int32_t partition;
	int64_t next; /* to be handled */
	int64_t read; /* after the last record that was delivered */
	int64_t anew; /* of a topic that was made again, still to be committed; -1: none */
	int64_t end;  /* of the partition, when it was reached: behind its last record, or behind what is none
		       */
	bool paused;
	bool answered;           /* a record or the end has come */
	int64_t behind_since_ms; /* seen to have more; 0: not */
};

struct consumer {
	rd_kafka_t *rk;
	struct consumer_options o; /* topics, group and client id are gone after consumer_new() */
	rd_kafka_topic_partition_list_t *topics;
	struct kafka_message message;

	/* The polling thread's own. */
	rd_kafka_topic_partition_list_t *pending; /* assigned by the group, not yet to the library */
	bool topics_seen;                         /* all topics exist */
	bool *topics_read;                        /* by place in `topics`: was ours, or a part of it */
	int64_t settled_ms, looked_ms;            /* last attempts; 0: none yet */
	int last_code;                            /* of the last complaint */
	int64_t complained_ms;

	pthread_mutex_t lock;                      /* over positions, for consumer_lag() on other threads */
	rd_kafka_topic_partition_list_t *assigned; /* owns the names in positions */
	struct position *positions;
	size_t n_positions;
	int64_t assigned_since_ms; /* wall clock; since when they are so, or there are none */

	atomic_bool ready;
};

/* ---- positions ---- */

/* Takes `assigned` (NULL: none), whose offsets are where reading starts. */
static void positions_set(struct consumer *c, rd_kafka_topic_partition_list_t *assigned)
{
	int i;

	pthread_mutex_lock(&c->lock);
	if (c->assigned)
		rd_kafka_topic_partition_list_destroy(c->assigned);
	free(c->positions);
	c->assigned = assigned;
	c->assigned_since_ms = clock_wall_ms();
	c->n_positions = assigned ? (size_t)assigned->cnt : 0;
	c->positions = xcalloc(c->n_positions + 1, sizeof(*c->positions));
	for (i = 0; assigned && i < assigned->cnt; i++)
		c->positions[i] = (struct position){.topic = assigned->elems[i].topic,
			.partition = assigned->elems[i].partition,
			.next = assigned->elems[i].offset,
			.read = assigned->elems[i].offset,
			.anew = -1};
	pthread_mutex_unlock(&c->lock);
}

/* For the polling thread, which alone moves them. */
static struct position *position_of(struct consumer *c, const char *topic, int32_t partition)
{
	size_t i;

	for (i = 0; i < c->n_positions; i++)
		if (c->positions[i].partition == partition && strcmp(c->positions[i].topic, topic) == 0)
			return &c->positions[i];
	return NULL;
}

static void positions_move(struct consumer *c, const char *topic, int32_t partition, int64_t next)
{
	struct position *p = position_of(c, topic, partition);

	pthread_mutex_lock(&c->lock);
	if (p)
		p->next = next;
	pthread_mutex_unlock(&c->lock);
}

/* ---- where to start ---- */

static rd_kafka_resp_err_t first_error(const rd_kafka_topic_partition_list_t *list)
{
	int i;

	for (i = 0; i < list->cnt; i++)
		if (list->elems[i].err)
			return list->elems[i].err;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void keep_result(
	rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *offsets, void *arg)
{
	(void)rk;
	(void)offsets;
	*(rd_kafka_resp_err_t *)arg = code;
}

/* rd_kafka_commit() has no time-out of its own. NULL: what is stored. */
static rd_kafka_resp_err_t commit_within(
	rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, int64_t ms)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
	rd_kafka_resp_err_t result = RD_KAFKA_RESP_ERR__TIMED_OUT, code;
	int64_t until = clock_mono_ms() + ms, left;

	code = rd_kafka_commit_queue(rk, offsets, queue, keep_result, &result);
	while (!code && result == RD_KAFKA_RESP_ERR__TIMED_OUT && (left = until - clock_mono_ms()) > 0)
		rd_kafka_queue_poll_callback(queue, (int)left);
	rd_kafka_queue_destroy(queue); /* a later answer finds no queue */
	return code ? code : result;
}

/* Its place in `topics`. */
static int place_of(const struct consumer *c, const char *topic)
{
	int i = 0;

	while (i < c->topics->cnt && strcmp(c->topics->elems[i].topic, topic) != 0)
		i++;
	return i;
}

/* Where a group without a committed offset starts on this topic. */
static int64_t start_on(const struct consumer *c, const char *topic)
{
	int i = place_of(c, topic);

	return c->o.from_beginning || (size_t)i + c->o.n_from_beginning >= (size_t)c->topics->cnt ||
			       c->topics_read[i]
		       ? RD_KAFKA_OFFSET_BEGINNING
		       : RD_KAFKA_OFFSET_END;
}

/* The partitions of `list` without a committed offset, with where to start; NULL: none. */
static rd_kafka_topic_partition_list_t *without_offset(
	const struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_partition_list_t *fresh = NULL;
	int i;

	for (i = 0; i < list->cnt; i++) {
		if (list->elems[i].offset >= 0)
			continue;
		if (!fresh)
			fresh = rd_kafka_topic_partition_list_new(list->cnt);
		rd_kafka_topic_partition_list_add(fresh, list->elems[i].topic, list->elems[i].partition)
			->offset = start_on(c, list->elems[i].topic);
	}
	return fresh;
}

static void copy_offsets(rd_kafka_topic_partition_list_t *to, const rd_kafka_topic_partition_list_t *from)
{
	int i;

	for (i = 0; i < from->cnt; i++)
		rd_kafka_topic_partition_list_set_offset(
			to, from->elems[i].topic, from->elems[i].partition, from->elems[i].offset);
}

/* Give every partition of `list` its offset: the committed one, or the group's start, then committed. */
static rd_kafka_resp_err_t resolve(struct consumer *c, rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_partition_list_t *fresh;
	rd_kafka_resp_err_t code;

	code = rd_kafka_committed(c->rk, list, ASK_MS);
	if (!code)
		code = first_error(list);
	if (code)
		return code;
	fresh = without_offset(c, list);
	if (!fresh)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	/* One request for all: the look-up by time also knows beginning and end. */
	code = rd_kafka_offsets_for_times(c->rk, fresh, ASK_MS);
	if (!code)
		code = first_error(fresh);
	if (!code)
		code = commit_within(c->rk, fresh, ASK_MS);
	if (!code)
		code = first_error(fresh);
	if (!code)
		copy_offsets(list, fresh);
	rd_kafka_topic_partition_list_destroy(fresh);
	return code;
}

static void tell_assigned(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	int i;

	for (i = 0; i < list->cnt; i++) {
		c->topics_read[place_of(c, list->elems[i].topic)] = true;
		if (c->o.assigned)
			c->o.assigned(c->o.arg, list->elems[i].topic, list->elems[i].partition);
	}
}

static void drop_pending(struct consumer *c)
{
	if (c->pending)
		rd_kafka_topic_partition_list_destroy(c->pending);
	c->pending = NULL;
}

/* Try to begin with what the group has assigned. 0: nothing (left) to settle. */
static int settle(struct consumer *c, struct err *err)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t code;

	if (!c->pending || (c->settled_ms && clock_mono_ms() - c->settled_ms < SETTLE_PAUSE_MS))
		return 0;
	list = rd_kafka_topic_partition_list_copy(c->pending);
	code = resolve(c, list);
	if (!code)
		code = rd_kafka_assign(c->rk, list);
	c->settled_ms = clock_mono_ms();
	if (code) {
		rd_kafka_topic_partition_list_destroy(list);
		return kafka_err_set(err, ERR_RETRY, code, "cannot settle where to start");
	}
	drop_pending(c);
	positions_set(c, list);
	tell_assigned(c, list);
	return 0;
}

/* ---- rebalance, on the polling thread ---- */

static void on_assigned(struct consumer *c, const rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);

	/* Nothing to read for now: settle() gives the partitions to the library once their start is known. */
	rd_kafka_assign(c->rk, none);
	rd_kafka_topic_partition_list_destroy(none);
	drop_pending(c);
	c->pending = rd_kafka_topic_partition_list_copy(list);
	c->settled_ms = 0;
}

static void on_revoked(struct consumer *c)
{
	int i;

	/* What was never given to the library was never announced either. */
	drop_pending(c);
	for (i = 0; c->assigned && i < c->assigned->cnt && c->o.revoked; i++)
		c->o.revoked(c->o.arg, c->assigned->elems[i].topic, c->assigned->elems[i].partition);
	positions_set(c, NULL);
	rd_kafka_assign(c->rk, NULL); /* commits what is stored, unless the assignment is lost */
}

static void on_rebalance(
	rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct consumer *c = opaque;

	(void)rk;
	if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
		on_assigned(c, list);
	else
		on_revoked(c);
}

/* ---- topics that do not exist yet ---- */

static bool has_topic(const struct rd_kafka_metadata *md, const char *name)
{
	int i;

	for (i = 0; i < md->topic_cnt; i++)
		if (strcmp(md->topics[i].topic, name) == 0)
			return !md->topics[i].err && md->topics[i].partition_cnt > 0;
	return false;
}

/* By itself the library looks again after 5 minutes. Metadata of all topics makes it compare them with the
 * subscription at once, so this is both the question and the cure. */
static int look_for_topics(struct consumer *c, struct err *err)
{
	const struct rd_kafka_metadata *md = NULL;
	rd_kafka_resp_err_t code;
	int i, rc = 0;

	if (c->topics_seen || (c->looked_ms && clock_mono_ms() - c->looked_ms < LOOK_PAUSE_MS))
		return 0;
	code = rd_kafka_metadata(c->rk, 1, NULL, &md, ASK_MS);
	c->looked_ms = clock_mono_ms();
	if (code)
		return kafka_err_set(err, ERR_RETRY, code, "no metadata");
	for (i = 0; i < c->topics->cnt && rc == 0; i++)
		if (!has_topic(md, c->topics->elems[i].topic))
			rc = err_set(err, ERR_RETRY, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
				"the topic %s does not exist", c->topics->elems[i].topic);
	rd_kafka_metadata_destroy(md);
	c->topics_seen = rc == 0;
	return rc;
}

/* ---- topics that were made again ---- */

static rd_kafka_topic_partition_list_t *one(const char *topic, int32_t partition, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	return list;
}

static void begin_anew(struct consumer *c, struct position *p, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list = one(p->topic, p->partition, offset);

	if (c->o.revoked)
		c->o.revoked(c->o.arg, p->topic, p->partition);
	/* What was stored is above what is committed then, and would be committed over it. */
	rd_kafka_offsets_store(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	positions_move(c, p->topic, p->partition, offset);
	p->anew = offset;
	p->end = 0;
	if (c->o.assigned)
		c->o.assigned(c->o.arg, p->topic, p->partition);
}

static void note_read(struct consumer *c, const struct kafka_record *r)
{
	struct position *p = position_of(c, r->topic, r->partition);

	if (p && r->offset < p->read)
		begin_anew(c, p, r->offset);
	if (!p)
		return;
	p->read = r->offset + 1;
	p->answered = true;
	p->behind_since_ms = 0;
}

static void note_end(struct consumer *c, const rd_kafka_message_t *raw)
{
	struct position *p = position_of(c, rd_kafka_topic_name(raw->rkt), raw->partition);

	if (!p)
		return;
	p->end = raw->offset;
	p->answered = true;
	p->behind_since_ms = 0;
}

/* 0: there is nothing (left) to commit by ourselves. */
static int commit_anew(struct consumer *c, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
	size_t i;

	for (i = 0; i < c->n_positions; i++)
		if (c->positions[i].anew >= 0)
			rd_kafka_topic_partition_list_add(
				list, c->positions[i].topic, c->positions[i].partition)
				->offset = c->positions[i].anew;
	if (list->cnt > 0)
		code = commit_within(c->rk, list, ASK_MS);
	for (i = 0; i < c->n_positions && !code; i++)
		c->positions[i].anew = -1;
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, ERR_RETRY, code, "the offset of a topic made again is not committed")
		    : 0;
}

/* ---- polling ---- */

static int translate(struct consumer *c, const rd_kafka_message_t *raw, struct err *err)
{
	char text[160] = "";

	if (raw->err == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_fatal_error(c->rk, text, sizeof(text)))
		return err_set(err, ERR_FATAL, raw->err, "this member of the group is dead: %s",
			text[0] ? text : rd_kafka_message_errstr(raw));
	if (raw->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		raw->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
		c->topics_seen = false;
	return err_set(err, ERR_RETRY, raw->err, "%s", rd_kafka_message_errstr(raw));
}

/* The same complaint comes with every attempt to connect: report it once in a while. */
static bool is_repeated(struct consumer *c, const struct err *err)
{
	int64_t now = clock_mono_ms();

	if (err->kind == ERR_FATAL)
		return false;
	if (err->code == c->last_code && c->complained_ms && now - c->complained_ms < SAME_ERROR_MS)
		return true;
	c->last_code = err->code;
	c->complained_ms = now;
	return false;
}

/* 0: a record is in c->message. CONSUMER_NONE, -1. */
static int poll_library(struct consumer *c, int64_t timeout_ms, struct err *err)
{
	rd_kafka_message_t *raw = rd_kafka_consumer_poll(c->rk, timeout_ms > 0 ? (int)timeout_ms : 0);
	int rc;

	if (!raw)
		return CONSUMER_NONE;
	if (!raw->err) {
		kafka_message_take(&c->message, raw);
		note_read(c, &c->message.record);
		return 0;
	}
	rc = CONSUMER_NONE;
	if (raw->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
		note_end(c, raw);
	else
		rc = translate(c, raw, err);
	rd_kafka_message_destroy(raw);
	return rc;
}

static int poll_once(struct consumer *c, int64_t timeout_ms, struct err *err)
{
	struct err later;
	int rc, polled;

	if ((rc = look_for_topics(c, err)) == 0 && (rc = settle(c, err)) == 0 &&
		(rc = commit_anew(c, err)) == 0)
		return poll_library(c, timeout_ms, err);
	/* The library must be served all the same: this is where revocations come in. */
	polled = poll_library(c, 0, &later);
	if (polled == 0)
		return 0;
	if (polled < 0 && later.kind == ERR_FATAL)
		*err = later;
	return rc;
}

int consumer_poll(struct consumer *c, int64_t timeout_ms, const struct kafka_record **out, struct err *err)
{
	int64_t until = clock_mono_ms() + timeout_ms, left;
	struct err trouble;
	int rc;

	kafka_message_drop(&c->message);
	do {
		left = until - clock_mono_ms();
		/* In short turns while something is to be settled. */
		if (left > SETTLE_PAUSE_MS && (c->pending || !atomic_load(&c->ready)))
			left = SETTLE_PAUSE_MS;
		rc = poll_once(c, left, &trouble);
		if (c->assigned && c->topics_seen)
			atomic_store(&c->ready, true);
		if (rc < 0 && !is_repeated(c, &trouble)) {
			if (err)
				*err = trouble;
			return rc;
		}
		if (rc < 0 && left > 0) /* no busy loop on what fails at once */
			clock_sleep_ms(left < 20 ? left : 20);
	} while (rc != 0 && clock_mono_ms() < until);
	if (rc != 0)
		return CONSUMER_NONE;
	*out = &c->message.record;
	return 0;
}

/* ---- offsets ---- */

/* Ends a call that worked on a list of one: its error is the partition's, if it has one. */
static int finish(
	rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code, const char *what, struct err *err)
{
	if (list->elems[0].err)
		code = list->elems[0].err;
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, ERR_RETRY, code, what) : 0;
}

int consumer_store_offset(
	struct consumer *c, const char *topic, int32_t partition, int64_t offset, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = one(topic, partition, offset);
	int rc = finish(list, rd_kafka_offsets_store(c->rk, list), "offset not stored", err);

	if (rc == 0)
		positions_move(c, topic, partition, offset);
	return rc;
}

int consumer_store(struct consumer *c, const struct kafka_record *r, struct err *err)
{
	return consumer_store_offset(c, r->topic, r->partition, r->offset + 1, err);
}

int consumer_commit(struct consumer *c, struct err *err)
{
	rd_kafka_resp_err_t code = commit_within(c->rk, NULL, COMMIT_MS);

	if (code && code != RD_KAFKA_RESP_ERR__NO_OFFSET) /* nothing new is well, too */
		return kafka_err_set(err, ERR_RETRY, code, "not committed");
	return 0;
}

int consumer_seek(struct consumer *c, const struct kafka_record *r, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = one(r->topic, r->partition, r->offset);
	struct position *p = position_of(c, r->topic, r->partition);
	rd_kafka_error_t *error = rd_kafka_seek_partitions(c->rk, list, SEEK_MS);
	rd_kafka_resp_err_t code = error ? rd_kafka_error_code(error) : RD_KAFKA_RESP_ERR_NO_ERROR;

	if (error)
		rd_kafka_error_destroy(error);
	if (p)
		p->read = r->offset;
	return finish(list, code, "cannot go back", err);
}

static int note_paused(struct consumer *c, const char *topic, int32_t partition, bool paused, int rc)
{
	struct position *p = position_of(c, topic, partition);

	if (p && rc == 0)
		p->paused = paused;
	return rc;
}

int consumer_pause(struct consumer *c, const char *topic, int32_t partition, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = one(topic, partition, RD_KAFKA_OFFSET_INVALID);

	return note_paused(c, topic, partition, true,
		finish(list, rd_kafka_pause_partitions(c->rk, list), "cannot pause", err));
}

int consumer_resume(struct consumer *c, const char *topic, int32_t partition, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = one(topic, partition, RD_KAFKA_OFFSET_INVALID);

	return note_paused(c, topic, partition, false,
		finish(list, rd_kafka_resume_partitions(c->rk, list), "cannot resume", err));
}

bool consumer_ready(const struct consumer *c)
{
	return atomic_load(&c->ready);
}

int64_t consumer_lag(struct consumer *c)
{
	int64_t lag = 0, low, high;
	size_t i;

	pthread_mutex_lock(&c->lock);
	if (!c->assigned)
		lag = -1;
	for (i = 0; i < c->n_positions && lag >= 0; i++) {
		const struct position *p = &c->positions[i];

		/* What the library saw with the last fetch; it asks nobody. */
		if (rd_kafka_get_watermark_offsets(c->rk, p->topic, p->partition, &low, &high) || high < 0)
			lag = -1;
		else if (high > p->next)
			lag += high - p->next;
	}
	pthread_mutex_unlock(&c->lock);
	return lag;
}

/* A partition may have more for a moment, between its fetch and its records' delivery. What stands at its end
 * and is no record (of transactions) is not waited for. */
static bool is_behind(struct consumer *c, const struct position *p)
{
	int64_t low, high;

	return !p->paused && !rd_kafka_get_watermark_offsets(c->rk, p->topic, p->partition, &low, &high) &&
	       high > p->read && high > p->end;
}

int64_t consumer_unread_since(struct consumer *c)
{
	int64_t now = clock_wall_ms(), since = now;

	if (!atomic_load(&c->ready) || !c->assigned)
		return c->assigned_since_ms;
	for (size_t i = 0; i < c->n_positions; i++) {
		struct position *p = &c->positions[i];

		if (!p->answered) {
			since = c->assigned_since_ms < since ? c->assigned_since_ms : since;
			continue;
		}
		if (!is_behind(c, p))
			p->behind_since_ms = 0;
		else if (p->behind_since_ms == 0)
			p->behind_since_ms = now;
		if (p->behind_since_ms > 0 && p->behind_since_ms < since)
			since = p->behind_since_ms;
	}
	return since < now ? since : 0;
}

/* ---- life ---- */

static int client_make(
	struct consumer *c, const struct kafka_conf *conf, const struct consumer_options *o, struct err *err)
{
	int prefetch_kbytes = o->prefetch_kbytes ? o->prefetch_kbytes : PRESET_PREFETCH_KBYTES;
	char session[24], prefetch[24], fetch[24], wait[24];
	const struct kafka_property own[] = {
		{"group.id", o->group},
		{"session.timeout.ms", session},
		{"heartbeat.interval.ms", "2000"},
		{"enable.auto.commit", "true"},
		{"auto.commit.interval.ms", "1000"},
		{"enable.auto.offset.store", "false"},
		{"auto.offset.reset", "earliest"},
		{"enable.partition.eof", "true"}, /* what has nothing is told from what does not answer */
		/* The cooperative one can hang in librdkafka 2.0.2. */
		{"partition.assignment.strategy", "range"},
		{"fetch.wait.max.ms", o->gather_ms ? wait : KAFKA_FETCH_WAIT_MS},
		{"fetch.min.bytes", o->gather_ms ? FETCH_GATHERED_BYTES : "1"},
		{"fetch.error.backoff.ms", "100"},
		{"socket.timeout.ms", "10000"},
		{"queued.max.messages.kbytes", prefetch},
		{"fetch.max.bytes", fetch},
	};
	rd_kafka_conf_t *rk_conf;

	snprintf(prefetch, sizeof(prefetch), "%d", prefetch_kbytes);
	snprintf(fetch, sizeof(fetch), "%lld",
		(long long)(prefetch_kbytes < FETCH_MAX_KBYTES ? prefetch_kbytes : FETCH_MAX_KBYTES) * 1024);
	snprintf(wait, sizeof(wait), "%d", o->gather_ms);
	snprintf(session, sizeof(session), "%lld",
		(long long)(o->session_timeout_ms ? o->session_timeout_ms : PRESET_SESSION_MS));
	rk_conf = kafka_client_conf(conf, o->client_id, own, ARRAY_LEN(own), err);
	if (!rk_conf)
		return -1;
	rd_kafka_conf_set_opaque(rk_conf, c);
	rd_kafka_conf_set_rebalance_cb(rk_conf, on_rebalance);
	if (kafka_client_new(&c->rk, RD_KAFKA_CONSUMER, rk_conf, err) < 0)
		return -1;
	rd_kafka_poll_set_consumer(c->rk);
	return 0;
}

static void release(struct consumer *c, int flags)
{
	kafka_message_release(&c->message);
	drop_pending(c);
	positions_set(c, NULL);
	rd_kafka_topic_partition_list_destroy(c->topics);
	kafka_client_destroy(&c->rk, flags, DESTROY_MS);
	pthread_mutex_destroy(&c->lock);
	free(c->positions);
	free(c->topics_read);
	free(c);
}

int consumer_new(struct consumer **out, const struct kafka_conf *conf, const struct consumer_options *o,
	struct err *err)
{
	struct consumer *c = xcalloc(1, sizeof(*c));
	rd_kafka_resp_err_t code;
	size_t i;
	int rc;

	c->o = *o;
	pthread_mutex_init(&c->lock, NULL);
	c->topics = rd_kafka_topic_partition_list_new((int)o->n_topics);
	c->topics_read = xcalloc(o->n_topics + 1, sizeof(*c->topics_read));
	c->assigned_since_ms = clock_wall_ms();
	for (i = 0; i < o->n_topics; i++)
		rd_kafka_topic_partition_list_add(c->topics, o->topics[i], RD_KAFKA_PARTITION_UA);
	rc = client_make(c, conf, o, err);
	if (rc == 0 && (code = rd_kafka_subscribe(c->rk, c->topics)))
		rc = kafka_err_set(err, ERR_FATAL, code, "cannot subscribe");
	if (rc < 0) {
		release(c, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
		return rc;
	}
	*out = c;
	return 0;
}

/* The partitions are given back even when there is no time to leave the group: the library's thread would
 * spin for ever on an end that waits for this. It asks no broker for it. */
static bool has_partitions(const struct consumer *c)
{
	return c->pending || c->assigned;
}

/* Runs the callback of whatever comes. Records come too until the partitions are gone, and the library's own
 * way of running callbacks only (rd_kafka_queue_poll_callback()) aborts the process at one. */
static void serve_closing(rd_kafka_queue_t *queue, int ms)
{
	rd_kafka_message_t *raw = rd_kafka_consume_queue(queue, ms);

	if (raw)
		rd_kafka_message_destroy(raw); /* its offset was not stored: the next member gets it */
}

/* True once there is nothing left to wait for. */
static bool close_within(struct consumer *c, rd_kafka_queue_t *queue, int64_t close_ms)
{
	int64_t begin = clock_mono_ms(), left;
	rd_kafka_error_t *error = rd_kafka_consumer_close_queue(c->rk, queue);

	if (error) { /* a dead member has no group to leave */
		rd_kafka_error_destroy(error);
		return true;
	}
	while (!rd_kafka_consumer_closed(c->rk)) {
		left = begin + (has_partitions(c) && close_ms < GIVE_BACK_MS ? GIVE_BACK_MS : close_ms) -
		       clock_mono_ms();
		if (left <= 0)
			break;
		serve_closing(queue, left < 20 ? (int)left : 20);
	}
	return rd_kafka_consumer_closed(c->rk);
}

/* A group that is being left while its brokers are away. */
struct leaving {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue; /* the library reports to it; nobody polls it, so no callback of ours runs */
};

/* The library gives up by itself after the session time-out. To destroy it any earlier would make its thread
 * spin until then. */
static void *finish_leaving(void *arg)
{
	struct leaving *l = arg;
	int64_t until = clock_mono_ms() + LEAVING_MS;

	while (!rd_kafka_consumer_closed(l->rk) && clock_mono_ms() < until)
		clock_sleep_ms(50);
	rd_kafka_queue_destroy(l->queue);
	rd_kafka_destroy_flags(l->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(l);
	return NULL;
}

/* Takes both. Without a thread they are left to the process's end. */
static void leave_later(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
	struct leaving *l = xmalloc(sizeof(*l));
	pthread_t thread;

	*l = (struct leaving){rk, queue};
	if (kafka_thread_start(&thread, finish_leaving, l, NULL) == 0)
		pthread_detach(thread);
	else
		free(l);
}

void consumer_free(struct consumer **cp, int64_t close_ms)
{
	struct consumer *c = *cp;
	rd_kafka_queue_t *queue;

	*cp = NULL;
	if (!c)
		return;
	kafka_message_drop(&c->message);
	queue = rd_kafka_queue_new(c->rk);
	if (close_within(c, queue, close_ms)) {
		rd_kafka_queue_destroy(queue);
	} else {
		leave_later(c->rk, queue);
		c->rk = NULL;
	}
	release(c, 0);
}
