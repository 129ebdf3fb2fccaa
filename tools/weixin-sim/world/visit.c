#include "tools/weixin-sim/world/visit.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

struct visit *visits_add(struct visits *v, enum visit_kind kind, const char *code, int64_t expires_ms)
{
	struct visit *visit = xcalloc(1, sizeof(*visit));

	if (code)
		str_copy(visit->code, sizeof(visit->code), code);
	else
		weixin_random_text(visit->code, 32);
	visit->kind = kind;
	visit->expires_ms = expires_ms;
	HASH_ADD_STR(v->by_code, code, visit);
	return visit;
}

struct visit *visits_find(struct visits *v, enum visit_kind kind, const char *code)
{
	struct visit *visit;

	HASH_FIND_STR(v->by_code, code, visit);
	return visit && visit->kind == kind ? visit : NULL;
}

struct visit *visits_find_token(struct visits *v, const char *token)
{
	struct visit *visit, *next;

	HASH_ITER (hh, v->by_code, visit, next) {
		if (visit->kind == VISIT_WEB && visit->token[0] && strcmp(visit->token, token) == 0)
			return visit;
	}
	return NULL;
}

struct visit *visits_find_refresh_token(struct visits *v, const char *refresh_token)
{
	struct visit *visit, *next;

	HASH_ITER (hh, v->by_code, visit, next) {
		if (visit->kind == VISIT_WEB && visit->refresh_token[0] &&
			strcmp(visit->refresh_token, refresh_token) == 0)
			return visit;
	}
	return NULL;
}

void visits_release(struct visits *v)
{
	struct visit *visit, *next;

	HASH_ITER (hh, v->by_code, visit, next) {
		HASH_DEL(v->by_code, visit);
		free(visit);
	}
}
