#include "services/api-proxy/web/proxy_token.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define ROW        "api_proxy.proxy_token"
#define EXPIRES_AT CRYPTO_SHA256_LEN
#define APPID_AT   (EXPIRES_AT + 8)
#define PLAIN_MAX  (APPID_AT + APPID_MAX)

void proxy_token_seal(const struct master_keys *keys, const struct proxy_token *t, struct buf *out)
{
	struct buf sealed = BUF_INIT(PROXY_TOKEN_MAX);
	uint8_t plain[PLAIN_MAX];
	size_t len = strlen(t->appid);
	int i;

	memcpy(plain, t->key_sha256, sizeof(t->key_sha256));
	for (i = 0; i < 8; i++)
		plain[EXPIRES_AT + i] = (uint8_t)((uint64_t)t->expires_wall_ms >> (56 - 8 * i));
	memcpy(plain + APPID_AT, t->appid, len);
	master_seal(keys, ROW, plain, APPID_AT + len, &sealed);
	buf_add_str(out, PROXY_TOKEN_PREFIX);
	crypto_base64url(sealed.data, sealed.len, out);
	buf_release(&sealed);
}

static int read_plain(const struct buf *plain, struct proxy_token *out, struct err *err)
{
	const uint8_t *p = (const uint8_t *)plain->data;
	uint64_t expires = 0;
	int i;

	if (plain->len <= APPID_AT || plain->len > PLAIN_MAX)
		return err_set(err, ERR_REJECT, 0, "a token of another form");
	memcpy(out->key_sha256, p, sizeof(out->key_sha256));
	for (i = 0; i < 8; i++)
		expires = expires << 8 | p[EXPIRES_AT + i];
	out->expires_wall_ms = (int64_t)expires;
	return str_ncopy(out->appid, sizeof(out->appid), plain->data + APPID_AT, plain->len - APPID_AT);
}

int proxy_token_open(const struct master_keys *keys, const char *text, int64_t now_wall_ms,
	struct proxy_token *out, struct err *err)
{
	struct buf sealed = BUF_INIT(PROXY_TOKEN_MAX), plain = BUF_INIT(PLAIN_MAX);
	size_t len = strlen(text);
	int rc;

	if (!proxy_token_looks(text) || len > PROXY_TOKEN_MAX)
		return err_set(err, ERR_REJECT, 0, "not a token of ours");
	text += strlen(PROXY_TOKEN_PREFIX);
	rc = crypto_base64url_decode(text, strlen(text), &sealed, err);
	if (rc == 0)
		rc = master_open(keys, ROW, sealed.data, sealed.len, &plain, err);
	if (rc == 0)
		rc = read_plain(&plain, out, err);
	if (rc == 0 && now_wall_ms >= out->expires_wall_ms)
		rc = PROXY_TOKEN_EXPIRED;
	buf_release(&sealed);
	buf_release(&plain);
	return rc;
}

bool proxy_token_looks(const char *text)
{
	return str_starts_with(text, PROXY_TOKEN_PREFIX);
}
