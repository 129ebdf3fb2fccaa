#ifndef TOOLS_WXBUS_MIGRATE_TOPIC_PLAN_H
#define TOOLS_WXBUS_MIGRATE_TOPIC_PLAN_H

#include "common/kafka/admin.h"
#include "tools/wxbus/migrate/manifest.h"

/* The topics that there should be: every row of proto/topics.h, and what each service's manifest asks for. */
struct topic_plan {
	struct kafka_topic_spec *list; /* names owned */
	size_t n;
};

int topic_plan_make(const struct manifests *m, const char *prefix, int partitions, int replication,
	struct topic_plan *out, struct err *err);
void topic_plan_release(struct topic_plan *p);

/* Kafka deletes whole segments only, and never the one being written, so a record lives for up to one segment
 * longer than "kept": a quarter of it, a day at most. */
int64_t topic_segment_ms(int64_t kept_ms);

#endif
