#include "services/token-service/key_watch.h"

#include "common/base/str.h"
#include "proto/topics.h"
#include "services/token-service/seal_rows.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

/* A topic's segment ends a while after its last record. */
#define EVENT_SLACK_MS TOPIC_DAYS(1)
/* key_watch_note() comes about every minute, and a process may be slow. */
#define NOTE_SLACK_MS TOPIC_MINUTES(5)

/* --- noting ------------------------------------------------------------------------------------------------
 */

struct noting {
	enum key_kind kind;
	const char *id;
	bool used;
	int64_t at_ms; /* 0: now */
};

static int note(struct pg *pg, const struct noting *n, struct err *err)
{
	return PG_EXEC(pg,
		"INSERT INTO token_service.key_use AS k (kind, key_id, used_at) VALUES ($1, $2,"
		" CASE WHEN $4 > 0 THEN to_timestamp($4 / 1000.0) ELSE now() END)"
		" ON CONFLICT (kind, key_id) DO UPDATE SET used_at = greatest(k.used_at, excluded.used_at) "
		"WHERE $3",
		NULL, err, pg_text(key_kind_name(n->kind)), pg_text(n->id), pg_bool(n->used),
		pg_int8(n->at_ms));
}

static void event_id(const uint8_t private_key[32], char out[2 * CRYPTO_BOX_KEY_ID_LEN + 1])
{
	uint8_t public_key[32], id[CRYPTO_BOX_KEY_ID_LEN];

	crypto_x25519_public(private_key, public_key);
	crypto_box_key_id(public_key, id);
	str_hex(id, sizeof(id), out);
}

static int note_held(struct pg *pg, const struct keys *keys, struct err *err)
{
	char id[2 * CRYPTO_BOX_KEY_ID_LEN + 1];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < keys->master->n; i++)
		rc = note(pg, &(struct noting){KEY_MASTER, keys->master->list[i].id, i == 0, 0}, err);
	for (size_t i = 0; rc == 0 && i < keys->event->n; i++) {
		event_id(keys->event->list[i], id);
		rc = note(pg, &(struct noting){KEY_EVENT, id, false, 0}, err);
	}
	return rc;
}

static int note_body(struct pg *pg, void *arg, struct err *err)
{
	const struct store *s = arg;
	struct keys *keys = keyring_take(s->keyring);
	int rc = note_held(pg, keys, err);

	keyring_give(s->keyring, &keys);
	return rc;
}

int key_watch_note(const struct store *s, struct err *err)
{
	return store_run(s, note_body, (void *)(uintptr_t)s, err);
}

static int note_event_body(struct pg *pg, void *arg, struct err *err)
{
	return note(pg, arg, err);
}

int key_watch_note_event(
	const struct store *s, const uint8_t key_id[CRYPTO_BOX_KEY_ID_LEN], int64_t at_ms, struct err *err)
{
	char id[2 * CRYPTO_BOX_KEY_ID_LEN + 1];
	struct noting n = {KEY_EVENT, id, true, at_ms};

	str_hex(key_id, CRYPTO_BOX_KEY_ID_LEN, id);
	return store_run(s, note_event_body, &n, err);
}

/* --- the report --------------------------------------------------------------------------------------------
 */

struct reporting {
	const struct store *store;
	const struct keys *keys;
	struct key_report report;
};

static void add_held(struct reporting *r)
{
	char id[2 * CRYPTO_BOX_KEY_ID_LEN + 1];
	struct key_row *row;

	for (size_t i = 0; i < r->keys->master->n; i++) {
		row = key_report_row(&r->report, KEY_MASTER, r->keys->master->list[i].id);
		row->held = true;
		row->current = i == 0;
	}
	for (size_t i = 0; i < r->keys->event->n; i++) {
		event_id(r->keys->event->list[i], id);
		key_report_row(&r->report, KEY_EVENT, id)->held = true;
	}
}

static int add_rows(
	struct reporting *r, struct pg *pg, enum key_kind kind, const char *count, struct err *err)
{
	struct pg_result *res = NULL;

	if (pg_exec(pg, count, NULL, 0, &res, err) < 0)
		return -1;
	for (int i = 0; i < pg_rows(res); i++)
		key_report_row(&r->report, kind, pg_value(res, i, 0))->rows += pg_value_int(res, i, 1);
	pg_result_free(&res);
	return 0;
}

/* Of keys that are neither held nor needed by a row nothing is told. */
static void add_use(struct key_row *row, int64_t used_ms)
{
	int64_t needed_ms = row->kind == KEY_MASTER
				    ? KEY_SIGNED_MS + NOTE_SLACK_MS
				    : topic_table[TOPIC_PLATFORM_EVENTS].kept_ms + EVENT_SLACK_MS;

	row->used_ms = used_ms;
	row->needed_until_ms = row->current ? 0 : used_ms + needed_ms;
}

static int add_uses(struct reporting *r, struct pg *pg, struct err *err)
{
	struct pg_result *res = NULL;

	if (pg_exec(pg,
		    "SELECT kind, key_id, (extract(epoch FROM used_at) * 1000)::bigint FROM "
		    "token_service.key_use",
		    NULL, 0, &res, err) < 0)
		return -1;
	for (int i = 0; i < pg_rows(res); i++) {
		for (size_t k = 0; k < r->report.n; k++) {
			struct key_row *row = &r->report.list[k];

			if (strcmp(key_kind_name(row->kind), pg_value(res, i, 0)) == 0 &&
				strcmp(row->id, pg_value(res, i, 1)) == 0)
				add_use(row, pg_value_int(res, i, 2));
		}
	}
	pg_result_free(&res);
	return 0;
}

static int report_body(struct pg *pg, void *arg, struct err *err)
{
	struct reporting *r = arg;
	int rc = 0;

	add_held(r);
	for (size_t i = 0; rc == 0 && i < n_sealed_rows; i++)
		rc = add_rows(r, pg, KEY_MASTER, sealed_rows[i].count, err);
	if (rc == 0)
		rc = add_rows(r, pg, KEY_EVENT,
			"SELECT encode(substring(value FROM 1 FOR 8), 'hex'), count(*) FROM "
			"token_service.events"
			" WHERE settled_at IS NULL AND value IS NOT NULL GROUP BY 1",
			err);
	return rc < 0 ? rc : add_uses(r, pg, err);
}

int key_watch_report(const struct store *s, struct key_report *out, struct err *err)
{
	struct keys *keys = keyring_take(s->keyring);
	struct reporting r = {s, keys, {NULL, 0}};
	int rc = store_run(s, report_body, &r, err);

	keyring_give(s->keyring, &keys);
	if (rc == 0)
		*out = r.report;
	else
		key_report_release(&r.report);
	return rc;
}

/* --- sealing anew ------------------------------------------------------------------------------------------
 */

struct resealing {
	const struct keys *keys;
	const struct reseal_request *request;
	struct reseal_answer answer;
};

static int reseal_value(
	void *arg, const char *row, const void *old, size_t len, struct buf *new_out, struct err *err)
{
	const struct resealing *r = arg;

	return master_reseal(r->keys->master, row, old, len, new_out, err);
}

/* "accounts.token:wx1/wx2": the column, and the place in it. A column that is not known (any more) is begun
 * with the first. */
static size_t read_place(const char *text, const char **place_out)
{
	size_t len = strcspn(text, ":");

	*place_out = "";
	for (size_t i = 0; i < n_sealed_rows; i++) {
		if (text[len] == ':' && str_eq_cstr((struct str){text, len}, sealed_rows[i].rewrite.name)) {
			*place_out = text + len + 1;
			return i;
		}
	}
	return 0;
}

static int reseal_body(struct pg *pg, void *arg, struct err *err)
{
	struct resealing *r = arg;
	struct pg_rewrite_step step = {.place = ""};
	const char *place;
	size_t i = read_place(r->request->place, &place);

	if (pg_rewrite_batch(pg, &sealed_rows[i].rewrite, pg_bytea(r->request->to, strlen(r->request->to)),
		    place, r->request->limit, reseal_value, r, &step, err) < 0)
		return -1;
	r->answer.resealed = step.rewritten;
	r->answer.unopened = step.left;
	r->answer.end = step.end && i + 1 == n_sealed_rows;
	if (!r->answer.end)
		(void)snprintf(r->answer.place, sizeof(r->answer.place), "%s:%s",
			sealed_rows[step.end ? i + 1 : i].rewrite.name, step.end ? "" : step.place);
	return 0;
}

int key_watch_reseal(const struct store *s, const struct reseal_request *request, struct reseal_answer *out,
	struct err *err)
{
	struct keys *keys = keyring_take(s->keyring);
	struct resealing r = {keys, request, {.end = false}};
	int rc = KEY_NOT_CURRENT;

	if (strcmp(keys->master->list[0].id, request->to) == 0)
		rc = store_run(s, reseal_body, &r, err);
	keyring_give(s->keyring, &keys);
	if (rc == 0)
		*out = r.answer;
	return rc;
}
