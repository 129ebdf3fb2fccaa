#include "services/token-service/web/authorize_page.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/str.h"
#include "proto/ref_token.h"
#include "services/token-service/key_watch.h"
#include "services/token-service/web/authorize_link.h"
#include "services/token-service/web/begun_store.h"
#include "services/token-service/web/page.h"
#include "services/token-service/web/signed_value.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define PAGE_LIFE_MS ((int64_t)2 * 60 * 60 * 1000)
#define CODE_WAIT_MS 8000
#define LINK_MAX     8192

/* What one page stands for. Strings live in the call's arena. */
struct start {
	struct authorize_choice choice;
	const char *ref;        /* NULL: none */
	const char *return_url; /* NULL: none */
	const char *page;       /* its number: one page, one pre-auth code */
};

/* --- what the page is about --------------------------------------------------------------------------------
 */

static const char *user_agent(const struct public_call *c)
{
	const char *agent = httpd_header(c->req, "User-Agent");

	return agent ? agent : "";
}

static bool on_a_phone(const struct public_call *c)
{
	const char *agent = user_agent(c);

	return strstr(agent, "Mobile") || strstr(agent, "Android") || strstr(agent, "iPhone");
}

static bool within_weixin(const struct public_call *c)
{
	return strstr(user_agent(c), "MicroMessenger") != NULL;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static const char *or_null(const char *s)
{
	return s && s[0] ? s : NULL;
}

static bool is_signed(const struct public_call *c)
{
	static const char *const names[] = {"ref", "return", "until", "signer", "signature"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (public_param(c, names[i]))
			return true;
	}
	return false;
}

/* How long the key is needed: no reason to keep the administrator from authorizing, should it fail. */
static void note_key(const struct public_call *c, const struct ref_token *token)
{
	int64_t until_s = 0;
	struct err err;

	(void)str_to_int64(token->until, strlen(token->until), 0, INT64_MAX / 1000, &until_s);
	if (key_watch_note_ref(c->p->x->store, token->signer, until_s, &err) < 0)
		log_warn(c->route.component_appid, "authorization page: the use of a key is not noted: %s",
			err.text);
}

/* 0, or the status to answer: 403 nobody of ours signed this, 410 its time has passed. */
static int take_signed(const struct public_call *c, struct start *out)
{
	const struct ref_token token = {
		.ref = or_empty(public_param(c, "ref")),
		.return_url = or_empty(public_param(c, "return")),
		.until = or_empty(public_param(c, "until")),
		.signer = or_empty(public_param(c, "signer")),
		.signature = or_empty(public_param(c, "signature")),
	};
	struct keys *keys = keyring_take(c->p->x->store->keyring);
	enum ref_token_result result =
		ref_token_check(keys->internal, c->route.component_appid, &token, clock_wall_ms());

	keyring_give(c->p->x->store->keyring, &keys);
	if (result == REF_TOKEN_OK)
		note_key(c, &token);
	out->ref = or_null(token.ref);
	out->return_url = or_null(token.return_url);
	return result == REF_TOKEN_OK ? 0 : result == REF_TOKEN_EXPIRED ? 410 : 403;
}

/* An authorization that is to be tried again: what was signed for it holds. 0 or a status. */
static int take_begun(struct public_call *c, const char *state, struct start *out)
{
	struct begun b = {.choice = NULL};
	struct query choice = {.n = 0};
	struct err err;
	int rc = begun_find(c->p->x->store, c->route.component_appid, state, &b, &err);

	if (rc < 0) {
		log_warn(c->route.component_appid, "authorization page: %s", err.text);
		return 503;
	}
	if (rc == BEGUN_MISSING)
		return 410;
	if (query_parse(b.choice, strlen(b.choice), &c->arena, &choice) == QUERY_OK)
		(void)authorize_choice_read(&choice, &out->choice);
	out->ref = b.ref ? arena_strdup(&c->arena, b.ref) : NULL;
	out->return_url = b.return_url ? arena_strdup(&c->arena, b.return_url) : NULL;
	begun_release(&b);
	return 0;
}

static int take_query(struct public_call *c, struct start *out)
{
	const char *again = public_param(c, "again");

	*out = (struct start){.choice = {.phone = on_a_phone(c) && within_weixin(c)}};
	if (again)
		return take_begun(c, again, out);
	if (authorize_choice_read(&c->query, &out->choice) < 0)
		return 400;
	return is_signed(c) ? take_signed(c, out) : 0;
}

/* --- the page's own value: all of it, signed ---------------------------------------------------------------
 */

static void add(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(out, "&%s=", name);
	query_encode(out, value, strlen(value));
}

static const char *purpose(struct public_call *c)
{
	return arena_printf(&c->arena, "authorization page of %s", c->route.component_appid);
}

/* With a new number. */
static char *page_value(struct public_call *c, const struct start *s)
{
	struct buf payload = BUF_INIT(SIGNED_VALUE_PAYLOAD_MAX), out = BUF_INIT(SIGNED_VALUE_MAX);
	struct keys *keys = keyring_take(c->p->x->store->keyring);
	uint8_t random[16];
	char number[33], *value;

	crypto_random(random, sizeof(random));
	str_hex(random, sizeof(random), number);
	authorize_choice_write(&s->choice, &payload);
	add(&payload, "page", number);
	add(&payload, "ref", s->ref);
	add(&payload, "return", s->return_url);
	signed_value_make(keys->master, purpose(c), buf_cstr(&payload), clock_wall_ms() + PAGE_LIFE_MS, &out);
	keyring_give(c->p->x->store->keyring, &keys);
	value = arena_strdup(&c->arena, buf_cstr(&out));
	buf_release(&payload);
	buf_release(&out);
	return value;
}

/* 0: *out is the page from which the form came. Else a status: 400, 403, 410 (too old), 413, 415. */
static int read_page(struct public_call *c, struct start *out)
{
	struct buf payload = BUF_INIT(SIGNED_VALUE_PAYLOAD_MAX);
	struct query form = {.n = 0}, fields = {.n = 0};
	enum signed_value_result result;
	struct keys *keys;
	int status = public_read_form(c, &form);

	if (status != 0)
		return status;
	keys = keyring_take(c->p->x->store->keyring);
	result = signed_value_open(
		keys->master, purpose(c), or_empty(query_get(&form, "page")), clock_wall_ms(), &payload);
	keyring_give(c->p->x->store->keyring, &keys);
	if (result == SIGNED_VALUE_OK &&
		query_parse(payload.data, payload.len, &c->arena, &fields) != QUERY_OK)
		result = SIGNED_VALUE_WRONG;
	buf_release(&payload);
	if (result != SIGNED_VALUE_OK)
		return result == SIGNED_VALUE_EXPIRED ? 410 : 403;
	*out = (struct start){
		.ref = query_get(&fields, "ref"),
		.return_url = query_get(&fields, "return"),
		.page = or_empty(query_get(&fields, "page")),
	};
	return authorize_choice_read(&fields, &out->choice) < 0 ? 403 : 0;
}

/* --- a pre-auth code ---------------------------------------------------------------------------------------
 */

enum begin_result { BEGIN_OK, BEGIN_USED, BEGIN_BUSY, BEGIN_AWAY };

struct asking {
	const char *component_appid;
	char *code;
};

static int call_pre_auth(struct weixin_api *w, const char *component_token, void *arg, struct err *err)
{
	struct asking *a = arg;

	return weixin_pre_auth_code(w, a->component_appid, component_token, &a->code, err);
}

static int ask_code(struct public_call *c, const char *state, char **code_out, struct err *err)
{
	struct asking a = {c->route.component_appid, NULL};
	int rc = credentials_call(c->p->x->credentials, c->route.component_appid, call_pre_auth, &a,
		clock_mono_ms() + CODE_WAIT_MS, err);

	if (rc == 0)
		rc = begun_set_code(c->p->x->store, state, a.code, err);
	if (rc == 0)
		*code_out = a.code;
	else
		secret_free(&a.code);
	return rc;
}

static int add_begun(
	struct public_call *c, const struct start *s, char state_out[BEGUN_STATE_LEN + 1], struct err *err)
{
	struct begun b = {.choice = NULL};
	struct buf choice = BUF_INIT(LINK_MAX);
	uint8_t random[BEGUN_STATE_LEN / 2];
	int rc;

	crypto_random(random, sizeof(random));
	str_hex(random, sizeof(random), state_out);
	(void)str_copy(b.state, sizeof(b.state), state_out);
	(void)str_copy(b.component_appid, sizeof(b.component_appid), c->route.component_appid);
	authorize_choice_write(&s->choice, &choice);
	b.choice = buf_detach(&choice);
	b.ref = s->ref ? arena_strdup(&c->arena, s->ref) : NULL;
	b.return_url = s->return_url ? arena_strdup(&c->arena, s->return_url) : NULL;
	rc = begun_add(c->p->x->store, &b, s->page, err);
	free(b.choice);
	return rc;
}

static enum begin_result begin_away(const struct public_call *c, const struct err *err)
{
	log_warn(c->route.component_appid, "no pre-auth code: %s", err->text);
	return BEGIN_AWAY;
}

/* Writes the address at Weixin. */
static enum begin_result begin(struct public_call *c, const struct start *s, struct buf *link)
{
	const struct token_service_conf *conf = c->p->conf;
	char state[BEGUN_STATE_LEN + 1], *code = NULL;
	struct err err;
	int rc;

	if (!rate_limit_take(c->p->codes_by_address, c->address) ||
		!rate_limit_take(c->p->codes_by_platform, c->route.component_appid))
		return BEGIN_BUSY;
	rc = add_begun(c, s, state, &err);
	if (rc == BEGUN_USED)
		return BEGIN_USED;
	if (rc < 0 || ask_code(c, state, &code, &err) < 0)
		return begin_away(c, &err);
	authorize_link(&s->choice, conf->mp_base, conf->open_base, c->route.component_appid, code,
		arena_printf(&c->arena, "%s/authorize/%s/callback?s=%s", conf->public_url,
			c->route.component_appid, state),
		link);
	secret_free(&code);
	return BEGIN_OK;
}

/* --- the page ----------------------------------------------------------------------------------------------
 */

/* The page again, in the other language. */
static const char *other_language(struct public_call *c)
{
	struct buf href = BUF_INIT(LINK_MAX);
	const char *text;

	buf_addf(&href, "?lang=%s", c->lang == LANG_ZH ? "en" : "zh");
	for (size_t i = 0; i < c->query.n; i++) {
		if (strcmp(c->query.params[i].name, "lang") == 0)
			continue;
		buf_add_char(&href, '&');
		query_encode(&href, c->query.params[i].name, strlen(c->query.params[i].name));
		buf_add_char(&href, '=');
		query_encode(&href, c->query.params[i].value, strlen(c->query.params[i].value));
	}
	text = arena_strdup(&c->arena, buf_cstr(&href));
	buf_release(&href);
	return text;
}

static enum text title_of(const struct authorize_choice *choice)
{
	switch (choice->auth_type) {
	case 1:
		return TEXT_TITLE_ACCOUNT;
	case 2:
	case 4:
		return TEXT_TITLE_MINIPROGRAM;
	case 5:
		return TEXT_TITLE_CHANNELS;
	default:
		return TEXT_TITLE_ANY;
	}
}

static void attribute(struct page *p, const char *name, const char *value)
{
	page_raw(p, " ");
	page_raw(p, name);
	page_raw(p, "=\"");
	page_escaped(p, value);
	page_raw(p, "\"");
}

static const char arrow[] =
	"<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2.2\" "
	"stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\">"
	"<path d=\"M5 12h14M13 6l6 6-6 6\"/></svg>";

/* A page that comes back from the browser's own store may be clicked again: it has got a new number by then.
 */
static const char script[] =
	"(function(){var "
	"d=document,f=d.getElementById('form'),b=d.getElementById('go'),s=d.getElementById('status'),"
	"l=d.getElementById('link'),r=d.getElementById('reload'),t=f.dataset;if(!window.fetch)return;"
	"function free(){b.disabled=false}"
	"f.addEventListener('submit',function(e){e.preventDefault();if(b.disabled)return;b.disabled=true;"
	"l.parentNode.hidden=r.parentNode.hidden=true;s.textContent=t.going;"
	"fetch(t.code,{method:'POST',credentials:'omit',cache:'no-store',"
	"headers:{'Content-Type':'application/x-www-form-urlencoded'},"
	"body:'page='+encodeURIComponent(f.elements.page.value)})"
	".then(function(a){return a.json()}).then(function(a){if(a.page)f.elements.page.value=a.page;"
	"if(!a.url)throw a.error;l.href=a.url;l.parentNode.hidden=false;l.click();setTimeout(free,4000)})"
	".catch(function(w){free();s.textContent=t[w]||t.unavailable;r.parentNode.hidden=w!=='reload'})});"
	"window.addEventListener('pageshow',function(e){if(e.persisted){free();s.textContent=''}})})()";

static void write_steps(struct page *p, const struct start *s)
{
	page_raw(p, "<ol>");
	page_say(p, "li", TEXT_STEP_1);
	page_say(p, "li", s->choice.phone ? TEXT_STEP_2_PHONE : TEXT_STEP_2_PC);
	page_say(p, "li", TEXT_STEP_3);
	page_raw(p, "</ol>");
}

static void write_form(struct public_call *c, struct page *p, const struct start *s)
{
	const char *base = arena_printf(&c->arena, "/authorize/%s", c->route.component_appid);

	page_raw(p, "<form id=\"form\" method=\"post\"");
	attribute(p, "action",
		arena_printf(&c->arena, "%s/link?lang=%s", base, c->lang == LANG_ZH ? "zh" : "en"));
	attribute(p, "data-code", arena_printf(&c->arena, "%s/code", base));
	attribute(p, "data-going", page_text(c->lang, TEXT_GOING));
	attribute(p, "data-busy", page_text(c->lang, TEXT_BUSY));
	attribute(p, "data-reload", page_text(c->lang, TEXT_RELOAD));
	attribute(p, "data-unavailable", page_text(c->lang, TEXT_AWAY));
	page_raw(p, "><input type=\"hidden\" name=\"page\"");
	attribute(p, "value", page_value(c, s));
	page_raw(p, "><button id=\"go\" class=\"button\" type=\"submit\">");
	page_escaped(p, page_text(c->lang, TEXT_GO));
	page_raw(p, arrow);
	page_raw(p,
		"</button></form><p id=\"status\" class=\"status\" role=\"status\" aria-live=\"polite\"></p>"
		"<p class=\"status\" hidden><a id=\"link\" referrerpolicy=\"origin\">");
	page_escaped(p, page_text(c->lang, TEXT_GO_BY_HAND));
	page_raw(p, "</a></p><p class=\"status\" hidden><a id=\"reload\" href=\"\">");
	page_escaped(p, page_text(c->lang, TEXT_RELOAD_LINK));
	page_raw(p, "</a></p><script nonce=\"");
	page_raw(p, p->nonce);
	page_raw(p, "\">");
	page_raw(p, script);
	page_raw(p, "</script>");
}

/* warning: a text that says why the last click led nowhere; N_TEXTS: none. */
static void show(struct public_call *c, const struct start *s, enum text warning, int status)
{
	struct page p;

	page_begin(
		&p, c->lang, ICON_LINK, title_of(&s->choice), warning == N_TEXTS ? other_language(c) : NULL);
	page_say(&p, "p class=\"lead\"", TEXT_LEAD);
	if (warning != N_TEXTS)
		page_say(&p, "p class=\"warn\" role=\"alert\"", warning);
	else if (on_a_phone(c) && !within_weixin(c))
		page_say(&p, "p class=\"warn\"", TEXT_OPEN_IN_WEIXIN);
	write_steps(&p, s);
	write_form(c, &p, s);
	page_say(&p, "p class=\"note\"", TEXT_NOTE);
	page_send(&p, c->req, status);
}

static void show_bad_link(struct public_call *c, int status)
{
	struct page p;

	public_count("bad_link");
	page_begin(&p, c->lang, ICON_STOP, status == 410 ? TEXT_OLD_LINK_TITLE : TEXT_BAD_LINK_TITLE, NULL);
	page_say(&p, "p class=\"lead\"", status == 410 ? TEXT_OLD_LINK : TEXT_BAD_LINK);
	page_send(&p, c->req, status);
}

void authorize_page_show(struct public_call *c)
{
	struct start s;
	int status = take_query(c, &s);

	if (status == 503) {
		public_refuse(c, status);
	} else if (status != 0) {
		show_bad_link(c, status);
	} else {
		public_count("page");
		show(c, &s, N_TEXTS, 200);
	}
}

/* --- the click ---------------------------------------------------------------------------------------------
 */

static void reply_error(struct public_call *c, int status, const char *word, const char *page)
{
	struct json *fields = json_new_object();

	public_count(status == 429 ? "rate_limited" : status == 503 ? "unavailable" : "refused");
	json_set_str(fields, "error", word);
	if (page)
		json_set_str(fields, "page", page);
	public_reply_json(c, status, fields);
}

void authorize_page_code(struct public_call *c)
{
	struct buf link = BUF_INIT(LINK_MAX);
	struct json *fields;
	struct start s;
	int status = read_page(c, &s);

	if (status != 0) {
		reply_error(c, status, "reload", NULL);
		return;
	}
	switch (begin(c, &s, &link)) {
	case BEGIN_OK:
		public_count("code");
		fields = json_new_object();
		json_set_str(fields, "url", buf_cstr(&link));
		json_set_str(fields, "page", page_value(c, &s));
		public_reply_json(c, 200, fields);
		break;
	case BEGIN_USED:
		reply_error(c, 409, "reload", NULL);
		break;
	case BEGIN_BUSY:
		reply_error(c, 429, "busy", page_value(c, &s));
		break;
	case BEGIN_AWAY:
		reply_error(c, 503, "unavailable", page_value(c, &s));
		break;
	}
	buf_wipe_release(&link);
}

static void show_ready(struct public_call *c, const struct start *s, const char *link)
{
	struct page p;

	public_count("link");
	page_begin(&p, c->lang, ICON_LINK, title_of(&s->choice), NULL);
	page_say(&p, "p class=\"lead\"", TEXT_READY_LEAD);
	page_raw(&p, "<a id=\"link\" class=\"button\" referrerpolicy=\"origin\"");
	attribute(&p, "href", link);
	page_raw(&p, ">");
	page_escaped(&p, page_text(c->lang, TEXT_GO));
	page_raw(&p, arrow);
	page_raw(&p, "</a>");
	page_say(&p, "p class=\"note\"", TEXT_NOTE);
	page_send(&p, c->req, 200);
}

void authorize_page_link(struct public_call *c)
{
	struct buf link = BUF_INIT(LINK_MAX);
	struct start s;
	int status = read_page(c, &s);

	if (status != 0) {
		show_bad_link(c, status);
		return;
	}
	switch (begin(c, &s, &link)) {
	case BEGIN_OK:
		show_ready(c, &s, buf_cstr(&link));
		break;
	case BEGIN_USED: /* sent twice by a reload: here is a page that has not been */
		show(c, &s, TEXT_USED, 409);
		break;
	case BEGIN_BUSY:
		public_count("rate_limited");
		show(c, &s, TEXT_BUSY, 429);
		break;
	case BEGIN_AWAY:
		public_count("unavailable");
		show(c, &s, TEXT_AWAY, 503);
		break;
	}
	buf_wipe_release(&link);
}
