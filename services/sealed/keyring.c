#include "services/sealed/keyring.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "proto/internal_auth.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/banned.h"

struct keyring {
	struct keyring_files files;
	pthread_mutex_t lock;
	struct keys *now;
};

static void keys_free(struct keys **kp)
{
	struct keys *k = *kp;

	*kp = NULL;
	if (!k)
		return;
	platforms_free(&k->platforms);
	master_keys_free(&k->master);
	event_private_keys_free(&k->event);
	internal_keys_free(&k->internal);
	free(k);
}

static int read_files(const struct keyring_files *f, struct keys *k, struct err *err)
{
	if (f->platforms && platforms_read(f->platforms, true, &k->platforms, err) < 0)
		return err_prefix(err, "WXBUS_PLATFORMS_FILE");
	if (f->master_keys && master_keys_read(f->master_keys, &k->master, err) < 0)
		return err_prefix(err, "WXBUS_MASTER_KEYS_FILE");
	if (f->event_private_keys && event_private_keys_read(f->event_private_keys, &k->event, err) < 0)
		return err_prefix(err, "WXBUS_EVENT_PRIVATE_KEYS_FILE");
	if (f->internal_keys && internal_keys_read(f->internal_keys, &k->internal, err) < 0)
		return err_prefix(err, "WXBUS_INTERNAL_KEYS_FILE");
	if (f->signs_as_token && !internal_keys_with(k->internal, SCOPE_TOKEN))
		return err_set(err, ERR_REJECT, 0,
			"WXBUS_INTERNAL_KEYS_FILE: no key of scope token; for example a line `api-proxy "
			"<base64> token`");
	return 0;
}

static int keys_read(const struct keyring_files *files, struct keys **out, struct err *err)
{
	struct keys *k = xcalloc(1, sizeof(*k));
	int rc = read_files(files, k, err);

	if (rc < 0) {
		keys_free(&k);
		return rc;
	}
	k->users = 1; /* the keyring */
	*out = k;
	return 0;
}

int keyring_new(struct keyring **out, const struct keyring_files *files, struct err *err)
{
	struct keys *keys = NULL;
	struct keyring *k;

	if (keys_read(files, &keys, err) < 0)
		return -1;
	k = xcalloc(1, sizeof(*k));
	k->files = *files;
	k->now = keys;
	pthread_mutex_init(&k->lock, NULL);
	*out = k;
	return 0;
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

void keyring_reload(struct keyring *k)
{
	const char *what = k->files.platforms ? "platforms and keys" : "keys";
	struct keys *fresh = NULL, *old;
	struct err err;

	if (keys_read(&k->files, &fresh, &err) < 0) {
		log_error(NULL, "not reread, the old %s stay: %s", what, err.text);
		return;
	}
	pthread_mutex_lock(&k->lock);
	old = k->now;
	k->now = fresh;
	pthread_mutex_unlock(&k->lock);
	keyring_give(k, &old);
	log_info(NULL, "%s reread", what);
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
