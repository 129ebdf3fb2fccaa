#ifndef API_PROXY_REFUSAL_H
#define API_PROXY_REFUSAL_H

#include <stdint.h>

/* Why the proxy itself answers, instead of Weixin. One row each: the name for metrics, the HTTP status, and
 * the body in Weixin's own shape, {"errcode":...,"errmsg":"wxbus: ..."}, with the errcode that Weixin would
 * give for the like, so that SDKs written for Weixin take it rightly. */
/* clang-format off */
/*      symbol                     name              status errcode text */
#define REFUSAL_TABLE(R) \
	R(REFUSAL_NO_KEY,           "no_key",           401, 41001, "a caller's key is needed: Authorization: Bearer KEY") \
	R(REFUSAL_BAD_KEY,          "bad_key",          401, 40001, "no caller has this key") \
	R(REFUSAL_BAD_SECRET,       "bad_secret",       401, 40125, "the secret is not the key of a caller") \
	R(REFUSAL_GRANT_TYPE,       "grant_type",       400, 40002, "grant_type must be client_credential") \
	R(REFUSAL_BAD_TOKEN,        "bad_token",        401, 40001, "the access_token is none that this proxy handed out, or its key is revoked") \
	R(REFUSAL_EXPIRED_TOKEN,    "expired_token",    200, 42001, "the access_token has expired") \
	R(REFUSAL_NO_PERSON,        "no_person",        403, 40001, "a person's own token belongs here, not one of this proxy's") \
	R(REFUSAL_PLATFORMS_API,    "platforms_api",    403, 61014, "this API is the platform's: /platforms/...") \
	R(REFUSAL_NOT_FOUND,        "not_found",        404, 40066, "no such path here: /accounts/APPID/..., /platforms/... or Weixin's own") \
	R(REFUSAL_METHOD,           "method",           405, 43002, "only GET and POST") \
	R(REFUSAL_BAD_PATH,         "bad_path",         400, 40066, "not a path of Weixin's") \
	R(REFUSAL_BAD_REQUEST,      "bad_request",      400, 47001, "malformed request") \
	R(REFUSAL_NO_LENGTH,        "no_length",        411, 47001, "the body's length or chunks are needed") \
	R(REFUSAL_TOO_LARGE,        "too_large",        413, 40006, "bodies are limited to 20 MiB, on the topic to 256 KiB") \
	R(REFUSAL_ACCOUNT,          "account",          403, 48001, "this caller was not granted this account") \
	R(REFUSAL_PATH,             "path",             403, 48001, "this caller was not granted this path") \
	R(REFUSAL_CREDENTIAL,       "credential",       403, 48001, "paths that issue or return credentials are closed") \
	R(REFUSAL_HTTP_ONLY,        "http_only",        403, 48001, "this API can be called over HTTP only: it takes a file, or answers with session keys or codes") \
	R(REFUSAL_COMPONENT,        "component",        403, 61011, "this caller belongs to another platform") \
	R(REFUSAL_IN_FLIGHT,        "in_flight",        429, 45011, "too many calls of this account, caller or address are under way") \
	R(REFUSAL_RATE,             "rate",             429, 45011, "more calls a second than this caller or address may make") \
	R(REFUSAL_STRANGERS,        "strangers",        429, 45011, "too many keys that are no caller's have come from this address, or from all") \
	R(REFUSAL_DAY,              "day",              429, 45009, "this caller's calls of today are used up") \
	R(REFUSAL_ALLOWANCE,        "allowance",        429, 45047, "no customer-service message to this fan is left for this priority") \
	R(REFUSAL_WINDOW,           "window",           429, 45015, "the fan has done nothing lately that allows a customer-service message") \
	R(REFUSAL_PRIORITY,         "priority",         400, 47001, "the priority is agent, service or marketing") \
	R(REFUSAL_NOT_AFTER,        "not_after",        408, 45015, "not_after has passed") \
	R(REFUSAL_UNKNOWN_ACCOUNT,  "unknown_account",  404, 40013, "no such account of this platform") \
	R(REFUSAL_UNAUTHORIZED,     "unauthorized",     403, 61003, "the account has not authorized this platform") \
	R(REFUSAL_NO_API,           "no_api",           403, 61007, "the account granted this platform no API") \
	R(REFUSAL_SETS,             "sets",             403, 61007, "the account granted this platform no permission set that this API needs") \
	R(REFUSAL_KIND,             "kind",             403, 48001, "accounts of this kind do not have this API") \
	R(REFUSAL_QUOTA,            "quota",            429, 45009, "Weixin has said that the account's calls of this API are used up") \
	R(REFUSAL_SPOOL,            "spool",            503, -1,    "no room for the body at this moment") \
	R(REFUSAL_NO_TOKEN,         "no_token",         503, -1,    "no access token can be had at this moment") \
	R(REFUSAL_STORE,            "store",            503, -1,    "the database cannot be reached") \
	R(REFUSAL_NOT_SENT,         "not_sent",         502, -1,    "Weixin cannot be reached; nothing was sent") \
	R(REFUSAL_ANSWER_UNFIT,     "answer_unfit",     502, -1,    "the call was made, but its answer cannot be passed on") \
	R(REFUSAL_UNKNOWN,          "unknown",          504, -1,    "no answer in time: the call may have taken effect")

enum refusal {
	REFUSAL_NONE,
#define R(symbol, name, status, errcode, text) symbol,
	REFUSAL_TABLE(R)
#undef R
	N_REFUSALS
};
/* clang-format on */

struct refusal_row {
	const char *name;
	int status;
	int64_t errcode;
	const char *text; /* with "wxbus: " in front */
};

extern const struct refusal_row refusal_table[N_REFUSALS];

#endif
