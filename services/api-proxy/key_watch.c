#include "services/api-proxy/key_watch.h"

#include "common/base/banned.h"

#define POOL_WAIT_MS 2000

/* clang-format off */
#define OF_ACCOUNT(table, column, id, row)                                                                   \
	SEALED_ROWS("api_proxy." table, column, "t.component_appid || '/' || t." id, "t.component_appid, t." id, \
		"(t.component_appid, t." id ") > (split_part($1, '/', 1), split_part($1, '/', 2))",          \
		"component_appid = split_part($1, '/', 1) AND " id " = split_part($1, '/', 2)",              \
		"'api_proxy." table "/' || t.component_appid || '/' || t." id row)

/* Every sealed column of the schema; the integration test of `wxbus keys rotate` looks for others. */
static const struct sealed_rows rows[] = {
	OF_ACCOUNT("callers", "key_sealed", "caller_id", " || '/key'"),
	OF_ACCOUNT("jssdk_tickets", "ticket_sealed", "appid", ""),
};
/* clang-format on */

static const struct sealed_schema schema = SEALED_SCHEMA("api_proxy", rows);

int key_watch_note(struct pg_pool *pool, struct keyring *keyring, struct err *err)
{
	struct keys *keys = keyring_take(keyring);
	struct pg *pg = NULL;
	int rc = pg_take(pool, POOL_WAIT_MS, &pg, err);

	if (rc == 0)
		rc = sealed_note_master(pg, &schema, keys->master, err);
	pg_give(pool, &pg);
	keyring_give(keyring, &keys);
	return rc;
}

int key_watch_report(struct pg_pool *pool, struct keyring *keyring, struct key_report *out, struct err *err)
{
	struct keys *keys = keyring_take(keyring);
	struct pg *pg = NULL;
	int rc;

	*out = (struct key_report){NULL, 0};
	rc = pg_take(pool, POOL_WAIT_MS, &pg, err);
	if (rc == 0)
		rc = sealed_count_master(pg, &schema, keys->master, out, err);
	if (rc == 0)
		rc = sealed_uses(pg, &schema, 0, out, err);
	pg_give(pool, &pg);
	keyring_give(keyring, &keys);
	return rc;
}

int key_watch_reseal(struct pg_pool *pool, struct keyring *keyring, const struct reseal_request *request,
	struct reseal_answer *out, struct err *err)
{
	struct keys *keys = keyring_take(keyring);
	struct pg *pg = NULL;
	int rc = pg_take(pool, POOL_WAIT_MS, &pg, err);

	if (rc == 0)
		rc = sealed_reseal(pg, &schema, keys->master, request, out, err);
	pg_give(pool, &pg);
	keyring_give(keyring, &keys);
	return rc;
}
