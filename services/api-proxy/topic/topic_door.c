#include "services/api-proxy/topic/topic_door.h"

#include "common/base/alloc.h"
#include "common/kafka/worker.h"
#include "proto/topics.h"
#include "services/api-proxy/metrics.h"
#include "services/api-proxy/topic/topic_request.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/banned.h"

#define GROUP             "api-proxy"
#define ACCOUNT_IN_FLIGHT 32

/* One account whose calls stall may leave so much of a partition unsettled before it holds up the others in
 * it. */
#define MOST_PENDING 16384
#define MOST_BYTES   (16 * 1024 * 1024)
#define BEGIN_MS     2000 /* a backlog is left to the next process: it would outlast any time to end in */

struct topic_door {
	const struct topic_work *work;
	int threads;
	struct worker *worker;
};

static size_t lane(void *arg, const struct kafka_record *r, const char **lane_out)
{
	(void)arg;
	*lane_out = r->key;
	return topic_request_lane(r->key, r->key_len);
}

/* Who a record says it is from is not proven yet: a forged name takes another caller's threads for no longer
 * than it takes to see that. */
static size_t shares(void *arg, const struct kafka_record *r, struct lanes_share out[LANES_SHARES_MAX])
{
	const struct topic_door *d = arg;
	const struct kafka_header *caller = kafka_record_header(r, "ce_caller");
	const char *account;

	out[0] = (struct lanes_share){.key = "", .most = d->threads};
	if (caller && caller->value) {
		out[0].key = caller->value;
		out[0].key_len = caller->value_len;
	}
	out[1] = (struct lanes_share){.most = ACCOUNT_IN_FLIGHT};
	out[1].key_len = topic_request_account(r->key, r->key_len, &account);
	out[1].key = account;
	return 2;
}

static bool handle(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct topic_door *d = arg;

	return topic_work_serve(d->work, r, job);
}

static int join_group(struct topic_door *d, const struct kafka_conf *kafka, int threads, struct err *err)
{
	char topic[TOPIC_NAME_MAX + 1], group[TOPIC_NAME_MAX + 1];
	const char *const topics[] = {topic};
	const struct worker_options options = {
		.client_id = GROUP,
		.group = group,
		.topics = topics,
		.n_topics = 1,
		.from_beginning = true, /* what was acknowledged to its writer is not passed over */
		.threads = threads,
		.most_pending = MOST_PENDING,
		.most_bytes = MOST_BYTES,
		.begin_ms = BEGIN_MS,
		.lane = lane,
		.shares = shares,
		.handle = handle,
		.arg = d,
	};

	if (topic_name(TOPIC_API_REQUESTS, kafka->topic_prefix, topic, err) < 0)
		return -1;
	snprintf(group, sizeof(group), "%s%s", kafka->topic_prefix, GROUP);
	return worker_new(&d->worker, kafka, &options, err);
}

int topic_door_new(struct topic_door **out, const struct kafka_conf *kafka, const struct topic_work *work,
	int threads, struct err *err)
{
	struct topic_door *d = xcalloc(1, sizeof(*d));

	d->work = work;
	d->threads = threads;
	if (join_group(d, kafka, threads, err) < 0) {
		topic_door_free(&d);
		return -1;
	}
	*out = d;
	return 0;
}

void topic_door_drain(struct topic_door *d, int64_t deadline_mono_ms)
{
	worker_stop(d->worker, deadline_mono_ms);
}

void topic_door_free(struct topic_door **dp)
{
	struct topic_door *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	worker_free(&d->worker);
	free(d);
}

bool topic_door_ready(struct topic_door *d, char *detail, size_t size)
{
	bool ready = worker_ready(d->worker);

	snprintf(detail, size, "%s", ready ? "partitions assigned" : "waiting for partitions");
	return ready;
}

void topic_door_tick(struct topic_door *d)
{
	int64_t lag = worker_lag(d->worker);

	metric_set(&api_proxy_metrics[M_OLDEST], GROUP, (double)worker_oldest_ms(d->worker) / 1000);
	if (lag >= 0)
		metric_set(&api_proxy_metrics[M_LAG], NULL, (double)lag);
}
