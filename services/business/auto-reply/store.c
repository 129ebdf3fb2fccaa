#include "services/business/auto-reply/store.h"

#include "common/crypto/crypto.h"

#include <string.h>

#include "common/base/banned.h"

#define FAN_BYTES   16
#define SWEEP_BATCH 10000
#define SWEEP_MS    2000

int store_changes(struct pg *pg, int64_t version, void (*each)(void *arg, const struct stored_set *s),
	void *arg, struct err *err)
{
	struct pg_result *res = NULL;
	int n;

	if (PG_EXEC(pg,
		    "SELECT component_appid, appid, version, rules FROM rule_sets WHERE version > $1"
		    " ORDER BY version LIMIT 200",
		    &res, err, pg_int8(version)) < 0)
		return -1;
	n = pg_rows(res);
	for (int i = 0; i < n; i++) {
		const struct stored_set s = {
			.component_appid = pg_value(res, i, 0),
			.appid = pg_value(res, i, 1),
			.version = pg_value_int(res, i, 2),
			.rules = pg_is_null(res, i, 3) ? NULL : pg_value(res, i, 3),
		};

		each(arg, &s);
	}
	pg_result_free(&res);
	return n;
}

/* A channel's name belongs to the whole database, not to a schema. */
static int channel_name(struct pg *pg, struct pg_result **out, struct err *err)
{
	return pg_exec(pg, "SELECT current_schema() || '.rule_sets'", NULL, 0, out, err);
}

int store_listen(struct pg *pg, struct err *err)
{
	struct pg_result *res = NULL;
	int rc;

	if (channel_name(pg, &res, err) < 0)
		return -1;
	rc = pg_listen(pg, pg_value(res, 0, 0), err);
	pg_result_free(&res);
	return rc;
}

int store_lock(struct pg *pg, struct err *err)
{
	return pg_exec(pg,
		"SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.rule_sets', 0))", NULL,
		0, NULL, err);
}

int store_put(struct pg *pg, const char *component_appid, const char *appid, const char *rules,
	size_t rule_count, const char *changed_by, struct err *err)
{
	return PG_EXEC(pg,
		"INSERT INTO rule_sets AS s (component_appid, appid, version, rules, rule_count, changed_by)"
		" VALUES ($1, $2, nextval('rule_set_versions'), $3, $4, $5)"
		" ON CONFLICT (component_appid, appid) DO UPDATE SET version = excluded.version,"
		"   rules = excluded.rules, rule_count = excluded.rule_count, changed_at = now(),"
		"   changed_by = excluded.changed_by",
		NULL, err, pg_text(component_appid), pg_text(appid), pg_text(rules),
		pg_int8((int64_t)rule_count), pg_text(changed_by));
}

int store_announce(struct pg *pg, struct err *err)
{
	return pg_exec(pg, "SELECT pg_notify(current_schema() || '.rule_sets', '')", NULL, 0, NULL, err);
}

int store_list(struct pg *pg, const char *component_appid, const char *appid, const char *after_component,
	const char *after_appid, bool with_rules, int64_t limit, struct pg_result **out, struct err *err)
{
	return PG_EXEC(pg,
		"SELECT component_appid, appid, version, rule_count,"
		"   to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), changed_by,"
		"   CASE WHEN $5 THEN rules END"
		" FROM rule_sets WHERE rules IS NOT NULL AND ($1::text IS NULL OR component_appid = $1)"
		"   AND ($2::text IS NULL OR appid = $2) AND (component_appid, appid) > ($3::text, $4::text)"
		" ORDER BY component_appid, appid LIMIT $6",
		out, err, pg_text(component_appid), pg_text(appid), pg_text(after_component),
		pg_text(after_appid), pg_bool(with_rules), pg_int8(limit));
}

static void fan_of(const char *appid, const char *openid, uint8_t out[CRYPTO_SHA256_LEN])
{
	const struct crypto_piece pieces[] = {{appid, strlen(appid)}, {"\n", 1}, {openid, strlen(openid)}};

	crypto_sha256(pieces, sizeof(pieces) / sizeof(pieces[0]), out);
}

int store_note_answer(struct pg *pg, const struct answer_note *n, struct err *err)
{
	struct pg_result *res = NULL;
	uint8_t fan[CRYPTO_SHA256_LEN];
	int rc;

	fan_of(n->appid, n->openid, fan);
	/* Events of one fan are handled one after the other, so nobody counts the same fan beside us. */
	rc = PG_EXEC(pg,
		"WITH event AS (SELECT to_timestamp($3 / 1000.0) AS at),"
		" recent AS (SELECT count(*) AS n, coalesce(bool_or(event_id = $2), false) AS again"
		"   FROM answers, event WHERE fan = $1"
		"   AND (event_id = $2 OR (received_at > at - interval '1 hour' AND received_at <= at)))"
		" INSERT INTO answers AS a (fan, event_id, received_at)"
		"   SELECT $1, $2, at FROM event, recent WHERE again OR n < $4"
		" ON CONFLICT (fan, event_id) DO UPDATE SET received_at = a.received_at",
		&res, err, pg_bytea(fan, FAN_BYTES), pg_text(n->event_id), pg_int8(n->received_ms),
		pg_int8(n->limit));
	if (rc < 0)
		return rc;
	rc = pg_affected(res) > 0 ? 0 : STORE_OVER;
	pg_result_free(&res);
	return rc;
}

int store_erase(struct pg *pg, const char *appid, const char *openid, int64_t before_ms, struct err *err)
{
	uint8_t fan[CRYPTO_SHA256_LEN];

	fan_of(appid, openid, fan);
	return PG_EXEC(pg, "DELETE FROM answers WHERE fan = $1 AND received_at < to_timestamp($2 / 1000.0)",
		NULL, err, pg_bytea(fan, FAN_BYTES), pg_int8(before_ms));
}

int store_sweep(struct pg *pg, struct err *err)
{
	return pg_exec_batches(pg,
		"DELETE FROM answers WHERE (fan, event_id) IN (SELECT fan, event_id FROM answers"
		"   WHERE received_at < now() - interval '2 hours' LIMIT $1 FOR UPDATE SKIP LOCKED)",
		SWEEP_BATCH, SWEEP_MS, err);
}
