#include "services/token-service/accounts/sync.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "proto/reaction.h"
#include "services/token-service/events/event_store.h"
#include "services/token-service/metrics.h"
#include "services/token-service/tokens/schedule.h"
#include "services/token-service/accounts/sync_store.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define CALL_MS           20000 /* no call is begun later, so one step ends well within the lease */
#define ADD_AT_ONCE       8     /* accounts asked about; fewer than the pool's connections */
#define LOOK_EVERY_MS     250   /* an operator waits */
#define SCHEDULE_EVERY_MS 1000
#define TIDY_EVERY_MS     3600000
#define NOTICE_MAX        (64 * 1024)
#define ERRCODE_APPID     40013
#define ERRCODE_NOT_GIVEN 61003

/* Besides those of sync_store.h: the sync is over. */
#define SYNC_DONE 100

struct sync_worker {
	const struct exchange *x;
	struct outbox *outbox;
	int64_t every_s;
	int64_t schedule_at_ms, tidy_at_ms; /* the thread's own */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool ending;
};

/* True: told to end. */
static bool wait(struct sync_worker *w, int64_t ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + ms);
	bool ending;

	pthread_mutex_lock(&w->lock);
	while (!w->ending && ms > 0 && pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0)
		;
	ending = w->ending;
	pthread_mutex_unlock(&w->lock);
	return ending;
}

static struct credential_id id_of(const struct sync *y, const char *appid)
{
	struct credential_id id = {"", ""};

	(void)str_copy(id.component_appid, sizeof(id.component_appid), y->component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), appid);
	return id;
}

static void found(const char *appid, enum sync_finding finding)
{
	metric_add(&token_service_metrics[M_SYNC_FOUND], sync_finding_name(finding), 1);
	log_info(appid, "compared with Weixin's list: %s", sync_finding_name(finding));
}

/* --- notices -----------------------------------------------------------------------------------------------
 */

static struct json *ids_json(const int64_t *ids, size_t n)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < n; i++)
		json_push(array, json_new_int(ids[i]));
	return array;
}

/* For businesses that would have learned it by the push that was lost. */
static int tell(struct pg *pg, const struct credential_id *id, const char *type,
	const struct func_difference *difference, struct err *err)
{
	struct buf value = BUF_INIT(NOTICE_MAX);
	struct json *fields = json_new_object();
	int rc;

	json_set_str(fields, "component_appid", id->component_appid);
	json_set_str(fields, "appid", id->appid);
	if (difference) {
		json_set(fields, "added", ids_json(difference->added, difference->n_added));
		json_set(fields, "removed", ids_json(difference->removed, difference->n_removed));
	}
	json_write(fields, &value);
	rc = outbox_add(pg,
		&(struct outbox_record){
			.topic = TOPIC_PLATFORM_NOTICES,
			.component_appid = id->component_appid,
			.appid = id->appid,
			.type = type,
			.value = buf_cstr(&value),
		},
		err);
	json_free(&fields);
	buf_release(&value);
	return rc;
}

/* --- one account -------------------------------------------------------------------------------------------
 */

/* A finding and its effect, together or not at all; repeated after an uncertain end it finds the effect
 * there, by the version or the state that it asks for. */
struct settling {
	const struct exchange *x;
	const struct sync *y;
	struct credential_id id;
	/* A page that is read again asks anew about each account that was not added: only what it will not
	 * meet again is progress, or a refusal there would count every failure behind it as the first. */
	bool progress;
	enum sync_finding finding; /* as it turned out */
	int errcode;
	/* SYNC_ADDED */
	int64_t version;
	const struct weixin_authorization *authorization;
	const struct weixin_info *info;
};

static int add(struct pg *pg, struct settling *s, struct err *err)
{
	struct func_difference difference = {NULL, 0, NULL, 0};
	int rc;

	rc = account_authorize(s->x->store, pg,
		&(struct account_authorizing){
			.component_appid = s->id.component_appid,
			.authorization = s->authorization,
			.info = s->info,
			.if_version = &s->version,
		},
		&difference, err);
	if (rc == ACCOUNT_STALE) {
		s->finding = SYNC_KNOWN; /* its push has come after all */
		return 0;
	}
	if (rc == 0 && s->info->refresh_token &&
		strcmp(s->info->refresh_token, s->authorization->token.refresh_token) != 0)
		rc = account_offer_refresh_token(s->x->store, pg, &s->id, s->info->refresh_token, err);
	if (rc == 0)
		rc = tell(pg, &s->id, "wxbus.account.authorized", &difference, err);
	func_difference_release(&difference);
	return rc;
}

static int prune(struct pg *pg, struct settling *s, struct err *err)
{
	int rc = account_unauthorize(pg, &s->id, s->y->started_s, err);

	if (rc == ACCOUNT_STALE) {
		s->finding = SYNC_MISSING;
		return 0;
	}
	return rc < 0 ? rc : tell(pg, &s->id, "wxbus.account.unauthorized", NULL, err);
}

static int settle_body(struct pg *pg, void *arg, struct err *err)
{
	struct settling *s = arg;
	int rc;

	if ((rc = sync_hold(pg, s->y, s->progress, err)) != 0)
		return rc;
	if (s->finding == SYNC_MISSING || s->finding == SYNC_PRUNED) {
		if ((rc = sync_lock_candidate(pg, s->y, s->id.appid, err)) < 0)
			return rc;
		if (rc == 0)
			s->finding = SYNC_KNOWN; /* it has come back, or its push has come */
	}
	rc = 0;
	if (s->finding == SYNC_ADDED)
		rc = add(pg, s, err);
	else if (s->finding == SYNC_PRUNED)
		rc = prune(pg, s, err);
	if (rc < 0)
		return rc;
	return sync_note(pg, s->y, s->id.appid, s->finding, s->errcode, err);
}

static int settle(struct sync_worker *w, struct sync *y, struct settling *s, struct err *err)
{
	int rc;

	s->progress = !y->listing || s->finding == SYNC_ADDED;
	if ((rc = store_tx(w->x->store, settle_body, s, err)) != 0)
		return rc;
	if (s->progress) {
		pthread_mutex_lock(&w->lock);
		y->attempts = 0;
		pthread_mutex_unlock(&w->lock);
	}
	if (s->finding > SYNC_NEW)
		found(s->id.appid, s->finding);
	outbox_wake(w->outbox);
	return 0;
}

/* What somebody must set right for the platform: then every account gets this answer. The address, in three
 * forms; the AppSecret, in two; the component.
 * https://developers.weixin.qq.com/doc/oplatform/Return_codes/Return_code_descriptions_new.html */
static bool is_platform_s(int errcode)
{
	static const int errcodes[] = {40125, 40164, 40243, 45035, 61004, 61011};

	for (size_t i = 0; i < sizeof(errcodes) / sizeof(errcodes[0]); i++)
		if (errcodes[i] == errcode)
			return true;
	return false;
}

/* Weixin's refusal is about this account, and another call now would get no other answer: one that is frozen
 * must not keep the platform's others from being looked at. */
static bool is_final(const struct err *err)
{
	enum reaction reaction = reaction_of(err->code);

	return err->kind == ERR_REJECT &&
	       (reaction == REACTION_FINAL || (reaction == REACTION_CONF && !is_platform_s(err->code)));
}

/* --- the list ----------------------------------------------------------------------------------------------
 */

/* By several threads at once: add_accounts(). */
static int add_account(
	struct sync_worker *w, struct sync *y, const struct weixin_listed *listed, struct err *err)
{
	struct weixin_authorization authorization = {.func_ids = NULL};
	struct weixin_info info = {.user_name = NULL};
	struct settling s = {
		.x = w->x,
		.y = y,
		.id = id_of(y, listed->appid),
		.finding = SYNC_ADDED,
		.authorization = &authorization,
		.info = &info,
	};
	struct account_state state;
	int rc;

	if (account_look(w->x->store, &s.id, 0, &state, err) < 0)
		return -1;
	s.version = state.version;
	rc = state.authorized ? EXCHANGE_REFUSED
			      : exchange_ask_info(w->x, &s.id, clock_mono_ms() + CALL_MS, &info, err);
	if (rc < 0 && !is_final(err))
		return rc;
	if (rc < 0) {
		s.finding = SYNC_NEW;
		s.errcode = err->code;
		log_warn(listed->appid, "Weixin lists it, but does not tell of it: %s", err->text);
	} else if (rc == EXCHANGE_REFUSED) {
		s.finding = SYNC_KNOWN; /* it has come by itself, or has left since the list was made */
	} else {
		(void)str_copy(authorization.appid, sizeof(authorization.appid), listed->appid);
		authorization.token.refresh_token = listed->refresh_token; /* lent, as are the sets */
		authorization.func_ids = info.func_ids;
		authorization.n_func_ids = info.n_func_ids;
	}
	rc = settle(w, y, &s, err);
	weixin_info_release(&info);
	return rc;
}

/* Most of the time goes by in waiting for Weixin, so a few are asked about at once; each is stored in a
 * transaction of its own, under the sync's fence. */
struct adding {
	struct sync_worker *w;
	struct sync *y;
	const struct weixin_list *list;
	const enum sync_finding *findings;
	pthread_mutex_t lock;
	size_t next; /* place in the list */
	int rc;      /* other than 0: none is begun any more, and err says why */
	struct err err;
};

/* The next account to be added; NULL: there is none. */
static const struct weixin_listed *next_new(struct adding *a)
{
	const struct weixin_listed *listed = NULL;

	pthread_mutex_lock(&a->lock);
	for (; !listed && a->rc == 0 && a->next < a->list->n; a->next++)
		listed = a->findings[a->next] == SYNC_NEW ? &a->list->list[a->next] : NULL;
	pthread_mutex_unlock(&a->lock);
	return listed;
}

static void *run_adding(void *arg)
{
	struct adding *a = arg;
	const struct weixin_listed *listed;
	struct err err;
	int rc;

	while ((listed = next_new(a)) != NULL) {
		rc = wait(a->w, 0) ? err_set(&err, ERR_RETRY, 0, "this process ends")
				   : add_account(a->w, a->y, listed, &err);
		pthread_mutex_lock(&a->lock);
		if (rc < 0 && a->rc == 0)
			a->err = err;
		if (a->rc == 0)
			a->rc = rc;
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

/* The first failure ends it, after those that are under way. */
static int add_accounts(struct sync_worker *w, struct sync *y, const struct weixin_list *list,
	const enum sync_finding *findings, struct err *err)
{
	struct adding a = {.w = w, .y = y, .list = list, .findings = findings};
	pthread_t threads[ADD_AT_ONCE - 1];
	size_t n_new = 0, n = 0;

	for (size_t i = 0; i < list->n; i++)
		n_new += findings[i] == SYNC_NEW;
	pthread_mutex_init(&a.lock, NULL);
	while (n + 1 < n_new && n < ADD_AT_ONCE - 1 && pthread_create(&threads[n], NULL, run_adding, &a) == 0)
		n++;
	(void)run_adding(&a); /* this thread is one of them, so it goes on also when no other can be had */
	while (n > 0)
		pthread_join(threads[--n], NULL);
	pthread_mutex_destroy(&a.lock);
	if (a.rc < 0)
		*err = a.err;
	return a.rc;
}

struct page {
	const struct exchange *x;
	const struct sync *y;
	const struct weixin_list *list;
	enum sync_finding *findings;
};

/* Names and permission sets may have changed with the refresh token, so they are asked for, too. */
static int take_changed(
	struct pg *pg, const struct page *p, const struct weixin_listed *listed, struct err *err)
{
	struct credential_id id = id_of(p->y, listed->appid);
	char occasion[32];
	int rc;

	(void)snprintf(occasion, sizeof(occasion), "sync %" PRId64, p->y->id);
	rc = account_offer_refresh_token(p->x->store, pg, &id, listed->refresh_token, err);
	return rc < 0 ? rc : event_put_info(pg, id.component_appid, id.appid, occasion, err);
}

static int page_body(struct pg *pg, void *arg, struct err *err)
{
	const struct page *p = arg;
	int rc;

	if ((rc = sync_hold(pg, p->y, false, err)) != 0)
		return rc;
	for (size_t i = 0; rc == 0 && !p->y->dry_run && i < p->list->n; i++) {
		if (p->findings[i] == SYNC_CHANGED)
			rc = take_changed(pg, p, &p->list->list[i], err);
	}
	return rc < 0 ? rc : sync_note_page(pg, p->y, p->list, p->findings, err);
}

static int work_on_page(struct sync_worker *w, struct sync *y, const struct weixin_list *list,
	enum sync_finding *findings, struct err *err)
{
	struct page p = {w->x, y, list, findings};
	int rc;

	if ((rc = sync_compare(w->x->store, y, list, findings, err)) < 0 ||
		(rc = store_tx(w->x->store, page_body, &p, err)) != 0)
		return rc;
	for (size_t i = 0; i < list->n; i++) {
		if (findings[i] == SYNC_CHANGED || findings[i] == SYNC_CODE_LOST)
			found(list->list[i].appid, findings[i]);
	}
	if (!y->dry_run && (rc = add_accounts(w, y, list, findings, err)) != 0)
		return rc;
	return sync_advance(w->x->store, y, list->n_read,
		list->n_read == 0 || y->offset + (int64_t)list->n_read >= list->total, err);
}

struct ask {
	const struct sync *y;
	struct weixin_list *out;
};

static int call_list(struct weixin_api *w, const char *token, void *arg, struct err *err)
{
	const struct ask *a = arg;

	return weixin_authorizer_list(w, a->y->component_appid, token, a->y->offset, a->out, err);
}

static int read_page(struct sync_worker *w, struct sync *y, struct err *err)
{
	struct weixin_list list = {.total = 0};
	struct ask ask = {y, &list};
	enum sync_finding *findings;
	int rc;

	rc = credentials_call(
		w->x->credentials, y->component_appid, call_list, &ask, clock_mono_ms() + CALL_MS, err);
	if (rc < 0)
		return rc;
	findings = xcalloc(list.n + 1, sizeof(*findings));
	rc = work_on_page(w, y, &list, findings, err);
	free(findings);
	weixin_list_release(&list);
	return rc;
}

/* --- who is missing ----------------------------------------------------------------------------------------
 */

/* ACCOUNT_REFUSED: Weixin's refusal is about the account; *errcode_out is its code. */
#define ACCOUNT_REFUSED 1

static int ask_of(const struct sync_worker *w, struct settling *s, int64_t deadline_ms, int *errcode_out,
	struct err *err)
{
	struct weixin_info info = {.user_name = NULL};
	int rc = exchange_ask_info(w->x, &s->id, deadline_ms, &info, err);

	weixin_info_release(&info);
	if (rc < 0 && !is_final(err))
		return rc;
	*errcode_out = rc != 0 ? err->code : 0;
	return rc != 0 ? ACCOUNT_REFUSED : 0;
}

/* 40013 (no such appid) may also be said of the platform's appid, and an account that is un-authorized by
 * mistake has to scan again: so Weixin must tell the same twice, and take the platform's own call in between.
 * As ask_of(). */
static int ask_again(const struct sync_worker *w, struct settling *s, int64_t deadline_ms, int *errcode_out,
	struct err *err)
{
	struct weixin_list list = {.total = 0};
	struct sync head = {.offset = 0};
	struct ask ask = {&head, &list};
	int rc;

	(void)str_copy(head.component_appid, sizeof(head.component_appid), s->id.component_appid);
	rc = credentials_call(w->x->credentials, s->id.component_appid, call_list, &ask, deadline_ms, err);
	weixin_list_release(&list);
	return rc < 0 ? rc : ask_of(w, s, deadline_ms, errcode_out, err);
}

static bool is_gone(int errcode)
{
	return errcode == ERRCODE_NOT_GIVEN || errcode == ERRCODE_APPID;
}

static int ask_for_missing(struct sync_worker *w, struct sync *y, const char *appid, struct err *err)
{
	struct settling s = {.x = w->x, .y = y, .id = id_of(y, appid), .finding = SYNC_KNOWN};
	int64_t deadline_ms = clock_mono_ms() + CALL_MS;
	bool prune = y->prune && !y->dry_run;
	int rc = ask_of(w, &s, deadline_ms, &s.errcode, err);

	if (rc == ACCOUNT_REFUSED && prune && is_gone(s.errcode))
		rc = ask_again(w, &s, deadline_ms, &s.errcode, err);
	if (rc < 0)
		return rc;
	if (rc == ACCOUNT_REFUSED)
		s.finding = prune && is_gone(s.errcode) ? SYNC_PRUNED : SYNC_MISSING;
	return settle(w, y, &s, err);
}

static int look_for_missing(struct sync_worker *w, struct sync *y, struct err *err)
{
	char appids[SYNC_CANDIDATES][APPID_MAX + 1];
	int64_t count = 0;
	int rc, n = 0;

	if ((rc = sync_count_candidates(w->x->store, y, &count, err)) < 0 ||
		(rc = sync_candidates(w->x->store, y, appids, &n, err)) < 0)
		return rc;
	if (count > SYNC_MISSING_MAX)
		return err_set(err, ERR_FATAL, 0, "Weixin's list lacks %" PRId64 " of our accounts", count);
	if (n == 0) {
		rc = sync_end(w->x->store, y, err);
		return rc == 0 ? SYNC_DONE : rc;
	}
	for (int i = 0; rc == 0 && i < n; i++) {
		if (wait(w, 0))
			return err_set(err, ERR_RETRY, 0, "this process ends");
		rc = ask_for_missing(w, y, appids[i], err);
	}
	return rc;
}

/* --- a whole one -------------------------------------------------------------------------------------------
 */

static const char *reason_text(const struct sync *y)
{
	static const char *const texts[] = {
		[SYNC_OPERATOR] = "asked for",
		[SYNC_DAILY] = "by itself",
		[SYNC_OUTAGE] = "after an outage",
	};

	return texts[y->reason];
}

static void note_failure(struct sync_worker *w, const struct sync *y, const struct err *why)
{
	bool final = why->kind == ERR_FATAL || y->attempts + 1 >= SYNC_ATTEMPTS;
	bool slow = why->kind == ERR_REJECT && reaction_of(why->code) != REACTION_TICKET;
	int64_t retry_ms = final ? 0 : schedule_retry_ms(y->attempts + 1, slow);
	struct err err;

	metric_add(&token_service_metrics[M_SYNCS], final ? "failed" : "retried", 1);
	if (final)
		log_error(y->component_appid, "not compared with Weixin's list (%s), given up: %s",
			reason_text(y), why->text);
	else
		log_warn(y->component_appid,
			"comparing with Weixin's list (%s): next attempt in %" PRId64 " s: %s",
			reason_text(y), (retry_ms + 999) / 1000, why->text);
	if (sync_fail(w->x->store, y, why->text, retry_ms, &err) < 0)
		log_warn(y->component_appid, "the failure could not be recorded: %s", err.text);
}

static void work(struct sync_worker *w, struct sync *y)
{
	struct err err;
	int rc = 0;

	log_info(y->component_appid, "comparing with Weixin's list (%s)", reason_text(y));
	while (rc == 0 && !wait(w, 0))
		rc = y->listing ? read_page(w, y, &err) : look_for_missing(w, y, &err);
	if (wait(w, 0) && rc <= 0) {
		(void)sync_release(w->x->store, y, &err);
	} else if (rc < 0) {
		note_failure(w, y, &err);
	} else if (rc == SYNC_DONE) {
		metric_add(&token_service_metrics[M_SYNCS], "done", 1);
		log_info(y->component_appid, "compared with Weixin's list (%s)", reason_text(y));
	} else {
		log_warn(y->component_appid, "another process goes on comparing");
	}
}

/* What nobody has asked for: seldom enough to cost nothing. */
static int do_by_itself(struct sync_worker *w, struct err *err)
{
	struct buf platforms = BUF_INIT(STORE_PLATFORMS_MAX);
	int rc;

	if (clock_mono_ms() < w->schedule_at_ms)
		return 0;
	w->schedule_at_ms = clock_mono_ms() + SCHEDULE_EVERY_MS;
	store_list_platforms(w->x->store, &platforms);
	rc = sync_schedule(w->x->store, buf_cstr(&platforms), w->every_s, err);
	buf_release(&platforms);
	if (rc == 0 && clock_mono_ms() >= w->tidy_at_ms) {
		w->tidy_at_ms = clock_mono_ms() + TIDY_EVERY_MS;
		rc = sync_housekeeping(w->x->store, err);
	}
	return rc;
}

static int look_for_work(struct sync_worker *w, struct err *err)
{
	struct sync y;
	int rc = do_by_itself(w, err);

	while (rc == 0 && !wait(w, 0) && (rc = sync_claim(w->x->store, &y, err)) == 0)
		work(w, &y);
	return rc;
}

static void *run(void *arg)
{
	struct sync_worker *w = arg;
	struct err err;

	do {
		if (look_for_work(w, &err) < 0)
			log_debug(NULL, "no look for syncs: %s", err.text); /* the keeper tells it once */
	} while (!wait(w, LOOK_EVERY_MS));
	return NULL;
}

int sync_worker_new(struct sync_worker **out, const struct exchange *x, struct outbox *outbox,
	int64_t every_s, struct err *err)
{
	struct sync_worker *w = xcalloc(1, sizeof(*w));

	w->x = x;
	w->outbox = outbox;
	w->every_s = every_s;
	pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->wake);
	if (pthread_create(&w->thread, NULL, run, w) != 0) {
		sync_worker_free(&w);
		return err_set(err, ERR_FATAL, 0, "no thread for syncs");
	}
	w->running = true;
	*out = w;
	return 0;
}

void sync_worker_free(struct sync_worker **wp)
{
	struct sync_worker *w = *wp;

	*wp = NULL;
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->wake);
	pthread_mutex_unlock(&w->lock);
	if (w->running)
		pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
