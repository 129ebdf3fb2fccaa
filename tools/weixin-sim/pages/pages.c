/* The authorization page, the way it judges those who come:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Authorization_Process_Technical_Description.html
 * A visitor has to come by a link on a page of the domain to which he returns; Weixin looks at the Referer:
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/troubleshooting/authorization_troubleshooting
 */
#include "tools/weixin-sim/pages/pages.h"

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/httpd/query.h"
#include "tools/weixin-sim/push/plays.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define PAGE_MAX     ((size_t)1 << 20)
#define AUTH_CODE_S  "3600"
#define WEB_CODE_MS  300000
#define CONFIRM_PATH "/weixin-sim/confirm"
#define AGREE_PATH   "/weixin-sim/agree"
#define REFUSE_PATH  "/weixin-sim/refuse"

struct page {
	struct httpd_request *req;
	struct sim *sim;
	struct arena arena;
	struct query query;
	struct buf html;
	int status;
};

static const char *get(const struct page *p, const char *name)
{
	const char *value = query_get(&p->query, name);

	return value ? value : "";
}

static void escape(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("&<>\"'", *s))
			buf_addf(out, "&#%d;", *s);
		else
			buf_add_char(out, *s);
	}
}

static void record(struct page *p, const char *outcome)
{
	const char *referer = httpd_header(p->req, "Referer");
	struct json *entry = json_new_object();

	json_set_int(entry, "at_ms", clock_wall_ms());
	json_set_str(entry, "path", httpd_path(p->req));
	json_set_str(entry, "query", httpd_query(p->req) ? httpd_query(p->req) : "");
	json_set_str(entry, "referer", referer);
	json_set_str(entry, "outcome", outcome);
	record_add(&p->sim->record, "page", entry);
	json_free(&entry);
}

static void head(struct page *p, const char *title)
{
	buf_addf(&p->html,
		"<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
		"content=\"width=device-width,initial-scale=1\"><title>%s</title><style>"
		"*{box-sizing:border-box}body{margin:auto;padding:12px;max-width:480px;font:16px/1.5 "
		"system-ui,sans-serif;color:#191919;"
		"overflow-wrap:anywhere}h1{font-size:20px}h2{font-size:17px;margin:0}"
		"section{padding:12px;margin:12px 0;border:1px solid #d9d9d9;border-radius:8px}"
		"a{display:block;min-height:44px;padding:10px;border-radius:6px;text-align:center;"
		"background:#06683a;color:#fff}#refuse{background:#fff;color:#8f1f1f}"
		"</style><h1>%s</h1>",
		title, title);
}

static void show(struct page *p, const char *outcome)
{
	record(p, outcome);
	httpd_reply(p->req, p->status, "text/html; charset=utf-8", p->html.data, p->html.len, NULL, 0);
}

/* Weixin's refusals have a number in the page's script. */
static void refuse(struct page *p, int ret, const char *text)
{
	char *outcome = xasprintf("ret %d", ret);

	buf_reset(&p->html);
	head(p, "weixin-sim: refused");
	buf_addf(&p->html, "<p id=\"ret\">%d</p><p>%s</p>", ret, text);
	p->status = 200;
	show(p, outcome);
	free(outcome);
}

/* Scheme and host, without port, of an absolute URL. */
static struct str host_of(const char *url)
{
	const char *host = url ? strstr(url, "://") : NULL;

	if (!host)
		return (struct str){"", 0};
	host += 3;
	return (struct str){host, strcspn(host, ":/?#")};
}

static void redirect(struct page *p, const char *url, const char *outcome)
{
	const struct httpd_header location = {"Location", url};

	record(p, outcome);
	httpd_reply(p->req, 302, NULL, NULL, 0, &location, 1);
}

static void add_pair(struct buf *url, const char *name, const char *value)
{
	buf_addf(url, "%s%s=", strchr(buf_cstr(url), '?') ? "&" : "?", name);
	query_encode(url, value, strlen(value));
}

/* --- authorization -----------------------------------------------------------------------------------------
 */

/* 0, or the page's number for a refusal. `use` it up. */
static int check_pre_auth_code(struct page *p, bool use)
{
	struct visit *v;
	int ret = 0;

	state_lock(&p->sim->state);
	v = visits_find(&p->sim->state.visits, VISIT_PRE_AUTH, get(p, "pre_auth_code"));
	if (!v || strcmp(v->component_appid, get(p, "component_appid")) != 0 ||
		clock_wall_ms() >= v->expires_ms)
		ret = -11;
	else if (v->used)
		ret = -28;
	else
		v->used = use;
	state_unlock(&p->sim->state);
	return ret;
}

static bool offered(const struct page *p, const struct account *a)
{
	const char *biz = get(p, "biz_appid"), *type = get(p, "auth_type");

	if (biz[0])
		return strcmp(biz, a->appid) == 0;
	if (strcmp(type, "1") == 0)
		return !a->miniprogram;
	return strcmp(type, "2") != 0 || a->miniprogram;
}

/* Permission sets as the page names them; the others have a number only.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/product/offical_account_authority.html
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/product/miniprogram_authority.html
 */
static const char *set_name(int id)
{
	static const struct {
		int id;
		const char *name;
	} names[] = {{1, "消息管理"}, {2, "用户管理"}, {3, "账号服务"}, {4, "网页服务"}, {6, "微信多客服"},
		{7, "群发与通知"}, {8, "微信卡券"}, {11, "素材管理"}, {15, "菜单管理"}, {17, "获取小程序码"},
		{18, "小程序开发与数据分析"}, {19, "小程序客服管理"}, {24, "开放平台账号管理"},
		{25, "开放平台账号管理"}, {30, "小程序基本信息管理"}, {89, "服务号订阅通知"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].id == id)
			return names[i].name;
	return "";
}

static void offer(struct page *p, const struct account *a)
{
	struct buf url = BUF_INIT(8192);

	buf_add_str(&url, CONFIRM_PATH);
	add_pair(&url, "component_appid", get(p, "component_appid"));
	add_pair(&url, "pre_auth_code", get(p, "pre_auth_code"));
	add_pair(&url, "redirect_uri", get(p, "redirect_uri"));
	add_pair(&url, "appid", a->appid);
	buf_add_str(&p->html, "<section><h2>");
	escape(&p->html, a->nick_name);
	buf_add_str(&p->html, "</h2><ul>");
	for (size_t i = 0; i < a->func_ids.n; i++)
		buf_addf(&p->html, "<li>%d %s</li>", a->func_ids.id[i], set_name(a->func_ids.id[i]));
	buf_addf(&p->html, "</ul><a class=\"confirm\" id=\"confirm-%s\" href=\"", a->appid);
	escape(&p->html, buf_cstr(&url));
	buf_add_str(&p->html, "\">授权 ");
	escape(&p->html, a->nick_name);
	buf_add_str(&p->html, "</a></section>");
	buf_release(&url);
}

static void authorization(struct page *p)
{
	struct str referer = host_of(httpd_header(p->req, "Referer"));
	struct account *a, *next;
	int ret;

	if (referer.len == 0 || !str_eq(referer, host_of(get(p, "redirect_uri")))) {
		refuse(p, -14, "the page with the link and redirect_uri are not of one domain");
		return;
	}
	if (!get(p, "auth_type")[0] && !get(p, "biz_appid")[0]) {
		refuse(p, -13, "auth_type is missing");
		return;
	}
	if ((ret = check_pre_auth_code(p, false)) != 0) {
		refuse(p, ret, "the pre-auth code is unknown, used or too old");
		return;
	}
	head(p, "weixin-sim: authorize");
	state_lock(&p->sim->state);
	HASH_ITER (hh, p->sim->state.accounts, a, next) {
		if (offered(p, a))
			offer(p, a);
	}
	state_unlock(&p->sim->state);
	buf_add_str(&p->html, "<p><a id=\"refuse\" href=\"" REFUSE_PATH "?\">不授权</a></p>");
	show(p, "offered");
}

/* Who refuses stays at Weixin's, and the platform hears nothing. */
static void refuse_consent(struct page *p)
{
	head(p, "weixin-sim: not authorized");
	show(p, "refused");
}

static void confirm(struct page *p)
{
	const struct grant_request request = {
		.component_appid = get(p, "component_appid"),
		.appid = get(p, "appid"),
		.pre_auth_code = get(p, "pre_auth_code"),
		.code_reusable = -1,
	};
	enum push_order order = (enum push_order)atomic_load(&p->sim->push_order);
	struct push_result pushed = {0};
	struct buf url = BUF_INIT(8192);
	struct grant grant;
	struct err err;

	if (check_pre_auth_code(p, true) != 0 || play_grant(p->sim, &request, &grant, &err) != 0) {
		refuse(p, -23, "nothing was authorized");
		return;
	}
	if (order == PUSH_FIRST || order == PUSH_ONLY)
		(void)play_push_grant(p->sim, &grant, "authorized", &play_defaults, &pushed, &err);
	if (order == PUSH_ONLY) {
		head(p, "weixin-sim: authorized");
		show(p, "authorized");
	} else {
		buf_add_str(&url, get(p, "redirect_uri"));
		add_pair(&url, "auth_code", grant.code);
		add_pair(&url, "expires_in", AUTH_CODE_S);
		redirect(p, buf_cstr(&url), "authorized");
	}
	if (order == REDIRECT_FIRST) {
		clock_sleep_ms(500);
		(void)play_push_grant(p->sim, &grant, "authorized", &play_defaults, &pushed, &err);
	}
	json_free(&pushed.entry);
	buf_release(&url);
}

/* --- web page authorization --------------------------------------------------------------------------------
 */

/* The order of the parameters is part of Weixin's rules here. */
static bool in_order(const struct query *q)
{
	static const char *const names[] = {
		"appid", "redirect_uri", "response_type", "scope", "state", "component_appid"};

	if (q->n != sizeof(names) / sizeof(names[0]))
		return false;
	for (size_t i = 0; i < q->n; i++) {
		if (strcmp(q->params[i].name, names[i]) != 0)
			return false;
	}
	return true;
}

static bool state_ok(const char *s)
{
	return strlen(s) <= 128 &&
	       strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(s);
}

/* The visitor is the account's first fan. */
static bool new_web_code(struct page *p, char code_out[TOKEN_MAX])
{
	const char *appid = get(p, "appid"), *component = get(p, "component_appid");
	const struct authorization *auth;
	const struct account *a;
	struct visit *v;
	bool made = false;

	state_lock(&p->sim->state);
	a = state_account(&p->sim->state, appid);
	auth = state_authorization(&p->sim->state, component, appid);
	if (a && a->fans && auth && auth->authorized) {
		v = visits_add(&p->sim->state.visits, VISIT_WEB, NULL, clock_wall_ms() + WEB_CODE_MS);
		str_copy(v->component_appid, sizeof(v->component_appid), component);
		str_copy(v->appid, sizeof(v->appid), appid);
		str_copy(v->openid, sizeof(v->openid), a->fans->openid);
		str_copy(v->scope, sizeof(v->scope), get(p, "scope"));
		str_copy(code_out, TOKEN_MAX, v->code);
		made = true;
	}
	state_unlock(&p->sim->state);
	return made;
}

static bool web_request_ok(const struct page *p)
{
	return in_order(&p->query) && strcmp(get(p, "response_type"), "code") == 0 &&
	       state_ok(get(p, "state"));
}

static void refuse_web(struct page *p)
{
	refuse(p, 10003, "a parameter is wrong, or the account does not authorize the platform");
}

static void add_link(struct page *p, const char *id, const char *href)
{
	buf_addf(&p->html, "<p><a id=\"%s\" href=\"", id);
	escape(&p->html, href);
	buf_addf(&p->html, "\">%s</a></p>", id);
}

/* Who refuses is sent back without a code. */
static void ask_for_consent(struct page *p)
{
	struct buf refused = BUF_INIT(8192);

	buf_add_str(&refused, get(p, "redirect_uri"));
	add_pair(&refused, "state", get(p, "state"));
	head(p, "weixin-sim: consent");
	add_link(p, "agree", arena_printf(&p->arena, "%s?%s", AGREE_PATH, httpd_query(p->req)));
	add_link(p, "refuse", buf_cstr(&refused));
	show(p, "consent");
	buf_release(&refused);
}

static void send_visitor_back(struct page *p)
{
	struct buf url = BUF_INIT(8192);
	char code[TOKEN_MAX];

	if (!web_request_ok(p) || !new_web_code(p, code)) {
		refuse_web(p);
		return;
	}
	buf_add_str(&url, get(p, "redirect_uri"));
	add_pair(&url, "code", code);
	add_pair(&url, "state", get(p, "state"));
	add_pair(&url, "appid", get(p, "appid"));
	redirect(p, buf_cstr(&url), "code");
	buf_release(&url);
}

/* snsapi_base asks nobody, snsapi_userinfo does. */
static void web_authorization(struct page *p)
{
	if (!web_request_ok(p))
		refuse_web(p);
	else if (strcmp(get(p, "scope"), "snsapi_userinfo") == 0)
		ask_for_consent(p);
	else
		send_visitor_back(p);
}

/* --- all ---------------------------------------------------------------------------------------------------
 */

static const struct {
	const char *path;
	void (*serve)(struct page *p);
} rows[] = {
	{"/cgi-bin/componentloginpage", authorization},
	{"/wxaopen/safe/bindcomponent", authorization},
	{"/safe/bindcomponent", authorization},
	{CONFIRM_PATH, confirm},
	{REFUSE_PATH, refuse_consent},
	{"/connect/oauth2/authorize", web_authorization},
	{AGREE_PATH, send_visitor_back},
};

bool pages_serve(struct httpd_request *req, struct sim *sim)
{
	struct page p = {
		.req = req, .sim = sim, .arena = ARENA_INIT, .html = BUF_INIT(PAGE_MAX), .status = 200};
	const char *query = httpd_query(req);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(httpd_path(req), rows[i].path) != 0)
			continue;
		if (!query || query_parse(query, strlen(query), &p.arena, &p.query) != QUERY_OK)
			refuse(&p, -13, "the parameters are malformed");
		else
			rows[i].serve(&p);
		buf_release(&p.html);
		arena_release(&p.arena);
		return true;
	}
	return false;
}
