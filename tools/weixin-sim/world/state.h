#ifndef WEIXIN_SIM_WORLD_STATE_H
#define WEIXIN_SIM_WORLD_STATE_H

#include "common/json/json.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"
#include "tools/weixin-sim/world/fan.h"
#include "tools/weixin-sim/world/media.h"
#include "tools/weixin-sim/world/names.h"
#include "tools/weixin-sim/world/office.h"
#include "tools/weixin-sim/world/quota.h"
#include "tools/weixin-sim/world/tokens.h"
#include "tools/weixin-sim/world/visit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

/* What Weixin knows: platforms, accounts with their fans, and who has authorized whom. Any thread: take the
 * lock (state_lock()) around every other function and for as long as a pointer from here is used; nothing is
 * kept over an unlock, for a reset may come in between. */

#define FUNC_IDS_MAX 128
#define TICKETS_MAX  80 /* twelve hours of them */
#define URL_MAX      512

struct func_ids {
	int id[FUNC_IDS_MAX];
	size_t n;
};

struct ticket {
	char value[TOKEN_MAX];
	int64_t made_ms;
	int64_t issued_ms; /* the last time */
};

struct platform {
	char component_appid[NAME_MAX_LEN];
	char app_secret[TOKEN_MAX];
	char token[TOKEN_MAX];
	uint8_t key[WEIXIN_KEY_LEN];
	char event_url[URL_MAX];
	char message_url[URL_MAX];          /* with $APPID$ */
	struct ticket tickets[TICKETS_MAX]; /* a ring */
	uint64_t n_tickets;
	char pre_auth_code[TOKEN_MAX]; /* the newest; "" before the first */
	struct json *ip_list;          /* of addresses that may call; NULL: any; owned */
	/* For its mini programs; each NULL before there is something in it; owned. */
	struct json *domains;        /* lists, as the APIs name them */
	struct json *code_drafts;    /* [{"draft_id",...},...] of its console */
	struct json *code_templates; /* [{"template_id",...},...] made from them */
	int64_t last_code_template;  /* ids given so far */
	struct token_owner tokens;
	UT_hash_handle hh;
};

struct account {
	char appid[NAME_MAX_LEN];
	char user_name[NAME_MAX_LEN];
	char nick_name[NAME_MAX_LEN];
	int service_type, verify_type;
	bool miniprogram;
	struct func_ids func_ids; /* what it grants unless told otherwise */
	struct fan *fans;
	struct tags tags;
	struct json *menu;      /* as menu/create got it; NULL: none; owned */
	struct json *templates; /* [{"template_id","title","content"},...] of its console; owned */
	UT_hash_handle hh;
};

/* Of one account to one platform; kept after its end. */
struct authorization {
	char key[2 * NAME_MAX_LEN]; /* component appid/appid */
	char component_appid[NAME_MAX_LEN];
	char appid[NAME_MAX_LEN];
	bool authorized;
	struct func_ids granted;
	int64_t auth_time_ms;
	char refresh_token[TOKEN_MAX];     /* "" until the code was exchanged */
	char old_refresh_token[TOKEN_MAX]; /* replaced by a rotation */
	int64_t old_refresh_until_ms;
	struct token_owner tokens;
	UT_hash_handle hh;
};

struct code {
	char value[TOKEN_MAX];
	char key[2 * NAME_MAX_LEN]; /* of its authorization */
	int64_t expires_ms;
	bool reusable;
	bool used;
	UT_hash_handle hh;
};

struct rules {
	int64_t token_life_ms, token_overlap_ms, code_life_ms, ticket_life_ms, preauth_life_ms, media_life_ms;
	bool code_reusable, refresh_token_rotates;
	struct allowance_rules allowance;
};

struct state {
	pthread_mutex_t lock;
	pthread_cond_t received; /* a fan got a message */
	struct rules rules;
	struct platform *platforms;
	struct account *accounts;
	struct authorization *authorizations;
	struct code *codes;
	struct visits visits;
	struct office office;
	struct quotas quotas;
	struct media_store media;
	struct tokens tokens;
};

void state_init(struct state *s, const struct rules *rules);
void state_release(struct state *s);
void state_lock(struct state *s);
void state_unlock(struct state *s);
void state_forget(struct state *s); /* everything but the rules */

/* NULL: unknown. */
struct platform *state_platform(const struct state *s, const char *component_appid);
struct account *state_account(const struct state *s, const char *appid);
struct authorization *state_authorization(
	const struct state *s, const char *component_appid, const char *appid);
struct fan *state_fan(const struct account *a, const char *openid);
/* Made if unknown. */
struct platform *state_put_platform(struct state *s, const char *component_appid);
struct account *state_put_account(struct state *s, const char *appid);
struct fan *state_put_fan(struct account *a, const char *openid);

bool func_ids_equal(const struct func_ids *a, const struct func_ids *b); /* as sets */
bool func_ids_has(const struct func_ids *f, int id);

/* A ticket of now: a new value or, with `same`, the last one again. */
const char *state_new_ticket(struct platform *p, bool same, int64_t now_ms);
int state_check_ticket(const struct state *s, const struct platform *p, const char *ticket,
	int64_t now_ms);                                 /* or an errcode */
const char *state_last_ticket(const struct platform *p); /* "" before the first */
/* Since the last one got its value. */
int64_t state_ticket_age_ms(const struct platform *p, int64_t now_ms);
void state_new_pre_auth_code(struct platform *p);

const struct token_info *state_new_component_token(struct state *s, struct platform *p, int64_t now_ms);

/* The account's administrator consents: old tokens and the refresh token end now, a code is made. `reusable`
 * -1: as the rules say. */
const struct code *state_authorize(struct state *s, const struct platform *p, const struct account *a,
	const struct func_ids *granted, int reusable, int64_t now_ms);
void state_unauthorize(struct authorization *auth, int64_t now_ms);

/* 0 or an errcode; then *auth_out has a new token (tokens_current()) and a refresh token. */
int state_exchange(struct state *s, const struct platform *p, const char *code, int64_t now_ms,
	struct authorization **auth_out);
int state_refresh(struct state *s, const struct platform *p, const char *appid, const char *refresh_token,
	int64_t now_ms, struct authorization **auth_out);

#endif
