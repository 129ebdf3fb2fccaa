#ifndef API_PROXY_CALLS_ROUTE_H
#define API_PROXY_CALLS_ROUTE_H

#include "common/base/arena.h"
#include "common/httpc/httpc.h"
#include "common/httpd/query.h"
#include "proto/platforms.h"
#include "services/api-proxy/refusal.h"

#include <stdbool.h>

/* Where a request wants to go, read from bytes of strangers. Pure functions. */
struct route {
	char appid[APPID_MAX + 1]; /* "": a call of the platform itself */
	const char *path;          /* Weixin's own, borrowed from the request's path */
};

/* "/accounts/{appid}/{weixin path}" or "/platforms/{weixin path}", as sent. REFUSAL_NOT_FOUND or what
 * route_judge_path() says. */
enum refusal route_parse(const char *request_path, struct route *out);

/* May this path of Weixin's be called at all? Only letters, digits and "/._-" (Weixin uses no others, so
 * nothing has to be decoded to be judged), the rules of httpc_path_check(), and no credentials:
 * REFUSAL_BAD_PATH, REFUSAL_CREDENTIAL. */
enum refusal route_judge_path(const char *path);

/* Paths whose answers carry session keys, which must not stand on a topic, or whose bodies are files. */
bool route_is_http_only(const char *path);

/* Does this (decoded) name of a query parameter stand for a token? Whatever its case and blanks. */
bool route_is_token(const char *name);

/* The query as sent, decoded into `pairs` (room for ROUTE_QUERY_MAX; text in the arena), less every token;
 * the value of access_token, if there is one, into *token_out (which may be NULL), else NULL. `query` NULL:
 * none. REFUSAL_BAD_REQUEST: what query_parse() refuses. */
#define ROUTE_QUERY_MAX QUERY_PARAMS_MAX
enum refusal route_read_query(const char *query, struct arena *arena, struct httpc_pair *pairs, size_t *n_out,
	const char **token_out);

/* The query parameter in which Weixin expects the platform's token on this path, or an account's on any.
 * Component APIs know both names; the older one is accepted everywhere. Source:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/ThirdParty/token/component_access_token.html
 */
const char *route_token_parameter(const char *path, bool platform);

#endif
