#ifndef TOOLS_WXBUS_REPLAY_REPLAY_PLAN_H
#define TOOLS_WXBUS_REPLAY_REPLAY_PLAN_H

#include "common/kafka/kafka_conf.h"
#include "common/kafka/spans.h"
#include "tools/wxbus/events/event_filter.h"

/* Where the events of a replay are; if the broker has no look-up by time, standard error says so.
 * `missing_of`: only those that this Kafka group, with the prefix, has committed, on partitions where it has
 * committed any: the others are not missed, it has yet to come to them. NULL: all. ERR_REJECT: there is no
 * such topic. */
int replay_spans(const struct kafka_conf *conf, const char *source, const struct event_filter *f,
	const char *missing_of, struct kafka_spans *out, struct err *err);

/* Read the spans and print how many events a replay would be of, of whom, per partition, and how long it
 * would take at this rate. */
struct replay_plan {
	const struct kafka_conf *conf;
	const char *group, *source; /* whole name */
	const struct event_filter *filter;
	const char *missing_of; /* as above */
	int rate;
	bool json;
};
int replay_plan_print(const struct replay_plan *p, struct err *err);

#endif
