#include "services/token-service/keyring.h"

#include "common/base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

#include "common/base/banned.h"

struct keyring {
	const struct token_service_conf *conf;
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

static int keys_read(const struct token_service_conf *c, struct keys **out, struct err *err)
{
	struct keys *k = xcalloc(1, sizeof(*k));
	const char *variable = "WXBUS_PLATFORMS_FILE";
	int rc = platforms_read(c->platforms_file, true, &k->platforms, err);

	if (rc == 0) {
		variable = "WXBUS_MASTER_KEYS_FILE";
		rc = master_keys_read(c->master_keys_file, &k->master, err);
	}
	if (rc == 0) {
		variable = "WXBUS_EVENT_PRIVATE_KEYS_FILE";
		rc = event_private_keys_read(c->event_private_keys_file, &k->event, err);
	}
	if (rc == 0) {
		variable = "WXBUS_INTERNAL_KEYS_FILE";
		rc = internal_keys_read(c->internal_keys_file, &k->internal, err);
	}
	if (rc < 0) {
		keys_free(&k);
		return err_prefix(err, "%s", variable);
	}
	k->users = 1; /* the keyring */
	*out = k;
	return 0;
}

int keyring_new(struct keyring **out, const struct token_service_conf *conf, struct err *err)
{
	struct keys *keys = NULL;
	struct keyring *k;

	if (keys_read(conf, &keys, err) < 0)
		return -1;
	k = xcalloc(1, sizeof(*k));
	k->conf = conf;
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

int keyring_reload(struct keyring *k, struct err *err)
{
	struct keys *fresh = NULL, *old;

	if (keys_read(k->conf, &fresh, err) < 0)
		return -1;
	pthread_mutex_lock(&k->lock);
	old = k->now;
	k->now = fresh;
	pthread_mutex_unlock(&k->lock);
	keyring_give(k, &old);
	return 0;
}
