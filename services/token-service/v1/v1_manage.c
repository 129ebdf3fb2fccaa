#include "services/token-service/v1/v1_manage.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/httpd/query.h"
#include "proto/account.h"
#include "services/token-service/accounts/account_list.h"
#include "services/token-service/audit.h"
#include "services/token-service/accounts/sync_store.h"

#include <string.h>

#include "common/base/banned.h"

#define WAIT_MS      15000 /* how long a caller may wait for a token */
#define FINDINGS_MAX 500
#define PAGE_DEFAULT 100

static int refuse(struct json **answer, int status, const char *word, const char *detail)
{
	*answer = json_new_object();
	json_set_str(*answer, "error", word);
	json_set_str(*answer, "detail", detail);
	return status;
}

static int not_now(struct json **answer, const struct err *err)
{
	return refuse(answer, 503, "unavailable", err->text);
}

static bool is_configured(const struct exchange *x, const char *component_appid)
{
	struct keys *keys = keyring_take(x->store->keyring);
	bool found = platforms_find(keys->platforms, component_appid) != NULL;

	keyring_give(x->store->keyring, &keys);
	return found;
}

/* --- platforms, accounts -----------------------------------------------------------------------------------
 */

static int serve_platforms(const struct exchange *x, struct json **answer)
{
	struct keys *keys = keyring_take(x->store->keyring);
	struct json *list = json_new_array();

	for (size_t i = 0; i < keys->platforms->n; i++) {
		struct json *one = json_new_object();

		json_set_str(one, "component_appid", keys->platforms->list[i].component_appid);
		json_push(list, one);
	}
	keyring_give(x->store->keyring, &keys);
	*answer = json_new_object();
	json_set(*answer, "platforms", list);
	return 200;
}

/* A whole number from 1 to max; `fallback` if it is not there. -1: it is none. */
static int read_limit(const struct query *q, int fallback, int max, int *out)
{
	const char *text = query_get(q, "limit");
	int64_t n = fallback;

	if (text && str_to_int64(text, strlen(text), 1, max, &n) < 0)
		return -1;
	*out = (int)n;
	return 0;
}

static bool is_one_of(const char *value, const char *a, const char *b)
{
	return !value || strcmp(value, a) == 0 || strcmp(value, b) == 0;
}

static int read_filter(const struct query *q, struct account_filter *f)
{
	const char *mark = query_get(q, "mark"), *after_component = query_get(q, "after_component"),
		   *after_appid = query_get(q, "after_appid");

	*f = (struct account_filter){
		.component_appid = query_get(q, "component_appid"),
		.state = query_get(q, "state"),
		.channel = query_get(q, "channel"),
		.mark = ACCOUNT_ANY,
		.after_component = after_component ? after_component : "",
		.after_appid = after_appid ? after_appid : "",
	};
	if (mark && account_mark_parse(mark, &f->mark) < 0)
		return -1;
	if (!is_one_of(f->state, "authorized", "unauthorized") || !is_one_of(f->channel, "live", "test"))
		return -1;
	return read_limit(q, PAGE_DEFAULT, ACCOUNT_LIST_MAX, &f->limit);
}

static int serve_accounts(const struct exchange *x, const struct query *q, struct json **answer)
{
	struct account_filter filter;
	struct err err;

	if (read_filter(q, &filter) < 0)
		return refuse(answer, 400, "malformed",
			"component_appid, state, channel, mark, after_component, after_appid, limit (1 to "
			"200)");
	return account_list(x->store, &filter, answer, &err) < 0 ? not_now(answer, &err) : 200;
}

/* --- syncs -------------------------------------------------------------------------------------------------
 */

static int tell_sync(const struct exchange *x, const char *component_appid, int64_t id, struct json **answer)
{
	struct err err;
	int rc = sync_tell(x->store, component_appid, id, answer, &err);

	if (rc == SYNC_NONE)
		return refuse(answer, 404, "unknown", "no such sync");
	return rc < 0 ? not_now(answer, &err) : 200;
}

static bool is_flag(const struct json *body, const char *name)
{
	enum json_kind kind = json_kind(json_get(body, name));

	return kind == JSON_ABSENT || kind == JSON_BOOL;
}

static int serve_sync_ask(
	const struct exchange *x, const char *component_appid, const struct json *body, struct json **answer)
{
	bool prune = json_get_bool(body, "prune", false), dry_run = json_get_bool(body, "dry_run", false);
	struct err err;
	int64_t id;
	int rc;

	if (json_kind(body) != JSON_OBJECT || !is_flag(body, "prune") || !is_flag(body, "dry_run"))
		return refuse(answer, 400, "malformed", "prune and dry_run may be true or false");
	if (!is_configured(x, component_appid))
		return refuse(answer, 404, "unknown", "no such platform");
	rc = sync_ask(x->store, component_appid, prune, dry_run, &id, &err);
	if (rc < 0)
		return not_now(answer, &err);
	if (rc == SYNC_BUSY)
		return refuse(
			answer, 409, "busy", "another sync of this platform, with other options, is open");
	log_info(component_appid, "a sync was asked for%s%s", prune ? ", pruning" : "",
		dry_run ? ", changing nothing" : "");
	return tell_sync(x, component_appid, id, answer);
}

static int read_id(const struct query *q, bool needed, int64_t *out)
{
	const char *text = query_get(q, "id");

	*out = 0;
	if (!text)
		return needed ? -1 : 0;
	return str_to_int64(text, strlen(text), 1, INT64_MAX, out);
}

static int serve_sync(
	const struct exchange *x, const char *component_appid, const struct query *q, struct json **answer)
{
	int64_t id;

	if (read_id(q, false, &id) < 0)
		return refuse(answer, 400, "malformed", "id: the sync's number");
	return tell_sync(x, component_appid, id, answer);
}

static int serve_findings(
	const struct exchange *x, const char *component_appid, const struct query *q, struct json **answer)
{
	const char *after = query_get(q, "after");
	struct err err;
	int64_t id;
	int limit;

	if (read_id(q, true, &id) < 0 || read_limit(q, PAGE_DEFAULT, FINDINGS_MAX, &limit) < 0)
		return refuse(answer, 400, "malformed", "id is needed; after, limit (1 to 500)");
	if (sync_tell_findings(x->store, component_appid, id, after ? after : "", limit, answer, &err) < 0)
		return not_now(answer, &err);
	return 200;
}

/* --- operations --------------------------------------------------------------------------------------------
 */

static int refused_by_weixin(struct json **answer, const struct err *err)
{
	(void)refuse(answer, 409, "refused", err->text);
	json_set_int(*answer, "errcode", err->code);
	return 409;
}

struct audited {
	const struct v1_route *route;
	const char *outcome;
};

static int audit_body(struct pg *pg, void *arg, struct err *err)
{
	const struct audited *a = arg;

	return audit_add(pg, &a->route->id, a->route->operation->name, a->outcome, err);
}

/* Of what has taken effect at Weixin, or may have. */
static void note(const struct exchange *x, const struct v1_route *route, int rc, const struct err *why)
{
	const char *subject = route->id.appid[0] ? route->id.appid : route->id.component_appid;
	bool perhaps = rc < 0 && why->kind == ERR_UNCERTAIN;
	struct audited a = {route, perhaps ? "not known whether it took effect" : ""};
	struct err err;

	log_info(subject, "operator: %s: %s", route->operation->name,
		rc == 0   ? "done"
		: perhaps ? "not known"
			  : "not done");
	if (route->operation->changes && (rc == 0 || perhaps) &&
		store_run(x->store, audit_body, &a, &err) < 0)
		log_error(subject, "%s could not be audited: %s", route->operation->name, err.text);
}

static int serve_operation(
	const struct exchange *x, const struct v1_route *route, const struct json *body, struct json **answer)
{
	struct err err;
	int rc;

	if (operation_check(route->operation, body, &err) < 0)
		return refuse(answer, 400, "malformed", err.text);
	if (!is_configured(x, route->id.component_appid))
		return refuse(answer, 404, "unknown", "no such platform");
	rc = operation_run(x, route->operation, &route->id, body, clock_mono_ms() + WAIT_MS, answer, &err);
	note(x, route, rc, &err);
	if (rc == 0)
		return 200;
	if (rc == CREDENTIAL_UNKNOWN)
		return route->id.appid[0] && route->operation->token != OPERATION_BY_PLATFORM
			       ? refuse(answer, 404, "unknown", "no such account")
			       : refuse(answer, 503, "no_ticket", "no ticket has come yet");
	if (rc == CREDENTIAL_UNAUTHORIZED)
		return refuse(answer, 409, "unauthorized", "the account does not authorize the platform");
	if (rc == CREDENTIAL_NONE)
		return refuse(answer, 409, "no_api", "the account granted no API, so Weixin gives no token");
	if (err.kind == ERR_REJECT)
		return refused_by_weixin(answer, &err);
	if (err.kind == ERR_UNCERTAIN)
		return refuse(answer, 502, "uncertain", "Weixin may have received it, and did not answer");
	return not_now(answer, &err);
}

/* --- all of it ---------------------------------------------------------------------------------------------
 */

static int dispatch(const struct exchange *x, const struct v1_route *route, const struct query *q,
	const struct json *body, struct json **answer)
{
	switch (route->action) {
	case V1_PLATFORMS:
		return serve_platforms(x, answer);
	case V1_ACCOUNTS:
		return serve_accounts(x, q, answer);
	case V1_SYNC_ASK:
		return serve_sync_ask(x, route->id.component_appid, body, answer);
	case V1_SYNC:
		return serve_sync(x, route->id.component_appid, q, answer);
	case V1_SYNC_FINDINGS:
		return serve_findings(x, route->id.component_appid, q, answer);
	default:
		return serve_operation(x, route, body, answer);
	}
}

int v1_manage_serve(const struct exchange *x, const struct v1_route *route, const char *query,
	const struct json *body, struct json **answer_out)
{
	struct arena arena = ARENA_INIT;
	struct query q = {.n = 0};
	int status;

	if (query_parse(query, query ? strlen(query) : 0, &arena, &q) != QUERY_OK)
		status = refuse(answer_out, 400, "malformed", "the query");
	else
		status = dispatch(x, route, &q, body, answer_out);
	arena_release(&arena);
	return status;
}
