#ifndef API_PROXY_KEYRING_H
#define API_PROXY_KEYRING_H

#include "proto/keyfiles.h"

/* The key files as they stand now. A reload swaps both at once, under those who still use the old ones; the
 * last user frees them. Any thread. */
struct keyring;

struct keys {
	struct master_keys *master;
	struct internal_keys *internal; /* with one of scope `token`, our own */
	int users;                      /* keyring.c's */
};

/* Errors begin with the variable that names the file. The paths are borrowed. */
int keyring_new(
	struct keyring **out, const char *master_keys_file, const char *internal_keys_file, struct err *err);
void keyring_free(struct keyring **k);
/* On failure the old keys stay. */
int keyring_reload(struct keyring *k, struct err *err);

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
