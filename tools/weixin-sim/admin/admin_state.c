#include "tools/weixin-sim/admin/admin.h"

#include "common/base/clock.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define WAIT_MAX_MS   60000
#define OFFSET_MAX_MS INT64_C(315360000000) /* ten years */

int admin_healthz(struct admin_call *call)
{
	(void)call;
	return 200;
}

int admin_reset(struct admin_call *call)
{
	state_lock(&call->sim->state);
	state_forget(&call->sim->state);
	state_unlock(&call->sim->state);
	faults_clear(&call->sim->faults);
	delivery_forget(&call->sim->delivery);
	atomic_store(&call->sim->clock_offset_ms, 0);
	record_forget(&call->sim->record);
	return 200;
}

/* A URL that may be left out. */
static int read_url(struct admin_call *call, const char *name, const char **out)
{
	const char *host;

	*out = "";
	if (!json_get(call->body, name))
		return 0;
	if (admin_str(call, name, URL_MAX, out) != 0)
		return 400;
	host = strstr(*out, "://");
	if ((!str_starts_with(*out, "http://") && !str_starts_with(*out, "https://")) ||
		strpbrk(*out, "?#@") || !strchr(host + 3, '/'))
		return admin_refuse(
			call, 400, "%s is no http:// or https:// URL with a path and no query", name);
	return 0;
}

/* The platform's white list of addresses; without it any may call. */
static int check_ip_list(struct admin_call *call)
{
	const struct json *list = json_get(call->body, "ip_list");

	if (list && json_kind(list) != JSON_ARRAY)
		return admin_refuse(call, 400, "ip_list is no list");
	for (size_t i = 0; i < json_len(list); i++)
		if (!json_str(json_at(list, i)))
			return admin_refuse(call, 400, "ip_list holds something else than addresses");
	return 0;
}

static int check_code_drafts(struct admin_call *call)
{
	const struct json *list = json_get(call->body, "code_drafts");
	int64_t id;

	if (list && json_kind(list) != JSON_ARRAY)
		return admin_refuse(call, 400, "code_drafts is no list");
	for (size_t i = 0; i < json_len(list); i++)
		if (json_get_int(json_at(list, i), "draft_id", &id) < 0)
			return admin_refuse(call, 400, "a draft lacks its draft_id");
	return 0;
}

/* A list that may be given, instead of what there is. */
static void replace_list(struct admin_call *call, const char *name, struct json **list)
{
	json_free(list);
	if (json_get(call->body, name))
		*list = json_copy(json_get(call->body, name));
}

int admin_put_platform(struct admin_call *call)
{
	const char *component_appid, *secret, *token, *encoded, *event_url, *message_url;
	uint8_t key[WEIXIN_KEY_LEN];
	struct platform *p;
	int status;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &component_appid)) != 0 ||
		(status = admin_str(call, "app_secret", TOKEN_MAX, &secret)) != 0 ||
		(status = admin_str(call, "token", TOKEN_MAX, &token)) != 0 ||
		(status = admin_str(call, "encoding_aes_key", TOKEN_MAX, &encoded)) != 0 ||
		(status = read_url(call, "event_url", &event_url)) != 0 ||
		(status = read_url(call, "message_url", &message_url)) != 0 ||
		(status = check_ip_list(call)) != 0 || (status = check_code_drafts(call)) != 0)
		return status;
	if (weixin_key(encoded, key) < 0)
		return admin_refuse(call, 400, "encoding_aes_key is not 43 letters and digits");
	state_lock(&call->sim->state);
	p = state_put_platform(&call->sim->state, component_appid);
	str_copy(p->app_secret, sizeof(p->app_secret), secret);
	str_copy(p->token, sizeof(p->token), token);
	memcpy(p->key, key, sizeof(p->key));
	str_copy(p->event_url, sizeof(p->event_url), event_url);
	str_copy(p->message_url, sizeof(p->message_url), message_url);
	replace_list(call, "ip_list", &p->ip_list);
	replace_list(call, "code_drafts", &p->code_drafts);
	state_unlock(&call->sim->state);
	return 200;
}

/* A name that may be left out; NULL then. */
static int read_name(struct admin_call *call, const char *name, const char **out)
{
	*out = NULL;
	return json_get(call->body, name) ? admin_str(call, name, NAME_MAX_LEN, out) : 0;
}

static int check_fans(struct admin_call *call)
{
	const struct json *fans = json_get(call->body, "fans");

	if (fans && json_kind(fans) != JSON_ARRAY)
		return admin_refuse(call, 400, "fans is no list");
	for (size_t i = 0; i < json_len(fans); i++) {
		const char *openid = json_str(json_at(fans, i));

		if (!openid || openid[0] == '\0' || strlen(openid) >= NAME_MAX_LEN)
			return admin_refuse(call, 400, "fans holds something else than openids");
	}
	return 0;
}

static int check_templates(struct admin_call *call)
{
	const struct json *list = json_get(call->body, "templates");

	if (list && json_kind(list) != JSON_ARRAY)
		return admin_refuse(call, 400, "templates is no list");
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *t = json_at(list, i);

		if (!json_get_str(t, "template_id") || !json_get_str(t, "title") ||
			!json_get_str(t, "content"))
			return admin_refuse(
				call, 400, "a template lacks one of template_id, title and content");
	}
	return 0;
}

/* "gh_" and the end of the appid, unless told. */
static void set_names(struct account *a, const char *user_name, const char *nick_name)
{
	size_t len = strlen(a->appid);

	if (user_name)
		str_copy(a->user_name, sizeof(a->user_name), user_name);
	else
		snprintf(
			a->user_name, sizeof(a->user_name), "gh_%.12s", a->appid + (len > 12 ? len - 12 : 0));
	str_copy(a->nick_name, sizeof(a->nick_name), nick_name ? nick_name : a->appid);
}

int admin_put_account(struct admin_call *call)
{
	const struct json *fans = json_get(call->body, "fans");
	const char *appid, *user_name, *nick_name;
	struct func_ids ids = {{1, 2, 3}, 3};
	int64_t service_type, verify_type;
	int status, miniprogram;
	struct account *a;

	if ((status = admin_str(call, "appid", NAME_MAX_LEN, &appid)) != 0 ||
		(status = read_name(call, "user_name", &user_name)) != 0 ||
		(status = read_name(call, "nick_name", &nick_name)) != 0 ||
		(status = admin_int(call, "service_type", 2, 0, 100, &service_type)) != 0 ||
		(status = admin_int(call, "verify_type", 0, -1, 100, &verify_type)) != 0 ||
		(status = admin_bool(call, "miniprogram", 0, &miniprogram)) != 0 ||
		(status = check_fans(call)) != 0 || (status = check_templates(call)) != 0)
		return status;
	if (miniprogram)
		ids = (struct func_ids){{19}, 1};
	if ((status = admin_func_ids(call, &ids)) != 0)
		return status;
	state_lock(&call->sim->state);
	a = state_put_account(&call->sim->state, appid);
	set_names(a, user_name, nick_name);
	a->service_type = (int)service_type;
	a->verify_type = (int)verify_type;
	a->miniprogram = miniprogram;
	a->func_ids = ids;
	if (json_get(call->body, "templates")) {
		json_free(&a->templates);
		a->templates = json_copy(json_get(call->body, "templates"));
	}
	for (size_t i = 0; i < json_len(fans); i++)
		state_put_fan(a, json_str(json_at(fans, i)));
	state_unlock(&call->sim->state);
	return 200;
}

static int query_number(struct admin_call *call, const char *name, int64_t max, int64_t *out)
{
	const char *text = query_get(&call->query, name);

	*out = 0;
	if (text && str_to_int64(text, strlen(text), 0, max, out) < 0)
		return admin_refuse(call, 400, "%s is no number in its range", name);
	return 0;
}

int admin_get_record(struct admin_call *call)
{
	const char *what = query_get(&call->query, "what");
	int64_t since, wait_ms;
	int status;

	if ((status = query_number(call, "since", INT64_MAX, &since)) != 0 ||
		(status = query_number(call, "wait_ms", WAIT_MAX_MS, &wait_ms)) != 0)
		return status;
	if (what && strcmp(what, "push") != 0 && strcmp(what, "api") != 0 && strcmp(what, "page") != 0)
		return admin_refuse(call, 400, "what is neither push, api nor page");
	record_write(&call->sim->record, (uint64_t)since, what, wait_ms, &call->raw);
	return 200;
}

static void set_token(struct json *j, const char *name, const struct token_owner *owner, int64_t now_ms)
{
	const struct token_info *token = tokens_current(owner, now_ms);

	json_set_str(j, name, token ? token->value : NULL);
	json_set(j, "expires_at_ms", token ? json_new_int(token->expires_ms) : json_new_null());
}

static struct json *platform_tokens(const struct platform *p, int64_t now_ms)
{
	struct json *j = json_new_object();

	json_set_str(j, "component_appid", p->component_appid);
	json_set_str(j, "ticket", p->n_tickets ? state_last_ticket(p) : NULL);
	set_token(j, "component_access_token", &p->tokens, now_ms);
	return j;
}

static struct json *account_tokens(const struct authorization *auth, int64_t now_ms)
{
	struct json *j = json_new_object(), *ids = json_new_array();

	json_set_str(j, "component_appid", auth->component_appid);
	json_set_str(j, "appid", auth->appid);
	json_set_str(j, "state", auth->authorized ? "authorized" : "unauthorized");
	for (size_t i = 0; i < auth->granted.n; i++)
		json_push(ids, json_new_int(auth->granted.id[i]));
	json_set(j, "func_ids", ids);
	set_token(j, "access_token", &auth->tokens, now_ms);
	json_set_str(j, "refresh_token", auth->refresh_token[0] ? auth->refresh_token : NULL);
	return j;
}

int admin_get_tokens(struct admin_call *call)
{
	struct json *platforms = json_new_array(), *accounts = json_new_array();
	struct authorization *auth, *next_auth;
	struct platform *p, *next_platform;
	int64_t now_ms = clock_wall_ms();

	state_lock(&call->sim->state);
	HASH_ITER (hh, call->sim->state.platforms, p, next_platform) {
		json_push(platforms, platform_tokens(p, now_ms));
	}
	HASH_ITER (hh, call->sim->state.authorizations, auth, next_auth) {
		json_push(accounts, account_tokens(auth, now_ms));
	}
	state_unlock(&call->sim->state);
	call->answer = json_new_object();
	json_set(call->answer, "platforms", platforms);
	json_set(call->answer, "accounts", accounts);
	return 200;
}

/* With the state locked: whose tokens are meant; NULL: unknown. */
static struct token_owner *find_owner(struct state *s, const char *component_appid, const char *appid)
{
	struct authorization *auth;
	struct platform *p;

	if (!appid) {
		p = state_platform(s, component_appid);
		return p ? &p->tokens : NULL;
	}
	auth = state_authorization(s, component_appid, appid);
	return auth ? &auth->tokens : NULL;
}

int admin_expire_tokens(struct admin_call *call)
{
	const char *component_appid, *appid, *how = json_get_str(call->body, "how");
	struct token_owner *owner;
	int status;

	if ((status = admin_str(call, "component_appid", NAME_MAX_LEN, &component_appid)) != 0 ||
		(status = read_name(call, "appid", &appid)) != 0)
		return status;
	if (!how || (strcmp(how, "expired") != 0 && strcmp(how, "invalid") != 0))
		return admin_refuse(call, 400, "how is neither expired nor invalid");
	state_lock(&call->sim->state);
	owner = find_owner(&call->sim->state, component_appid, appid);
	if (owner)
		tokens_end(owner, clock_wall_ms(), strcmp(how, "expired") == 0 ? 42001 : 40001);
	state_unlock(&call->sim->state);
	return owner ? 200 : admin_refuse(call, 404, "no such platform or authorization");
}

static struct json *fan_json(const struct fan *f)
{
	const struct json_limits limits = {.max_bytes = (size_t)1 << 20, .max_depth = 16};
	struct json *j = json_new_object(), *messages = json_new_array();

	for (uint64_t i = 0; i < f->n_messages; i++) {
		const char *body = fan_message(f, i);
		struct json *message = NULL;

		if (body && json_parse(body, strlen(body), &limits, &message, NULL) == 0)
			json_push(messages, message);
	}
	json_set_str(j, "openid", f->openid);
	json_set_bool(j, "subscribed", f->subscribed);
	json_set_int(j, "left", fan_left(f, clock_wall_ms()));
	json_set(j, "messages", messages);
	return j;
}

int admin_set_push_order(struct admin_call *call)
{
	static const char *const names[] = {
		[PUSH_FIRST] = "push-first",
		[REDIRECT_FIRST] = "redirect-first",
		[PUSH_ONLY] = "push-only",
		[REDIRECT_ONLY] = "redirect-only",
	};
	const char *order;
	int status = admin_str(call, "order", NAME_MAX_LEN, &order);

	if (status != 0)
		return status;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(order, names[i]) == 0) {
			atomic_store(&call->sim->push_order, (int)i);
			return 200;
		}
	}
	return admin_refuse(
		call, 400, "order is none of push-first, redirect-first, push-only, redirect-only");
}

#define LOGIN_CODE_MS 300000

/* What wx.login() gives to a mini program. */
int admin_login(struct admin_call *call)
{
	const char *appid, *openid;
	struct visit *v = NULL;
	int status;

	if ((status = admin_str(call, "appid", NAME_MAX_LEN, &appid)) != 0 ||
		(status = admin_str(call, "openid", NAME_MAX_LEN, &openid)) != 0)
		return status;
	state_lock(&call->sim->state);
	if (state_account(&call->sim->state, appid)) {
		v = visits_add(&call->sim->state.visits, VISIT_LOGIN, NULL, clock_wall_ms() + LOGIN_CODE_MS);
		str_copy(v->appid, sizeof(v->appid), appid);
		str_copy(v->openid, sizeof(v->openid), openid);
		call->answer = json_new_object();
		json_set_str(call->answer, "code", v->code);
	}
	state_unlock(&call->sim->state);
	return v ? 200 : admin_refuse(call, 404, "no such account");
}

int admin_get_fans(struct admin_call *call)
{
	const char *appid = query_get(&call->query, "appid");
	struct fan *f, *next, *all;
	struct account *a;
	struct json *fans;

	if (!appid)
		return admin_refuse(call, 400, "appid is missing");
	fans = json_new_array();
	state_lock(&call->sim->state);
	a = state_account(&call->sim->state, appid);
	all = a ? a->fans : NULL;
	HASH_ITER (hh, all, f, next) {
		json_push(fans, fan_json(f));
	}
	state_unlock(&call->sim->state);
	if (!a) {
		json_free(&fans);
		return admin_refuse(call, 404, "no such account");
	}
	call->answer = json_new_object();
	json_set(call->answer, "fans", fans);
	return 200;
}

/* A fan who refuses gets neither customer-service nor template messages. */
int admin_set_fan(struct admin_call *call)
{
	const char *appid, *openid;
	struct account *a;
	int status, refuses;

	if ((status = admin_str(call, "appid", NAME_MAX_LEN, &appid)) != 0 ||
		(status = admin_str(call, "openid", NAME_MAX_LEN, &openid)) != 0 ||
		(status = admin_bool(call, "refuses", 0, &refuses)) != 0)
		return status;
	state_lock(&call->sim->state);
	a = state_account(&call->sim->state, appid);
	if (a)
		state_put_fan(a, openid)->refuses = refuses;
	state_unlock(&call->sim->state);
	return a ? 200 : admin_refuse(call, 404, "no such account");
}

/* Weixin's clock is ahead of ours, or behind. */
int admin_set_clock(struct admin_call *call)
{
	int64_t offset_ms;
	int status = admin_int(call, "offset_ms", 0, -OFFSET_MAX_MS, OFFSET_MAX_MS, &offset_ms);

	if (status == 0)
		atomic_store(&call->sim->clock_offset_ms, offset_ms);
	return status == 0 ? 200 : status;
}

int admin_add_fault(struct admin_call *call)
{
	return faults_add(&call->sim->faults, call->body, &call->err) < 0 ? 400 : 200;
}

int admin_clear_faults(struct admin_call *call)
{
	faults_clear(&call->sim->faults);
	return 200;
}
