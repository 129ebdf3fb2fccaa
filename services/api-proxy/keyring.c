#include "services/api-proxy/keyring.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "proto/internal_auth.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/banned.h"

struct keyring {
	const char *master_keys_file;
	const char *internal_keys_file;
	pthread_mutex_t lock;
	struct keys *now;
};

static void keys_free(struct keys **kp)
{
	struct keys *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	master_keys_free(&k->master);
	internal_keys_free(&k->internal);
	free(k);
}

static int read_files(const struct keyring *ring, struct keys *k, struct err *err)
{
	if (master_keys_read(ring->master_keys_file, &k->master, err) < 0)
		return err_prefix(err, "WXBUS_MASTER_KEYS_FILE");
	if (internal_keys_read(ring->internal_keys_file, &k->internal, err) < 0)
		return err_prefix(err, "WXBUS_INTERNAL_KEYS_FILE");
	if (!internal_keys_with(k->internal, SCOPE_TOKEN))
		return err_set(err, ERR_REJECT, 0,
			"WXBUS_INTERNAL_KEYS_FILE: no key of scope token; for example a line `api-proxy "
			"<base64> token`");
	return 0;
}

static int keys_read(const struct keyring *ring, struct keys **out, struct err *err)
{
	struct keys *k = xcalloc(1, sizeof(*k));
	int rc = read_files(ring, k, err);

	if (rc < 0) {
		keys_free(&k);
		return rc;
	}
	k->users = 1; /* the keyring */
	*out = k;
	return 0;
}

int keyring_new(
	struct keyring **out, const char *master_keys_file, const char *internal_keys_file, struct err *err)
{
	struct keyring *k = xcalloc(1, sizeof(*k));
	int rc;

	k->master_keys_file = master_keys_file;
	k->internal_keys_file = internal_keys_file;
	pthread_mutex_init(&k->lock, NULL);
	rc = keys_read(k, &k->now, err);
	if (rc < 0)
		keyring_free(&k);
	else
		*out = k;
	return rc;
}

void keyring_free(struct keyring **kp)
{
	struct keyring *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	keys_free(&k->now);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

struct keys *keyring_take(struct keyring *k)
{
	struct keys *keys;

	pthread_mutex_lock(&k->lock);
	keys = k->now;
	keys->users++;
	pthread_mutex_unlock(&k->lock);
	return keys;
}

void keyring_give(struct keyring *k, struct keys **keysp)
{
	struct keys *keys = *keysp;
	bool last;

	*keysp = NULL;
	if (!keys)
		return;
	pthread_mutex_lock(&k->lock);
	last = --keys->users == 0;
	pthread_mutex_unlock(&k->lock);
	if (last)
		keys_free(&keys);
}

int keyring_reload(struct keyring *k, struct err *err)
{
	struct keys *fresh = NULL, *old;

	if (keys_read(k, &fresh, err) < 0)
		return -1;
	pthread_mutex_lock(&k->lock);
	old = k->now;
	k->now = fresh;
	pthread_mutex_unlock(&k->lock);
	keyring_give(k, &old);
	return 0;
}

void keyring_seal(struct keyring *k, const char *row, const void *plain, size_t len, struct buf *out)
{
	struct keys *keys = keyring_take(k);

	master_seal(keys->master, row, plain, len, out);
	keyring_give(k, &keys);
}

int keyring_open(
	struct keyring *k, const char *row, const void *sealed, size_t len, struct buf *out, struct err *err)
{
	struct keys *keys = keyring_take(k);
	int rc = master_open(keys->master, row, sealed, len, out, err);

	keyring_give(k, &keys);
	return rc;
}

void keyring_sign(struct keyring *k, const char *method, const char *target, const void *body,
	size_t body_len, struct buf *out)
{
	struct keys *keys = keyring_take(k);

	internal_auth_sign(internal_keys_with(keys->internal, SCOPE_TOKEN), method, target, body, body_len,
		clock_wall_ms(), out);
	keyring_give(k, &keys);
}
