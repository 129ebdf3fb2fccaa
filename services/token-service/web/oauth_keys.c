#include "services/token-service/web/oauth_keys.h"

#include "common/base/log.h"
#include "common/crypto/crypto.h"
#include "services/token-service/web/oauth_store.h"
#include "services/token-service/web/page.h"

#include <string.h>

#include "common/base/banned.h"

#define ANSWER_MAX (16 * 1024)

static struct json *key_json(const struct oauth_public_key *key)
{
	struct json *fields = json_new_object();
	struct buf x = BUF_INIT(64);

	crypto_base64url(key->public_key, sizeof(key->public_key), &x);
	json_set_str(fields, "kty", "OKP");
	json_set_str(fields, "crv", "Ed25519");
	json_set_str(fields, "use", "sig");
	json_set_str(fields, "alg", "EdDSA");
	json_set_str(fields, "kid", key->id);
	json_set_str(fields, "x", buf_cstr(&x));
	buf_release(&x);
	return fields;
}

static void reply_keys(struct public_call *c, const struct oauth_public_key *keys, size_t n)
{
	struct json *fields = json_new_object(), *list = json_new_array();
	struct httpd_header headers[PAGE_SAFE_HEADERS + 1];
	struct buf body = BUF_INIT(ANSWER_MAX);

	for (size_t i = 0; i < n; i++)
		json_push(list, key_json(&keys[i]));
	json_set(fields, "keys", list);
	json_write(fields, &body);
	memcpy(headers, page_safe_headers, sizeof(page_safe_headers));
	headers[PAGE_SAFE_HEADERS] = (struct httpd_header){
		"Cache-Control", arena_printf(&c->arena, "public, max-age=%d", OAUTH_KEYS_FRESH_S)};
	public_count("oauth_keys");
	httpd_reply(c->req, 200, "application/json", body.data, body.len, headers, PAGE_SAFE_HEADERS + 1);
	buf_release(&body);
	json_free(&fields);
}

void oauth_keys(struct public_call *c)
{
	struct oauth_public_key keys[OAUTH_KEYS_MAX];
	struct json *fields;
	struct err err;
	size_t n;

	if (oauth_keys_list(c->p->x->store, keys, &n, &err) == 0) {
		reply_keys(c, keys, n);
		return;
	}
	log_warn(NULL, "keys of web page authorization: %s", err.text);
	public_count("unavailable");
	fields = json_new_object();
	json_set_str(fields, "error", "unavailable");
	public_reply_json(c, 503, fields);
}
