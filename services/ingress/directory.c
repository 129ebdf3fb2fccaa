#include "services/ingress/directory.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define KEY_MAX (2 * APPID_MAX + 2)

struct row {
	UT_hash_handle hh;
	char key[KEY_MAX]; /* component appid/appid */
	int64_t version;
	struct directory_entry entry;
};

struct directory {
	pthread_rwlock_t lock;
	struct row *rows;
};

struct directory *directory_new(void)
{
	struct directory *d = xcalloc(1, sizeof(*d));

	pthread_rwlock_init(&d->lock, NULL);
	return d;
}

static void remove_row(struct directory *d, struct row *row)
{
	HASH_DEL(d->rows, row);
	free(row);
}

void directory_free(struct directory **dp)
{
	struct directory *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	while (d->rows)
		remove_row(d, d->rows);
	pthread_rwlock_destroy(&d->lock);
	free(d);
}

static void fill_entry(struct directory_entry *e, const struct account *a)
{
	memset(e, 0, sizeof(*e));
	e->known = true;
	str_copy(e->user_name, sizeof(e->user_name), a->user_name);
	e->authorized = a->authorized;
	e->may_send_customer_service = account_may_send_customer_service(a);
	e->channel = a->channel;
	for (size_t i = 0; i < REPLIERS_MAX && a->repliers[i]; i++)
		str_copy(e->repliers[e->n_repliers++], sizeof(e->repliers[0]), a->repliers[i]);
}

static struct row *find_or_add(struct directory *d, const char *key)
{
	struct row *row;

	HASH_FIND_STR(d->rows, key, row);
	if (row)
		return row;
	row = xcalloc(1, sizeof(*row));
	str_copy(row->key, sizeof(row->key), key);
	row->version = -1;
	HASH_ADD_STR(d->rows, key, row);
	return row;
}

static void forget(struct directory *d, const struct kafka_record *r)
{
	char key[KEY_MAX];
	struct row *row;

	if (str_ncopy(key, sizeof(key), r->key, r->key_len) < 0)
		return;
	pthread_rwlock_wrlock(&d->lock);
	HASH_FIND_STR(d->rows, key, row);
	if (row)
		remove_row(d, row);
	pthread_rwlock_unlock(&d->lock);
}

int directory_apply(struct directory *d, const struct kafka_record *r, struct err *err)
{
	struct account *account;
	char key[KEY_MAX];
	struct row *row;
	int rc;

	if (!r->value) {
		forget(d, r);
		return 0;
	}
	if ((rc = account_parse(r->value, r->value_len, &account, err)) < 0)
		return rc;
	snprintf(key, sizeof(key), "%s/%s", account->component_appid, account->appid);
	pthread_rwlock_wrlock(&d->lock);
	row = find_or_add(d, key);
	if (account->version > row->version) {
		row->version = account->version;
		fill_entry(&row->entry, account);
	}
	pthread_rwlock_unlock(&d->lock);
	account_free(&account);
	return 0;
}

void directory_find(
	struct directory *d, const char *component_appid, const char *appid, struct directory_entry *out)
{
	char key[KEY_MAX];
	struct row *row;

	snprintf(key, sizeof(key), "%s/%s", component_appid, appid);
	pthread_rwlock_rdlock(&d->lock);
	HASH_FIND_STR(d->rows, key, row);
	if (row)
		*out = row->entry;
	else
		memset(out, 0, sizeof(*out));
	pthread_rwlock_unlock(&d->lock);
}

size_t directory_count(struct directory *d)
{
	size_t n;

	pthread_rwlock_rdlock(&d->lock);
	n = HASH_COUNT(d->rows);
	pthread_rwlock_unlock(&d->lock);
	return n;
}
