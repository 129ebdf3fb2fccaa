#include "services/token-service/tokens/fetch.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"

#include <string.h>

#include "common/base/banned.h"

#define ERRCODE_BAD_REFRESH_TOKEN 61023

/* --- the platform's ----------------------------------------------------------------------------------------
 */

static int fetch_component(const struct fetcher *f, const struct credential_id *id, const char *ticket,
	int64_t deadline_ms, struct weixin_token *out, struct err *err)
{
	struct keys *keys = keyring_take(f->store->keyring);
	const struct platform *p = platforms_find(keys->platforms, id->component_appid);
	int rc;

	if (!ticket)
		rc = err_set(err, ERR_RETRY, 0, "no ticket has come yet");
	else if (!p)
		rc = err_set(err, ERR_RETRY, 0, "the platform is not in WXBUS_PLATFORMS_FILE");
	else if (clock_mono_ms() >= deadline_ms)
		rc = err_set(err, ERR_RETRY, 0, "no time is left for a call");
	else
		rc = weixin_component_token(f->api, id->component_appid, p->app_secret, ticket, out, err);
	keyring_give(f->store->keyring, &keys);
	return rc;
}

/* --- an account's ------------------------------------------------------------------------------------------
 */

struct attempt {
	const struct fetcher *f;
	const struct credential_id *id;
	int64_t deadline_ms;
	const char *refresh_token;
	struct weixin_token *token_out;
	struct weixin_info *info_out;
	const char *tried[FETCH_CANDIDATES + 1]; /* borrowed; each is tried once */
	size_t n_tried;
};

static int call_token(struct weixin_api *w, const char *component_token, void *arg, struct err *err)
{
	const struct attempt *a = arg;

	return weixin_authorizer_token(w, a->id->component_appid, component_token, a->id->appid,
		a->refresh_token, a->token_out, err);
}

static int call_info(struct weixin_api *w, const char *component_token, void *arg, struct err *err)
{
	const struct attempt *a = arg;

	return weixin_authorizer_info(
		w, a->id->component_appid, component_token, a->id->appid, a->info_out, err);
}

static int call(struct attempt *a, component_call what, struct err *err)
{
	return credentials_call(a->f->credentials, a->id->component_appid, what, a, a->deadline_ms, err);
}

static bool is_refused(int rc, const struct err *err)
{
	return rc < 0 && err->kind == ERR_REJECT && err->code == ERRCODE_BAD_REFRESH_TOKEN;
}

/* 1: there is nothing to try. */
static int try_candidate(struct attempt *a, const char *candidate, struct err *err)
{
	int rc;

	if (!candidate || a->n_tried == FETCH_CANDIDATES + 1)
		return 1;
	for (size_t i = 0; i < a->n_tried; i++) {
		if (strcmp(a->tried[i], candidate) == 0)
			return 1;
	}
	a->tried[a->n_tried++] = candidate;
	a->refresh_token = candidate;
	rc = call(a, call_token, err);
	if (rc == 0 && !a->token_out->refresh_token)
		a->token_out->refresh_token = xstrdup(candidate);
	return rc;
}

/* 0: it worked, with another refresh token, which is in token_out. 1: no other works either. */
static int try_others(struct attempt *a, struct err *err)
{
	struct weixin_info info = {.user_name = NULL};
	char *history[FETCH_CANDIDATES] = {NULL};
	struct err ignored;
	int rc = 1;

	a->info_out = &info;
	if (call(a, call_info, &ignored) == 0)
		rc = try_candidate(a, info.refresh_token, err);
	if (rc == 0)
		log_warn(a->id->appid, "refresh token refused; the one that Weixin tells was good");
	if ((rc == 1 || is_refused(rc, err)) &&
		credential_history(a->f->store, a->id, history, FETCH_CANDIDATES, &ignored) == 0) {
		for (int i = 0; i < FETCH_CANDIDATES && (rc == 1 || is_refused(rc, err)); i++)
			rc = try_candidate(a, history[i], err);
		if (rc == 0)
			log_warn(a->id->appid, "refresh token refused; one of the history was good");
	}
	for (int i = 0; i < FETCH_CANDIDATES; i++)
		secret_free(&history[i]);
	weixin_info_release(&info);
	return is_refused(rc, err) ? 1 : rc;
}

static int fetch_authorizer(const struct fetcher *f, const struct credential_id *id,
	const char *refresh_token, int64_t deadline_ms, struct weixin_token *out, struct err *err)
{
	struct attempt a = {
		.f = f,
		.id = id,
		.deadline_ms = deadline_ms,
		.refresh_token = refresh_token,
		.token_out = out,
		.tried = {refresh_token},
		.n_tried = 1,
	};
	int rc = call(&a, call_token, err);
	struct err other;

	if (!is_refused(rc, err))
		return rc;
	rc = try_others(&a, &other);
	if (rc < 0)
		*err = other; /* not a refusal: Weixin became unwell in between */
	return rc == 0 ? 0 : -1;
}

int fetch_token(const struct fetcher *f, const struct credential_id *id, const struct credential_row *row,
	int64_t deadline_ms, struct weixin_token *out, struct err *err)
{
	int rc;

	if (id->appid[0] == '\0')
		return fetch_component(f, id, row->grant, deadline_ms, out, err);
	rc = fetch_authorizer(f, id, row->grant, deadline_ms, out, err);
	/* The one that we have already needs no second place in the history. */
	if (rc == 0 && out->refresh_token && strcmp(out->refresh_token, row->grant) == 0)
		secret_free(&out->refresh_token);
	return rc;
}
