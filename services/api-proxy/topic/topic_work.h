#ifndef API_PROXY_TOPIC_TOPIC_WORK_H
#define API_PROXY_TOPIC_TOPIC_WORK_H

#include "common/kafka/producer.h"
#include "common/kafka/worker.h"
#include "services/api-proxy/callers/admission.h"
#include "services/api-proxy/callers/callers.h"
#include "services/api-proxy/calls/call.h"

#include <stdbool.h>
#include <stdint.h>

/* One request of the topic from its record to its published result: proven, claimed in the ledger, called,
 * recorded, published. Many threads at once. */
struct topic_work {
	struct pg_pool *pool;
	struct callers *callers;
	struct admission *admission;
	struct producer *producer;
	const struct caller_of_weixin *weixin;
	const char *topic_prefix;
	int64_t call_timeout_ms;
	struct known_topics *known; /* reply topics that exist */
};

struct known_topics *known_topics_new(void);
void known_topics_free(struct known_topics **k);

/* Within a worker's handle(). True: settled, the record need not be seen again. False: given up, because the
 * job may not go on. */
bool topic_work_serve(const struct topic_work *w, const struct kafka_record *r, struct worker_job *job);

#endif
