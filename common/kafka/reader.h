#ifndef COMMON_KAFKA_READER_H
#define COMMON_KAFKA_READER_H

#include "common/kafka/kafka_conf.h"
#include "common/kafka/record.h"

#include <stdbool.h>

/* Reads all partitions of one topic without a group, in a thread of its own, for ever: a directory
 * (`accounts`, from the beginning) or a stream that everybody sees (`replies`, from a moment back). Survives
 * brokers away and a topic that does not exist yet. */
struct reader;

#define READER_FROM_BEGINNING (-1)

struct reader_options {
	const char *client_id;
	const char *topic; /* whole name */
	/* Start at records this old, or READER_FROM_BEGINNING. Where the broker has no look-up by time (the
	 * embedded one) it starts at the beginning and skips by record timestamp. */
	int64_t back_ms;
	/* Wall clock; 0: none. It has caught up once it has what is older than this; what it reads beyond is
	 * passed on all the same. Where the broker has no look-up by time: as without it. */
	int64_t until_ms;
	/* On the reader's thread, once for each record. */
	void (*record)(void *arg, const struct kafka_record *r);
	void *arg;
};

int reader_new(
	struct reader **out, const struct kafka_conf *conf, const struct reader_options *o, struct err *err);
void reader_free(struct reader **r);

/* Any thread: the ends that stood when the reader started have been read, wherever a replica that lags says
 * that its partition ends. Of a log that was made anew, or has lost its end, what is there now. Stays true.
 */
bool reader_caught_up(const struct reader *r);
/* Any thread: offsets before these ends, as of a moment ago; READER_NOT_KNOWN: they are still to be asked. */
#define READER_NOT_KNOWN (-1)
int64_t reader_left(const struct reader *r);
/* Any thread, once it has caught up: a time was given, and the broker has no look-up by time. */
bool reader_scans(const struct reader *r);
void reader_detail(const struct reader *r, char *detail, size_t size); /* for /readyz */

#endif
