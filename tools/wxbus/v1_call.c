#include "tools/wxbus/v1_call.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/httpc/httpc.h"
#include "proto/internal_auth.h"
#include "proto/keyfiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX   (1024 * 1024)
#define TIMEOUT_MS 30000
#define PARAMS_MAX 8

static const struct json_limits limits = {.max_bytes = BODY_MAX, .max_depth = 8};

/* What the answer says of itself, one line; "" if nothing. */
static void reason_of(const struct httpc_response *answer, char *out, size_t size)
{
	const char *word, *detail;
	struct json *json = NULL;
	struct err ignored;

	out[0] = '\0';
	if (json_parse(answer->body.data, answer->body.len, &limits, &json, &ignored) < 0)
		return;
	word = json_get_str(json, "error");
	detail = json_get_str(json, "detail");
	if (word)
		(void)snprintf(out, size, ": %s%s%s", word, detail ? ": " : "", detail ? detail : "");
	json_free(&json);
}

static int judge(const struct httpc_response *answer, struct json **answer_out, struct err *err)
{
	char reason[128];

	if (answer->status >= 200 && answer->status < 300)
		return json_parse(answer->body.data, answer->body.len, &limits, answer_out, err);
	reason_of(answer, reason, sizeof(reason));
	return err_set(err, answer->status >= 500 ? ERR_RETRY : ERR_REJECT, (int)answer->status,
		"answered %ld%s", answer->status, reason);
}

/* "a=b&c=d" in place. */
static size_t split(char *query, struct httpc_pair out[PARAMS_MAX])
{
	size_t n = 0;
	char *next, *value;

	for (; query && *query && n < PARAMS_MAX; query = next) {
		next = strchr(query, '&');
		if (next)
			*next++ = '\0';
		value = strchr(query, '=');
		if (value)
			*value++ = '\0';
		out[n++] = (struct httpc_pair){query, value ? value : ""};
	}
	return n;
}

static int call(const struct internal_key *key, const char *base, const char *method, const char *path,
	const struct buf *body, struct json **answer_out, struct err *err)
{
	const struct httpc_options options = {
		.total_timeout_ms = TIMEOUT_MS,
		.response_max = BODY_MAX,
		.allow_http = true,
	};
	char *target = xstrdup(path), *query = strchr(target, '?');
	struct httpc_pair params[PARAMS_MAX];
	struct httpc_response answer = {.status = 0};
	struct buf authorization = BUF_INIT(512);
	struct httpc_pair header = {"Authorization", NULL};
	struct httpc_request request = {
		.method = method,
		.base = base,
		.path = target,
		.query = params,
		.headers = &header,
		.n_headers = 1,
		.body = body->data,
		.body_len = body->len,
		.content_type = "application/json",
	};
	struct httpc *http = NULL;
	int rc;

	if (query)
		*query++ = '\0';
	request.n_query = split(query, params);
	internal_auth_sign(key, method, path, body->data, body->len, clock_wall_ms(), &authorization);
	header.value = buf_cstr(&authorization);
	rc = httpc_new(&http, &options, err);
	if (rc == 0)
		rc = httpc_call(http, &request, &answer, err);
	if (rc == 0)
		rc = judge(&answer, answer_out, err);
	if (rc < 0)
		err_prefix(err, "%s", base);
	buf_wipe_release(&answer.body); /* a caller's key may stand in it */
	httpc_response_release(&answer);
	httpc_free(&http);
	buf_release(&authorization);
	free(target);
	return rc;
}

int v1_call(const char *internal_keys_file, const char *base, const char *method, const char *path,
	const struct json *body, struct json **answer_out, struct err *err)
{
	struct internal_keys *keys = NULL;
	const struct internal_key *key;
	struct buf text = BUF_INIT(BODY_MAX);
	int rc;

	if (internal_keys_read(internal_keys_file, &keys, err) < 0)
		return err_prefix(err, "WXBUS_INTERNAL_KEYS_FILE");
	key = internal_keys_with(keys, SCOPE_ADMIN);
	if (body)
		json_write(body, &text);
	if (!key)
		rc = err_set(err, ERR_REJECT, 0, "WXBUS_INTERNAL_KEYS_FILE: no key of scope admin");
	else if (text.overflow)
		rc = err_set(err, ERR_REJECT, 0, "the request is too long");
	else
		rc = call(key, base, method, path, &text, answer_out, err);
	buf_release(&text);
	internal_keys_free(&keys);
	return rc;
}

struct json *v1_list(const char *text)
{
	struct json *list = json_new_array();
	size_t len;

	for (; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		json_push(list, json_new_string_len(text, len));
	}
	return list;
}
