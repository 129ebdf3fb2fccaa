#include "services/token-service/tokens/credentials.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/reaction.h"
#include "services/token-service/tokens/breaker.h"
#include "services/token-service/tokens/fetch.h"
#include "services/token-service/metrics.h"
#include "services/token-service/tokens/schedule.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define POLL_MS               100 /* how often the row is read while another process refreshes */
#define STORE_TRY_MS          1000
#define PLATFORMS_MAX_BYTES   (64 * 1024)
#define ERRCODE_IP_NOT_LISTED 61004

/* One token being fetched by this process. */
struct flight {
	struct credential_id id;
	int users; /* under the lock; the last one frees it */
	bool ended;
	pthread_cond_t end;
	struct flight *next;
};

struct credentials {
	const struct store *store;
	struct weixin_api *api;
	int calls_per_day;
	struct breaker *breaker;
	pthread_mutex_t lock;
	struct flight *flights; /* those that have not ended */
};

void token_release(struct token *t)
{
	secret_free(&t->text);
	t->sha256[0] = '\0';
}

struct credentials *credentials_new(const struct store *s, struct weixin_api *api, int calls_per_day)
{
	struct credentials *c = xcalloc(1, sizeof(*c));

	c->store = s;
	c->api = api;
	c->calls_per_day = calls_per_day;
	c->breaker = breaker_new();
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void credentials_free(struct credentials **cp)
{
	struct credentials *c = *cp;

	*cp = NULL;
	if (!c)
		return;
	pthread_mutex_destroy(&c->lock);
	breaker_free(&c->breaker);
	free(c);
}

/* --- flights -----------------------------------------------------------------------------------------------
 */

static bool same(const struct credential_id *a, const struct credential_id *b)
{
	return strcmp(a->component_appid, b->component_appid) == 0 && strcmp(a->appid, b->appid) == 0;
}

static void flight_drop(struct flight *f)
{
	if (--f->users > 0)
		return;
	pthread_cond_destroy(&f->end);
	free(f);
}

/* The caller's own flight; NULL: somebody else's was under way, and has ended or the deadline has come. */
static struct flight *flight_begin(struct credentials *c, const struct credential_id *id, int64_t deadline_ms)
{
	struct timespec until = clock_mono_timespec(deadline_ms);
	struct flight *f;

	pthread_mutex_lock(&c->lock);
	for (f = c->flights; f && !same(&f->id, id); f = f->next)
		;
	if (f) {
		f->users++;
		while (!f->ended && pthread_cond_timedwait(&f->end, &c->lock, &until) == 0)
			;
		flight_drop(f);
		f = NULL;
	} else {
		f = xcalloc(1, sizeof(*f));
		f->id = *id;
		f->users = 1;
		clock_cond_init(&f->end);
		f->next = c->flights;
		c->flights = f;
	}
	pthread_mutex_unlock(&c->lock);
	return f;
}

static void flight_end(struct credentials *c, struct flight *f)
{
	struct flight **link = &c->flights;

	pthread_mutex_lock(&c->lock);
	while (*link != f)
		link = &(*link)->next;
	*link = f->next;
	f->ended = true;
	pthread_cond_broadcast(&f->end);
	flight_drop(f);
	pthread_mutex_unlock(&c->lock);
}

/* --- calls -----------------------------------------------------------------------------------
 */

static void hash(const char *token, char hex[65])
{
	const struct crypto_piece piece = {token, strlen(token)};
	uint8_t digest[CRYPTO_SHA256_LEN];

	crypto_sha256(&piece, 1, digest);
	str_hex(digest, sizeof(digest), hex);
}

/* A lease ends some time after the deadline: a call begun later might outlive it. */
static int call_in_time(struct credentials *c, component_call call, const char *component_token, void *arg,
	int64_t deadline_ms, struct err *err)
{
	if (clock_mono_ms() >= deadline_ms)
		return err_set(err, ERR_RETRY, 0, "no time is left for a call");
	return call(c->api, component_token, arg, err);
}

/* The call was not made, whatever became of the one that fetches a token; and what Weixin says of the
 * platform's own credential says nothing of what was asked for. */
static int no_token(const struct credential_id *id, int rc, struct err *err)
{
	if (rc > 0 || (id->appid[0] && err->kind == ERR_REJECT))
		return rc;
	err->kind = ERR_RETRY;
	return err_prefix(err, "%s", id->appid[0] ? "no token" : "no component token");
}

int credentials_call_as(struct credentials *c, const struct credential_id *id, component_call call, void *arg,
	int64_t deadline_mono_ms, struct err *err)
{
	struct token token = {NULL, "", 0};
	char refused[65];
	int rc;

	if ((rc = credentials_get(c, id, deadline_mono_ms, &token, err)) != 0)
		return no_token(id, rc, err);
	rc = call_in_time(c, call, token.text, arg, deadline_mono_ms, err);
	if (rc < 0 && err->kind == ERR_REJECT && reaction_of(err->code) == REACTION_AUTH) {
		memcpy(refused, token.sha256, sizeof(refused));
		token_release(&token);
		if ((rc = credentials_replace(c, id, refused, deadline_mono_ms, &token, err)) != 0)
			return no_token(id, rc, err);
		rc = call_in_time(c, call, token.text, arg, deadline_mono_ms, err);
	}
	token_release(&token);
	return rc;
}

int credentials_call(struct credentials *c, const char *component_appid, component_call call, void *arg,
	int64_t deadline_mono_ms, struct err *err)
{
	struct credential_id platform = {"", ""};
	int rc;

	(void)str_copy(platform.component_appid, sizeof(platform.component_appid), component_appid);
	rc = credentials_call_as(c, &platform, call, arg, deadline_mono_ms, err);
	return rc > 0 ? err_set(err, ERR_RETRY, 0, "no ticket has come yet") : rc;
}

/* --- refreshing under the lease ----------------------------------------------------------------------------
 */

static const char *subject(const struct credential_id *id)
{
	return id->appid[0] ? id->appid : id->component_appid;
}

/* The token is paid for: a database that is away for a moment must not lose it. Past the lease it is given
 * up. */
static int store_stubbornly(struct credentials *c, const struct credential_id *id, int64_t fence,
	const struct weixin_token *token, int64_t start_ms, struct err *err)
{
	int rc;

	while ((rc = credential_store(c->store, id, fence, token, clock_mono_ms() - start_ms, err)) < 0 &&
		err->kind != ERR_REJECT && clock_mono_ms() - start_ms < LEASE_MS)
		clock_sleep_ms(STORE_TRY_MS);
	return rc;
}

/* Whether the failure says something of the platform or of Weixin, rather than of the one account. */
static bool is_platform_s(const struct err *err)
{
	enum reaction r = reaction_of(err->code);

	return err->kind != ERR_REJECT || err->code == ERRCODE_IP_NOT_LISTED || r == REACTION_AUTH ||
	       r == REACTION_TICKET || r == REACTION_QUOTA;
}

static void note_at_breaker(struct credentials *c, const struct credential_id *id, bool failed)
{
	if (id->appid[0] == '\0' || !breaker_note(c->breaker, id->component_appid, failed, clock_mono_ms()))
		return;
	metric_set(&token_service_metrics[M_BREAKER], id->component_appid, failed);
	if (failed)
		log_error(id->component_appid,
			"%d refreshes in a row have failed: accounts' tokens are put off", BREAKER_FAILURES);
	else
		log_info(id->component_appid, "accounts' tokens are refreshed again");
}

/* The account's refresh tokens are refused, or its authorization is gone: only its owner can set that right.
 */
static void note_refused(struct credentials *c, const struct credential_id *id, int64_t fence,
	int64_t retry_ms, const struct err *why)
{
	struct err err;
	int rc = credential_refuse(c->store, id, fence, why->code, retry_ms, &err);

	if (rc == 1)
		log_error(id->appid,
			"Weixin takes none of its refresh tokens: the account has to authorize again");
	else if (rc < 0)
		log_warn(id->appid, "the refusal could not be recorded: %s", err.text);
}

static void note_failure(struct credentials *c, const struct credential_id *id, int64_t fence, int failures,
	const struct err *why)
{
	bool slow = why->kind == ERR_REJECT && reaction_of(why->code) != REACTION_TICKET;
	int64_t retry_ms = schedule_retry_ms(failures, slow);
	struct err err;

	metric_add(&token_service_metrics[M_REFRESHES], "failed", 1);
	log_warn(subject(id), "token not refreshed, next attempt in %" PRId64 " s: %s",
		(retry_ms + 999) / 1000, why->text);
	note_at_breaker(c, id, is_platform_s(why));
	if (id->appid[0] && why->kind == ERR_REJECT && reaction_of(why->code) == REACTION_REAUTH)
		note_refused(c, id, fence, retry_ms, why);
	else if (credential_fail(c->store, id, fence, retry_ms, why->text, &err) < 0)
		log_warn(subject(id), "the failure could not be recorded: %s", err.text);
}

/* The day's calls are used up: put off until it ends. The claim has counted this attempt already. */
static int put_off(struct credentials *c, const struct credential_id *id, int64_t fence,
	const struct credential_row *row, struct err *err)
{
	struct err ignored;

	metric_add(&token_service_metrics[M_REFRESHES], "capped", 1);
	log_error(
		subject(id), "refreshed %d times today, no more until the day ends (UTC)", c->calls_per_day);
	(void)err_set(err, ERR_RETRY, 0, "the day's refreshes of this token are used up");
	(void)credential_fail(
		c->store, id, fence, row->day_ends_ms + schedule_retry_ms(1, true), err->text, &ignored);
	return -1;
}

/* Under the lease: fetch and store. LEASE_BUSY: overtaken; of the result the refresh token is kept in the
 * history. */
static int refresh_claimed(struct credentials *c, const struct credential_id *id, int64_t fence,
	const struct credential_row *row, int64_t deadline_ms, struct err *err)
{
	struct weixin_token token = {NULL, NULL, 0};
	int64_t start_ms = clock_mono_ms();
	struct err ignored;
	int rc;

	if (row->calls_today > c->calls_per_day)
		return put_off(c, id, fence, row, err);
	rc = fetch_token(&(struct fetcher){c, c->store, c->api}, id, row, deadline_ms, &token, err);
	if (rc < 0) {
		note_failure(c, id, fence, row->failures + 1, err);
		return rc;
	}
	note_at_breaker(c, id, false);
	rc = store_stubbornly(c, id, fence, &token, start_ms, err);
	/* Whichever of the two Weixin takes for the newer: none is lost. */
	if (rc == LEASE_BUSY && token.refresh_token)
		(void)credential_keep(c->store, id, token.refresh_token, &ignored);
	weixin_token_release(&token);
	if (rc == 0) {
		metric_add(&token_service_metrics[M_REFRESHES], "ok", 1);
		log_debug(subject(id), "token refreshed");
	} else if (rc == LEASE_BUSY) {
		metric_add(&token_service_metrics[M_REFRESHES], "overtaken", 1);
		log_warn(subject(id),
			"a newer credential came while the token was refreshed; the result is dropped");
		/* Weixin may have made ours after it, and the newer credential void: once more, in order. */
		(void)credential_due_now(c->store, id, &ignored);
	} else {
		log_error(subject(id), "the new token could not be stored: %s", err->text);
	}
	return rc;
}

/* What is wanted of a token. */
struct wish {
	const char *refused; /* hash of one that Weixin no longer takes; NULL: none */
	bool if_due;         /* also when it is due, though it still lives */
};

/* Positive, besides those of the header: the row does not grant the wish yet. */
#define WISH_OPEN 100

static int judge(const struct credential_id *id, const struct credential_row *row, const struct wish *w,
	struct token *out)
{
	char sha256[65] = "";

	if (!row->exists)
		return CREDENTIAL_UNKNOWN;
	if (!row->authorized)
		return CREDENTIAL_UNAUTHORIZED;
	if (row->token)
		hash(row->token, sha256);
	if (row->token && row->left_ms >= TOKEN_LEAST_MS && !(w->if_due && row->due) &&
		!(w->refused && strcmp(w->refused, sha256) == 0)) {
		out->text = xstrdup(row->token);
		out->left_ms = row->left_ms;
		memcpy(out->sha256, sha256, sizeof(out->sha256));
		return 0;
	}
	return !row->grant && id->appid[0] ? CREDENTIAL_NONE : WISH_OPEN;
}

/* Look again under the lease, then refresh. 0: the wish is granted, or something has changed. */
static int refresh_if_still_wanted(struct credentials *c, const struct credential_id *id, int64_t fence,
	const struct wish *w, int64_t deadline_ms, struct err *err)
{
	struct credential_row row = {.token = NULL};
	struct token token = {NULL, "", 0};
	struct err ignored;
	int rc;

	if ((rc = credential_load(c->store, id, &row, err)) < 0) {
		log_error(subject(id), "a token that is due cannot be read: %s", err->text);
		if (err->kind == ERR_REJECT)
			(void)credential_fail(
				c->store, id, fence, schedule_retry_ms(1, true), err->text, &ignored);
		else
			(void)credential_release(c->store, id, fence, &ignored);
		return rc;
	}
	if (judge(id, &row, w, &token) == WISH_OPEN)
		rc = refresh_claimed(c, id, fence, &row, deadline_ms, err);
	else
		(void)credential_release(c->store, id, fence, &ignored);
	token_release(&token);
	credential_row_release(&row);
	return rc;
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

/* This process's one attempt. LEASE_BUSY: another process is at it. */
static int attempt(struct credentials *c, const struct credential_id *id, const struct wish *w,
	int64_t deadline_ms, struct err *err)
{
	int64_t start_ms = clock_mono_ms(), fence;
	int rc;

	if (id->appid[0] && !breaker_admit(c->breaker, id->component_appid, start_ms))
		return err_set(err, ERR_RETRY, 0, "refreshes of this platform's accounts fail just now");
	rc = credential_claim(c->store, id, &fence, err);
	if (rc != 0)
		return rc;
	return refresh_if_still_wanted(c, id, fence, w, earlier(deadline_ms, start_ms + LEASE_CALLS_MS), err);
}

static int look(struct credentials *c, const struct credential_id *id, const struct wish *w,
	struct token *out, struct err *err)
{
	struct credential_row row = {.token = NULL};
	int rc;

	if ((rc = credential_load(c->store, id, &row, err)) < 0)
		return rc;
	rc = judge(id, &row, w, out);
	if (rc == WISH_OPEN && row.blocked_ms > 0)
		rc = err_set(err, ERR_RETRY, 0, "the last attempt failed; the next is in %" PRId64 " s",
			(row.blocked_ms + 999) / 1000);
	else if (rc == WISH_OPEN && row.calls_today >= c->calls_per_day)
		rc = err_set(err, ERR_RETRY, 0, "the day's refreshes of this token are used up");
	credential_row_release(&row);
	return rc;
}

static int obtain(struct credentials *c, const struct credential_id *id, const struct wish *w,
	int64_t deadline_ms, struct token *out, struct err *err)
{
	struct flight *flight;
	int rc;

	while ((rc = look(c, id, w, out, err)) == WISH_OPEN) {
		if (clock_mono_ms() >= deadline_ms)
			return err_set(err, ERR_RETRY, 0, "the token was not refreshed in time");
		flight = flight_begin(c, id, deadline_ms);
		if (!flight)
			continue;
		rc = attempt(c, id, w, deadline_ms, err);
		flight_end(c, flight);
		if (rc < 0)
			return rc;
		if (rc == LEASE_BUSY)
			clock_sleep_ms(POLL_MS);
	}
	return rc;
}

int credentials_get(struct credentials *c, const struct credential_id *id, int64_t deadline_mono_ms,
	struct token *out, struct err *err)
{
	const struct wish wish = {.refused = NULL};

	return obtain(c, id, &wish, deadline_mono_ms, out, err);
}

int credentials_replace(struct credentials *c, const struct credential_id *id, const char *refused_sha256,
	int64_t deadline_mono_ms, struct token *out, struct err *err)
{
	const struct wish wish = {.refused = refused_sha256};

	return obtain(c, id, &wish, deadline_mono_ms, out, err);
}

/* The platforms whose accounts are worth a call, as PostgreSQL's array. */
static void list_platforms(struct credentials *c, struct buf *out)
{
	struct keys *keys = keyring_take(c->store->keyring);
	int64_t now_ms = clock_mono_ms();
	bool first = true;

	buf_add_char(out, '{');
	for (size_t i = 0; i < keys->platforms->n; i++) {
		const char *component_appid = keys->platforms->list[i].component_appid;

		if (!breaker_is_closed(c->breaker, component_appid, now_ms))
			continue;
		buf_addf(out, "%s%s", first ? "" : ",", component_appid);
		first = false;
	}
	buf_add_char(out, '}');
	keyring_give(c->store->keyring, &keys);
}

int credentials_claim_due(struct credentials *c, struct due *out, struct err *err)
{
	struct buf platforms = BUF_INIT(PLATFORMS_MAX_BYTES);
	struct err ignored;
	int rc;

	list_platforms(c, &platforms);
	out->claimed_ms = clock_mono_ms();
	rc = credential_claim_due(c->store, buf_cstr(&platforms), &out->id, &out->fence, err);
	buf_release(&platforms);
	if (rc == LEASE_BUSY)
		return CREDENTIAL_NONE;
	if (rc == 0 && out->id.appid[0] &&
		!breaker_admit(c->breaker, out->id.component_appid, out->claimed_ms)) {
		(void)credential_release(c->store, &out->id, out->fence, &ignored);
		return CREDENTIAL_NONE;
	}
	return rc;
}

int credentials_refresh_due(struct credentials *c, const struct due *due, struct err *err)
{
	const struct wish wish = {.if_due = true};
	int rc = refresh_if_still_wanted(
		c, &due->id, due->fence, &wish, due->claimed_ms + LEASE_CALLS_MS, err);

	return rc < 0 ? rc : 0;
}
