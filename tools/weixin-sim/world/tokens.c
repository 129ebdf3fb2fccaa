#include "tools/weixin-sim/world/tokens.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/base/banned.h"

#define RANDOM_PART 120

struct token {
	struct token_info info;
	int64_t ends_ms;  /* earlier than expires_ms: replaced or taken back */
	int ends_errcode; /* what it answers from ends_ms on */
	struct token *older;
	UT_hash_handle hh;
};

void tokens_release(struct tokens *t)
{
	struct token *token, *next;

	HASH_ITER (hh, t->by_value, token, next) {
		HASH_DEL(t->by_value, token);
		free(token);
	}
}

void tokens_end(struct token_owner *owner, int64_t from_ms, int errcode)
{
	for (struct token *t = owner->newest; t; t = t->older) {
		if (t->ends_ms <= from_ms)
			continue;
		t->ends_ms = from_ms;
		t->ends_errcode = errcode;
	}
}

const struct token_info *tokens_issue(struct tokens *t, struct token_owner *owner, enum token_kind kind,
	const char *component_appid, const char *appid, int64_t now_ms, int64_t life_ms, int64_t overlap_ms)
{
	struct token *token = xcalloc(1, sizeof(*token));

	tokens_end(owner, now_ms + overlap_ms, 40001);
	str_copy(token->info.value, sizeof(token->info.value), "61_");
	weixin_random_text(token->info.value + 3, RANDOM_PART);
	token->info.kind = kind;
	str_copy(token->info.component_appid, sizeof(token->info.component_appid), component_appid);
	str_copy(token->info.appid, sizeof(token->info.appid), appid);
	token->info.expires_ms = now_ms + life_ms;
	token->ends_ms = token->info.expires_ms;
	token->ends_errcode = 42001;
	token->older = owner->newest;
	owner->newest = token;
	HASH_ADD_STR(t->by_value, info.value, token);
	return &token->info;
}

int tokens_check(const struct tokens *t, const char *value, int64_t now_ms, const struct token_info **out)
{
	struct token *token;

	HASH_FIND_STR(t->by_value, value, token);
	*out = token ? &token->info : NULL;
	if (!token)
		return 40001;
	return now_ms >= token->ends_ms ? token->ends_errcode : 0;
}

const struct token_info *tokens_current(const struct token_owner *owner, int64_t now_ms)
{
	const struct token *token = owner->newest;

	return token && now_ms < token->ends_ms ? &token->info : NULL;
}
