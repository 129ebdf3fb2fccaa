#ifndef TOOLS_WXBUS_TOPIC_SCAN_H
#define TOOLS_WXBUS_TOPIC_SCAN_H

#include "common/kafka/reader.h"

/* Read what one topic (its whole name) holds now. record() is called for each record, on another thread than
 * the caller's, but never after this has returned; records that come meanwhile may be among them. `back_ms`
 * as for a reader: where the broker has no look-up by time, all is read, and standard error says so.
 * ERR_RETRY: Kafka says nothing; ERR_REJECT: there is no such topic. */
int topic_scan(const struct kafka_conf *conf, const char *topic, int64_t back_ms,
	void (*record)(void *arg, const struct kafka_record *r), void *arg, struct err *err);

/* ERR_REJECT: there is no such topic. */
int topic_must_exist(const struct kafka_conf *conf, const char *topic, struct err *err);

#endif
