#include "services/token-service/web/oauth_callback.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "proto/reaction.h"
#include "services/token-service/web/oauth_page.h"
#include "services/token-service/web/oauth_store.h"

#include <string.h>

#include "common/base/banned.h"

#define WAIT_MS     12000 /* for the exchange of a code */
#define CODE_MAX    512
#define ADDRESS_MAX (OAUTH_RETURN_MAX + OAUTH_RESULT_MAX + 64)

static void show_wait(struct public_call *c, const char *again_href, const struct err *err)
{
	log_warn(c->route.appid, "web page authorization: %s", err->text);
	oauth_show_wait(c, again_href);
}

/* --- who comes back ----------------------------------------------------------------------------------------
 */

static enum signed_value_result check_state(const struct public_call *c, const char *state)
{
	struct keys *keys = keyring_take(c->p->x->store->keyring);
	enum signed_value_result result = oauth_state_check(
		keys->master, c->route.component_appid, c->route.appid, state, clock_wall_ms());

	keyring_give(c->p->x->store->keyring, &keys);
	return result;
}

/* The visit that this browser began under this state. */
static bool find_visit(struct public_call *c, const char *state, struct oauth_visit *out)
{
	const char *value = oauth_cookie_find(&c->arena, httpd_header(c->req, "Cookie"), state);
	struct keys *keys = keyring_take(c->p->x->store->keyring);
	bool found = value &&
		     oauth_visit_open(keys->master, c->route.component_appid, c->route.appid, value,
			     clock_wall_ms(), &c->arena, out) == 0 &&
		     strcmp(out->state, state) == 0;

	keyring_give(c->p->x->store->keyring, &keys);
	return found;
}

/* The cookie goes when its visit has ended, so a repeated address comes without it. */
static void show_no_visit(struct public_call *c, const char *state)
{
	struct err err;
	int rc = oauth_state_look(c->p->x->store, state, &err);

	if (rc < 0) {
		show_wait(c, "", &err);
	} else if (rc == OAUTH_STATE_USED) {
		public_count("replayed");
		oauth_show(c, TEXT_OAUTH_USED_TITLE, TEXT_OAUTH_USED, NULL, NULL, 409);
	} else {
		public_count("wrong_browser");
		oauth_show(c, TEXT_OAUTH_BROWSER_TITLE, TEXT_OAUTH_BROWSER, NULL, NULL, 403);
	}
}

/* --- the exchange ------------------------------------------------------------------------------------------
 */

struct asking {
	const struct credential_id *id;
	const char *code;
	struct weixin_visitor visitor;
	struct weixin_profile profile;
};

static int call_visitor(struct weixin_api *w, const char *component_token, void *arg, struct err *err)
{
	struct asking *a = arg;

	return weixin_visitor(
		w, a->id->component_appid, component_token, a->id->appid, a->code, &a->visitor, err);
}

static void asking_release(struct asking *a)
{
	weixin_visitor_release(&a->visitor);
	weixin_profile_release(&a->profile);
}

static bool agreed_to_profile(const struct weixin_visitor *v)
{
	return v->scope && strstr(v->scope, "snsapi_userinfo");
}

/* --- the result --------------------------------------------------------------------------------------------
 */

/* The site's address with the result; NULL: too long. */
static const char *site_address(struct public_call *c, const struct oauth_visit *v,
	const struct oauth_key *key, const struct asking *a)
{
	const char *unionid = a->visitor.unionid ? a->visitor.unionid : a->profile.unionid;
	const struct oauth_result result = {
		.issuer = c->p->conf->public_url,
		.audience = arena_strndup(&c->arena, v->return_url, oauth_target_origin_len(v->return_url)),
		.site_state = v->site_state,
		.component_appid = c->route.component_appid,
		.appid = c->route.appid,
		.openid = a->visitor.openid,
		.unionid = unionid,
		.scope = a->visitor.scope,
		.nickname = a->profile.nickname,
		.head_img_url = a->profile.head_img_url,
		.snapshot = a->visitor.snapshot,
	};
	struct buf address = BUF_INIT(ADDRESS_MAX);
	const char *text = NULL;

	buf_addf(&address, "%s%c%s=", v->return_url, strchr(v->return_url, '?') ? '&' : '?',
		OAUTH_RESULT_PARAMETER);
	if (oauth_result_write(&result, key, clock_wall_ms() / 1000, &address) == 0)
		text = arena_strdup(&c->arena, buf_cstr(&address));
	buf_release(&address);
	return text;
}

static void deliver(struct public_call *c, const struct oauth_visit *v, const struct oauth_key *key,
	const struct asking *a)
{
	const char *cookie = oauth_cookie_drop(&c->arena, v->state);
	const char *address = site_address(c, v, key, a);
	struct err err;

	if (!address) {
		(void)err_set(&err, ERR_REJECT, 0, "Weixin's answer makes a result that is too long");
		show_wait(c, oauth_again_href(c, v), &err);
		return;
	}
	public_count("oauth_done");
	public_redirect(c, address, &cookie, 1);
}

/* Nothing has come of the code: as long as it may still be good, its address may be loaded once more. */
static void fail_exchange(struct public_call *c, const struct oauth_visit *v, const struct err *err)
{
	struct err ignored;

	if (err->kind == ERR_REJECT && reaction_of(err->code) == REACTION_FINAL) {
		log_info(c->route.appid, "web page authorization refused: %s", err->text);
		public_count("code_refused");
		oauth_show(c, TEXT_EXPIRED_TITLE, TEXT_EXPIRED, oauth_again_href(c, v), v->return_url, 409);
		return;
	}
	(void)oauth_state_give_back(c->p->x->store, v->state, &ignored);
	show_wait(c, "", err);
}

static void exchange(struct public_call *c, const struct oauth_visit *v, const char *code)
{
	struct credential_id id = oauth_account(c);
	struct asking a = {.id = &id, .code = code};
	struct oauth_key key;
	struct err err;

	/* The key first: a code is not spent on a result that could not be signed. */
	if (oauth_key_current(c->p->x->store, &key, &err) < 0 ||
		credentials_call(c->p->x->credentials, id.component_appid, call_visitor, &a,
			clock_mono_ms() + WAIT_MS, &err) < 0)
		fail_exchange(c, v, &err);
	else if (agreed_to_profile(&a.visitor) &&
		 weixin_profile(c->p->x->api, &a.visitor, &a.profile, &err) < 0)
		show_wait(c, oauth_again_href(c, v), &err); /* the code is spent */
	else
		deliver(c, v, &key, &a);
	secret_wipe(key.private_key, sizeof(key.private_key));
	asking_release(&a);
}

/* --- all ---------------------------------------------------------------------------------------------------
 */

static void come_back(struct public_call *c, const struct oauth_visit *v, const char *code)
{
	struct err err;
	int rc;

	if (!code || !code[0]) {
		public_count("cancelled");
		oauth_show(c, TEXT_OAUTH_CANCELLED_TITLE, TEXT_OAUTH_CANCELLED, oauth_again_href(c, v),
			v->return_url, 200);
		return;
	}
	rc = oauth_state_take(c->p->x->store, v->state, &err);
	if (rc < 0) {
		show_wait(c, "", &err);
	} else if (rc == OAUTH_STATE_USED) {
		public_count("replayed");
		oauth_show(c, TEXT_OAUTH_USED_TITLE, TEXT_OAUTH_USED, oauth_again_href(c, v), v->return_url,
			409);
	} else {
		exchange(c, v, code);
	}
}

void oauth_callback(struct public_call *c)
{
	const char *code = public_param(c, "code"), *state = public_param(c, "state");
	const char *appid = public_param(c, "appid");
	enum signed_value_result result = check_state(c, state ? state : "");
	struct oauth_visit v;
	int status;

	if (result == SIGNED_VALUE_EXPIRED) {
		public_count("expired");
		oauth_show(c, TEXT_OAUTH_OLD_TITLE, TEXT_OAUTH_OLD, NULL, NULL, 410);
	} else if (result != SIGNED_VALUE_OK || (code && strlen(code) > CODE_MAX) ||
		   (appid && strcmp(appid, c->route.appid) != 0)) {
		oauth_refuse(c, 400);
	} else if (!find_visit(c, state, &v)) {
		show_no_visit(c, state);
	} else {
		/* The rules as they are now: one that was taken away ends what was begun under it. */
		status = oauth_check_target(c, v.return_url);
		if (status != 0)
			oauth_refuse(c, status);
		else
			come_back(c, &v, code);
	}
}
