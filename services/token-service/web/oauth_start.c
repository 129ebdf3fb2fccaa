#include "services/token-service/web/oauth_start.h"

#include "common/base/clock.h"
#include "services/token-service/web/oauth_page.h"
#include "services/token-service/web/oauth_result.h"
#include "services/token-service/web/oauth_target.h"

#include <string.h>

#include "common/base/banned.h"

#define LIFE_S   (10 * 60)
#define LINK_MAX 4096

/* 0, or -1: a parameter is malformed. */
static int read_parameters(const struct public_call *c, struct oauth_visit *out)
{
	const char *return_url = public_param(c, "return"), *state = public_param(c, "state");
	const char *scope = public_param(c, "scope");

	if (!scope)
		scope = "snsapi_base";
	if (!return_url || strlen(return_url) > OAUTH_RETURN_MAX ||
		strstr(return_url, OAUTH_RESULT_PARAMETER) || !state || !state[0] ||
		strlen(state) > OAUTH_SITE_STATE_MAX ||
		(strcmp(scope, "snsapi_base") != 0 && strcmp(scope, "snsapi_userinfo") != 0))
		return -1;
	*out = (struct oauth_visit){.scope = scope, .return_url = return_url, .site_state = state};
	return 0;
}

/* Weixin wants the parameters in this order. */
static const char *weixin_link(struct public_call *c, const struct oauth_visit *v)
{
	const char *component_appid = c->route.component_appid, *appid = c->route.appid, *text;
	const char *callback = arena_printf(
		&c->arena, "%s/oauth/%s/%s/callback", c->p->conf->public_url, component_appid, appid);
	struct buf link = BUF_INIT(LINK_MAX);

	buf_addf(&link, "%s/connect/oauth2/authorize?appid=%s&redirect_uri=", c->p->conf->open_base, appid);
	query_encode(&link, callback, strlen(callback));
	buf_addf(&link, "&response_type=code&scope=%s&state=%s&component_appid=%s#wechat_redirect", v->scope,
		v->state, component_appid);
	text = arena_strdup(&c->arena, buf_cstr(&link));
	buf_release(&link);
	return text;
}

static void go(struct public_call *c, struct oauth_visit *v)
{
	const char *component_appid = c->route.component_appid, *appid = c->route.appid;
	const char *cookies[OAUTH_COOKIES_MAX + 1], *surplus[OAUTH_COOKIES_MAX];
	size_t n = oauth_cookie_surplus(&c->arena, httpd_header(c->req, "Cookie"), surplus);
	int64_t expires_ms = clock_wall_ms() + LIFE_S * 1000;
	struct keys *keys = keyring_take(c->p->x->store->keyring);
	char state[OAUTH_STATE_LEN + 1];

	oauth_state_make(keys->master, component_appid, appid, expires_ms, state);
	v->state = state;
	for (size_t i = 0; i < n; i++)
		cookies[i] = oauth_cookie_drop(&c->arena, surplus[i]);
	cookies[n] = oauth_cookie_set(&c->arena, state,
		oauth_visit_seal(keys->master, component_appid, appid, v, expires_ms, &c->arena), LIFE_S);
	keyring_give(c->p->x->store->keyring, &keys);
	public_count("oauth_start");
	public_redirect(c, weixin_link(c, v), cookies, n + 1);
}

void oauth_start(struct public_call *c)
{
	struct oauth_visit v;
	int status = read_parameters(c, &v) < 0 ? 400 : oauth_check_target(c, v.return_url);

	if (status != 0)
		oauth_refuse(c, status);
	else
		go(c, &v);
}
