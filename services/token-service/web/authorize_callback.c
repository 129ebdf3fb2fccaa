#include "services/token-service/web/authorize_callback.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/str.h"
#include "common/base/web_url.h"
#include "services/token-service/web/begun_store.h"
#include "services/token-service/web/page.h"

#include <string.h>

#include "common/base/banned.h"

#define WAIT_MS      12000 /* for an exchange; a proxy in front has more patience */
#define TWIN_WAIT_MS 3000  /* for the push's exchange, when Weixin does not take the browser's code */
#define TWIN_POLL_MS 200

/* --- pages -------------------------------------------------------------------------------------------------
 */

/* To our page, for one more attempt under the same signature. */
static const char *again_href(struct public_call *c, const struct begun *b)
{
	const char *lang = c->lang == LANG_ZH ? "zh" : "en";

	if (!b->choice)
		return arena_printf(&c->arena, "/authorize/%s?lang=%s", c->route.component_appid, lang);
	return arena_printf(
		&c->arena, "/authorize/%s?again=%s&lang=%s", c->route.component_appid, b->state, lang);
}

/* The host of the address that the business signed, for people to read. */
static const char *host_of(struct public_call *c, const char *url)
{
	const char *host;
	struct web_url u;

	if (web_url_parse(url, strlen(url), &u) < 0)
		return NULL;
	host = strstr(u.origin.p, "://") + 3;
	return arena_strndup(&c->arena, host, (size_t)(u.origin.p + u.origin.len - host));
}

static void show_done(struct public_call *c, const struct begun *b, const char *name)
{
	const char *host = b->return_url ? host_of(c, b->return_url) : NULL;
	struct page p;

	public_count("done");
	page_begin(&p, c->lang, ICON_DONE, TEXT_DONE_TITLE, NULL);
	page_raw(&p, "<p class=\"account\" id=\"account\">");
	page_escaped(&p, page_text(c->lang, TEXT_DONE));
	page_escaped(&p, name);
	page_raw(&p, "</p>");
	if (host)
		page_button(&p, b->return_url,
			arena_printf(&c->arena, "%s %s", page_text(c->lang, TEXT_RETURN), host));
	else
		page_say(&p, "p class=\"lead\"", TEXT_DONE_CLOSE);
	page_send(&p, c->req, 200);
}

static void show_failed(
	struct public_call *c, const struct begun *b, enum text title, enum text text, int status)
{
	struct page p;

	page_begin(&p, c->lang, ICON_STOP, title, NULL);
	page_say(&p, "p class=\"lead\"", text);
	page_button(&p, again_href(c, b), page_text(c->lang, TEXT_RESTART));
	page_send(&p, c->req, status);
}

/* The button loads the same address once more: the code is still good. */
static void show_wait(struct public_call *c)
{
	struct page p;

	public_count("unavailable");
	page_begin(&p, c->lang, ICON_WAIT, TEXT_WAIT_TITLE, NULL);
	page_say(&p, "p class=\"lead\"", TEXT_WAIT);
	page_button(&p, "", page_text(c->lang, TEXT_AGAIN));
	page_send(&p, c->req, 503);
}

/* --- the exchange ------------------------------------------------------------------------------------------
 */

/* Weixin does not take the code. The push may have brought another one, and its exchange may be under way:
 * then the row of this authorization soon names the account. 0: it does. 1: it does not. */
static int wait_for_twin(const struct public_call *c, struct begun *b, struct err *err)
{
	int64_t deadline_ms = clock_mono_ms() + TWIN_WAIT_MS;
	int rc = 0;

	while (rc == 0 && !b->appid[0] && clock_mono_ms() < deadline_ms) {
		clock_sleep_ms(TWIN_POLL_MS);
		begun_release(b);
		rc = begun_find(c->p->x->store, c->route.component_appid, public_param(c, "s"), b, err);
	}
	return rc != 0 ? rc : !b->appid[0];
}

/* 0: b->appid has authorized, and everything that the browser brings is stored. EXCHANGE_REFUSED. */
static int exchange_and_end(const struct public_call *c, const char *code, struct begun *b, struct err *err)
{
	struct code_result result;
	int rc = exchange_code(
		c->p->x, c->route.component_appid, code, 0, clock_mono_ms() + WAIT_MS, &result, err);

	if (rc == 0) {
		(void)str_copy(b->appid, sizeof(b->appid), result.appid);
		rc = begun_end(c->p->x->store, b, result.appid, err);
	} else if (rc == EXCHANGE_REFUSED) {
		rc = wait_for_twin(c, b, err);
		rc = rc > 0 ? EXCHANGE_REFUSED : rc;
	}
	code_result_release(&result);
	return rc;
}

static const char *name_of(struct public_call *c, const char *appid)
{
	struct credential_id id = {"", ""};
	char name[256] = "";
	struct err err;

	(void)str_copy(id.component_appid, sizeof(id.component_appid), c->route.component_appid);
	(void)str_copy(id.appid, sizeof(id.appid), appid);
	if (account_nick_name(c->p->x->store, &id, name, sizeof(name), &err) < 0 || !name[0])
		return arena_strdup(&c->arena, appid);
	return arena_strdup(&c->arena, name);
}

static void exchange(struct public_call *c, const char *code, struct begun *b)
{
	struct err err;
	int rc = exchange_and_end(c, code, b, &err);

	if (rc < 0) {
		log_warn(c->route.component_appid, "authorization page: %s", err.text);
		show_wait(c);
	} else if (rc == EXCHANGE_REFUSED) {
		public_count("code_refused");
		show_failed(c, b, TEXT_EXPIRED_TITLE, TEXT_EXPIRED, 200);
	} else {
		outbox_wake(c->p->outbox);
		show_done(c, b, name_of(c, b->appid));
	}
}

/* A code is Weixin's own text; what cannot be one is not sent to it. */
static bool code_ok(const char *code)
{
	return code[0] && strlen(code) <= 512 && strpbrk(code, "\"\\ ") == NULL;
}

void authorize_callback(struct public_call *c)
{
	const char *code = public_param(c, "auth_code"), *state = public_param(c, "s");
	struct begun b = {.choice = NULL};
	struct err err;
	int rc;

	rc = code ? begun_try(c->p->x->store, c->route.component_appid, state ? state : "", &b, &err)
		  : begun_find(c->p->x->store, c->route.component_appid, state ? state : "", &b, &err);
	if (rc < 0) {
		log_warn(c->route.component_appid, "authorization page: %s", err.text);
		show_wait(c);
	} else if (!code) {
		public_count("cancelled");
		show_failed(c, &b, TEXT_REFUSED_TITLE, TEXT_REFUSED, 200);
	} else if (rc == BEGUN_MISSING || !code_ok(code)) {
		public_count("bad_link");
		show_failed(c, &b, TEXT_EXPIRED_TITLE, TEXT_EXPIRED, 200);
	} else {
		exchange(c, code, &b);
	}
	begun_release(&b);
}
