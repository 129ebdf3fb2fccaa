#include "services/token-service/store.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define TAKE_WAIT_MS 5000

void store_init(struct store *s, struct pg_pool *pool, struct keyring *keyring)
{
	char host[48] = "?", hex[17];
	uint8_t random[8];

	(void)gethostname(host, sizeof(host) - 1);
	crypto_random(random, sizeof(random));
	str_hex(random, sizeof(random), hex);
	s->pool = pool;
	s->keyring = keyring;
	(void)snprintf(s->owner, sizeof(s->owner), "%.40s:%ld:%s", host, (long)getpid(), hex);
}

static int in_transaction(struct pg *pg, store_body body, void *arg, struct err *err)
{
	int rc, committed;

	if (pg_begin(pg, err) < 0)
		return -1;
	rc = body(pg, arg, err);
	if (rc < 0) {
		pg_rollback(pg);
		return rc;
	}
	committed = pg_commit(pg, err);
	return committed < 0 ? committed : rc;
}

int store_tx(const struct store *s, store_body body, void *arg, struct err *err)
{
	struct pg *pg = NULL;
	int rc;

	if (pg_take(s->pool, TAKE_WAIT_MS, &pg, err) < 0)
		return -1;
	rc = in_transaction(pg, body, arg, err);
	pg_give(s->pool, &pg);
	return rc;
}

int store_run(const struct store *s, store_body body, void *arg, struct err *err)
{
	struct pg *pg = NULL;
	int rc;

	if (pg_take(s->pool, TAKE_WAIT_MS, &pg, err) < 0)
		return -1;
	rc = body(pg, arg, err);
	pg_give(s->pool, &pg);
	return rc;
}

void store_list_platforms(const struct store *s, struct buf *out)
{
	struct keys *keys = keyring_take(s->keyring);

	buf_add_char(out, '{');
	for (size_t i = 0; i < keys->platforms->n; i++)
		buf_addf(out, "%s%s", i ? "," : "", keys->platforms->list[i].component_appid);
	buf_add_char(out, '}');
	keyring_give(s->keyring, &keys);
}

void store_int_array(const int64_t *list, size_t n, struct buf *out)
{
	buf_add_char(out, '{');
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%" PRId64, i ? "," : "", list[i]);
	buf_add_char(out, '}');
}

int64_t *store_int_array_parse(const char *text, size_t *n_out)
{
	int64_t *list = NULL;
	int64_t value;
	size_t n = 0, len;

	for (text += *text == '{'; *text && *text != '}'; text += *text == ',') {
		len = strcspn(text, ",}");
		if (str_to_int64(text, len, INT64_MIN, INT64_MAX, &value) == 0) {
			list = xrealloc(list, (n + 1) * sizeof(*list));
			list[n++] = value;
		}
		text += len;
	}
	*n_out = n;
	return list;
}
