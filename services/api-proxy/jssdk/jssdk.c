#include "services/api-proxy/jssdk/jssdk.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "services/api-proxy/jssdk/jssdk_sign.h"

#include <string.h>

#include "common/base/banned.h"

#define POOL_WAIT_MS 2000
#define TICKET_MAX   1024
#define NONCE_BYTES  8
#define WAIT_MS      5000 /* for another one that asks */
#define LOOK_MS      50
#define CLAIM_MS     3000 /* beyond the asking call's own deadline */

static const char sql_look[] = "SELECT ticket_sealed, expires_at > now() + interval '5 seconds', "
			       "expires_at > now() + interval '10 minutes' FROM api_proxy.jssdk_tickets "
			       "WHERE component_appid = $1 AND appid = $2";
/* Whoever gets a row asks Weixin, for all. */
static const char sql_claim[] =
	"INSERT INTO api_proxy.jssdk_tickets AS t (component_appid, appid, refreshing_until) "
	"VALUES ($1, $2, now() + $3 * interval '1 millisecond') ON CONFLICT (component_appid, appid) DO "
	"UPDATE "
	"SET refreshing_until = excluded.refreshing_until "
	"WHERE t.expires_at < now() + interval '10 minutes' AND t.refreshing_until < now() RETURNING 1";
static const char sql_store[] =
	"UPDATE api_proxy.jssdk_tickets SET ticket_sealed = $3, refreshing_until = now(), "
	"expires_at = now() + $4 * interval '1 second' WHERE component_appid = $1 AND appid = $2";
/* The next may ask in a second. */
static const char sql_failed[] =
	"UPDATE api_proxy.jssdk_tickets SET refreshing_until = now() + interval '1 second' "
	"WHERE component_appid = $1 AND appid = $2";

bool jssdk_is(const char *path)
{
	return strcmp(path, JSSDK_PATH) == 0;
}

static int run(const struct jssdk *j, const char *sql, const struct pg_param *params, size_t n,
	struct pg_result **result_out, struct err *err)
{
	struct pg *pg = NULL;
	int rc = pg_take(j->pool, POOL_WAIT_MS, &pg, err);

	if (rc == 0)
		rc = pg_exec(pg, sql, params, n, result_out, err);
	pg_give(j->pool, &pg);
	return rc;
}
#define RUN(j, sql, result_out, err, ...)                                                                    \
	run(j, sql, (const struct pg_param[]){__VA_ARGS__},                                                  \
		sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param), result_out, err)

static void name_row(const struct call *ask, struct buf *out)
{
	buf_addf(out, "api_proxy.jssdk_tickets/%s/%s", ask->component_appid, ask->appid);
}

enum { LOOK_NONE, LOOK_EXPIRING, LOOK_GOOD }; /* with the last two the ticket is in `out` */

static int look(const struct jssdk *j, const struct call *ask, struct buf *out, struct err *err)
{
	struct buf row = BUF_INIT(512);
	struct pg_result *res = NULL;
	const void *sealed;
	size_t len;
	int rc = RUN(j, sql_look, &res, err, pg_text(ask->component_appid), pg_text(ask->appid));

	if (rc == 0 && pg_rows(res) == 1 && pg_value_bool(res, 0, 1)) {
		sealed = pg_value_bytes(res, 0, 0, &len);
		name_row(ask, &row);
		rc = keyring_open(j->keys, buf_cstr(&row), sealed, len, out, err);
		if (rc == 0)
			rc = pg_value_bool(res, 0, 2) ? LOOK_GOOD : LOOK_EXPIRING;
	}
	buf_release(&row);
	pg_result_free(&res);
	return rc;
}

/* 1: it is ours to ask; 0: another one asks, or there is no need. */
static int claim(const struct jssdk *j, const struct call *ask, struct err *err)
{
	struct pg_result *res = NULL;
	int64_t ms = ask->deadline_mono_ms - clock_mono_ms() + CLAIM_MS;
	int rc =
		RUN(j, sql_claim, &res, err, pg_text(ask->component_appid), pg_text(ask->appid), pg_int8(ms));

	if (rc == 0)
		rc = pg_rows(res);
	pg_result_free(&res);
	return rc;
}

static int store(
	const struct jssdk *j, const struct call *ask, const char *ticket, int64_t life_s, struct err *err)
{
	struct buf row = BUF_INIT(512), sealed = BUF_INIT(4 * TICKET_MAX);
	int rc;

	name_row(ask, &row);
	keyring_seal(j->keys, buf_cstr(&row), ticket, strlen(ticket), &sealed);
	rc = RUN(j, sql_store, NULL, err, pg_text(ask->component_appid), pg_text(ask->appid),
		pg_bytea(sealed.data, sealed.len), pg_int8(life_s));
	buf_release(&sealed);
	buf_release(&row);
	return rc;
}

/* True: Weixin's answer holds a ticket, which is now in `ticket` and stored. */
static bool take_answer(
	const struct jssdk *j, const struct call *ask, const struct answer *answer, struct buf *ticket)
{
	const struct json_limits limits = {.max_bytes = 64 * 1024, .max_depth = 8};
	struct json *json = NULL;
	struct err err;
	const char *text;
	int64_t life_s;
	bool got = false;

	if (answer->refusal != REFUSAL_NONE || answer->errcode != 0 ||
		json_parse(answer->body.data, answer->body.len, &limits, &json, &err) < 0)
		return false;
	text = json_get_str(json, "ticket");
	if (text && *text && strlen(text) <= TICKET_MAX && json_get_int(json, "expires_in", &life_s) == 0 &&
		life_s > 0) {
		buf_reset(ticket);
		buf_add_str(ticket, text);
		got = true;
		if (store(j, ask, text, life_s, &err) < 0)
			log_warn(ask->appid, "a JS-SDK ticket is not kept: %s", err.text);
	}
	json_free(&json);
	return got;
}

static bool ask_weixin(
	const struct jssdk *j, const struct call *ask, struct answer *answer, struct buf *ticket)
{
	const struct httpc_pair query[] = {{"type", "jsapi"}};
	struct payload none = PAYLOAD_INIT(NULL);
	struct call call = *ask;
	struct err err;
	bool got;

	call.method = "GET";
	call.path = JSSDK_TICKET_PATH;
	call.query = query;
	call.n_query = 1;
	call.content_type = NULL;
	call.payload = &none;
	call.repeatable = true;
	call.sink = NULL;
	call_run(j->weixin, &call, answer);
	got = take_answer(j, ask, answer, ticket);
	if (!got)
		(void)RUN(j, sql_failed, NULL, &err, pg_text(ask->component_appid), pg_text(ask->appid));
	payload_release(&none);
	return got;
}

/* True: a ticket; otherwise the answer says why not. */
static bool get_ticket(
	const struct jssdk *j, const struct call *ask, struct answer *answer, struct buf *ticket)
{
	int64_t now = clock_mono_ms(),
		until = ask->deadline_mono_ms < now + WAIT_MS ? ask->deadline_mono_ms : now + WAIT_MS;
	struct err err;
	int have, ours;

	for (;;) {
		if ((have = look(j, ask, ticket, &err)) == LOOK_GOOD)
			return true;
		if (have < 0 || (ours = claim(j, ask, &err)) < 0) {
			log_warn(ask->appid, "the JS-SDK ticket cannot be read: %s", err.text);
			answer_refuse(answer, REFUSAL_STORE);
			return false;
		}
		if (ours && ask_weixin(j, ask, answer, ticket))
			return true;
		if (have == LOOK_EXPIRING || ours)
			return have == LOOK_EXPIRING; /* the old one does while it lasts */
		if (clock_mono_ms() > until) {
			answer_refuse(answer, REFUSAL_NO_TOKEN);
			return false;
		}
		clock_sleep_ms(LOOK_MS);
	}
}

static void write_config(const char *appid, const char *ticket, const char *page, struct buf *out)
{
	int64_t now_s = clock_wall_ms() / 1000;
	char nonce[2 * NONCE_BYTES + 1], signature[41];
	uint8_t random[NONCE_BYTES];
	struct json *j = json_new_object();

	crypto_random(random, sizeof(random));
	str_hex(random, sizeof(random), nonce);
	jssdk_sign(ticket, nonce, now_s, page, signature);
	json_set_str(j, "appId", appid);
	json_set_int(j, "timestamp", now_s);
	json_set_str(j, "nonceStr", nonce);
	json_set_str(j, "signature", signature);
	json_write(j, out);
	json_free(&j);
}

void jssdk_answer(const struct jssdk *j, const struct call *ask, const char *url, struct answer *answer)
{
	struct buf ticket = BUF_INIT(TICKET_MAX);
	char page[JSSDK_URL_MAX + 1];
	struct err err;

	if (!url || jssdk_page(url, page, &err) < 0) {
		answer_refuse(answer, REFUSAL_BAD_REQUEST);
	} else if (get_ticket(j, ask, answer, &ticket)) {
		int attempts = answer->attempts;

		answer_reset(answer); /* Weixin's answer holds the ticket */
		buf_wipe_release(&answer->body);
		answer->refusal = REFUSAL_NONE;
		answer->outcome = API_OK;
		answer->errcode = 0;
		answer->attempts = attempts;
		answer->http_status = 200;
		str_copy(answer->content_type, sizeof(answer->content_type),
			"application/json; charset=utf-8");
		buf_init(&answer->body, 4096);
		write_config(ask->appid, buf_cstr(&ticket), page, &answer->body);
	}
	buf_wipe_release(&ticket);
}

int jssdk_sweep(struct pg_pool *pool, struct err *err)
{
	struct pg *pg = NULL;
	int rc = pg_take(pool, POOL_WAIT_MS, &pg, err);

	if (rc == 0)
		rc = pg_exec(pg,
			"DELETE FROM api_proxy.jssdk_tickets WHERE expires_at < now() - interval '1 day'"
			" AND refreshing_until < now() - interval '1 day'",
			NULL, 0, NULL, err);
	pg_give(pool, &pg);
	return rc;
}
