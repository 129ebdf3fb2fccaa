#ifndef PROTO_KEYFILES_H
#define PROTO_KEYFILES_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The key files of the settings. Empty lines and lines that begin with '#' are passed over; every error names
 * the file and the line, never a key. Wiped when freed. */

/* WXBUS_MASTER_KEYS_FILE: "key-id base64(32 bytes)"; the first seals, all open. */
struct master_key {
	char id[33];
	uint8_t key[32];
};
struct master_keys {
	struct master_key *list;
	size_t n;
};
int master_keys_read(const char *path, struct master_keys **out, struct err *err);
void master_keys_free(struct master_keys **k);

/* Sealed column: one byte length of the key id | key id | AES-256-GCM sealed bytes. `row` is the associated
 * data: what the value is and whose ("token_service.account/<component>/<appid>/refresh_token"), so that a
 * copied value does not open elsewhere. */
struct buf;
void master_seal(
	const struct master_keys *k, const char *row, const void *plain, size_t len, struct buf *out);
int master_open(const struct master_keys *k, const char *row, const void *sealed, size_t len, struct buf *out,
	struct err *err);
/* The same value under the first key. ERR_REJECT: it does not open. */
int master_reseal(const struct master_keys *k, const char *row, const void *sealed, size_t len,
	struct buf *out, struct err *err);
bool master_keys_hold(const struct master_keys *k, const char *id);

/* WXBUS_EVENT_KEY_FILE (ingress): base64 of token-service's X25519 public key.
 * WXBUS_EVENT_PRIVATE_KEYS_FILE (token-service): base64 of private keys, a line each; the first is the
 * current. */
int event_public_key_read(const char *path, uint8_t key_out[32], struct err *err);
struct event_private_keys {
	uint8_t (*list)[32];
	size_t n;
};
int event_private_keys_read(const char *path, struct event_private_keys **out, struct err *err);
void event_private_keys_free(struct event_private_keys **k);

/* WXBUS_INTERNAL_KEYS_FILE: "name base64(32 bytes) scope,...". */
enum internal_scope { SCOPE_TOKEN = 1, SCOPE_EXCHANGE = 2, SCOPE_ADMIN = 4, SCOPE_REF = 8 };
struct internal_key {
	char name[65];
	uint8_t key[32];
	unsigned scopes; /* enum internal_scope, or-ed */
};
struct internal_keys {
	struct internal_key *list;
	size_t n;
};
int internal_keys_read(const char *path, struct internal_keys **out, struct err *err);
void internal_keys_free(struct internal_keys **k);
const struct internal_key *internal_keys_find(const struct internal_keys *k, const char *name);
const struct internal_key *internal_keys_with(
	const struct internal_keys *k, enum internal_scope scope); /* first */

/* WXBUS_CALLER_KEYS_FILE (business services): "component-appid caller-id key". */
struct caller_key {
	char component_appid[65];
	char caller_id[65];
	char *key;
};
struct caller_keys {
	struct caller_key *list;
	size_t n;
};
int caller_keys_read(const char *path, struct caller_keys **out, struct err *err);
void caller_keys_free(struct caller_keys **k);
const struct caller_key *caller_keys_find(const struct caller_keys *k, const char *component_appid);

#endif
