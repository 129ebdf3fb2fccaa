#include "services/api-proxy/calls/tokens.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "proto/trace.h"
#include "services/api-proxy/metrics.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/base/banned.h"

#define ANSWER_MAX_BYTES 8192
#define LEAD_MS          30000 /* a token this close to its end is asked for again: calls take time, clocks differ */
#define KEPT_LEAST_MS    1000   /* what token-service gives now is good now */
#define KEPT_MOST_MS     300000 /* asked again now and then: nobody tells us of a lost authorization */
#define REFUSAL_KEPT_MS  1000
#define ASK_TIMEOUT_MS   15000 /* token-service may itself have to ask Weixin */

struct entry {
	char *name;         /* "component/appid", "component/" for the platform's own */
	bool busy;          /* one thread is asking; the others wait */
	int users;          /* threads that hold a pointer to it */
	struct token token; /* empty text: none */
	int64_t good_until_ms;
	enum tokens_outcome refusal; /* TOKENS_OK: none remembered */
	int64_t refusal_until_ms;
	struct err why;
	UT_hash_handle hh;
};

struct tokens {
	struct tokens_options o;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct entry *entries;
};

void token_wipe(struct token *t)
{
	secret_wipe(t, sizeof(*t));
}

struct tokens *tokens_new(const struct tokens_options *o)
{
	struct tokens *t = xcalloc(1, sizeof(*t));

	t->o = *o;
	pthread_mutex_init(&t->lock, NULL);
	clock_cond_init(&t->answered);
	return t;
}

void tokens_free(struct tokens **tp)
{
	struct tokens *t = *tp;
	struct entry *e, *next;

	*tp = NULL;
	if (!t)
		return;
	HASH_ITER (hh, t->entries, e, next) {
		HASH_DELETE(hh, t->entries, e);
		token_wipe(&e->token);
		free(e->name);
		free(e);
	}
	pthread_cond_destroy(&t->answered);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* --- asking token-service ------------------------------------------------------------------------ */

struct fetched {
	enum tokens_outcome outcome;
	struct token token;
	int64_t good_for_ms;
	struct err err;
};

static void read_token(const struct buf *body, struct fetched *out)
{
	const struct json_limits limits = {.max_bytes = ANSWER_MAX_BYTES, .max_depth = 4};
	const char *text, *hash;
	struct json *j = NULL;
	int64_t expires_in_s;

	out->outcome = TOKENS_UNAVAILABLE;
	if (json_parse(body->data, body->len, &limits, &j, &out->err) < 0) {
		err_prefix(&out->err, "token-service");
		return;
	}
	text = json_get_str(j, "token");
	hash = json_get_str(j, "token_sha256");
	if (!text || !*text || !hash || json_get_int(j, "expires_in", &expires_in_s) < 0 ||
		str_copy(out->token.text, sizeof(out->token.text), text) < 0 ||
		str_copy(out->token.sha256, sizeof(out->token.sha256), hash) < 0) {
		err_set(&out->err, ERR_RETRY, 0, "token-service's answer is not what was agreed");
	} else {
		out->outcome = TOKENS_OK;
		out->good_for_ms = expires_in_s * 1000 - LEAD_MS;
		if (out->good_for_ms < KEPT_LEAST_MS)
			out->good_for_ms = KEPT_LEAST_MS;
		if (out->good_for_ms > KEPT_MOST_MS)
			out->good_for_ms = KEPT_MOST_MS;
	}
	json_free(&j);
}

/* 409 has two reasons, told apart by a word. */
static enum tokens_outcome read_conflict(const struct buf *body)
{
	const struct json_limits limits = {.max_bytes = ANSWER_MAX_BYTES, .max_depth = 4};
	enum tokens_outcome outcome = TOKENS_UNAUTHORIZED;
	struct json *j = NULL;
	const char *word;

	if (json_parse(body->data, body->len, &limits, &j, NULL) < 0)
		return outcome;
	word = json_get_str(j, "error");
	if (word && strcmp(word, "no_api") == 0)
		outcome = TOKENS_NO_API;
	json_free(&j);
	return outcome;
}

static void read_answer(const struct httpc_response *r, struct fetched *out)
{
	if (r->status == 200) {
		read_token(&r->body, out);
		return;
	}
	if (r->status == 404)
		out->outcome = TOKENS_UNKNOWN;
	else if (r->status == 409)
		out->outcome = read_conflict(&r->body);
	else
		out->outcome = TOKENS_UNAVAILABLE;
	err_set(&out->err, ERR_RETRY, (int)r->status, "token-service answered %ld", r->status);
}

/* "/v1/accounts/{component}/{appid}/token" or ".../refresh"; both appids were checked where they came in. */
static void target_of(const char *component_appid, const char *appid, const char *what, struct buf *out)
{
	if (appid[0])
		buf_addf(out, "/v1/accounts/%s/%s/%s", component_appid, appid, what);
	else
		buf_addf(out, "/v1/platforms/%s/%s", component_appid, what);
}

static void ask(struct tokens *t, const char *component_appid, const char *appid, const char *refused_sha256,
	int64_t deadline_mono_ms, struct fetched *out)
{
	const char *method = refused_sha256 ? "POST" : "GET";
	struct buf target = BUF_INIT(512), body = BUF_INIT(256), authorization = BUF_INIT(512);
	struct httpc_response response = {.status = 0};
	struct httpc_pair headers[] = {{"Authorization", NULL}, {TRACE_HEADER, trace_current()}};
	int64_t left_ms = deadline_mono_ms - clock_mono_ms();
	struct httpc_request request = {.method = method,
		.base = t->o.url,
		.headers = headers,
		.n_headers = headers[1].value ? 2 : 1};

	target_of(component_appid, appid, refused_sha256 ? "refresh" : "token", &target);
	if (refused_sha256) {
		buf_addf(&body, "{\"token_sha256\":\"%s\"}", refused_sha256);
		request.content_type = "application/json";
	}
	keyring_sign(t->o.keys, method, buf_cstr(&target), body.data, body.len, &authorization);
	headers[0].value = buf_cstr(&authorization);
	request.path = buf_cstr(&target);
	request.body = body.data;
	request.body_len = body.len;
	request.timeout_ms = (long)(left_ms < 1 ? 1 : left_ms < ASK_TIMEOUT_MS ? left_ms : ASK_TIMEOUT_MS);
	if (httpc_call(t->o.http, &request, &response, &out->err) == 0) {
		read_answer(&response, out);
	} else {
		out->outcome = TOKENS_UNAVAILABLE;
		err_prefix(&out->err, "token-service");
	}
	buf_wipe_release(&response.body);
	httpc_response_release(&response);
	buf_release(&authorization);
	buf_release(&body);
	buf_release(&target);
}

/* --- remembering ------------------------------------------------------------------------------------ */

static struct entry *entry_of(struct tokens *t, const char *component_appid, const char *appid)
{
	char *name = xasprintf("%s/%s", component_appid, appid);
	struct entry *e;

	HASH_FIND_STR(t->entries, name, e);
	if (e) {
		free(name);
		return e;
	}
	e = xcalloc(1, sizeof(*e));
	e->name = name;
	HASH_ADD_KEYPTR(hh, t->entries, e->name, strlen(e->name), e);
	return e;
}

/* Appids come from callers: those that nobody knows must not pile up. */
static void forget_if_useless(struct tokens *t, struct entry *e)
{
	if (e->users > 0 || e->token.text[0] || e->refusal_until_ms > clock_mono_ms())
		return;
	HASH_DELETE(hh, t->entries, e);
	free(e->name);
	free(e);
}

static void forget_useless(struct tokens *t)
{
	struct entry *e, *next;

	HASH_ITER (hh, t->entries, e, next)
		forget_if_useless(t, e);
}

static bool usable(const struct entry *e, const struct token *refused)
{
	return e->token.text[0] && e->good_until_ms > clock_mono_ms() &&
	       !(refused && strcmp(e->token.sha256, refused->sha256) == 0);
}

static void remember(struct entry *e, struct fetched *f)
{
	int64_t now = clock_mono_ms();

	e->refusal = f->outcome;
	if (f->outcome == TOKENS_OK) {
		token_wipe(&e->token);
		e->token = f->token;
		e->good_until_ms = now + f->good_for_ms;
		e->refusal_until_ms = 0;
	} else {
		if (f->outcome != TOKENS_UNAVAILABLE)
			token_wipe(&e->token);
		e->refusal_until_ms = now + REFUSAL_KEPT_MS;
		e->why = f->err;
	}
}

/* With the lock held, given up while asking. */
static void ask_for_all(struct tokens *t, struct entry *e, const char *component_appid, const char *appid,
	const struct token *refused, int64_t deadline_mono_ms)
{
	/* Named by what is stored, so that a newer token than the refused one is not refreshed away. */
	bool refresh = refused && e->token.text[0] && strcmp(e->token.sha256, refused->sha256) == 0;
	struct fetched f = {.outcome = TOKENS_UNAVAILABLE};
	char sha256[TOKEN_HASH_LEN + 1] = "";

	if (refresh)
		str_copy(sha256, sizeof(sha256), e->token.sha256);
	e->busy = true;
	pthread_mutex_unlock(&t->lock);
	ask(t, component_appid, appid, refresh ? sha256 : NULL, deadline_mono_ms, &f);
	metric_add(&api_proxy_metrics[M_TOKENS],
		f.outcome != TOKENS_OK ? "refused"
		: refresh              ? "refreshed"
				       : "fetched",
		1);
	pthread_mutex_lock(&t->lock);
	remember(e, &f);
	token_wipe(&f.token);
	e->busy = false;
	pthread_cond_broadcast(&t->answered);
}

/* With the lock held: an answer is there, or *out says why not. */
static enum tokens_outcome settle(struct tokens *t, struct entry *e, const char *component_appid,
	const char *appid, const struct token *refused, int64_t deadline_mono_ms, struct err *err)
{
	struct timespec until = clock_mono_timespec(deadline_mono_ms);
	bool asked = false;

	for (;;) {
		if (usable(e, refused))
			return TOKENS_OK;
		if (e->refusal_until_ms > clock_mono_ms() || asked) {
			*err = e->why;
			return e->refusal != TOKENS_OK ? e->refusal : TOKENS_UNAVAILABLE;
		}
		if (!e->busy) {
			ask_for_all(t, e, component_appid, appid, refused, deadline_mono_ms);
			asked = true;
		} else if (pthread_cond_timedwait(&t->answered, &t->lock, &until) != 0) {
			err_set(err, ERR_RETRY, 0, "no answer of token-service in time");
			return TOKENS_UNAVAILABLE;
		}
	}
}

enum tokens_outcome tokens_get(struct tokens *t, const char *component_appid, const char *appid,
	const struct token *refused, int64_t deadline_mono_ms, struct token *out, struct err *err)
{
	enum tokens_outcome outcome;
	bool remembered;
	struct entry *e;

	pthread_mutex_lock(&t->lock);
	e = entry_of(t, component_appid, appid);
	e->users++;
	remembered = usable(e, refused);
	outcome = settle(t, e, component_appid, appid, refused, deadline_mono_ms, err);
	if (outcome == TOKENS_OK)
		*out = e->token;
	if (--e->users == 0 && outcome == TOKENS_UNKNOWN)
		forget_useless(t);
	pthread_mutex_unlock(&t->lock);
	if (remembered)
		metric_add(&api_proxy_metrics[M_TOKENS], "remembered", 1);
	return outcome;
}

void tokens_forget(struct tokens *t, const char *component_appid, const char *appid)
{
	pthread_mutex_lock(&t->lock);
	entry_of(t, component_appid, appid)->good_until_ms = 0;
	pthread_mutex_unlock(&t->lock);
}
