#include "tools/weixin-sim/world/state.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

void state_init(struct state *s, const struct rules *rules)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	clock_cond_init(&s->received);
	s->rules = *rules;
}

void state_release(struct state *s)
{
	state_forget(s);
	pthread_cond_destroy(&s->received);
	pthread_mutex_destroy(&s->lock);
}

void state_lock(struct state *s)
{
	pthread_mutex_lock(&s->lock);
}

void state_unlock(struct state *s)
{
	pthread_mutex_unlock(&s->lock);
}

static void forget_accounts(struct state *s)
{
	struct account *a, *next;

	HASH_ITER (hh, s->accounts, a, next) {
		struct fan *f, *next_fan;

		HASH_ITER (hh, a->fans, f, next_fan) {
			HASH_DEL(a->fans, f);
			fan_free(&f);
		}
		HASH_DEL(s->accounts, a);
		json_free(&a->menu);
		json_free(&a->templates);
		free(a);
	}
}

void state_forget(struct state *s)
{
	struct platform *p, *next_platform;
	struct authorization *auth, *next_auth;
	struct code *c, *next_code;

	HASH_ITER (hh, s->platforms, p, next_platform) {
		HASH_DEL(s->platforms, p);
		json_free(&p->ip_list);
		json_free(&p->domains);
		json_free(&p->code_drafts);
		json_free(&p->code_templates);
		free(p);
	}
	HASH_ITER (hh, s->authorizations, auth, next_auth) {
		HASH_DEL(s->authorizations, auth);
		free(auth);
	}
	HASH_ITER (hh, s->codes, c, next_code) {
		HASH_DEL(s->codes, c);
		free(c);
	}
	visits_release(&s->visits);
	office_release(&s->office);
	quotas_release(&s->quotas);
	media_release(&s->media);
	forget_accounts(s);
	tokens_release(&s->tokens);
}

struct platform *state_platform(const struct state *s, const char *component_appid)
{
	struct platform *p;

	HASH_FIND_STR(s->platforms, component_appid, p);
	return p;
}

struct account *state_account(const struct state *s, const char *appid)
{
	struct account *a;

	HASH_FIND_STR(s->accounts, appid, a);
	return a;
}

static void authorization_key(char *out, size_t size, const char *component_appid, const char *appid)
{
	snprintf(out, size, "%s/%s", component_appid, appid);
}

struct authorization *state_authorization(
	const struct state *s, const char *component_appid, const char *appid)
{
	char key[2 * NAME_MAX_LEN];
	struct authorization *auth;

	authorization_key(key, sizeof(key), component_appid, appid);
	HASH_FIND_STR(s->authorizations, key, auth);
	return auth;
}

struct fan *state_fan(const struct account *a, const char *openid)
{
	struct fan *f;

	HASH_FIND_STR(a->fans, openid, f);
	return f;
}

struct platform *state_put_platform(struct state *s, const char *component_appid)
{
	struct platform *p = state_platform(s, component_appid);

	if (p)
		return p;
	p = xcalloc(1, sizeof(*p));
	str_copy(p->component_appid, sizeof(p->component_appid), component_appid);
	HASH_ADD_STR(s->platforms, component_appid, p);
	return p;
}

struct account *state_put_account(struct state *s, const char *appid)
{
	struct account *a = state_account(s, appid);

	if (a)
		return a;
	a = xcalloc(1, sizeof(*a));
	str_copy(a->appid, sizeof(a->appid), appid);
	HASH_ADD_STR(s->accounts, appid, a);
	return a;
}

struct fan *state_put_fan(struct account *a, const char *openid)
{
	struct fan *f = state_fan(a, openid);

	if (f)
		return f;
	f = fan_new(openid, clock_wall_ms());
	HASH_ADD_STR(a->fans, openid, f);
	return f;
}

bool func_ids_has(const struct func_ids *f, int id)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->id[i] == id)
			return true;
	return false;
}

static bool includes(const struct func_ids *a, const struct func_ids *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!func_ids_has(a, b->id[i]))
			return false;
	return true;
}

bool func_ids_equal(const struct func_ids *a, const struct func_ids *b)
{
	return includes(a, b) && includes(b, a);
}

int64_t state_ticket_age_ms(const struct platform *p, int64_t now_ms)
{
	return p->n_tickets ? now_ms - p->tickets[(p->n_tickets - 1) % TICKETS_MAX].made_ms : INT64_MAX;
}

const char *state_last_ticket(const struct platform *p)
{
	return p->n_tickets ? p->tickets[(p->n_tickets - 1) % TICKETS_MAX].value : "";
}

const char *state_new_ticket(struct platform *p, bool same, int64_t now_ms)
{
	struct ticket *last = p->n_tickets ? &p->tickets[(p->n_tickets - 1) % TICKETS_MAX] : NULL;
	struct ticket *t;

	if (same && last) {
		last->issued_ms = now_ms;
		return last->value;
	}
	t = &p->tickets[p->n_tickets++ % TICKETS_MAX];
	str_copy(t->value, sizeof(t->value), "ticket@@@");
	weixin_random_text(t->value + strlen("ticket@@@"), 86);
	t->made_ms = t->issued_ms = now_ms;
	return t->value;
}

int state_check_ticket(const struct state *s, const struct platform *p, const char *ticket, int64_t now_ms)
{
	for (size_t i = 0; i < TICKETS_MAX; i++) {
		const struct ticket *t = &p->tickets[i];

		if (t->value[0] == '\0' || strcmp(t->value, ticket) != 0)
			continue;
		return now_ms < t->issued_ms + s->rules.ticket_life_ms ? 0 : 61005;
	}
	return 61006;
}

void state_new_pre_auth_code(struct platform *p)
{
	str_copy(p->pre_auth_code, sizeof(p->pre_auth_code), "preauthcode@@@");
	weixin_random_text(p->pre_auth_code + strlen("preauthcode@@@"), 86);
}

const struct token_info *state_new_component_token(struct state *s, struct platform *p, int64_t now_ms)
{
	return tokens_issue(&s->tokens, &p->tokens, TOKEN_COMPONENT, p->component_appid, "", now_ms,
		s->rules.token_life_ms, s->rules.token_overlap_ms);
}

static struct authorization *put_authorization(
	struct state *s, const struct platform *p, const struct account *a)
{
	struct authorization *auth = state_authorization(s, p->component_appid, a->appid);

	if (auth)
		return auth;
	auth = xcalloc(1, sizeof(*auth));
	authorization_key(auth->key, sizeof(auth->key), p->component_appid, a->appid);
	str_copy(auth->component_appid, sizeof(auth->component_appid), p->component_appid);
	str_copy(auth->appid, sizeof(auth->appid), a->appid);
	HASH_ADD_STR(s->authorizations, key, auth);
	return auth;
}

static void end_credentials(struct authorization *auth, int64_t now_ms)
{
	tokens_end(&auth->tokens, now_ms, 40001);
	auth->refresh_token[0] = '\0';
	auth->old_refresh_token[0] = '\0';
}

const struct code *state_authorize(struct state *s, const struct platform *p, const struct account *a,
	const struct func_ids *granted, int reusable, int64_t now_ms)
{
	struct authorization *auth = put_authorization(s, p, a);
	struct code *c = xcalloc(1, sizeof(*c));

	end_credentials(auth, now_ms);
	auth->authorized = true;
	auth->auth_time_ms = now_ms;
	auth->granted = *granted;
	str_copy(c->value, sizeof(c->value), "queryauthcode@@@");
	weixin_random_text(c->value + strlen("queryauthcode@@@"), 86);
	str_copy(c->key, sizeof(c->key), auth->key);
	c->expires_ms = now_ms + s->rules.code_life_ms;
	c->reusable = reusable < 0 ? s->rules.code_reusable : reusable != 0;
	HASH_ADD_STR(s->codes, value, c);
	return c;
}

void state_unauthorize(struct authorization *auth, int64_t now_ms)
{
	end_credentials(auth, now_ms);
	auth->authorized = false;
}

static void new_access_token(struct state *s, struct authorization *auth, int64_t now_ms)
{
	tokens_issue(&s->tokens, &auth->tokens, TOKEN_AUTHORIZER, auth->component_appid, auth->appid, now_ms,
		s->rules.token_life_ms, s->rules.token_overlap_ms);
}

static void new_refresh_token(struct authorization *auth)
{
	str_copy(auth->refresh_token, sizeof(auth->refresh_token), "refreshtoken@@@");
	weixin_random_text(auth->refresh_token + strlen("refreshtoken@@@"), 43);
}

static int find_code(
	struct state *s, const struct platform *p, const char *value, int64_t now_ms, struct code **out)
{
	struct authorization *auth;
	struct code *c;

	HASH_FIND_STR(s->codes, value, c);
	if (!c)
		return 61009;
	HASH_FIND_STR(s->authorizations, c->key, auth);
	if (!auth || strcmp(auth->component_appid, p->component_appid) != 0)
		return 61009;
	if (!auth->authorized)
		return 61003;
	if (c->used && !c->reusable)
		return 61009;
	if (now_ms >= c->expires_ms)
		return 61010;
	*out = c;
	return 0;
}

int state_exchange(struct state *s, const struct platform *p, const char *code, int64_t now_ms,
	struct authorization **auth_out)
{
	struct code *c = NULL;
	int errcode = find_code(s, p, code, now_ms, &c);

	if (errcode)
		return errcode;
	HASH_FIND_STR(s->authorizations, c->key, *auth_out);
	c->used = true;
	new_access_token(s, *auth_out, now_ms);
	if ((*auth_out)->refresh_token[0] == '\0')
		new_refresh_token(*auth_out);
	return 0;
}

static bool refresh_token_is_good(const struct authorization *auth, const char *token, int64_t now_ms)
{
	if (token[0] == '\0')
		return false;
	if (strcmp(auth->refresh_token, token) == 0)
		return true;
	return strcmp(auth->old_refresh_token, token) == 0 && now_ms < auth->old_refresh_until_ms;
}

int state_refresh(struct state *s, const struct platform *p, const char *appid, const char *refresh_token,
	int64_t now_ms, struct authorization **auth_out)
{
	struct authorization *auth = state_authorization(s, p->component_appid, appid);

	if (!auth || !auth->authorized)
		return 61003;
	if (!refresh_token_is_good(auth, refresh_token, now_ms))
		return 61023;
	if (s->rules.refresh_token_rotates) {
		str_copy(auth->old_refresh_token, sizeof(auth->old_refresh_token), auth->refresh_token);
		auth->old_refresh_until_ms = now_ms + s->rules.token_overlap_ms;
		new_refresh_token(auth);
	}
	new_access_token(s, auth, now_ms);
	*auth_out = auth;
	return 0;
}
