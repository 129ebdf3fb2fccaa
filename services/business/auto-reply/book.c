#include "services/business/auto-reply/book.h"

#include "common/base/alloc.h"
#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/platforms.h"
#include "services/business/auto-reply/metrics.h"
#include "services/business/auto-reply/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define CHECK_MS     500 /* a change is seen within it, word of it or not */
#define SWEEP_MS     60000
#define TAKE_WAIT_MS 2000
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 2000

struct book_entry {
	char key[2 * (APPID_MAX + 1)]; /* "component/appid" */
	struct rule_set *set;
	int users; /* the book is one; under its lock */
	UT_hash_handle hh;
};

struct book {
	struct pg_pool *pool;
	pthread_t thread;
	pthread_mutex_t lock; /* over all below */
	pthread_cond_t changed;
	struct book_entry *entries;
	bool ready, stopping, away;

	/* The thread's own. */
	int64_t version; /* the highest that was read */
	int64_t swept_ms;
};

/* --- entries
 * -------------------------------------------------------------------------------------------------
 */

static void key_of(const char *component_appid, const char *appid, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s", component_appid, appid);
}

/* Under the lock. */
static void drop(struct book_entry *e)
{
	if (--e->users > 0)
		return;
	rule_set_free(&e->set);
	free(e);
}

struct book_entry *book_take(struct book *b, const char *component_appid, const char *appid)
{
	struct book_entry *e = NULL;
	char key[sizeof(e->key)];

	key_of(component_appid, appid, key, sizeof(key));
	pthread_mutex_lock(&b->lock);
	HASH_FIND_STR(b->entries, key, e);
	if (e)
		e->users++;
	pthread_mutex_unlock(&b->lock);
	return e;
}

const struct rule_set *book_rules(const struct book_entry *e)
{
	return e->set;
}

void book_give(struct book *b, struct book_entry **ep)
{
	struct book_entry *e = *ep;

	*ep = NULL;
	if (!e)
		return;
	pthread_mutex_lock(&b->lock);
	drop(e);
	pthread_mutex_unlock(&b->lock);
}

/* set NULL: the account has none any more. Takes the set over. */
static void put(struct book *b, const char *key, struct rule_set *set)
{
	struct book_entry *old = NULL, *fresh = NULL;

	if (set) {
		fresh = xcalloc(1, sizeof(*fresh));
		(void)snprintf(fresh->key, sizeof(fresh->key), "%s", key);
		fresh->set = set;
		fresh->users = 1;
	}
	pthread_mutex_lock(&b->lock);
	HASH_FIND_STR(b->entries, key, old);
	if (old) {
		HASH_DEL(b->entries, old);
		drop(old);
	}
	if (fresh)
		HASH_ADD_STR(b->entries, key, fresh);
	pthread_mutex_unlock(&b->lock);
}

/* --- reading
 * -------------------------------------------------------------------------------------------------
 */

/* Sets were checked when they were written; one that this release does not read is left as it was before. */
static void take_over(void *arg, const struct stored_set *s)
{
	struct rule_set *set = NULL;
	struct book *b = arg;
	char key[sizeof(((struct book_entry *)NULL)->key)];
	struct err err;

	b->version = s->version;
	if (s->rules && rule_set_read(s->rules, strlen(s->rules), &set, &err) < 0) {
		log_error(s->appid, "its rules, version %lld, cannot be read: %s", (long long)s->version,
			err.text);
		metric_add(&auto_reply_metrics[M_SETS_READ], "unreadable", 1);
		return;
	}
	key_of(s->component_appid, s->appid, key, sizeof(key));
	put(b, key, set);
	metric_add(&auto_reply_metrics[M_SETS_READ], "read", 1);
}

static void note_read(struct book *b)
{
	pthread_mutex_lock(&b->lock);
	b->ready |= !b->stopping;
	b->away = false;
	metric_set(&auto_reply_metrics[M_ACCOUNTS], NULL, (double)HASH_COUNT(b->entries));
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

/* Said once, not at every attempt. */
static void note_trouble(struct book *b, const struct err *err)
{
	bool known;

	pthread_mutex_lock(&b->lock);
	known = b->away;
	b->away = true;
	pthread_mutex_unlock(&b->lock);
	if (!known)
		log_warn(NULL, "changes of rules are not read for now: %s", err->text);
}

static bool stopping(struct book *b)
{
	bool yes;

	pthread_mutex_lock(&b->lock);
	yes = b->stopping;
	pthread_mutex_unlock(&b->lock);
	return yes;
}

static int read_changes(struct book *b, struct pg *pg, struct err *err)
{
	int n;

	do {
		n = store_changes(pg, b->version, take_over, b, err);
	} while (n == STORE_PAGE && !stopping(b));
	if (n >= 0)
		note_read(b);
	return n;
}

static int sweep(struct book *b, struct pg *pg, struct err *err)
{
	if (b->swept_ms && clock_mono_ms() - b->swept_ms < SWEEP_MS)
		return 0;
	b->swept_ms = clock_mono_ms();
	return store_sweep(pg, err);
}

/* Until the connection is lost or the book closed. */
static int follow(struct book *b, struct pg *pg, struct err *err)
{
	if (store_listen(pg, err) < 0)
		return -1;
	while (!stopping(b)) {
		if (read_changes(b, pg, err) < 0 || sweep(b, pg, err) < 0 ||
			pg_notified(pg, CHECK_MS, err) < 0)
			return -1;
	}
	return 0;
}

static void pause_before_retry(struct book *b, int64_t ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + ms);

	pthread_mutex_lock(&b->lock);
	while (!b->stopping && pthread_cond_timedwait(&b->changed, &b->lock, &until) == 0)
		;
	pthread_mutex_unlock(&b->lock);
}

static void *run(void *arg)
{
	struct backoff backoff = BACKOFF_INIT(RETRY_MIN_MS, RETRY_MAX_MS);
	struct book *b = arg;
	struct pg *pg = NULL;
	struct err err;

	while (!stopping(b)) {
		int64_t began = clock_mono_ms();
		int rc = pg_take(b->pool, TAKE_WAIT_MS, &pg, &err);

		if (rc == 0)
			rc = follow(b, pg, &err);
		pg_give(b->pool, &pg);
		if (rc == 0)
			break;
		if (clock_mono_ms() - began > RETRY_MAX_MS)
			backoff_reset(&backoff);
		note_trouble(b, &err);
		pause_before_retry(b, backoff_next_ms(&backoff));
	}
	return NULL;
}

/* --- life
 * ----------------------------------------------------------------------------------------------------
 */

bool book_ready(struct book *b, int64_t wait_ms)
{
	struct timespec until = clock_mono_timespec(clock_mono_ms() + wait_ms);
	bool ready;

	pthread_mutex_lock(&b->lock);
	while (!b->ready && !b->stopping && wait_ms > 0 &&
		pthread_cond_timedwait(&b->changed, &b->lock, &until) == 0)
		;
	ready = b->ready;
	pthread_mutex_unlock(&b->lock);
	return ready;
}

void book_detail(struct book *b, char *detail, size_t size)
{
	pthread_mutex_lock(&b->lock);
	(void)snprintf(detail, size, "%s%u accounts%s", b->ready ? "" : "reading, ", HASH_COUNT(b->entries),
		b->away ? "; the database is away" : "");
	pthread_mutex_unlock(&b->lock);
}

int book_new(struct book **out, struct pg_pool *pool, struct err *err)
{
	struct book *b = xcalloc(1, sizeof(*b));
	int rc;

	b->pool = pool;
	pthread_mutex_init(&b->lock, NULL);
	clock_cond_init(&b->changed);
	rc = pthread_create(&b->thread, NULL, run, b);
	if (rc != 0) {
		pthread_cond_destroy(&b->changed);
		pthread_mutex_destroy(&b->lock);
		free(b);
		return err_set(err, ERR_FATAL, rc, "no thread: %s", strerror(rc));
	}
	*out = b;
	return 0;
}

void book_free(struct book **bp)
{
	struct book_entry *e, *next;
	struct book *b = *bp;

	*bp = NULL;
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stopping = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->thread, NULL);
	HASH_ITER (hh, b->entries, e, next) {
		HASH_DEL(b->entries, e);
		drop(e);
	}
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b);
}
