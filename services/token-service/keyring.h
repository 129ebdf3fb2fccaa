#ifndef SERVICES_TOKEN_SERVICE_KEYRING_H
#define SERVICES_TOKEN_SERVICE_KEYRING_H

#include "proto/keyfiles.h"
#include "proto/platforms.h"
#include "services/token-service/conf.h"

/* The files with platforms and keys as they stand now. A reload swaps all four at once, under those who still
 * use the old ones; the last user frees them. Any thread. */
struct keyring;

struct keys {
	struct platforms *platforms;
	struct master_keys *master;
	struct event_private_keys *event;
	struct internal_keys *internal;
	int users; /* keyring.c's */
};

/* Errors begin with the variable that names the file. */
int keyring_new(struct keyring **out, const struct token_service_conf *conf, struct err *err);
void keyring_free(struct keyring **k);
/* On failure the old keys stay. */
int keyring_reload(struct keyring *k, struct err *err);

struct keys *keyring_take(struct keyring *k);
void keyring_give(struct keyring *k, struct keys **keys); /* accepts NULL in it */

#endif
