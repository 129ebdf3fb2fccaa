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

static int report_body(struct pg *pg, void *arg, struct err *err)
{
	struct watch *w = arg;
	int rc;

	if ((rc = sealed_count_master(pg, &token_service_sealed, w->keys->master, w->report, err)) < 0 ||
		(rc = count_events(pg, w, err)) < 0)
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
