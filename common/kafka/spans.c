#include "common/kafka/spans.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/kafka/client.h"
#include "common/kafka/message.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define ASK_MS     10000 /* one question to the brokers, which are to be found first */
#define DESTROY_MS 500
#define MARGIN_MS  120000
#define SILENCE_MS 20000 /* brokers that say nothing for so long are away */

static int open_client(rd_kafka_t **out, const struct kafka_conf *conf,
	void (*on_error)(rd_kafka_t *rk, int code, const char *reason, void *opaque), void *opaque,
	struct err *err)
{
	static const struct kafka_property own[] = {
		{"fetch.wait.max.ms", KAFKA_FETCH_WAIT_MS},
		{"fetch.error.backoff.ms", "100"},
		{"socket.timeout.ms", "10000"},
		{"enable.partition.eof", "true"},
		/* What is no longer kept is passed over. */
		{"auto.offset.reset", "earliest"},
		/* The caller may be slow. */
		{"queued.max.messages.kbytes", "16384"},
		/* Without a group nothing is committed; said anyway, for the library's presets commit. */
		{"enable.auto.commit", "false"},
		{"auto.commit.enable", "false"},
		{"enable.auto.offset.store", "false"},
	};
	rd_kafka_conf_t *rk_conf = kafka_client_conf(conf, "wxbus", own, ARRAY_LEN(own), err);

	if (!rk_conf)
		return -1;
	rd_kafka_conf_set_opaque(rk_conf, opaque);
	rd_kafka_conf_set_error_cb(rk_conf, on_error);
	return kafka_client_new(out, RD_KAFKA_CONSUMER, rk_conf, err);
}

/* ---- finding ---- */

/* One request: the offsets of spans[i].partition at `time`, a time or one of the library's names. */
static int look_up(rd_kafka_t *rk, const char *topic, const struct kafka_span *spans, size_t n, int64_t time,
	int64_t *out, struct err *err)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
	rd_kafka_resp_err_t code;

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, topic, spans[i].partition)->offset = time;
	code = rd_kafka_offsets_for_times(rk, list, ASK_MS);
	for (int i = 0; i < list->cnt && !code; i++) {
		code = list->elems[i].err;
		out[i] = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code ? kafka_err_set(err, ERR_RETRY, code, "no offsets") : 0;
}

static int list_partitions(rd_kafka_t *rk, const char *topic, struct kafka_spans *s, struct err *err)
{
	int n = kafka_client_partitions(rk, topic, ASK_MS, err);

	if (n < 0)
		return n;
	s->n = (size_t)n;
	s->list = xcalloc(s->n, sizeof(*s->list));
	for (size_t i = 0; i < s->n; i++)
		s->list[i].partition = (int32_t)i;
	return 0;
}

/* The embedded broker answers every look-up by time with "the end"; the first record of a partition that has
 * one is from after time 0. */
static bool trusted(const struct kafka_span *whole, int64_t zero)
{
	return whole->from >= whole->to || (zero >= 0 && zero < whole->to);
}

static int narrow(rd_kafka_t *rk, const char *topic, int64_t since_ms, int64_t until_ms,
	struct kafka_spans *s, int64_t *room, struct err *err)
{
	int64_t *zero = room, *since = room + s->n, *until = room + 2 * s->n;
	int rc;

	if ((rc = look_up(rk, topic, s->list, s->n, 0, zero, err)) < 0 ||
		(rc = look_up(rk, topic, s->list, s->n, since_ms, since, err)) < 0 ||
		(rc = look_up(rk, topic, s->list, s->n, until_ms + MARGIN_MS, until, err)) < 0)
		return rc;
	for (size_t i = 0; i < s->n; i++)
		s->scans |= !trusted(&s->list[i], zero[i]);
	for (size_t i = 0; i < s->n && !s->scans; i++) {
		struct kafka_span *span = &s->list[i];

		if (since_ms && span->from < span->to) /* below 0: all are older */
			span->from = since[i] < 0 ? span->to : since[i];
		if (until_ms && until[i] >= 0 && until[i] < span->to)
			span->to = until[i];
		if (span->to < span->from)
			span->to = span->from;
	}
	return 0;
}

static int find(rd_kafka_t *rk, const char *topic, int64_t since_ms, int64_t until_ms, struct kafka_spans *s,
	struct err *err)
{
	int64_t *room;
	int rc = list_partitions(rk, topic, s, err);

	if (rc < 0)
		return rc;
	room = xcalloc(3 * s->n, sizeof(*room));
	if ((rc = look_up(rk, topic, s->list, s->n, RD_KAFKA_OFFSET_BEGINNING, room, err)) == 0 &&
		(rc = look_up(rk, topic, s->list, s->n, RD_KAFKA_OFFSET_END, room + s->n, err)) == 0) {
		for (size_t i = 0; i < s->n; i++) {
			s->list[i].from = room[i];
			s->list[i].to = room[s->n + i];
		}
		if (since_ms || until_ms)
			rc = narrow(rk, topic, since_ms, until_ms, s, room, err);
	}
	free(room);
	return rc;
}

int kafka_spans_find(const struct kafka_conf *conf, const char *topic, int64_t since_ms, int64_t until_ms,
	struct kafka_spans *out, struct err *err)
{
	struct kafka_spans s = {.list = NULL};
	rd_kafka_t *rk = NULL;
	int rc = open_client(&rk, conf, NULL, NULL, err);

	if (rc == 0)
		rc = find(rk, topic, since_ms, until_ms, &s, err);
	kafka_client_destroy(&rk, 0, DESTROY_MS);
	if (rc < 0)
		kafka_spans_release(&s);
	else
		*out = s;
	return rc;
}

void kafka_spans_release(struct kafka_spans *s)
{
	free(s->list);
	*s = (struct kafka_spans){.list = NULL};
}

/* ---- reading ---- */

struct reading {
	struct kafka_span span;
	int64_t next; /* those before it are read, or lost */
	int64_t lost;
	bool ended;
};

struct span_reader {
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	struct reading *spans;
	size_t n, n_ended;
	rd_kafka_message_t *unsure; /* read, and to be looked at again; NULL: none */
	struct kafka_message message;
	int64_t silent_ms;                                /* waited for in vain since something came */
	char trouble[sizeof(((struct err *)NULL)->text)]; /* the last there was; "": none */
};

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct span_reader *r = opaque;

	(void)rk;
	(void)code;
	snprintf(r->trouble, sizeof(r->trouble), "%s", reason);
}

static void end_span(struct span_reader *r, struct reading *s)
{
	if (s->ended)
		return;
	s->ended = true;
	r->n_ended++;
	rd_kafka_consume_stop(r->topic, s->span.partition);
}

static int start_spans(struct span_reader *r, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		struct reading *s = &r->spans[i];

		if (s->next >= s->span.to) {
			s->ended = true;
			r->n_ended++;
		} else if (rd_kafka_consume_start_queue(r->topic, s->span.partition, s->next, r->queue) < 0) {
			return kafka_err_set(err, ERR_FATAL, rd_kafka_last_error(), "cannot start reading");
		}
	}
	return 0;
}

int span_reader_new(struct span_reader **out, const struct kafka_conf *conf, const char *topic,
	const struct kafka_span *spans, size_t n, struct err *err)
{
	struct span_reader *r = xcalloc(1, sizeof(*r));
	int rc = open_client(&r->rk, conf, on_error, r, err);

	r->n = n;
	r->spans = xcalloc(n, sizeof(*r->spans));
	for (size_t i = 0; i < n; i++)
		r->spans[i] = (struct reading){.span = spans[i], .next = spans[i].from};
	if (rc == 0) {
		r->queue = rd_kafka_queue_new(r->rk);
		r->topic = rd_kafka_topic_new(r->rk, topic, NULL);
		rc = r->topic ? start_spans(r, err)
			      : kafka_err_set(err, ERR_FATAL, rd_kafka_last_error(), topic);
	}
	if (rc < 0)
		span_reader_free(&r);
	*out = r;
	return rc;
}

void span_reader_free(struct span_reader **rp)
{
	struct span_reader *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	kafka_message_drop(&r->message);
	if (r->unsure)
		rd_kafka_message_destroy(r->unsure);
	for (size_t i = 0; r->topic && i < r->n; i++)
		end_span(r, &r->spans[i]);
	if (r->queue)
		rd_kafka_queue_destroy(r->queue);
	if (r->topic)
		rd_kafka_topic_destroy(r->topic);
	kafka_client_destroy(&r->rk, 0, DESTROY_MS);
	kafka_message_release(&r->message);
	free(r->spans);
	free(r);
}

/* NULL: there is none, or it has ended. */
static struct reading *open_span(struct span_reader *r, int32_t partition)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->spans[i].span.partition == partition)
			return r->spans[i].ended ? NULL : &r->spans[i];
	return NULL;
}

/* Go on at `offset`. What is left out was deleted where the log begins later; the rest are offsets that no
 * record ever had (the marks of transactions). */
static int pass_gap(struct span_reader *r, struct reading *s, int64_t offset, struct err *err)
{
	int64_t begin, ignored;
	rd_kafka_resp_err_t code;

	if (offset > s->span.to)
		offset = s->span.to;
	if (offset <= s->next)
		return 0;
	code = rd_kafka_query_watermark_offsets(
		r->rk, rd_kafka_topic_name(r->topic), s->span.partition, &begin, &ignored, ASK_MS);
	if (code)
		return kafka_err_set(err, ERR_RETRY, code, "where the log begins cannot be asked");
	if (begin > s->next)
		s->lost += (begin < offset ? begin : offset) - s->next;
	s->next = offset;
	return 0;
}

static int goes_back(const struct reading *s, int64_t offset, struct err *err)
{
	return err_set(err, ERR_REJECT, 0,
		"the topic was made again, or has lost records: partition %d goes on at %lld after %lld",
		(int)s->span.partition, (long long)offset, (long long)s->next - 1);
}

/* Nothing stands at this offset now. */
static int take_end(struct span_reader *r, struct reading *s, int64_t offset, struct err *err)
{
	if (offset < s->next)
		return goes_back(s, offset, err);
	if (offset >= s->span.to) {
		if (pass_gap(r, s, offset, err) < 0)
			return -1;
	} else { /* a replica that lags behind the one that was asked for the end: the rest is to come */
		snprintf(r->trouble, sizeof(r->trouble), "partition %d ends at %lld, it was %lld",
			(int)s->span.partition, (long long)offset, (long long)s->span.to);
		return SPAN_NONE;
	}
	end_span(r, s);
	return SPAN_NONE;
}

/* 0: it is of the span. */
static int take_record(struct span_reader *r, struct reading *s, int64_t offset, struct err *err)
{
	if (offset < s->next)
		return goes_back(s, offset, err);
	if (pass_gap(r, s, offset, err) < 0)
		return -1;
	if (offset < s->span.to)
		s->next = offset + 1;
	if (s->next >= s->span.to)
		end_span(r, s);
	return offset < s->span.to ? 0 : SPAN_NONE;
}

/* 0: it is a record of a span, in r->message. Otherwise SPAN_NONE or -1. */
static int take(struct span_reader *r, rd_kafka_message_t *raw, struct err *err)
{
	struct reading *s = open_span(r, raw->partition);
	int rc = SPAN_NONE;

	if (raw->err && raw->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		rc = err_set(err, ERR_RETRY, raw->err, "%s", rd_kafka_message_errstr(raw));
	} else if (s) {
		rc = raw->err ? take_end(r, s, raw->offset, err) : take_record(r, s, raw->offset, err);
		if (rc < 0)
			r->unsure = raw;
		if (rc == 0)
			kafka_message_take(&r->message, raw);
		if (rc != SPAN_NONE)
			return rc;
	}
	rd_kafka_message_destroy(raw);
	return rc;
}

static rd_kafka_message_t *next_message(struct span_reader *r, int64_t ms)
{
	rd_kafka_message_t *raw = r->unsure;

	r->unsure = NULL;
	return raw ? raw : rd_kafka_consume_queue(r->queue, (int)ms);
}

/* SPAN_NONE: not yet. */
static int wait(struct span_reader *r, int64_t ms, struct err *err)
{
	int64_t began = clock_mono_ms();
	rd_kafka_message_t *raw = next_message(r, ms);
	int rc = SPAN_NONE;

	rd_kafka_poll(r->rk, 0);
	if (raw) {
		r->silent_ms = 0;
		return take(r, raw, err);
	}
	r->silent_ms += clock_mono_ms() - began;
	if (r->silent_ms > SILENCE_MS) {
		rc = err_set(err, ERR_RETRY, 0, "Kafka says nothing: %s", r->trouble);
		r->silent_ms = 0;
	}
	return rc;
}

int span_reader_next(
	struct span_reader *r, int64_t timeout_ms, const struct kafka_record **out, struct err *err)
{
	int64_t until = clock_mono_ms() + timeout_ms, left = timeout_ms;
	int rc = SPAN_NONE;

	kafka_message_drop(&r->message);
	while (rc == SPAN_NONE && r->n_ended < r->n && left >= 0) {
		rc = wait(r, left, err);
		left = until - clock_mono_ms();
	}
	if (rc == SPAN_NONE && r->n_ended == r->n)
		return SPAN_END;
	if (rc == 0)
		*out = &r->message.record;
	return rc;
}

int64_t span_reader_lost(const struct span_reader *r, int32_t partition)
{
	size_t i = 0;

	while (r->spans[i].span.partition != partition)
		i++;
	return r->spans[i].lost;
}

/* ---- knowing again ---- */

/* FNV-1a: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t digest(uint64_t so_far, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; p && i < len; i++)
		so_far = (so_far ^ p[i]) * 0x100000001b3U;
	return so_far;
}

static void mark_of(const struct kafka_record *r, char out[KAFKA_MARK_SIZE])
{
	uint64_t sum = digest(0xcbf29ce484222325U, r->key, r->key_len);

	sum = digest(sum, r->value, r->value_len);
	(void)snprintf(
		out, KAFKA_MARK_SIZE, "%lld/%016llx", (long long)r->timestamp_ms, (unsigned long long)sum);
}

/* The record at to - 1 of each span, where there is one now. */
static int read_marks(
	const struct kafka_conf *conf, const char *topic, struct kafka_span *spans, size_t n, struct err *err)
{
	struct kafka_span *last = xcalloc(n, sizeof(*last));
	const struct kafka_record *record;
	struct span_reader *r = NULL;
	int rc;

	for (size_t i = 0; i < n; i++) {
		last[i] = spans[i];
		last[i].from = spans[i].to > spans[i].from ? spans[i].to - 1 : spans[i].to;
		spans[i].mark[0] = '\0';
	}
	rc = span_reader_new(&r, conf, topic, last, n, err);
	while (rc >= 0 && rc != SPAN_END) {
		rc = span_reader_next(r, ASK_MS, &record, err);
		for (size_t i = 0; rc == 0 && i < n; i++)
			if (spans[i].partition == record->partition)
				mark_of(record, spans[i].mark);
	}
	span_reader_free(&r);
	free(last);
	return rc < 0 ? rc : 0;
}

/* A new leader does not tell where its partition ends before it knows what the one before it had told
 * (KIP-207: "Offsets returned by ListOffsetsResponse should be monotonically increasing even during a
 * partition leader change"), so an end that comes earlier is one. */
static int check_ends(const struct kafka_conf *conf, const char *topic, const struct kafka_span *spans,
	size_t n, struct err *err)
{
	int64_t *ends = xcalloc(n, sizeof(*ends));
	rd_kafka_t *rk = NULL;
	int rc = open_client(&rk, conf, NULL, NULL, err);

	if (rc == 0)
		rc = look_up(rk, topic, spans, n, RD_KAFKA_OFFSET_END, ends, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (spans[i].to > spans[i].from && ends[i] < spans[i].to)
			rc = err_set(err, ERR_REJECT, 0,
				"the topic was made again, or has lost records: "
				"partition %d ends at %lld, it was %lld",
				(int)spans[i].partition, (long long)ends[i], (long long)spans[i].to);
	kafka_client_destroy(&rk, 0, DESTROY_MS);
	free(ends);
	return rc;
}

int kafka_spans_mark(
	const struct kafka_conf *conf, const char *topic, struct kafka_span *spans, size_t n, struct err *err)
{
	int rc = check_ends(conf, topic, spans, n, err);

	return rc == 0 ? read_marks(conf, topic, spans, n, err) : rc;
}

int kafka_spans_check(const struct kafka_conf *conf, const char *topic, const struct kafka_span *spans,
	size_t n, struct err *err)
{
	struct kafka_span *now = xcalloc(n, sizeof(*now));
	int rc = check_ends(conf, topic, spans, n, err);

	memcpy(now, spans, n * sizeof(*now));
	if (rc == 0)
		rc = read_marks(conf, topic, now, n, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (spans[i].mark[0] && now[i].mark[0] && strcmp(spans[i].mark, now[i].mark) != 0)
			rc = err_set(err, ERR_REJECT, 0,
				"the topic was made again: partition %d has another record at %lld than it "
				"had",
				(int)spans[i].partition, (long long)spans[i].to - 1);
	free(now);
	return rc;
}
