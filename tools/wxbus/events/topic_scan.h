#ifndef TOOLS_WXBUS_EVENTS_TOPIC_SCAN_H
#define TOOLS_WXBUS_EVENTS_TOPIC_SCAN_H

#include "common/kafka/reader.h"

/* Reading what one topic holds now. */
struct topic_scan {
	const char *topic; /* its whole name */
	int64_t back_ms;   /* as for a reader; so is until_ms */
	int64_t until_ms;
	/* Called for each record, on another thread than the caller's, but never after the scan has ended;
	 * records that come meanwhile may be among them. */
	void (*record)(void *arg, const struct kafka_record *r);
	bool (*enough)(void *arg); /* NULL: never. True: the scan may end */
	void *arg;
	int64_t silence_ms; /* brokers that bring nothing of it for so long are away; 0: 20 s */
};

/* 0: to the ends that stood when it began, or enough. Where the broker has no look-up by time, all is read,
 * and standard error says so. ERR_RETRY: not to these ends (brokers away, a partition without a leader, a
 * replica that lags), and what was read is not all; ERR_REJECT: there is no such topic. */
int topic_scan(const struct kafka_conf *conf, const struct topic_scan *scan, struct err *err);

/* How far back `since_ms` is (wall clock); 0: `otherwise`. */
int64_t topic_back_ms(int64_t since_ms, int64_t otherwise);

/* Say on standard error that it has no such look-up. */
void topic_scans_say(const char *topic);

/* ERR_REJECT: there is no such topic. */
int topic_must_exist(const struct kafka_conf *conf, const char *topic, struct err *err);

#endif
