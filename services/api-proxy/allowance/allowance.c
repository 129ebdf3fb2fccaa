#include "services/api-proxy/allowance/allowance.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/json/json.h"
#include "services/api-proxy/allowance/allowance_rule.h"

#include <string.h>

#include "common/base/banned.h"

#define POOL_WAIT_MS   2000
#define BODY_MAX_BYTES (256 * 1024)
#define LOOK_AGAIN_MS  200 /* a fan's message may be answered before the feed has read it */

#define NOW_US "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
/* A call takes a moment to reach Weixin: a window about to close is closed. */
#define LEFT_SOON "api_proxy.allowance_left(a, n.us + 1000000)"
/* The newest eight, with this one, which is later than all before. */
#define APPEND                                                                                               \
	"(a.sent_us || GREATEST(n.us, COALESCE(a.sent_us[cardinality(a.sent_us)], 0) + 1))"                  \
	"[GREATEST(1, cardinality(a.sent_us) - 6):]"

static const char sql_take[] =
	"UPDATE api_proxy.allowance a SET sent_us = " APPEND " FROM (SELECT " NOW_US " AS us) n "
	"WHERE a.appid = $1 AND a.openid = $2 AND " LEFT_SOON " > $3 "
	"RETURNING a.sent_us[cardinality(a.sent_us)]";
/* A row that holds sends only knows nothing: the fan may have written before the account came to us. */
#define KNOWN "GREATEST(a.message_us, a.action_us, a.closed_us) > 0"
/* Whoever asks after a refusal: is there a window, one left at all, and does the row say so with authority?
 */
static const char sql_why[] = "SELECT GREATEST(a.message_until_us, a.action_until_us) > n.us, " LEFT_SOON ", "
			      "EXISTS (SELECT 1 FROM api_proxy.allowance_feed) AND NOT EXISTS (SELECT 1 FROM "
			      "api_proxy.allowance_feed "
			      "WHERE behind OR seen_at < now() - interval '4 seconds') "
			      "FROM api_proxy.allowance a, (SELECT " NOW_US
			      " AS us) n WHERE a.appid = $1 AND a.openid = $2 AND " KNOWN;
static const char sql_count[] =
	"INSERT INTO api_proxy.allowance AS a (appid, openid, sent_us) VALUES ($1, $2, ARRAY[" NOW_US "]) "
	"ON CONFLICT (appid, openid) DO UPDATE SET sent_us = (a.sent_us || GREATEST(excluded.sent_us[1], "
	"COALESCE(a.sent_us[cardinality(a.sent_us)], 0) + 1))[GREATEST(1, cardinality(a.sent_us) - 6):] "
	"RETURNING a.sent_us[cardinality(a.sent_us)]";
static const char sql_give_back[] = "UPDATE api_proxy.allowance SET sent_us = array_remove(sent_us, $3) "
				    "WHERE appid = $1 AND openid = $2";
/* As of the call's beginning: a fan may have acted while Weixin said no. */
static const char sql_close[] = "UPDATE api_proxy.allowance SET sent_us = array_remove(sent_us, $3), "
				"closed_us = GREATEST(closed_us, $3) WHERE appid = $1 AND openid = $2";
/* A fan who is forgotten has done nothing before. */
#define UNLESS_ERASED                                                                                        \
	"WHERE NOT EXISTS (SELECT 1 FROM api_proxy.erasures e WHERE e.appid = $1 AND e.openid = $2 AND "     \
	"e.before_us > $3) "
static const char sql_message[] =
	"INSERT INTO api_proxy.allowance AS a (appid, openid, message_us, message_until_us, message_count) "
	"SELECT $1, $2, $3::bigint, $4::bigint, $5::int " UNLESS_ERASED
	"ON CONFLICT (appid, openid) DO UPDATE SET "
	"message_us = $3, message_until_us = $4, message_count = $5 WHERE a.message_us < $3";
static const char sql_action[] =
	"INSERT INTO api_proxy.allowance AS a (appid, openid, action_us, action_until_us, action_count) "
	"SELECT $1, $2, $3::bigint, $4::bigint, $5::int " UNLESS_ERASED
	"ON CONFLICT (appid, openid) DO UPDATE SET "
	"action_us = $3, action_until_us = $4, action_count = $5 WHERE a.action_us < $3";
static const char sql_read[] =
	"SELECT api_proxy.allowance_left(a, n.us), GREATEST(a.message_until_us, a.action_until_us) > n.us, "
	"GREATEST(a.message_until_us, a.action_until_us) "
	"FROM api_proxy.allowance a, (SELECT " NOW_US
	" AS us) n WHERE a.appid = $1 AND a.openid = $2 AND " KNOWN;
static const char sql_tell[] =
	"INSERT INTO api_proxy.allowance_feed (member, behind, seen_at) VALUES ($1, $2, now()) "
	"ON CONFLICT (member) DO UPDATE SET behind = $2, seen_at = now()";
static const char sql_leave[] = "DELETE FROM api_proxy.allowance_feed WHERE member = $1";
static const char sql_forget[] =
	"DELETE FROM api_proxy.allowance_feed WHERE seen_at < now() - interval '15 seconds'";
static const char sql_sweep[] =
	"DELETE FROM api_proxy.allowance WHERE message_until_us < $1 AND action_until_us < $1 AND "
	"closed_us < $1 AND COALESCE(sent_us[cardinality(sent_us)], 0) < $1";

/* One statement of its own. */
static int run(struct pg_pool *pool, const char *sql, const struct pg_param *params, size_t n,
	struct pg_result **result_out, struct err *err)
{
	struct pg *pg = NULL;
	int rc;

	if ((rc = pg_take(pool, POOL_WAIT_MS, &pg, err)) < 0)
		return rc;
	rc = pg_exec(pg, sql, params, n, result_out, err);
	pg_give(pool, &pg);
	return rc;
}
#define RUN(pool, sql, result_out, err, ...)                                                                 \
	run(pool, sql, (const struct pg_param[]){__VA_ARGS__},                                               \
		sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param), result_out, err)

/* --- taking ------------------------------------------------------------------------------------------ */

static bool read_openid(const void *body, size_t len, char out[ALLOWANCE_OPENID_MAX + 1])
{
	const struct json_limits limits = {.max_bytes = BODY_MAX_BYTES, .max_depth = 32};
	struct json *j = NULL;
	const char *openid;

	out[0] = '\0';
	if (!body || json_parse(body, len, &limits, &j, NULL) < 0)
		return false;
	openid = json_get_str(j, "touser");
	if (openid)
		(void)str_copy(out, ALLOWANCE_OPENID_MAX + 1, openid);
	json_free(&j);
	return out[0] != '\0';
}

/* 1: taken, 0: there is no row with one left. */
static int try_take(
	struct pg_pool *pool, const char *appid, struct allowance_ticket *t, int reserve, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = RUN(pool, sql_take, &res, err, pg_text(appid), pg_text(t->openid), pg_int8(reserve));

	if (rc == 0 && pg_rows(res) == 1) {
		t->sent_us = pg_value_int(res, 0, 0);
		rc = 1;
	}
	pg_result_free(&res);
	return rc;
}

/* Counted though the row does not allow it. */
static int count_send(struct pg_pool *pool, const char *appid, struct allowance_ticket *t, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = RUN(pool, sql_count, &res, err, pg_text(appid), pg_text(t->openid));

	if (rc == 0)
		t->sent_us = pg_value_int(res, 0, 0);
	pg_result_free(&res);
	return rc;
}

/* Why nothing could be taken: REFUSAL_NONE: the row cannot tell. */
static int ask_why(struct pg_pool *pool, const char *appid, const struct allowance_ticket *t,
	enum refusal *out, struct err *err)
{
	struct pg_result *res = NULL;
	int rc = RUN(pool, sql_why, &res, err, pg_text(appid), pg_text(t->openid));

	*out = REFUSAL_NONE;
	if (rc == 0 && pg_rows(res) == 1 && (pg_value_int(res, 0, 1) > 0 || pg_value_bool(res, 0, 2)))
		*out = pg_value_bool(res, 0, 0) ? REFUSAL_ALLOWANCE : REFUSAL_WINDOW;
	pg_result_free(&res);
	return rc;
}

static int take(struct pg_pool *pool, const char *appid, int reserve, struct allowance_ticket *t,
	enum refusal *out, struct err *err)
{
	int rc = try_take(pool, appid, t, reserve, err);

	*out = REFUSAL_NONE;
	if (rc != 0)
		return rc;
	if ((rc = ask_why(pool, appid, t, out, err)) < 0)
		return rc;
	if (*out != REFUSAL_NONE) {
		clock_sleep_ms(LOOK_AGAIN_MS);
		if ((rc = try_take(pool, appid, t, reserve, err)) == 1)
			*out = REFUSAL_NONE;
		return rc;
	}
	return count_send(pool, appid, t, err);
}

enum refusal allowance_take(struct pg_pool *pool, const char *appid, const char *method, const char *path,
	const char *priority, const void *body, size_t body_len, struct allowance_ticket *t)
{
	enum refusal refusal = REFUSAL_NONE;
	struct err err;

	*t = (struct allowance_ticket){.sent_us = 0};
	if (!appid[0] || !allowance_applies(method, path) || !read_openid(body, body_len, t->openid))
		return REFUSAL_NONE;
	if (take(pool, appid, allowance_reserve_of(priority), t, &refusal, &err) < 0) {
		log_warn(appid, "a send is not counted: %s", err.text);
		refusal = REFUSAL_NONE;
	}
	if (refusal != REFUSAL_NONE || t->sent_us == 0)
		t->openid[0] = '\0';
	return refusal;
}

void allowance_settle(
	struct pg_pool *pool, const char *appid, const struct allowance_ticket *t, const struct answer *a)
{
	bool weixins = a->refusal == REFUSAL_NONE;
	const char *sql = sql_give_back;
	struct err err;

	if (!t->openid[0] || a->outcome != API_REJECTED)
		return; /* sent, or perhaps sent */
	if (weixins && (a->errcode == 45015 || a->errcode == 45047))
		sql = sql_close;
	if (RUN(pool, sql, NULL, &err, pg_text(appid), pg_text(t->openid), pg_int8(t->sent_us)) < 0)
		log_warn(appid, "a failed send stays counted: %s", err.text);
}

/* --- feeding and reading ---------------------------------------------------------------------------------
 */

int allowance_feed_one(struct pg_pool *pool, const char *appid, const char *openid,
	const struct allowance_rule *rule, int64_t at_ms, struct err *err)
{
	return RUN(pool, rule->is_message ? sql_message : sql_action, NULL, err, pg_text(appid),
		pg_text(openid), pg_int8(at_ms * 1000), pg_int8((at_ms + rule->window_ms) * 1000),
		pg_int8(rule->count));
}

int allowance_read(struct pg_pool *pool, const char *appid, const char *openid, struct allowance_reading *out,
	struct err *err)
{
	struct pg_result *res = NULL;
	int rc = RUN(pool, sql_read, &res, err, pg_text(appid), pg_text(openid));

	if (rc == 0) {
		*out = (struct allowance_reading){.known = pg_rows(res) == 1};
		if (out->known)
			out->left = (int)pg_value_int(res, 0, 0);
		if (out->known && pg_value_bool(res, 0, 1))
			out->until_ms = pg_value_int(res, 0, 2) / 1000;
	}
	pg_result_free(&res);
	return rc;
}

int allowance_tell_feed(struct pg_pool *pool, const char *member, bool behind, struct err *err)
{
	int rc = RUN(pool, sql_tell, NULL, err, pg_text(member), pg_bool(behind));

	return rc < 0 ? rc : run(pool, sql_forget, NULL, 0, NULL, err);
}

int allowance_leave_feed(struct pg_pool *pool, const char *member, struct err *err)
{
	return RUN(pool, sql_leave, NULL, err, pg_text(member));
}

int64_t allowance_sweep(struct pg_pool *pool, struct err *err)
{
	int64_t before_us = (clock_wall_ms() - ALLOWANCE_LONGEST_MS) * 1000, n = -1;
	struct pg_result *res = NULL;

	if (RUN(pool, sql_sweep, &res, err, pg_int8(before_us)) == 0)
		n = pg_affected(res);
	pg_result_free(&res);
	return n;
}
