#include "services/business/release-check/exchange.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/httpc/httpc.h"
#include "common/json/json.h"
#include "proto/internal_auth.h"
#include "proto/keyfiles.h"
#include "proto/trace.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define CALL_TIMEOUT_MS 10000
#define ANSWER_MAX      65536

struct exchange {
	struct httpc *http;
	struct internal_keys *keys;
	const struct internal_key *key;
	char *base;
};

int exchange_new(
	struct exchange **out, const char *token_service_url, const char *internal_keys_file, struct err *err)
{
	const struct httpc_options options = {
		.total_timeout_ms = CALL_TIMEOUT_MS, .response_max = ANSWER_MAX, .allow_http = true};
	struct exchange *e = xcalloc(1, sizeof(*e));
	int rc;

	e->base = xstrdup(token_service_url);
	if ((rc = internal_keys_read(internal_keys_file, &e->keys, err)) < 0)
		goto failed;
	e->key = internal_keys_with(e->keys, SCOPE_EXCHANGE);
	if (!e->key) {
		rc = err_set(
			err, ERR_REJECT, 0, "WXBUS_INTERNAL_KEYS_FILE: holds no key with the scope exchange");
		goto failed;
	}
	if ((rc = httpc_new(&e->http, &options, err)) < 0)
		goto failed;
	*out = e;
	return 0;
failed:
	exchange_free(&e);
	return rc;
}

void exchange_free(struct exchange **ep)
{
	struct exchange *e = *ep;

	*ep = NULL;
	if (!e)
		return;
	httpc_free(&e->http);
	internal_keys_free(&e->keys);
	free(e->base);
	free(e);
}

static void write_body(const char *code, const char *appid, struct buf *out)
{
	struct json *body = json_new_object();

	json_set_str(body, "authorization_code", code);
	json_set_str(body, "appid", appid);
	json_write(body, out);
	json_free(&body);
}

static int post(struct exchange *e, const char *path, const struct buf *body, struct httpc_response *answer,
	struct err *err)
{
	struct buf authorization = BUF_INIT(512);
	int rc;

	internal_auth_sign(e->key, "POST", path, body->data, body->len, clock_wall_ms(), &authorization);
	const struct httpc_pair headers[] = {
		{"Authorization", buf_cstr(&authorization)}, {TRACE_HEADER, trace_current()}};
	const struct httpc_request request = {
		.method = "POST",
		.base = e->base,
		.path = path,
		.headers = headers,
		.n_headers = headers[1].value ? 2 : 1,
		.body = body->data,
		.body_len = body->len,
		.content_type = "application/json",
	};
	rc = httpc_call(e->http, &request, answer, err);
	buf_release(&authorization);
	return rc;
}

/* Repeating an exchange is harmless: token-service knows the codes that it has had. So whatever is uncertain
 * is tried again. */
static int judge(int rc, const struct httpc_response *answer, struct err *err)
{
	if (rc < 0) {
		err->kind = ERR_RETRY;
		return rc;
	}
	if (answer->status == 200)
		return 0;
	return err_set(err, answer->status >= 500 ? ERR_RETRY : ERR_REJECT, (int)answer->status,
		"token-service answered %ld", answer->status);
}

int exchange_code(
	struct exchange *e, const char *component_appid, const char *appid, const char *code, struct err *err)
{
	struct buf body = BUF_INIT(4096), path = BUF_INIT(256);
	struct httpc_response answer = {.status = 0};
	int rc;

	buf_addf(&path, "/v1/platforms/%s/exchange", component_appid);
	write_body(code, appid, &body);
	if (body.overflow)
		rc = err_set(err, ERR_REJECT, 0, "the code is too long");
	else
		rc = judge(post(e, buf_cstr(&path), &body, &answer, err), &answer, err);
	httpc_response_release(&answer);
	buf_wipe_release(&body);
	buf_release(&path);
	return rc;
}
