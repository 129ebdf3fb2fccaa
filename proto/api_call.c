#include "proto/api_call.h"

#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/fields.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define PATH_MAX_BYTES   1024
#define METHOD_MAX_BYTES 4
#define ID_MAX_BYTES     4096 /* as long as the header ce_id may be */
#define ERRMSG_MAX_BYTES (64 * 1024)

#define N(table) (sizeof(table) / sizeof((table)[0]))

static struct json *copy_or_null(const struct json *j)
{
	return j ? json_copy(j) : json_new_null();
}

/* Requests */

void api_request_encode(const struct api_request *r, struct buf *out)
{
	struct json *j = json_new_object();

	json_set_str(j, "component_appid", r->component_appid);
	json_set_str(j, "appid", *r->appid ? r->appid : NULL);
	json_set_str(j, "method", r->method);
	json_set_str(j, "path", r->path);
	json_set(j, "query", r->query ? json_copy(r->query) : json_new_object());
	json_set(j, "body", copy_or_null(r->body));
	json_set_bool(j, "idempotent", r->idempotent);
	if (r->not_after_ms)
		fields_set_time(j, "not_after", r->not_after_ms);
	json_write(j, out);
	json_free(&j);
}

static int take_method(const struct json *j, struct api_request *r, struct err *err)
{
	if (fields_str(j, "method", METHOD_MAX_BYTES, &r->method, err) < 0)
		return -1;
	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "POST") != 0)
		return err_set(err, ERR_REJECT, 0, "method must be GET or POST");
	return 0;
}

/* Which paths may be called is api-proxy's to judge, the same way at both of its doors. */
static int take_path(const struct json *j, struct api_request *r, struct err *err)
{
	if (fields_str(j, "path", PATH_MAX_BYTES, &r->path, err) < 0)
		return -1;
	if (*r->path != '/')
		return err_set(err, ERR_REJECT, 0, "path must begin with \"/\"");
	return 0;
}

static int take_query(const struct json *j, struct api_request *r, struct err *err)
{
	const struct json *query, *value;
	const char *key;
	size_t it = 0;

	if (fields_object_or_null(j, "query", &query, err) < 0)
		return -1;
	while (query && json_next(query, &it, &key, &value))
		if (json_kind(value) != JSON_STRING)
			return err_set(err, ERR_REJECT, 0, "query must hold strings only");
	r->query = json_len(query) ? json_copy(query) : NULL;
	return 0;
}

static int take_body(const struct json *j, struct api_request *r, struct err *err)
{
	const struct json *body;

	if (fields_object_or_null(j, "body", &body, err) < 0)
		return -1;
	r->body = body ? json_copy(body) : NULL;
	return 0;
}

static int take_not_after(const struct json *j, struct api_request *r, struct err *err)
{
	enum json_kind kind = json_kind(json_get(j, "not_after"));

	if (kind == JSON_ABSENT || kind == JSON_NULL)
		return 0;
	if (fields_time(j, "not_after", &r->not_after_ms, err) < 0)
		return -1;
	/* 0 stands for "none"; whoever names the first moment of 1970 means "too late". */
	if (r->not_after_ms == 0)
		r->not_after_ms = 1;
	return 0;
}

static int take_request(const struct json *j, struct api_request *r, struct err *err)
{
	int rc;

	if ((rc = fields_appid(j, "component_appid", false, r->component_appid, err)) < 0 ||
		(rc = fields_appid(j, "appid", true, r->appid, err)) < 0 ||
		(rc = take_method(j, r, err)) < 0 || (rc = take_path(j, r, err)) < 0 ||
		(rc = take_query(j, r, err)) < 0 || (rc = take_body(j, r, err)) < 0)
		return rc;
	/* Absent means the careful answer: not harmless to repeat. */
	if (json_get(j, "idempotent") && (rc = fields_bool(j, "idempotent", &r->idempotent, err)) < 0)
		return rc;
	return take_not_after(j, r, err);
}

int api_request_parse(const void *value, size_t len, struct api_request **out, struct err *err)
{
	struct api_request *r = xcalloc(1, sizeof(*r));
	struct json *j = NULL;
	int rc;

	if ((rc = fields_parse(value, len, &j, err)) < 0 || (rc = take_request(j, r, err)) < 0)
		goto out;
	*out = r;
	r = NULL;
out:
	api_request_free(&r);
	json_free(&j);
	return rc;
}

void api_request_free(struct api_request **rp)
{
	struct api_request *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	free(r->method);
	free(r->path);
	json_free(&r->query);
	json_free(&r->body);
	free(r);
}

/* Results */

static const char *const outcome_names[] = {
	[API_OK] = "ok",
	[API_REJECTED] = "rejected",
	[API_UNKNOWN] = "unknown",
};

const char *api_outcome_name(enum api_outcome o)
{
	return outcome_names[o];
}

void api_result_encode(const struct api_result *r, struct buf *out)
{
	struct json *j = json_new_object();

	json_set_str(j, "request_id", r->request_id);
	json_set_str(j, "outcome", outcome_names[r->outcome]);
	json_set_int(j, "errcode", r->errcode);
	json_set_str(j, "errmsg", r->errmsg ? r->errmsg : "");
	json_set_int(j, "http_status", r->http_status);
	json_set(j, "body", copy_or_null(r->body));
	json_set_int(j, "attempts", r->attempts);
	if (r->truncated)
		json_set_bool(j, "truncated", true);
	json_write(j, out);
	json_free(&j);
}

static int take_request_id(const struct json *j, struct api_result *r, struct err *err)
{
	if (fields_str(j, "request_id", ID_MAX_BYTES, &r->request_id, err) < 0)
		return -1;
	if (!*r->request_id)
		return err_set(err, ERR_REJECT, 0, "request_id must not be empty");
	return 0;
}

static int take_numbers(const struct json *j, struct api_result *r, struct err *err)
{
	int64_t status, attempts;

	if (fields_int(j, "errcode", INT64_MIN, INT64_MAX, &r->errcode, err) < 0 ||
		fields_int(j, "http_status", 0, 999, &status, err) < 0 ||
		fields_int(j, "attempts", 0, INT32_MAX, &attempts, err) < 0)
		return -1;
	r->http_status = (long)status;
	r->attempts = (int)attempts;
	return 0;
}

static int take_result(const struct json *j, struct api_result *r, struct err *err)
{
	const struct json *body = json_get(j, "body");
	int outcome;

	if (take_request_id(j, r, err) < 0 ||
		fields_choice(j, "outcome", outcome_names, N(outcome_names), "ok, rejected or unknown",
			&outcome, err) < 0 ||
		take_numbers(j, r, err) < 0 ||
		fields_str_or_null(j, "errmsg", ERRMSG_MAX_BYTES, &r->errmsg, err) < 0)
		return -1;
	r->outcome = (enum api_outcome)outcome;
	if (!r->errmsg)
		r->errmsg = xstrdup("");
	if (body && json_kind(body) != JSON_NULL)
		r->body = json_copy(body);
	return json_get(j, "truncated") ? fields_bool(j, "truncated", &r->truncated, err) : 0;
}

int api_result_parse(const void *value, size_t len, struct api_result **out, struct err *err)
{
	struct api_result *r = xcalloc(1, sizeof(*r));
	struct json *j = NULL;
	int rc;

	if ((rc = fields_parse(value, len, &j, err)) < 0 || (rc = take_result(j, r, err)) < 0)
		goto out;
	*out = r;
	r = NULL;
out:
	api_result_free(&r);
	json_free(&j);
	return rc;
}

void api_result_free(struct api_result **rp)
{
	struct api_result *r = *rp;

	*rp = NULL;
	if (!r)
		return;
	free(r->request_id);
	free(r->errmsg);
	json_free(&r->body);
	free(r);
}

/* Signatures */

void api_call_sign(const char *caller_key, const char *id, const char *reply_to, const char *priority,
	const void *key, size_t key_len, const void *value, size_t value_len, char out[65])
{
	const struct str parts[] = {
		str_of(id), str_of(reply_to), str_of(priority), {key, key_len}, {value, value_len}};
	struct crypto_piece pieces[2 * N(parts)];
	uint8_t lengths[N(parts)][4], digest[CRYPTO_SHA256_LEN];
	size_t i;

	for (i = 0; i < N(parts); i++) {
		assert(parts[i].len <= UINT32_MAX);
		lengths[i][0] = (uint8_t)(parts[i].len >> 24);
		lengths[i][1] = (uint8_t)(parts[i].len >> 16);
		lengths[i][2] = (uint8_t)(parts[i].len >> 8);
		lengths[i][3] = (uint8_t)parts[i].len;
		pieces[2 * i] = (struct crypto_piece){lengths[i], sizeof(lengths[i])};
		pieces[2 * i + 1] = (struct crypto_piece){parts[i].p, parts[i].len};
	}
	crypto_hmac_sha256(caller_key, strlen(caller_key), pieces, N(pieces), digest);
	str_hex(digest, sizeof(digest), out);
}

/* Credentials */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The path as a lenient server might read it: percent signs decoded, slashes not doubled, none at the end,
 * and no query, fragment or parameters. */
static void plain_path(const char *path, char *out, size_t size)
{
	size_t n = 0;

	for (; *path && n < size - 1; path++) {
		char c = *path;

		if (c == '?' || c == '#' || c == ';')
			break;
		if (c == '%' && hex_value(path[1]) >= 0 && hex_value(path[2]) >= 0) {
			c = (char)(hex_value(path[1]) << 4 | hex_value(path[2]));
			path += 2;
		}
		if (c == '/' && n && out[n - 1] == '/')
			continue;
		out[n++] = c;
	}
	while (n && out[n - 1] == '/')
		n--;
	out[n] = '\0';
}

int api_path_is_credential(const char *path)
{
	static const char *const credential[] = {
		"/cgi-bin/token", "/cgi-bin/stable_token", "/cgi-bin/component/api_start_push_ticket",
		"/cgi-bin/component/api_component_token", "/cgi-bin/component/api_create_preauthcode",
		"/cgi-bin/component/api_query_auth", "/cgi-bin/component/api_authorizer_token",
		"/cgi-bin/component/api_get_authorizer_list", /* with each account's refresh token */
		"/cgi-bin/component/api_get_authorizer_info", /* with the account's */
	};
	char plain[128]; /* longer than any of these; a longer path is none */
	size_t i;

	plain_path(path, plain, sizeof(plain));
	for (i = 0; i < N(credential); i++)
		if (strcasecmp(plain, credential[i]) == 0)
			return 1;
	return 0;
}
