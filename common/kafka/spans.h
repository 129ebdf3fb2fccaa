#ifndef COMMON_KAFKA_SPANS_H
#define COMMON_KAFKA_SPANS_H

#include "common/kafka/kafka_conf.h"
#include "common/kafka/record.h"

#include <stdbool.h>
#include <stddef.h>

/* Parts of a topic, read once and at the caller's own pace: for commands that go through what is kept.
 * Without a group. One thread. */

/* What its last record is known by: an offset alone is there again in a log that was made anew. */
#define KAFKA_MARK_SIZE 48

/* A part of a partition: the records from..to-1. */
struct kafka_span {
	int32_t partition;
	int64_t from, to;
	char mark[KAFKA_MARK_SIZE]; /* "": not known, or there is no last record */
};

struct kafka_spans {
	struct kafka_span *list; /* one for each partition, in their order; `from` == `to`: none of it */
	size_t n;
	bool scans; /* a time was given and the broker has no look-up by time (the embedded one): all that is
		       kept */
};

/* Where a topic holds what was written since since_ms (0: ever) and before until_ms (0: what is there now),
 * by the records' timestamps. Timestamps are not quite in order, so that others are among it: a margin at the
 * end for writers whose clocks differ by up to 2 minutes. ERR_REJECT: there is no such topic. ERR_RETRY. */
int kafka_spans_find(const struct kafka_conf *conf, const char *topic, int64_t since_ms, int64_t until_ms,
	struct kafka_spans *out, struct err *err);
void kafka_spans_release(struct kafka_spans *s);

/* Fill in the marks of spans that hold something. ERR_REJECT: as below. ERR_RETRY. */
int kafka_spans_mark(const struct kafka_conf *conf, const char *topic, struct kafka_span *spans, size_t n,
	struct err *err);
/* Whether these are still parts of the same logs. ERR_REJECT: one ends before its span does, or has another
 * last record of it: the topic was made again, or a partition lost records that it had. What retention has
 * deleted is no such thing. ERR_RETRY. */
int kafka_spans_check(const struct kafka_conf *conf, const char *topic, const struct kafka_span *spans,
	size_t n, struct err *err);

struct span_reader;
int span_reader_new(struct span_reader **out, const struct kafka_conf *conf, const char *topic,
	const struct kafka_span *spans, size_t n, struct err *err);
void span_reader_free(struct span_reader **r);

/* 0: *out is a record of one of the spans, borrowed until the next call; a partition's come in their order.
 * SPAN_NONE: nothing within timeout_ms. SPAN_END: each span has been read to its own end, wherever a replica
 * that lags says that its partition ends. -1, ERR_RETRY: trouble, for the operator; it may pass, and the next
 * call goes on. ERR_REJECT: offsets go back, for the log was made anew or has lost its end. */
#define SPAN_NONE 1
#define SPAN_END  2
int span_reader_next(
	struct span_reader *r, int64_t timeout_ms, const struct kafka_record **out, struct err *err);
/* How many records of the span of this partition were deleted before they were read: of those before the
 * record that was given last; at its end, of all. */
int64_t span_reader_lost(const struct span_reader *r, int32_t partition);

#endif
