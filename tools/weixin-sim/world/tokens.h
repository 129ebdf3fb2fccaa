#ifndef WEIXIN_SIM_WORLD_TOKENS_H
#define WEIXIN_SIM_WORLD_TOKENS_H

#include "tools/weixin-sim/world/names.h"

#include <stdint.h>

/* Access tokens and what has become of them. An old token is kept with the errcode that it answers, for
 * Weixin tells an expired token from a replaced one. The caller locks.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizeraccesstoken.html */
enum token_kind { TOKEN_COMPONENT, TOKEN_AUTHORIZER };

struct token;
struct tokens {
	struct token *by_value;
};

/* Tokens of one platform, or of one authorization; newest first. Owned by `struct tokens`. */
struct token_owner {
	struct token *newest;
};

struct token_info {
	char value[TOKEN_MAX];
	enum token_kind kind;
	char component_appid[NAME_MAX_LEN];
	char appid[NAME_MAX_LEN]; /* "" for a component token */
	int64_t expires_ms;       /* wall clock */
};

void tokens_release(struct tokens *t);

/* A new token; the owner's older ones work until `now_ms + overlap_ms` at most and answer 40001 afterwards.
 */
const struct token_info *tokens_issue(struct tokens *t, struct token_owner *owner, enum token_kind kind,
	const char *component_appid, const char *appid, int64_t now_ms, int64_t life_ms, int64_t overlap_ms);

/* From `from_ms` on all of the owner's tokens answer `errcode`, unless they have already ended. */
void tokens_end(struct token_owner *owner, int64_t from_ms, int errcode);

/* 0 and *out, or the errcode: 40001 unknown or replaced, 42001 past its time, or what tokens_end() said. *out
 * is set for every known token, and NULL otherwise. */
int tokens_check(const struct tokens *t, const char *value, int64_t now_ms, const struct token_info **out);

/* The newest token that is still valid; NULL: none. */
const struct token_info *tokens_current(const struct token_owner *owner, int64_t now_ms);

#endif
