#include "services/api-proxy/web/weixin_door.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "services/api-proxy/calls/api_table.h"
#include "services/api-proxy/calls/tokens.h"

#include <string.h>

#include "common/base/banned.h"

static bool under_weixins_prefixes(const char *path)
{
	static const char *const prefixes[] = {
		"/cgi-bin/", "/customservice/", "/wxa/", "/wxaapi/", "/card/", "/datacube/"};
	size_t i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (str_starts_with(path, prefixes[i]))
			return true;
	return false;
}

static bool is_platforms(const char *path, const struct api_row *row)
{
	return str_starts_with(path, "/cgi-bin/component/") || str_starts_with(path, "/wxa/component/") ||
	       (row && row->whose == API_FOR_PLATFORM);
}

enum weixin_path weixin_path_of(const char *path)
{
	const struct api_row *row = api_find_path(path);

	if (strcmp(path, "/cgi-bin/token") == 0)
		return WEIXIN_PATH_TOKEN;
	if (strcmp(path, "/cgi-bin/stable_token") == 0)
		return WEIXIN_PATH_STABLE_TOKEN;
	if (row && row->whose == API_FOR_USER)
		return WEIXIN_PATH_PERSON;
	if (is_platforms(path, row))
		return WEIXIN_PATH_PLATFORM;
	return row || under_weixins_prefixes(path) ? WEIXIN_PATH_ACCOUNT : WEIXIN_PATH_NONE;
}

/* --- handing out ------------------------------------------------------------------------------------ */

static const char *value_of(const struct httpc_pair *query, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(query[i].name, name) == 0)
			return query[i].value;
	return NULL;
}

struct weixin_credential weixin_credential_of_query(const struct httpc_pair *query, size_t n)
{
	return (struct weixin_credential){
		value_of(query, n, "grant_type"), value_of(query, n, "appid"), value_of(query, n, "secret")};
}

/* A caller by the outcome of a look-up; `unknown`: what to say if there is none. */
static enum refusal judge_look_up(int rc, enum refusal unknown, const struct err *err)
{
	if (rc == 0)
		return REFUSAL_NONE;
	if (rc == CALLER_NONE)
		return unknown;
	if (rc == CALLERS_BUSY)
		return REFUSAL_STRANGERS;
	log_warn(NULL, "a caller cannot be looked up: %s", err->text);
	return REFUSAL_STORE;
}

static enum refusal check_credential(
	const struct weixin_door *d, const struct weixin_credential *c, const char *address)
{
	struct caller *caller = NULL;
	enum refusal refusal;
	struct err err;

	refusal = judge_look_up(
		callers_by_key(d->callers, c->secret, address, &caller, &err), REFUSAL_BAD_SECRET, &err);
	if (refusal == REFUSAL_NONE && !grants_account(&caller->grants, c->appid))
		refusal = REFUSAL_ACCOUNT;
	caller_put(&caller);
	return refusal;
}

static void write_answer(const struct weixin_door *d, const struct weixin_credential *c, struct buf *answer)
{
	struct proxy_token t = {.expires_wall_ms = clock_wall_ms() + WEIXIN_TOKEN_LIFE_S * 1000};
	struct keys *keys;

	callers_hash_key(c->secret, t.key_sha256);
	str_copy(t.appid, sizeof(t.appid), c->appid);
	buf_add_str(answer, "{\"access_token\":\"");
	keys = keyring_take(d->keys);
	proxy_token_seal(keys->master, &t, answer);
	keyring_give(d->keys, &keys);
	buf_addf(answer, "\",\"expires_in\":%d}", WEIXIN_TOKEN_LIFE_S);
}

enum refusal weixin_door_issue(const struct weixin_door *d, const struct weixin_credential *c,
	const char *address, struct buf *answer)
{
	enum refusal refusal;

	if (!c->grant_type || strcmp(c->grant_type, "client_credential") != 0)
		return REFUSAL_GRANT_TYPE;
	if (!c->secret)
		return REFUSAL_BAD_SECRET;
	if (!c->appid || !appid_ok(c->appid, strlen(c->appid)))
		return REFUSAL_UNKNOWN_ACCOUNT;
	if ((refusal = check_credential(d, c, address)) == REFUSAL_NONE)
		write_answer(d, c, answer);
	return refusal;
}

/* --- taking back ------------------------------------------------------------------------------------ */

enum refusal weixin_door_enter(const struct weixin_door *d, const char *access_token,
	struct caller **caller_out, char appid_out[APPID_MAX + 1])
{
	struct proxy_token t;
	enum refusal refusal;
	struct keys *keys;
	struct err err;
	int rc;

	if (!access_token)
		return REFUSAL_NO_KEY;
	keys = keyring_take(d->keys);
	rc = proxy_token_open(keys->master, access_token, clock_wall_ms(), &t, &err);
	keyring_give(d->keys, &keys);
	if (rc == PROXY_TOKEN_EXPIRED)
		return REFUSAL_EXPIRED_TOKEN;
	if (rc < 0)
		return REFUSAL_BAD_TOKEN;
	refusal = judge_look_up(
		callers_by_key_hash(d->callers, t.key_sha256, caller_out, &err), REFUSAL_BAD_TOKEN, &err);
	if (refusal == REFUSAL_NONE)
		str_copy(appid_out, APPID_MAX + 1, t.appid);
	return refusal;
}

enum refusal weixin_door_person(const struct weixin_door *d, const char *access_token)
{
	struct caller *caller = NULL;
	enum refusal refusal;
	struct err err;

	if (!access_token || !access_token[0] || strlen(access_token) > TOKEN_MAX_BYTES)
		return REFUSAL_NO_KEY;
	if (proxy_token_looks(access_token))
		return REFUSAL_NO_PERSON;
	refusal = judge_look_up(
		callers_by_key(d->callers, access_token, NULL, &caller, &err), REFUSAL_NONE, &err);
	if (caller)
		refusal = REFUSAL_NO_PERSON;
	caller_put(&caller);
	return refusal;
}
