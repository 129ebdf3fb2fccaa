#include "services/token-service/tokens/keeper.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/token-service/accounts/account_store.h"
#include "services/token-service/audit.h"
#include "services/token-service/events/event_store.h"
#include "services/token-service/key_watch.h"
#include "services/token-service/metrics.h"
#include "services/token-service/tokens/ticket_watch.h"
#include "services/token-service/web/begun_store.h"
#include "services/token-service/web/login_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define IDLE_MS         1000
#define LOOK_EVERY_MS   1000
#define TIDY_EVERY_MS   60000
#define TICKET_EVERY_MS 10000
#define ERASE_BATCH     100
#define N_OWN           2 /* threads besides the refreshers */

struct keeper {
	const struct store *store;
	struct credentials *credentials;
	struct weixin_api *weixin;
	const struct token_service_conf *conf;
	pthread_t *threads; /* [0] looks at the database, [1] at the tickets */
	int n_threads;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int64_t look_at_ms; /* when the next idle refresher looks for a due token; one at a time does */
	bool ending;
	bool database_ok;
	bool looked;
	char detail[sizeof(((struct err *)NULL)->text)];
	bool tickets_ok;
	char tickets[512];
};

/* True: told to end. */
static bool wait(struct keeper *k, int64_t ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + ms);
	bool ending;

	pthread_mutex_lock(&k->lock);
	while (!k->ending && pthread_cond_timedwait(&k->wake, &k->lock, &until) == 0)
		;
	ending = k->ending;
	pthread_mutex_unlock(&k->lock);
	return ending;
}

/* False: told to end. True: this thread is the one to look; the others wait, for a second or until it finds
 * one. */
static bool wait_turn(struct keeper *k)
{
	bool ending;

	pthread_mutex_lock(&k->lock);
	while (!k->ending && clock_mono_ms() < k->look_at_ms) {
		struct timespec until = clock_mono_timespec(k->look_at_ms);

		(void)pthread_cond_timedwait(&k->wake, &k->lock, &until);
	}
	k->look_at_ms = clock_mono_ms() + IDLE_MS;
	ending = k->ending;
	pthread_mutex_unlock(&k->lock);
	return !ending;
}

/* There was one, so there may be more: the next thread looks while this one works. */
static void pass_turn(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->look_at_ms = 0;
	pthread_cond_broadcast(&k->wake);
	pthread_mutex_unlock(&k->lock);
}

static void *run_refresher(void *arg)
{
	struct keeper *k = arg;
	struct due due;
	struct err err;

	while (wait_turn(k)) {
		if (credentials_claim_due(k->credentials, &due, &err) != 0)
			continue; /* none, or no database: run_look() says so */
		pass_turn(k);
		(void)credentials_refresh_due(k->credentials, &due, &err);
	}
	return NULL;
}

static int look_body(struct pg *pg, void *arg, struct err *err)
{
	struct pg_result *res = NULL;

	(void)arg;
	if (pg_exec(pg,
		    "SELECT count(*), count(refused_at) FROM token_service.accounts"
		    " WHERE state = 'authorized' AND failures > 0",
		    NULL, 0, &res, err) < 0)
		return -1;
	metric_set(&token_service_metrics[M_FAILING], NULL, (double)pg_value_int(res, 0, 0));
	metric_set(&token_service_metrics[M_REFUSED], NULL, (double)pg_value_int(res, 0, 1));
	pg_result_free(&res);
	return 0;
}

static void note_database(struct keeper *k, int rc, const struct err *err)
{
	bool changed;

	pthread_mutex_lock(&k->lock);
	changed = !k->looked || k->database_ok != (rc == 0);
	k->looked = true;
	k->database_ok = rc == 0;
	if (rc == 0)
		(void)snprintf(k->detail, sizeof(k->detail), "answers");
	else if (err->kind == ERR_FATAL)
		(void)snprintf(
			k->detail, sizeof(k->detail), "%.120s; has `wxbus migrate` been run?", err->text);
	else
		(void)snprintf(k->detail, sizeof(k->detail), "%s", err->text);
	pthread_mutex_unlock(&k->lock);
	if (changed && rc == 0)
		log_info(NULL, "the database answers");
	else if (changed)
		log_error(NULL, "%s", err->text);
}

static int look_at_tickets(struct keeper *k, struct err *err)
{
	char detail[sizeof(k->tickets)];
	bool well = false;
	int rc = ticket_ages(k->store, &well, detail, sizeof(detail), err);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&k->lock);
	k->tickets_ok = well;
	memcpy(k->tickets, detail, sizeof(detail));
	pthread_mutex_unlock(&k->lock);
	return 0;
}

static void *run_ticket_watch(void *arg)
{
	struct keeper *k = arg;
	struct err ignored;

	do {
		(void)ticket_watch(k->store, k->weixin, &ignored); /* no database: run_look() says so */
	} while (!wait(k, TICKET_EVERY_MS));
	return NULL;
}

/* What has to be looked at now and then, and what is forgotten in time. */
static int tidy(struct keeper *k, struct err *err)
{
	int rc;

	if ((rc = event_housekeeping(k->store, err)) < 0 || (rc = key_watch_note(k->store, err)) < 0 ||
		(rc = audit_sweep(k->store, k->conf->audit_days, err)) < 0 ||
		(rc = login_session_sweep(k->store, k->conf->login_days, err)) < 0 ||
		(rc = begun_sweep(k->store, err)) < 0)
		return rc;
	do {
		rc = account_erase_left(k->store, k->conf->unauthorized_days, ERASE_BATCH, err);
	} while (rc == ERASE_BATCH);
	if (rc > 0)
		log_info(NULL, "%d accounts that left are erased", rc);
	return rc < 0 ? rc : 0;
}

/* Also while the database is away: then the oldest event only grows older. */
static void note_age(int64_t oldest_ms)
{
	int64_t age_ms = oldest_ms ? clock_wall_ms() - oldest_ms : 0;

	metric_set(&token_service_metrics[M_OLDEST], "database", age_ms > 0 ? (double)age_ms / 1000 : 0);
}

static void *run_look(void *arg)
{
	struct keeper *k = arg;
	int64_t tidied_ms = 0, oldest_ms = 0;
	struct err err;
	int rc;

	do {
		rc = store_run(k->store, look_body, NULL, &err);
		if (rc == 0)
			rc = event_look(k->store, &oldest_ms, &err);
		note_age(oldest_ms);
		if (rc == 0)
			rc = credential_take_up_abandoned(k->store, &err);
		if (rc == 0)
			rc = credential_look(k->store, &err);
		if (rc == 0)
			rc = look_at_tickets(k, &err);
		if (rc == 0 && (tidied_ms == 0 || clock_mono_ms() - tidied_ms > TIDY_EVERY_MS)) {
			tidied_ms = clock_mono_ms();
			rc = tidy(k, &err);
		}
		note_database(k, rc, &err);
	} while (!wait(k, LOOK_EVERY_MS));
	return NULL;
}

int keeper_new(struct keeper **out, const struct store *s, struct credentials *c, struct weixin_api *w,
	const struct token_service_conf *conf, struct err *err)
{
	int refreshers = (int)conf->workers;
	static void *(*const own[])(void *) = {run_look, run_ticket_watch};
	struct keeper *k = xcalloc(1, sizeof(*k));

	k->store = s;
	k->credentials = c;
	k->weixin = w;
	k->conf = conf;
	(void)snprintf(k->detail, sizeof(k->detail), "not looked at yet");
	(void)snprintf(k->tickets, sizeof(k->tickets), "not looked at yet");
	pthread_mutex_init(&k->lock, NULL);
	clock_cond_init(&k->wake);
	k->threads = xcalloc((size_t)refreshers + N_OWN, sizeof(*k->threads));
	for (int i = 0; i < refreshers + N_OWN; i++) {
		if (pthread_create(&k->threads[i], NULL, i < N_OWN ? own[i] : run_refresher, k) != 0) {
			keeper_free(&k);
			return err_set(err, ERR_FATAL, 0, "no thread to refresh tokens");
		}
		k->n_threads++;
	}
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
	k->ending = true;
	pthread_cond_broadcast(&k->wake);
	pthread_mutex_unlock(&k->lock);
	for (int i = 0; i < k->n_threads; i++)
		pthread_join(k->threads[i], NULL);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k->threads);
	free(k);
}

bool keeper_database_ok(struct keeper *k, char *detail, size_t size)
{
	bool ok;

	pthread_mutex_lock(&k->lock);
	ok = k->database_ok;
	(void)snprintf(detail, size, "%s", k->detail);
	pthread_mutex_unlock(&k->lock);
	return ok;
}

bool keeper_tickets_ok(struct keeper *k, char *detail, size_t size)
{
	bool ok;

	pthread_mutex_lock(&k->lock);
	ok = k->tickets_ok;
	(void)snprintf(detail, size, "%s", k->tickets);
	pthread_mutex_unlock(&k->lock);
	return ok;
}
