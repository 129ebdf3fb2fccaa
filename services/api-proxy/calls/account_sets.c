#include "services/api-proxy/calls/account_sets.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "proto/account.h"
#include "proto/trace.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

#define ASK_EVERY_MS   1000
#define ASK_TIMEOUT_MS 2000 /* token-service looks into its database, no further */
#define KEY_MAX        (2 * APPID_MAX + 2)

struct row {
	char key[KEY_MAX]; /* component appid/appid */
	struct account *account;
	int64_t ask_again_mono_ms;
	bool busy;       /* one thread is asking; the others wait. Such a row is not removed */
	bool unanswered; /* the last question was: what the topic told does not suffice to refuse */
	UT_hash_handle hh;
};

struct account_sets {
	struct account_sets_options o;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct row *rows;
};

struct account_sets *account_sets_new(const struct account_sets_options *o)
{
	struct account_sets *s = xcalloc(1, sizeof(*s));

	s->o = *o;
	pthread_mutex_init(&s->lock, NULL);
	clock_cond_init(&s->answered);
	return s;
}

static void drop(struct account_sets *s, struct row *row)
{
	HASH_DEL(s->rows, row);
	account_free(&row->account);
	free(row);
}

void account_sets_free(struct account_sets **sp)
{
	struct account_sets *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	while (s->rows)
		drop(s, s->rows);
	pthread_cond_destroy(&s->answered);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- what the topic tells ---------------------------------------------------------------------------- */

static struct row *find(struct account_sets *s, const char *key)
{
	struct row *row;

	HASH_FIND_STR(s->rows, key, row);
	return row;
}

/* Takes the account over. */
static void keep(struct account_sets *s, struct account *account)
{
	char key[KEY_MAX];
	struct row *row;

	snprintf(key, sizeof(key), "%s/%s", account->component_appid, account->appid);
	pthread_mutex_lock(&s->lock);
	row = find(s, key);
	if (!row) {
		row = xcalloc(1, sizeof(*row));
		str_copy(row->key, sizeof(row->key), key);
		HASH_ADD_STR(s->rows, key, row);
	}
	if (!row->account || account->version > row->account->version) {
		account_free(&row->account);
		row->account = account;
		account = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	account_free(&account);
}

static void forget(struct account_sets *s, const struct kafka_record *r)
{
	char key[KEY_MAX];
	struct row *row;

	if (str_ncopy(key, sizeof(key), r->key, r->key_len) < 0)
		return;
	pthread_mutex_lock(&s->lock);
	row = find(s, key);
	if (row && row->busy)
		account_free(&row->account);
	else if (row)
		drop(s, row);
	pthread_mutex_unlock(&s->lock);
}

int account_sets_apply(struct account_sets *s, const struct kafka_record *r, struct err *err)
{
	struct account *account;
	int rc;

	if (!r->value) {
		forget(s, r);
		return 0;
	}
	if ((rc = account_parse(r->value, r->value_len, &account, err)) == 0)
		keep(s, account);
	return rc;
}

/* --- what token-service tells ------------------------------------------------------------------------ */

static int ask(struct account_sets *s, const char *component_appid, const char *appid,
	int64_t deadline_mono_ms, struct account **out, struct err *err)
{
	char *path = xasprintf("/v1/accounts/%s/%s/directory", component_appid, appid);
	int64_t left_ms = deadline_mono_ms - clock_mono_ms();
	struct buf authorization = BUF_INIT(512);
	struct httpc_pair headers[] = {{"Authorization", NULL}, {TRACE_HEADER, trace_current()}};
	struct httpc_response response = {.status = 0};
	const struct httpc_request request = {.method = "GET",
		.base = s->o.url,
		.path = path,
		.headers = headers,
		.n_headers = headers[1].value ? 2 : 1,
		.timeout_ms = (long)(left_ms < 1                ? 1
				     : left_ms < ASK_TIMEOUT_MS ? left_ms
								: ASK_TIMEOUT_MS)};
	int rc;

	keyring_sign(s->o.keys, "GET", path, NULL, 0, &authorization);
	headers[0].value = buf_cstr(&authorization);
	rc = httpc_call(s->o.http, &request, &response, err);
	if (rc == 0 && response.status != 200)
		rc = err_set(err, ERR_RETRY, 0, "token-service answered %ld", response.status);
	if (rc == 0)
		rc = account_parse(response.body.data, response.body.len, out, err);
	httpc_response_release(&response);
	buf_release(&authorization);
	free(path);
	return rc;
}

/* With the lock held, given up while asking. */
static void refresh(struct account_sets *s, struct row *row, const char *component_appid, const char *appid,
	int64_t deadline_mono_ms)
{
	struct account *account = NULL;
	struct err err;
	int rc;

	row->busy = true;
	pthread_mutex_unlock(&s->lock);
	rc = ask(s, component_appid, appid, deadline_mono_ms, &account, &err);
	if (rc == 0)
		keep(s, account);
	else
		log_warn(appid, "its permission sets cannot be asked for: %s", err.text);
	pthread_mutex_lock(&s->lock);
	row->busy = false;
	row->unanswered = rc < 0;
	row->ask_again_mono_ms = clock_mono_ms() + ASK_EVERY_MS;
	pthread_cond_broadcast(&s->answered);
}

/* --- judging ----------------------------------------------------------------------------------------- */

static bool has_one_of(const struct account *a, const int64_t *sets)
{
	size_t i;

	for (i = 0; i < API_SETS_MAX && sets[i]; i++)
		if (account_has_func(a, sets[i]))
			return true;
	return i == 0;
}

static bool is_kind(const struct account *a, enum api_for whose)
{
	if (a->kind == ACCOUNT_OTHER)
		return true;
	if (whose == API_FOR_OFFICIAL)
		return a->kind != ACCOUNT_MINIPROGRAM;
	return whose != API_FOR_MINI || a->kind == ACCOUNT_MINIPROGRAM;
}

/* An account that is not authorized is token-service's to refuse. */
static enum sets_verdict judge(const struct row *row, const struct api_row *api)
{
	const struct account *a = row ? row->account : NULL;

	if (!a || !a->authorized || has_one_of(a, api->sets))
		return SETS_OK;
	return is_kind(a, api->whose) ? SETS_LACKING : SETS_KIND;
}

enum sets_verdict account_sets_judge(struct account_sets *s, const char *component_appid, const char *appid,
	const struct api_row *api, int64_t deadline_mono_ms)
{
	struct timespec until = clock_mono_timespec(deadline_mono_ms);
	enum sets_verdict verdict;
	char key[KEY_MAX];
	struct row *row;

	snprintf(key, sizeof(key), "%s/%s", component_appid, appid);
	pthread_mutex_lock(&s->lock);
	row = find(s, key);
	while (row && row->busy && judge(row, api) != SETS_OK &&
		pthread_cond_timedwait(&s->answered, &s->lock, &until) == 0)
		row = find(s, key);
	verdict = judge(row, api);
	if (verdict != SETS_OK && !row->busy && clock_mono_ms() >= row->ask_again_mono_ms) {
		refresh(s, row, component_appid, appid, deadline_mono_ms);
		verdict = judge(row, api);
	}
	if (verdict != SETS_OK && (row->busy || row->unanswered))
		verdict = SETS_OK;
	pthread_mutex_unlock(&s->lock);
	return verdict;
}
