#include "tools/weixin-sim/pages/chat_pages.h"

#include "common/base/arena.h"
#include "common/base/str.h"
#include "common/httpd/query.h"
#include "common/json/json.h"
#include "tools/weixin-sim/push/plays.h"
#include "tools/weixin-sim/push/samples.h"

#include <string.h>

#include "common/base/banned.h"

#define BODY_MAX ((size_t)64 * 1024)
#define JSON_MAX ((size_t)8 << 20)
#define FANS_MAX 20 /* listed of one account */
#define RETRIES  3  /* as Weixin does for a fan */

/* chat.html; the build makes the bytes. */
static const unsigned char chat_html[] = {
#include "tools/weixin-sim/pages/chat_html.inc"
};

struct chat_page {
	struct httpd_request *req;
	struct sim *sim;
	struct arena arena;
	struct query query;
	struct json *body;
	struct buf out;
};

static void reply_json(struct chat_page *p, int status, const struct json *j)
{
	json_write(j, &p->out);
	httpd_reply(p->req, status, "application/json", buf_cstr(&p->out), p->out.len, NULL, 0);
}

static void refuse(struct chat_page *p, int status, const char *text)
{
	struct json *j = json_new_object();

	json_set_str(j, "error", text);
	reply_json(p, status, j);
	json_free(&j);
}

static void page(struct chat_page *p)
{
	httpd_reply(p->req, 200, "text/html; charset=utf-8", chat_html, sizeof(chat_html), NULL, 0);
}

/* --- who can be talked with ------------------------------------------------------------------------------
 */

/* With the state locked. */
static struct json *account_json(const struct state *s, const struct account *a)
{
	struct json *j = json_new_object(), *by = json_new_array(), *fans = json_new_array();
	const struct authorization *auth;
	const struct platform *p;
	const struct fan *f;

	for (p = s->platforms; p; p = p->hh.next) {
		auth = state_authorization(s, p->component_appid, a->appid);
		if (auth && auth->authorized)
			json_push(by, json_new_string(p->component_appid));
	}
	for (f = a->fans; f && json_len(fans) < FANS_MAX; f = f->hh.next)
		json_push(fans, json_new_string(f->openid));
	json_set_str(j, "appid", a->appid);
	json_set_str(j, "nick_name", a->nick_name);
	json_set(j, "authorized_by", by);
	json_set(j, "fans", fans);
	return j;
}

static void accounts(struct chat_page *p)
{
	struct json *all = json_new_object(), *names = json_new_array(), *list = json_new_array(),
		    *kinds = json_new_array();
	const struct state *s = &p->sim->state;
	const struct sample *sample;

	for (size_t i = 0; (sample = sample_at(i)) != NULL; i++)
		if (sample->on != SAMPLE_PLATFORM)
			json_push(kinds, json_new_string(sample->name));
	state_lock(&p->sim->state);
	for (const struct platform *platform = s->platforms; platform; platform = platform->hh.next)
		json_push(names, json_new_string(platform->component_appid));
	for (const struct account *a = s->accounts; a; a = a->hh.next)
		json_push(list, account_json(s, a));
	state_unlock(&p->sim->state);
	json_set(all, "platforms", names);
	json_set(all, "accounts", list);
	json_set(all, "samples", kinds);
	reply_json(p, 200, all);
	json_free(&all);
}

/* --- one chat ----------------------------------------------------------------------------------------------
 */

static const char *parameter(const struct chat_page *p, const char *name)
{
	const char *value = query_get(&p->query, name);

	return value ? value : "";
}

/* {"menu":...,"chat":{"next":N,"entries":[...]}} */
static void log_since(struct chat_page *p)
{
	const char *since = parameter(p, "since");
	const struct chat nothing = {.n = 0};
	const struct account *a;
	const struct fan *f;
	int64_t n = 0;

	if (since[0] && str_to_int64(since, strlen(since), 0, INT64_MAX, &n) < 0) {
		refuse(p, 400, "since is no number");
		return;
	}
	buf_add_str(&p->out, "{\"menu\":");
	state_lock(&p->sim->state);
	a = state_account(&p->sim->state, parameter(p, "appid"));
	f = a ? state_fan(a, parameter(p, "openid")) : NULL;
	if (a && a->menu)
		json_write(a->menu, &p->out);
	else
		buf_add_str(&p->out, "null");
	buf_add_str(&p->out, ",\"chat\":");
	chat_write(f ? &f->chat : &nothing, (uint64_t)n, &p->out);
	state_unlock(&p->sim->state);
	buf_add_char(&p->out, '}');
	httpd_reply(p->req, 200, "application/json", buf_cstr(&p->out), p->out.len, NULL, 0);
}

static struct json *sample_of(struct chat_page *p, const struct play_message *m)
{
	const char *name = json_get_str(p->body, "sample");
	const struct sample *s = name ? sample_find(name) : NULL;
	const struct sample_words words = {.component_appid = m->component_appid,
		.appid = m->appid,
		.user_name = "",
		.openid = m->openid,
		.code = "",
		.now_s = sim_told_ms(p->sim) / 1000};

	return s && s->on != SAMPLE_PLATFORM ? sample_fields(s, &words) : NULL;
}

/* {"component_appid","appid","openid"} with "fields" or "sample": the fan does that; answers how the push
 * ended. */
static void say(struct chat_page *p)
{
	struct play_message m = {.component_appid = json_get_str(p->body, "component_appid"),
		.appid = json_get_str(p->body, "appid"),
		.openid = json_get_str(p->body, "openid")};
	const struct play_options o = {.retries = RETRIES, .create_time = -1};
	struct push_result r = {0};
	struct json *fields = NULL;
	struct err err;

	if (m.component_appid && m.appid && m.openid && m.openid[0])
		fields = json_kind(json_get(p->body, "fields")) == JSON_OBJECT
				 ? json_copy(json_get(p->body, "fields"))
				 : sample_of(p, &m);
	m.fields = fields;
	if (!fields)
		refuse(p, 400, "component_appid, appid, openid and fields or sample are needed");
	else if (play_message(p->sim, &m, &o, &r, &err) != 0)
		refuse(p, 400, err.text);
	else
		reply_json(p, 200, r.entry);
	push_result_release(&r);
	json_free(&fields);
}

/* JSON is asked for by its type: a form of another site cannot send that unasked. */
static int read_body(struct chat_page *p)
{
	const struct json_limits limits = {.max_bytes = BODY_MAX, .max_depth = 16};
	const char *type = httpd_header(p->req, "Content-Type");
	struct buf body = BUF_INIT(BODY_MAX);
	size_t len;
	int status = httpd_body_check(p->req, BODY_MAX, &len, NULL);

	if (status == 0 && (!type || !str_starts_with(type, "application/json")))
		status = 415;
	if (status == 0 && (httpd_body_read(p->req, &body, NULL) < 0 ||
				   json_parse(buf_cstr(&body), body.len, &limits, &p->body, NULL) < 0))
		status = 400;
	buf_release(&body);
	return status;
}

static const struct {
	const char *method;
	const char *path;
	void (*serve)(struct chat_page *p);
} rows[] = {
	{"GET", "/weixin-sim", page},
	{"GET", "/weixin-sim/chat", page},
	{"GET", "/weixin-sim/chat/accounts", accounts},
	{"GET", "/weixin-sim/chat/log", log_since},
	{"POST", "/weixin-sim/chat/say", say},
};

static void serve(struct chat_page *p, size_t row)
{
	const char *query = httpd_query(p->req);
	int status = 0;

	if (strcmp(httpd_method(p->req), rows[row].method) != 0)
		status = 405;
	else if (query && query_parse(query, strlen(query), &p->arena, &p->query) != QUERY_OK)
		status = 400;
	else if (strcmp(rows[row].method, "POST") == 0)
		status = read_body(p);
	if (status)
		httpd_refuse(p->req, status);
	else
		rows[row].serve(p);
}

bool chat_pages_serve(struct httpd_request *req, struct sim *sim)
{
	struct chat_page p = {.req = req, .sim = sim, .arena = ARENA_INIT, .out = BUF_INIT(JSON_MAX)};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(httpd_path(req), rows[i].path) != 0)
			continue;
		serve(&p, i);
		json_free(&p.body);
		buf_release(&p.out);
		arena_release(&p.arena);
		return true;
	}
	return false;
}
