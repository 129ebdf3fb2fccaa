#include "services/api-proxy/allowance/erasures.h"

#include "common/base/alloc.h"
#include "common/base/backoff.h"
#include "common/base/log.h"
#include "common/kafka/worker.h"
#include "proto/erasure.h"
#include "proto/topics.h"
#include "proto/trace.h"
#include "services/api-proxy/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GROUP        "api-proxy.notices"
#define THREADS      1
#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 2000
#define POOL_WAIT_MS 2000

static const char sql_mark[] =
	"INSERT INTO api_proxy.erasures AS e (appid, openid, before_us) VALUES ($1, $2, $3)"
	" ON CONFLICT (appid, openid) DO UPDATE SET before_us = GREATEST(e.before_us, excluded.before_us),"
	" at = now()";
/* What the fan did and what was sent since then stays: it is a new acquaintance. */
#define FORGET_OLDER                                                                                         \
	"UPDATE api_proxy.allowance a SET"                                                                   \
	" message_until_us = CASE WHEN a.message_us < e.before_us THEN 0 ELSE a.message_until_us END,"       \
	" message_count = CASE WHEN a.message_us < e.before_us THEN 0 ELSE a.message_count END,"             \
	" message_us = CASE WHEN a.message_us < e.before_us THEN 0 ELSE a.message_us END,"                   \
	" action_until_us = CASE WHEN a.action_us < e.before_us THEN 0 ELSE a.action_until_us END,"          \
	" action_count = CASE WHEN a.action_us < e.before_us THEN 0 ELSE a.action_count END,"                \
	" action_us = CASE WHEN a.action_us < e.before_us THEN 0 ELSE a.action_us END,"                      \
	" closed_us = CASE WHEN a.closed_us < e.before_us THEN 0 ELSE a.closed_us END,"                      \
	" sent_us = ARRAY(SELECT s FROM unnest(a.sent_us) s WHERE s >= e.before_us ORDER BY s)"              \
	" FROM api_proxy.erasures e WHERE e.appid = a.appid AND e.openid = a.openid"
#define IS_EMPTY "message_us = 0 AND action_us = 0 AND closed_us = 0 AND cardinality(sent_us) = 0"

static const char sql_forget[] = FORGET_OLDER " AND a.appid = $1 AND a.openid = $2";
static const char sql_delete[] =
	"DELETE FROM api_proxy.allowance WHERE appid = $1 AND openid = $2 AND " IS_EMPTY;
static const char sql_forget_all[] = FORGET_OLDER;
static const char sql_delete_all[] = "DELETE FROM api_proxy.allowance WHERE " IS_EMPTY;
static const char sql_sweep[] = "DELETE FROM api_proxy.erasures WHERE at < now() - $1 * interval '1 day'";

struct erasures {
	struct pg_pool *pool;
	struct worker *worker;
};

static int erase_body(struct pg *pg, const struct erasure *e, struct err *err)
{
	int rc;

	if ((rc = PG_EXEC(pg, sql_mark, NULL, err, pg_text(e->appid), pg_text(e->openid),
		     pg_int8(e->before_ms * 1000))) < 0 ||
		(rc = PG_EXEC(pg, sql_forget, NULL, err, pg_text(e->appid), pg_text(e->openid))) < 0)
		return rc;
	return PG_EXEC(pg, sql_delete, NULL, err, pg_text(e->appid), pg_text(e->openid));
}

/* All or nothing; repeated it does nothing new. */
static int erase(struct pg_pool *pool, const struct erasure *e, struct err *err)
{
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = pg_begin(pg, err);
	if (rc == 0) {
		rc = erase_body(pg, e, err);
		if (rc < 0)
			pg_rollback(pg);
		else
			rc = pg_commit(pg, err);
	}
	pg_give(pool, &pg);
	return rc;
}

/* Until it is done or the partition is another's. */
static bool forget(struct erasures *all, const struct erasure *e, struct worker_job *job)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	bool told = false;
	struct err err;

	while (erase(all->pool, e, &err) < 0) {
		if (!told)
			log_warn(e->appid, "waiting: a fan is not forgotten yet: %s", err.text);
		told = true;
		if (!worker_wait(job, backoff_next_ms(&backoff)))
			return false;
	}
	metric_add(&api_proxy_metrics[M_ERASURES], NULL, 1);
	return true;
}

static bool is_erasure(const struct kafka_record *r)
{
	const struct kafka_header *type = kafka_record_header(r, "ce_type");

	return type && type->value_len == strlen(ERASURE_TYPE) &&
	       memcmp(type->value, ERASURE_TYPE, type->value_len) == 0;
}

static bool take(struct erasures *all, const struct kafka_record *r, struct worker_job *job)
{
	struct erasure e;
	struct err err;

	if (erasure_parse(r->value, r->value_len, &e, &err) < 0) {
		log_error(NULL, "%s, partition %d, offset %lld: an erasure of nobody is passed over: %s",
			r->topic, r->partition, (long long)r->offset, err.text);
		return true;
	}
	return forget(all, &e, job);
}

static bool handle(void *arg, const struct kafka_record *r, struct worker_job *job)
{
	bool settled;

	if (!is_erasure(r))
		return true;
	trace_enter_record(r);
	settled = take(arg, r, job);
	trace_leave();
	return settled;
}

static int join_group(struct erasures *e, const struct kafka_conf *kafka, struct err *err)
{
	char topic[TOPIC_NAME_MAX + 1], group[TOPIC_NAME_MAX + 1];
	const char *const topics[] = {topic};
	const struct worker_options options = {
		.client_id = GROUP,
		.group = group,
		.topics = topics,
		.n_topics = 1,
		.from_beginning = true, /* whoever was to be forgotten before our first start is so now */
		.threads = THREADS,
		.handle = handle,
		.arg = e,
	};

	if (topic_name(TOPIC_PLATFORM_NOTICES, kafka->topic_prefix, topic, err) < 0)
		return -1;
	snprintf(group, sizeof(group), "%s%s", kafka->topic_prefix, GROUP);
	return worker_new(&e->worker, kafka, &options, err);
}

int erasures_new(struct erasures **out, const struct kafka_conf *kafka, struct pg_pool *pool, struct err *err)
{
	struct erasures *e = xcalloc(1, sizeof(*e));

	e->pool = pool;
	if (join_group(e, kafka, err) < 0) {
		erasures_free(&e);
		return -1;
	}
	*out = e;
	return 0;
}

void erasures_drain(struct erasures *e, int64_t deadline_mono_ms)
{
	worker_stop(e->worker, deadline_mono_ms);
}

void erasures_free(struct erasures **ep)
{
	struct erasures *e = *ep;

	*ep = NULL;
	if (!e)
		return;
	worker_free(&e->worker);
	free(e);
}

bool erasures_ready(struct erasures *e, char *detail, size_t size)
{
	bool ready = worker_ready(e->worker);

	snprintf(detail, size, "%s", ready ? "partitions assigned" : "waiting for partitions");
	return ready;
}

void erasures_tick(struct erasures *e)
{
	metric_set(&api_proxy_metrics[M_OLDEST], GROUP, (double)worker_oldest_ms(e->worker) / 1000);
}

int64_t erasures_sweep(struct pg_pool *pool, struct err *err)
{
	struct pg_result *res = NULL;
	struct pg *pg = NULL;
	int64_t n = -1;

	if (pg_take(pool, POOL_WAIT_MS, &pg, err) < 0)
		return -1;
	if (pg_exec(pg, sql_forget_all, NULL, 0, NULL, err) == 0 &&
		pg_exec(pg, sql_delete_all, NULL, 0, NULL, err) == 0 &&
		PG_EXEC(pg, sql_sweep, &res, err, pg_int8(ERASURE_KEPT_DAYS)) == 0)
		n = pg_affected(res);
	pg_result_free(&res);
	pg_give(pool, &pg);
	return n;
}
