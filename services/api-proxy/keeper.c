#include "services/api-proxy/keeper.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "services/api-proxy/allowance/allowance.h"
#include "services/api-proxy/allowance/erasures.h"
#include "services/api-proxy/callers/day_limit.h"
#include "services/api-proxy/jssdk/jssdk.h"
#include "services/api-proxy/topic/ledger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEEP_DAYS      15 /* the topic keeps 7: a request that is read again late still meets its row */
#define SWEEP_EVERY_MS (60 * 60 * 1000)
#define LOOK_WELL_MS   1000
#define LOOK_UNWELL_MS 500
#define POOL_WAIT_MS   2000

static const char sql_look[] = "SELECT 1 FROM api_proxy.callers, api_proxy.ledger LIMIT 1";

struct keeper {
	struct pg_pool *pool;
	void (*each)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
	bool well;
	char trouble[160];
	pthread_t thread;
	bool runs;
};

/* False: it is time to end. */
static bool wait_ms(struct keeper *k, int64_t ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + ms);
	bool on;

	pthread_mutex_lock(&k->lock);
	while (!k->stopping && pthread_cond_timedwait(&k->stop, &k->lock, &until) == 0)
		;
	on = !k->stopping;
	pthread_mutex_unlock(&k->lock);
	return on;
}

static int ask(struct keeper *k, struct err *err)
{
	struct pg *pg = NULL;
	int rc = pg_take(k->pool, POOL_WAIT_MS, &pg, err);

	if (rc == 0)
		rc = pg_exec(pg, sql_look, NULL, 0, NULL, err);
	pg_give(k->pool, &pg);
	return rc;
}

static bool look(struct keeper *k)
{
	struct err err = {.text = "asking"};
	bool well = ask(k, &err) == 0, was;

	pthread_mutex_lock(&k->lock);
	was = k->well;
	k->well = well;
	snprintf(k->trouble, sizeof(k->trouble), "%.*s", (int)sizeof(k->trouble) - 1, err.text);
	pthread_mutex_unlock(&k->lock);
	if (was && !well)
		log_warn(NULL, "the database cannot be used: %s", err.text);
	return well;
}

static void sweep(struct keeper *k)
{
	struct err err;
	int64_t n = ledger_sweep(k->pool, KEEP_DAYS, &err);

	if (n < 0)
		log_warn(NULL, "old ledger rows stay until the next hour: %s", err.text);
	else if (n > 0)
		log_info(NULL, "%lld old ledger rows forgotten", (long long)n);
	if (erasures_sweep(k->pool, &err) < 0)
		log_warn(NULL, "marks of forgotten fans stay until the next hour: %s", err.text);
	if (jssdk_sweep(k->pool, &err) < 0)
		log_warn(NULL, "old JS-SDK tickets stay until the next hour: %s", err.text);
	if (allowance_sweep(k->pool, &err) < 0)
		log_warn(NULL, "allowances that are over stay until the next hour: %s", err.text);
	if (day_limit_sweep(k->pool, &err) < 0)
		log_warn(NULL, "numbers of days that are over stay until the next hour: %s", err.text);
}

static void *run(void *arg)
{
	struct keeper *k = arg;
	int64_t sweep_at = 0;
	bool well;

	do {
		well = look(k);
		if (well)
			k->each(k->arg);
		if (well && clock_mono_ms() >= sweep_at) {
			sweep(k);
			sweep_at = clock_mono_ms() + SWEEP_EVERY_MS;
		}
	} while (wait_ms(k, well ? LOOK_WELL_MS : LOOK_UNWELL_MS));
	return NULL;
}

int keeper_new(struct keeper **out, struct pg_pool *pool, void (*each)(void *arg), void *arg, struct err *err)
{
	struct keeper *k = xcalloc(1, sizeof(*k));
	int rc;

	k->pool = pool;
	k->each = each;
	k->arg = arg;
	str_copy(k->trouble, sizeof(k->trouble), "not asked yet");
	pthread_mutex_init(&k->lock, NULL);
	clock_cond_init(&k->stop);
	rc = pthread_create(&k->thread, NULL, run, k);
	if (rc != 0) {
		keeper_free(&k);
		return err_set(err, ERR_FATAL, rc, "starting a thread: %s", strerror(rc));
	}
	k->runs = true;
	*out = k;
	return 0;
}

void keeper_free(struct keeper **kp)
{
	struct keeper *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->stopping = true;
	pthread_cond_signal(&k->stop);
	pthread_mutex_unlock(&k->lock);
	if (k->runs)
		pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->stop);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

bool keeper_database_well(struct keeper *k, char *detail, size_t size)
{
	bool well;

	pthread_mutex_lock(&k->lock);
	well = k->well;
	snprintf(detail, size, "%s", well ? "well" : k->trouble);
	pthread_mutex_unlock(&k->lock);
	return well;
}
