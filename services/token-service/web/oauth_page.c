#include "services/token-service/web/oauth_page.h"

#include "common/base/log.h"
#include "common/base/str.h"
#include "services/token-service/web/oauth_store.h"
#include "services/token-service/web/page.h"

#include <string.h>

#include "common/base/banned.h"

#define HREF_MAX 8192

struct credential_id oauth_account(const struct public_call *c)
{
	struct credential_id id = {"", ""};

	(void)str_copy(id.component_appid, sizeof(id.component_appid), c->route.component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), c->route.appid);
	return id;
}

int oauth_check_target(struct public_call *c, const char *return_url)
{
	struct credential_id id = oauth_account(c);
	struct oauth_targets targets;
	struct account_state state;
	struct err err;

	if (account_look(c->p->x->store, &id, 0, &state, &err) < 0 ||
		oauth_targets_list(c->p->x->store, &id, &c->arena, &targets, &err) < 0) {
		log_warn(id.appid, "web page authorization: %s", err.text);
		return 503;
	}
	if (!state.authorized)
		return 404;
	for (size_t i = 0; i < targets.n; i++) {
		if (oauth_target_allows(targets.list[i], return_url))
			return 0;
	}
	return 403;
}

static void add(struct buf *out, const char *name, const char *value)
{
	buf_add_str(out, name);
	query_encode(out, value, strlen(value));
}

const char *oauth_again_href(struct public_call *c, const struct oauth_visit *v)
{
	struct buf href = BUF_INIT(HREF_MAX);
	const char *text;

	buf_addf(&href, "/oauth/%s/%s/start", c->route.component_appid, c->route.appid);
	add(&href, "?scope=", v->scope);
	add(&href, "&return=", v->return_url);
	add(&href, "&state=", v->site_state);
	text = arena_strdup(&c->arena, buf_cstr(&href));
	buf_release(&href);
	return text;
}

static void back_button(struct public_call *c, struct page *p, const char *return_url)
{
	const char *host = strstr(return_url, "://") + 3;

	page_raw(p, "<a class=\"button quiet\" id=\"back\" href=\"");
	page_escaped(p, return_url);
	page_raw(p, "\">");
	page_escaped(p, arena_printf(&c->arena, "%s %.*s", page_text(c->lang, TEXT_RETURN),
				(int)strcspn(host, "/?"), host));
	page_raw(p, "</a>");
}

void oauth_show(struct public_call *c, enum text title, enum text text, const char *again_href,
	const char *return_url, int status)
{
	struct page p;

	page_begin(&p, c->lang, status == 503 ? ICON_WAIT : ICON_STOP, title, NULL);
	page_say(&p, "p class=\"lead\"", text);
	if (again_href)
		page_button(&p, again_href, page_text(c->lang, again_href[0] ? TEXT_RESTART : TEXT_AGAIN));
	if (return_url)
		back_button(c, &p, return_url);
	page_send(&p, c->req, status);
}

void oauth_show_wait(struct public_call *c, const char *again_href)
{
	public_count("unavailable");
	oauth_show(c, TEXT_WAIT_TITLE, TEXT_AWAY, again_href, NULL, 503);
}

void oauth_refuse(struct public_call *c, int status)
{
	switch (status) {
	case 403:
		public_count("bad_target");
		oauth_show(c, TEXT_OAUTH_TARGET_TITLE, TEXT_OAUTH_TARGET, NULL, NULL, status);
		break;
	case 404:
		public_refuse(c, status);
		break;
	case 503:
		oauth_show_wait(c, "");
		break;
	default:
		public_count("bad_link");
		oauth_show(c, TEXT_BAD_LINK_TITLE, TEXT_OAUTH_BAD_LINK, NULL, NULL, status);
	}
}
