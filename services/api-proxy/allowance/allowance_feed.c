#include "services/api-proxy/allowance/allowance_feed.h"

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/kafka/worker.h"
#include "proto/envelope.h"
#include "proto/topics.h"
#include "proto/trace.h"
#include "services/api-proxy/allowance/allowance.h"
#include "services/api-proxy/allowance/allowance_rule.h"
#include "services/api-proxy/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GROUP   "api-proxy.allowance"
#define THREADS 4
#define GATHER_MS                                                                                            \
	10 /* later than the business that answers the same event: its answer takes that long, too */
#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 2000
#define BEHIND_MS    1000 /* a record read so long after it was written: there are more before it */
#define RECENT_MS    2000
#define MEMBER_BYTES 8

struct allowance_feed {
	struct pg_pool *pool;
	struct worker *worker;
	char member[2 * MEMBER_BYTES + 1];
	atomic_llong read_mono_ms; /* when the last record was fed ... */
	atomic_llong late_ms;      /* ... and how long after it was written */
	bool told;                 /* a failure to tell was logged */
	bool known;                /* the others count on us to tell */
};

/* Until it is fed or the partition is another's. */
static bool feed(struct allowance_feed *f, const struct kafka_record *r, const struct envelope *e,
	const struct allowance_rule *rule, struct worker_job *job)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	bool told = false, ours = true;
	struct err err;

	trace_enter_record(r);
	while (ours && allowance_feed_one(f->pool, e->appid, e->subject, rule, e->time_ms, &err) < 0) {
		if (!told)
			log_warn(e->id, "waiting: what a fan may be sent is not recorded: %s", err.text);
		told = true;
		ours = worker_wait(job, backoff_next_ms(&backoff));
	}
	trace_leave();
	return ours;
}

static bool handle(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	struct allowance_feed *f = arg;
	const struct allowance_rule *rule = NULL;
	struct arena arena = ARENA_INIT;
	struct envelope e;
	bool settled = true;

	if (envelope_decode(r, &arena, &e, NULL) == 0 && e.appid[0] && e.subject && e.subject[0] &&
		strlen(e.subject) <= ALLOWANCE_OPENID_MAX)
		rule = allowance_rule_of(e.type);
	if (rule && e.time_ms + rule->window_ms > clock_wall_ms())
		settled = feed(f, r, &e, rule, job);
	arena_release(&arena);
	atomic_store(&f->late_ms, clock_wall_ms() - r->timestamp_ms);
	atomic_store(&f->read_mono_ms, clock_mono_ms());
	return settled;
}

static int join_group(struct allowance_feed *f, const struct kafka_conf *kafka, struct err *err)
{
	char live[TOPIC_NAME_MAX + 1], test[TOPIC_NAME_MAX + 1], group[TOPIC_NAME_MAX + 1];
	const char *const topics[] = {live, test};
	const struct worker_options options = {
		.client_id = GROUP,
		.group = group,
		.topics = topics,
		.n_topics = 2,
		.from_beginning = true,
		.threads = THREADS,
		.gather_ms = GATHER_MS,
		.handle = handle,
		.arg = f,
	};

	if (topic_name(TOPIC_MESSAGES, kafka->topic_prefix, live, err) < 0 ||
		topic_name(TOPIC_MESSAGES_TEST, kafka->topic_prefix, test, err) < 0)
		return -1;
	snprintf(group, sizeof(group), "%s%s", kafka->topic_prefix, GROUP);
	return worker_new(&f->worker, kafka, &options, err);
}

int allowance_feed_new(
	struct allowance_feed **out, const struct kafka_conf *kafka, struct pg_pool *pool, struct err *err)
{
	struct allowance_feed *f = xcalloc(1, sizeof(*f));
	uint8_t random[MEMBER_BYTES];

	f->pool = pool;
	crypto_random(random, sizeof(random));
	str_hex(random, sizeof(random), f->member);
	if (join_group(f, kafka, err) < 0) {
		allowance_feed_free(&f);
		return -1;
	}
	*out = f;
	return 0;
}

void allowance_feed_drain(struct allowance_feed *f, int64_t deadline_mono_ms)
{
	worker_stop(f->worker, deadline_mono_ms);
}

/* Nobody need wait to hear from a process that ended in order. */
static void leave(struct allowance_feed *f)
{
	struct err err;

	if (f->known && allowance_leave_feed(f->pool, f->member, &err) < 0)
		log_info(NULL, "the others wait a while for this process's allowance feed: %s", err.text);
}

void allowance_feed_free(struct allowance_feed **fp)
{
	struct allowance_feed *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	worker_free(&f->worker);
	leave(f);
	free(f);
}

bool allowance_feed_ready(struct allowance_feed *f, char *detail, size_t size)
{
	bool ready = worker_ready(f->worker);

	snprintf(detail, size, "%s", ready ? "partitions assigned" : "waiting for partitions");
	return ready;
}

void allowance_feed_tick(struct allowance_feed *f)
{
	metric_set(&api_proxy_metrics[M_OLDEST], GROUP, (double)worker_oldest_ms(f->worker) / 1000);
}

/* Under a steady stream some records are always on their way: then it counts how late they are. */
static bool behind(struct allowance_feed *f)
{
	bool recent = clock_mono_ms() - atomic_load(&f->read_mono_ms) < RECENT_MS;

	if (!worker_ready(f->worker))
		return true;
	if (worker_lag(f->worker) == 0)
		return false;
	return !recent || atomic_load(&f->late_ms) > BEHIND_MS;
}

void allowance_feed_tell(void *feed)
{
	struct allowance_feed *f = feed;
	struct err err;
	bool failed = allowance_tell_feed(f->pool, f->member, behind(f), &err) < 0;

	if (failed && !f->told)
		log_warn(NULL, "how far the allowance feed has read is not told: %s", err.text);
	f->told = failed;
	f->known |= !failed;
}
