#ifndef PROTO_API_CALL_H
#define PROTO_API_CALL_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/json/json.h"
#include "proto/envelope.h"
#include "proto/platforms.h"

#include <stdbool.h>
#include <stdint.h>

/* A call to Weixin over Kafka (topic `api-requests`) and its result.
 * Request: {"component_appid","appid"|null,"method","path","query":{},"body":{}|null,"idempotent":bool,
 * "not_after"?}; not_after is an RFC 3339 time. Parsers: ERR_REJECT names the field that is wrong; appid,
 * query, body, idempotent (false) and not_after may be left out. Which paths may be called is not judged
 * here. */
struct api_request {
	char component_appid[APPID_MAX + 1];
	char appid[APPID_MAX + 1]; /* "": a call of the platform itself */
	char *method;              /* GET or POST */
	char *path;                /* Weixin's own, "/cgi-bin/message/custom/send" */
	struct json *query;        /* object of strings; NULL: none */
	struct json *body;         /* NULL: none */
	bool idempotent;           /* the caller says that repeating is harmless */
	int64_t not_after_ms;      /* wall clock; 0: none */
};
void api_request_encode(const struct api_request *r, struct buf *out);
int api_request_parse(const void *value, size_t len, struct api_request **out, struct err *err);
void api_request_free(struct api_request **r);

/* Result: {"request_id","outcome":"ok|rejected|unknown","errcode","errmsg","http_status","body","attempts",
 * "truncated"?} */
enum api_outcome { API_OK, API_REJECTED, API_UNKNOWN };
struct api_result {
	char *request_id;
	enum api_outcome outcome;
	int64_t errcode;
	char *errmsg;
	long http_status;  /* 0: no answer */
	struct json *body; /* NULL: none */
	int attempts;
	bool truncated;
};
void api_result_encode(const struct api_result *r, struct buf *out);
int api_result_parse(const void *value, size_t len, struct api_result **out, struct err *err);
void api_result_free(struct api_result **r);
const char *api_outcome_name(enum api_outcome o);

/* ce_callersignature: hex HMAC-SHA-256 with the caller's key (its text) over ce_id, ce_replyto, ce_priority,
 * record key and value, each preceded by its length as 4 bytes, big endian; an absent one counts as empty. */
void api_call_sign(const char *caller_key, const char *id, const char *reply_to, const char *priority,
	const void *key, size_t key_len, const void *value, size_t value_len, char out[65]);

/* What only token-service may call: paths that issue or return credentials of platforms or accounts, however
 * they are written (case, doubled and last slashes, percent signs). Shared by api-proxy's both doors. 1:
 * forbidden. */
int api_path_is_credential(const char *path);

#endif
