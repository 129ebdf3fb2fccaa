#ifndef WEIXIN_SIM_WORLD_VISIT_H
#define WEIXIN_SIM_WORLD_VISIT_H

#include "tools/weixin-sim/world/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

/* People at Weixin's doors: the pre-auth codes that platforms asked for, and the codes that visitors of web
 * pages and users of mini programs carry. The caller locks (struct state). */
enum visit_kind { VISIT_PRE_AUTH, VISIT_WEB, VISIT_LOGIN };

struct visit {
	char code[TOKEN_MAX];
	enum visit_kind kind;
	char component_appid[NAME_MAX_LEN]; /* VISIT_LOGIN: "" */
	char appid[NAME_MAX_LEN];           /* VISIT_PRE_AUTH: "" */
	char openid[NAME_MAX_LEN];
	char scope[32];        /* VISIT_WEB */
	char token[TOKEN_MAX]; /* VISIT_WEB: what it was exchanged for; "" before */
	int64_t token_expires_ms;
	char refresh_token[TOKEN_MAX]; /* the same */
	int64_t refresh_expires_ms;
	int64_t expires_ms; /* the code's */
	bool used;
	UT_hash_handle hh;
};

struct visits {
	struct visit *by_code;
};

/* `code` NULL: a new one. */
struct visit *visits_add(struct visits *v, enum visit_kind kind, const char *code, int64_t expires_ms);
struct visit *visits_find(struct visits *v, enum visit_kind kind, const char *code);
struct visit *visits_find_token(struct visits *v, const char *token);
struct visit *visits_find_refresh_token(struct visits *v, const char *refresh_token);
void visits_release(struct visits *v);

#endif
