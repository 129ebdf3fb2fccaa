#ifndef SERVICES_SEALED_KEYRING_H
#define SERVICES_SEALED_KEYRING_H

#include "proto/keyfiles.h"
#include "proto/platforms.h"

/* A service's key files as they stand now. A reload swaps all of them at once, under those who still use the
 * old ones; the last user frees them. Any thread. */
struct keyring;

/* Which files, and what must be in them. Paths are borrowed for the keyring's life; NULL: the service has no
 * such file, and struct keys has NULL for it. */
struct keyring_files {
	const char *platforms; /* WXBUS_PLATFORMS_FILE, with app secrets */
	const char *master_keys;
	const char *event_private_keys;
	const char *internal_keys;
	bool signs_as_token; /* internal_keys must have a key of scope `token`, our own for keyring_sign() */
};

struct keys {
	struct platforms *platforms;
	struct master_keys *master;
	struct event_private_keys *event;
	struct internal_keys *internal;
	int users; /* keyring.c's */
};

/* Errors begin with the variable that names the file. */
int keyring_new(struct keyring **out, const struct keyring_files *files, struct err *err);
void keyring_free(struct keyring **k);
/* For SIGHUP, and says in the log what came of it: on failure the old keys stay. */
void keyring_reload(struct keyring *k);

struct keys *keyring_take(struct keyring *k);
void keyring_give(struct keyring *k, struct keys **keys); /* accepts NULL in it */

/* master_seal(), master_open() and, with our own key, internal_auth_sign() of now. */
struct buf;
void keyring_seal(struct keyring *k, const char *row, const void *plain, size_t len, struct buf *out);
int keyring_open(
	struct keyring *k, const char *row, const void *sealed, size_t len, struct buf *out, struct err *err);
void keyring_sign(struct keyring *k, const char *method, const char *target, const void *body,
	size_t body_len, struct buf *out);

#endif
