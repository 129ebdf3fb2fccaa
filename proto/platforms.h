#ifndef PROTO_PLATFORMS_H
#define PROTO_PLATFORMS_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* WXBUS_PLATFORMS_FILE: the third-party platforms we serve.
 * {"platforms":[{"component_appid","app_secret","keys":[{"token","encoding_aes_key"},...],"default_repliers"?:[...]}]}
 * Immutable once read; a reload makes a new one. */
#define REPLIERS_MAX 4
#define APPID_MAX    64

struct platform_key {
	char *token;
	uint8_t aes_key[32]; /* EncodingAESKey, 43 characters, decoded leniently: the two spare bits are
				dropped */
};

struct platform {
	char *component_appid;
	char *app_secret; /* NULL in the ingress's copy */
	struct platform_key *keys;
	size_t n_keys;
	char *default_repliers[REPLIERS_MAX]; /* groups in order; NULL after the last */
};

struct platforms {
	struct platform *list;
	size_t n;
};

/* ERR_REJECT: one line with the place in the file and what would be right; values are never quoted. With
 * `need_secrets` a missing app_secret is refused; without it, a present one is (the ingress must not hold
 * it). */
int platforms_parse(const char *json, size_t len, bool need_secrets, struct platforms **out, struct err *err);
int platforms_read(const char *path, bool need_secrets, struct platforms **out, struct err *err);
void platforms_free(struct platforms **p);

const struct platform *platforms_find(const struct platforms *p, const char *component_appid);

/* An appid as it may stand in a URL: letters, digits, '_', '-', at most APPID_MAX; "" and anything else: 0.
 */
int appid_ok(const char *appid, size_t len);

#endif
