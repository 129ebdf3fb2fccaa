#include "proto/internal_auth.h"

#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define SCHEME        "Wxbus-HMAC "
#define HEX_LEN       (2 * CRYPTO_SHA256_LEN)
#define TIME_TEXT_MAX 24

/* What the header says, borrowed from it. */
struct claim {
	struct str name;
	struct str time;
	struct str signature;
};

static void sign(const struct internal_key *key, const char *method, const char *target, struct str time,
	const void *body, size_t body_len, char out[HEX_LEN + 1])
{
	const struct crypto_piece whole = {body, body_len};
	uint8_t digest[CRYPTO_SHA256_LEN];
	char body_hex[HEX_LEN + 1];

	crypto_sha256(&whole, 1, digest);
	str_hex(digest, sizeof(digest), body_hex);
	crypto_hmac_sha256(key->key, sizeof(key->key),
		(const struct crypto_piece[]){
			{method, strlen(method)},
			{"\n", 1},
			{target, strlen(target)},
			{"\n", 1},
			{time.p, time.len},
			{"\n", 1},
			{body_hex, HEX_LEN},
		},
		7, digest);
	str_hex(digest, sizeof(digest), out);
}

void internal_auth_sign(const struct internal_key *key, const char *method, const char *target,
	const void *body, size_t body_len, int64_t now_ms, struct buf *out)
{
	char time[TIME_TEXT_MAX], signature[HEX_LEN + 1];

	snprintf(time, sizeof(time), "%lld", (long long)(now_ms / 1000));
	sign(key, method, target, str_of(time), body, body_len, signature);
	buf_addf(out, SCHEME "name=%s,time=%s,signature=%s", key->name, time, signature);
}

/* "<name>=<value>" up to the comma or the end; *rest is moved behind it. */
static int take(const char **rest, const char *name, bool last, struct str *out)
{
	size_t name_len = strlen(name);
	const char *value, *comma;

	if (strncmp(*rest, name, name_len) != 0)
		return -1;
	value = *rest + name_len;
	comma = strchr(value, ',');
	if ((comma == NULL) != last)
		return -1;
	*out = (struct str){value, comma ? (size_t)(comma - value) : strlen(value)};
	*rest = value + out->len + !last;
	return 0;
}

static int parse(const char *header, struct claim *out)
{
	const char *rest = header + strlen(SCHEME);

	if (!str_starts_with(header, SCHEME))
		return -1;
	if (take(&rest, "name=", false, &out->name) < 0 || take(&rest, "time=", false, &out->time) < 0)
		return -1;
	return take(&rest, "signature=", true, &out->signature);
}

static bool time_near(struct str time, int64_t now_ms)
{
	int64_t said, now_s = now_ms / 1000;

	if (str_to_int64(time.p, time.len, 0, INT64_MAX, &said) < 0)
		return false;
	return said >= now_s - INTERNAL_AUTH_WINDOW_S && said <= now_s + INTERNAL_AUTH_WINDOW_S;
}

enum internal_auth_result internal_auth_check(const struct internal_keys *keys, enum internal_scope needed,
	const char *header, const char *method, const char *target, const void *body, size_t body_len,
	int64_t now_ms, const struct internal_key **who_out)
{
	const struct internal_key *key;
	char name[sizeof(key->name)], right[HEX_LEN + 1];
	struct claim claim;

	if (!header || !*header)
		return INTERNAL_AUTH_MISSING;
	if (parse(header, &claim) < 0 || str_ncopy(name, sizeof(name), claim.name.p, claim.name.len) < 0 ||
		(key = internal_keys_find(keys, name)) == NULL)
		return INTERNAL_AUTH_WRONG;
	sign(key, method, target, claim.time, body, body_len, right);
	if (!secret_equal(right, HEX_LEN, claim.signature.p, claim.signature.len) ||
		!time_near(claim.time, now_ms))
		return INTERNAL_AUTH_WRONG;
	if (!(key->scopes & needed))
		return INTERNAL_AUTH_FORBIDDEN;
	if (who_out)
		*who_out = key;
	return INTERNAL_AUTH_OK;
}
