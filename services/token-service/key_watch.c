#include "services/token-service/key_watch.h"

#include "common/base/str.h"
#include "proto/topics.h"
#include "services/token-service/seal_rows.h"

#include <string.h>

#include "common/base/banned.h"

#define EVENT_ID_SIZE (2 * CRYPTO_BOX_KEY_ID_LEN + 1)
/* A topic's segment ends a while after its last record. */
#define EVENT_MS (topic_table[TOPIC_PLATFORM_EVENTS].kept_ms + TOPIC_DAYS(1))

struct watch {
	const struct keys *keys;
	struct key_report *report;
	const struct reseal_request *request;
	struct reseal_answer *answer;
};

static int run(const struct store *s, store_body body, struct watch *w, struct err *err)
{
	struct keys *keys = keyring_take(s->keyring);
	int rc;

	w->keys = keys;
	rc = store_run(s, body, w, err);
	keyring_give(s->keyring, &keys);
	return rc;
}

static void event_id(const uint8_t private_key[32], char out[EVENT_ID_SIZE])
{
	uint8_t public_key[32], id[CRYPTO_BOX_KEY_ID_LEN];

	crypto_x25519_public(private_key, public_key);
	crypto_box_key_id(public_key, id);
	str_hex(id, sizeof(id), out);
}

/* --- noting ------------------------------------------------------------------------------------------------
 */

static int note_body(struct pg *pg, void *arg, struct err *err)
{
	const struct keys *keys = ((const struct watch *)arg)->keys;
	char id[EVENT_ID_SIZE];
	int rc = sealed_note_master(pg, &token_service_sealed, keys->master, err);

	for (size_t i = 0; rc == 0 && i < keys->event->n; i++) {
		event_id(keys->event->list[i], id);
		rc = sealed_note(pg, &token_service_sealed, KEY_EVENT, id, false, 0, err);
	}
	return rc;
}

int key_watch_note(const struct store *s, struct err *err)
{
	struct watch w = {.report = NULL};

	return run(s, note_body, &w, err);
}

struct noting {
	char id[EVENT_ID_SIZE];
	int64_t at_ms;
};

static int note_event_body(struct pg *pg, void *arg, struct err *err)
{
	const struct noting *n = arg;

	return sealed_note(pg, &token_service_sealed, KEY_EVENT, n->id, true, n->at_ms, err);
}

int key_watch_note_event(
	const struct store *s, const uint8_t key_id[CRYPTO_BOX_KEY_ID_LEN], int64_t at_ms, struct err *err)
{
	struct noting n = {.at_ms = at_ms};

	str_hex(key_id, CRYPTO_BOX_KEY_ID_LEN, n.id);
	return store_run(s, note_event_body, &n, err);
}

struct opened {
	const char *name;
	int64_t until_s;
};

/* Rarely a write: most links of a business end at about the same time from now. */
static int note_ref_body(struct pg *pg, void *arg, struct err *err)
{
	const struct opened *o = arg;

	return PG_EXEC(pg,
		"INSERT INTO token_service.ref_key_use AS k (key_id, used_at, ends_at)"
		" VALUES ($1, now(), to_timestamp($2)) ON CONFLICT (key_id) DO UPDATE"
		" SET used_at = now(), ends_at = greatest(k.ends_at, excluded.ends_at)"
		" WHERE k.used_at < now() - interval '1 minute' OR k.ends_at < excluded.ends_at",
		NULL, err, pg_text(o->name), pg_int8(o->until_s));
}

int key_watch_note_ref(const struct store *s, const char *name, int64_t until_s, struct err *err)
{
	struct opened o = {name, until_s};

	return store_run(s, note_ref_body, &o, err);
}

/* --- the report --------------------------------------------------------------------------------------------
 */

static int count_events(struct pg *pg, struct watch *w, struct err *err)
{
	struct pg_result *res = NULL;
	char id[EVENT_ID_SIZE];

	for (size_t i = 0; i < w->keys->event->n; i++) {
		event_id(w->keys->event->list[i], id);
		key_report_row(w->report, KEY_EVENT, id)->held = true;
	}
	if (pg_exec(pg,
		    "SELECT encode(substring(value FROM 1 FOR 8), 'hex'), count(*) FROM token_service.events"
		    " WHERE settled_at IS NULL AND value IS NOT NULL GROUP BY 1",
		    NULL, 0, &res, err) < 0)
		return -1;
	for (int i = 0; i < pg_rows(res); i++)
		key_report_row(w->report, KEY_EVENT, pg_value(res, i, 0))->rows += pg_value_int(res, i, 1);
	pg_result_free(&res);
	return 0;
}

/* Those that are held, and those that are gone while a link still holds. */
static int count_refs(struct pg *pg, struct watch *w, struct err *err)
{
	struct pg_result *res = NULL;

	for (size_t i = 0; i < w->keys->internal->n; i++) {
		const struct internal_key *key = &w->keys->internal->list[i];

		if (key->scopes & SCOPE_REF)
			key_report_row(w->report, KEY_REF, key->name)->held = true;
	}
	if (pg_exec(pg,
		    "SELECT key_id, (extract(epoch FROM used_at) * 1000)::bigint,"
		    " (extract(epoch FROM ends_at) * 1000)::bigint, ends_at > now()"
		    " FROM token_service.ref_key_use",
		    NULL, 0, &res, err) < 0)
		return -1;
	for (int i = 0; i < pg_rows(res); i++) {
		const char *name = pg_value(res, i, 0);
		const struct internal_key *key = internal_keys_find(w->keys->internal, name);
		struct key_row *row;

		if (!(key && key->scopes & SCOPE_REF) && !pg_value_bool(res, i, 3))
			continue;
		row = key_report_row(w->report, KEY_REF, name);
		row->used_ms = pg_value_int(res, i, 1);
		row->needed_until_ms = pg_value_int(res, i, 2);
	}
	pg_result_free(&res);
	return 0;
}

static int report_body(struct pg *pg, void *arg, struct err *err)
{
	struct watch *w = arg;
	int rc;

	if ((rc = sealed_count_master(pg, &token_service_sealed, w->keys->master, w->report, err)) < 0 ||
		(rc = count_events(pg, w, err)) < 0 || (rc = count_refs(pg, w, err)) < 0)
		return rc;
	return sealed_uses(pg, &token_service_sealed, EVENT_MS, w->report, err);
}

int key_watch_report(const struct store *s, struct key_report *out, struct err *err)
{
	struct watch w = {.report = out};

	*out = (struct key_report){NULL, 0};
	return run(s, report_body, &w, err);
}

/* --- sealing anew ------------------------------------------------------------------------------------------
 */

static int reseal_body(struct pg *pg, void *arg, struct err *err)
{
	struct watch *w = arg;

	return sealed_reseal(pg, &token_service_sealed, w->keys->master, w->request, w->answer, err);
}

int key_watch_reseal(const struct store *s, const struct reseal_request *request, struct reseal_answer *out,
	struct err *err)
{
	struct watch w = {.request = request, .answer = out};

	return run(s, reseal_body, &w, err);
}
