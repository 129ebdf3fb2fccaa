/* A million accounts must fit into the memory of a small process, so a row is one allocation of its fixed
 * fields and its two names; what many rows share (the platform, the list of repliers) is a number into a list
 * of texts. The table is an array of pointers with linear probing; a row that goes is closed up behind, so
 * there are no gravestones. Drawback: a text that no row uses any more stays; there are as many as platforms,
 * and lists of repliers, were seen. */
#include "services/ingress/directory.h"

#include "common/base/alloc.h"
#include "common/base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define FIRST_SLOTS 64 /* a power of two, as every number of slots */

/* A text that many rows share. */
struct shared {
	UT_hash_handle hh;
	uint32_t number;
	char text[];
};

struct shared_list {
	struct shared *by_text;
	struct shared **by_number;
	uint32_t n;
};

struct row {
	int64_t version;
	uint32_t hash;
	uint32_t component; /* of `components` */
	uint32_t repliers;  /* of `repliers` */
	uint8_t authorized : 1, may_send_customer_service : 1, channel : 1;
	uint8_t appid_size; /* with its NUL; the user name stands behind it */
	char names[];
};

struct directory {
	pthread_rwlock_t lock;
	struct row **slots;
	size_t n_slots, n;
	struct shared_list components, repliers;
};

/* --- shared texts --- */

static const struct shared *shared_find(const struct shared_list *l, const char *text)
{
	struct shared *s;

	HASH_FIND_STR(l->by_text, text, s);
	return s;
}

static uint32_t shared_number(struct shared_list *l, const char *text)
{
	const struct shared *there = shared_find(l, text);
	size_t size = strlen(text) + 1;
	struct shared *s;

	if (there)
		return there->number;
	s = xcalloc(1, sizeof(*s) + size);
	memcpy(s->text, text, size);
	s->number = l->n;
	HASH_ADD_KEYPTR(hh, l->by_text, s->text, size - 1, s);
	l->by_number = xrealloc(l->by_number, (l->n + 1) * sizeof(struct shared *));
	l->by_number[l->n++] = s;
	return s->number;
}

static void shared_release(struct shared_list *l)
{
	HASH_CLEAR(hh, l->by_text);
	for (uint32_t i = 0; i < l->n; i++)
		free(l->by_number[i]);
	free(l->by_number);
}

/* --- the table --- */

static uint32_t hash_of(uint32_t component, const char *appid)
{
	uint32_t h = (2166136261u ^ component) * 16777619u;

	for (; *appid; appid++)
		h = (h ^ (uint8_t)*appid) * 16777619u;
	return h ^ h >> 15;
}

/* Where this row is, or where it would go. */
static size_t slot_of(const struct directory *d, uint32_t component, const char *appid, uint32_t hash)
{
	size_t i = hash & (d->n_slots - 1);

	for (; d->slots[i]; i = (i + 1) & (d->n_slots - 1)) {
		const struct row *row = d->slots[i];

		if (row->hash == hash && row->component == component && strcmp(row->names, appid) == 0)
			break;
	}
	return i;
}

static void put_in_free_slot(struct directory *d, struct row *row)
{
	size_t i = row->hash & (d->n_slots - 1);

	while (d->slots[i])
		i = (i + 1) & (d->n_slots - 1);
	d->slots[i] = row;
}

static void grow(struct directory *d)
{
	struct row **old = d->slots;
	size_t n_old = d->n_slots;

	d->n_slots *= 2;
	d->slots = xcalloc(d->n_slots, sizeof(struct row *));
	for (size_t i = 0; i < n_old; i++)
		if (old[i])
			put_in_free_slot(d, old[i]);
	free(old);
}

/* The rows behind an emptied slot may have been waiting for it. */
static void empty_slot(struct directory *d, size_t i)
{
	free(d->slots[i]);
	d->slots[i] = NULL;
	d->n--;
	for (i = (i + 1) & (d->n_slots - 1); d->slots[i]; i = (i + 1) & (d->n_slots - 1)) {
		struct row *row = d->slots[i];

		d->slots[i] = NULL;
		put_in_free_slot(d, row);
	}
}

struct directory *directory_new(void)
{
	struct directory *d = xcalloc(1, sizeof(*d));

	pthread_rwlock_init(&d->lock, NULL);
	d->n_slots = FIRST_SLOTS;
	d->slots = xcalloc(d->n_slots, sizeof(struct row *));
	return d;
}

void directory_free(struct directory **dp)
{
	struct directory *d = *dp;

	*dp = NULL;
	if (!d)
		return;
	for (size_t i = 0; i < d->n_slots; i++)
		free(d->slots[i]);
	free(d->slots);
	shared_release(&d->components);
	shared_release(&d->repliers);
	pthread_rwlock_destroy(&d->lock);
	free(d);
}

/* --- what the topic says --- */

static struct row *row_new(struct directory *d, const struct account *a)
{
	char user_name[DIRECTORY_NAME_MAX + 1], repliers[REPLIERS_MAX * (DIRECTORY_NAME_MAX + 1) + 1];
	size_t appid_size = strlen(a->appid) + 1, at = 0;
	struct row *row;

	str_copy(user_name, sizeof(user_name), a->user_name);
	repliers[0] = '\0';
	for (size_t i = 0; i < REPLIERS_MAX && a->repliers[i]; i++) {
		if (i > 0)
			repliers[at++] = ',';
		str_copy(repliers + at, DIRECTORY_NAME_MAX + 1, a->repliers[i]);
		at += strlen(repliers + at);
	}
	row = xcalloc(1, sizeof(*row) + appid_size + strlen(user_name) + 1);
	row->version = a->version;
	row->component = shared_number(&d->components, a->component_appid);
	row->repliers = shared_number(&d->repliers, repliers);
	row->hash = hash_of(row->component, a->appid);
	row->authorized = a->authorized;
	row->may_send_customer_service = account_may_send_customer_service(a);
	row->channel = a->channel == CHANNEL_TEST;
	row->appid_size = (uint8_t)appid_size;
	memcpy(row->names, a->appid, appid_size);
	memcpy(row->names + appid_size, user_name, strlen(user_name) + 1);
	return row;
}

/* Under the lock. An older version than that which is there is dropped. */
static void put(struct directory *d, struct row *row)
{
	size_t i = slot_of(d, row->component, row->names, row->hash);
	struct row *there = d->slots[i];

	if (there && there->version >= row->version) {
		free(row);
		return;
	}
	free(there);
	d->slots[i] = row;
	d->n += !there;
	if (d->n > d->n_slots / 4 * 3)
		grow(d);
}

/* `key` is "component appid/appid". Under the lock. */
static void forget(struct directory *d, char *key)
{
	char *slash = strchr(key, '/');
	const struct shared *component;
	size_t i;

	if (!slash)
		return;
	*slash = '\0';
	if (!(component = shared_find(&d->components, key)))
		return;
	i = slot_of(d, component->number, slash + 1, hash_of(component->number, slash + 1));
	if (d->slots[i])
		empty_slot(d, i);
}

int directory_apply(struct directory *d, const struct kafka_record *r, struct err *err)
{
	char key[2 * APPID_MAX + 2];
	struct account *account = NULL;
	int rc;

	if (r->value && (rc = account_parse(r->value, r->value_len, &account, err)) < 0)
		return rc;
	pthread_rwlock_wrlock(&d->lock);
	if (account)
		put(d, row_new(d, account));
	else if (str_ncopy(key, sizeof(key), r->key, r->key_len) == 0)
		forget(d, key);
	pthread_rwlock_unlock(&d->lock);
	account_free(&account);
	return 0;
}

/* --- what a push asks --- */

static void split_repliers(const char *text, struct directory_entry *out)
{
	size_t len;

	for (; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		str_ncopy(out->repliers[out->n_repliers++], sizeof(out->repliers[0]), text, len);
	}
}

static void fill_entry(const struct directory *d, const struct row *row, struct directory_entry *out)
{
	out->known = true;
	str_copy(out->user_name, sizeof(out->user_name), row->names + row->appid_size);
	out->authorized = row->authorized;
	out->may_send_customer_service = row->may_send_customer_service;
	out->channel = row->channel ? CHANNEL_TEST : CHANNEL_LIVE;
	split_repliers(d->repliers.by_number[row->repliers]->text, out);
}

void directory_find(
	struct directory *d, const char *component_appid, const char *appid, struct directory_entry *out)
{
	const struct shared *component;

	memset(out, 0, sizeof(*out));
	pthread_rwlock_rdlock(&d->lock);
	if ((component = shared_find(&d->components, component_appid)) != NULL) {
		uint32_t hash = hash_of(component->number, appid);
		const struct row *row = d->slots[slot_of(d, component->number, appid, hash)];

		if (row)
			fill_entry(d, row, out);
	}
	pthread_rwlock_unlock(&d->lock);
}

size_t directory_count(struct directory *d)
{
	size_t n;

	pthread_rwlock_rdlock(&d->lock);
	n = d->n;
	pthread_rwlock_unlock(&d->lock);
	return n;
}
