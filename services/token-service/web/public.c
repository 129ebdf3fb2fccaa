#include "services/token-service/web/public.h"

#include "common/base/str.h"
#include "proto/trace.h"
#include "services/token-service/audit.h"
#include "services/token-service/web/authorize_callback.h"
#include "services/token-service/web/authorize_page.h"
#include "services/token-service/web/login.h"
#include "services/token-service/metrics.h"
#include "services/token-service/web/oauth_callback.h"
#include "services/token-service/web/oauth_keys.h"
#include "services/token-service/web/oauth_start.h"
#include "services/token-service/web/page.h"
#include "services/token-service/web/verification_file.h"

#include <string.h>
#include <strings.h>

#include "common/base/banned.h"

#define FORM_MAX   (16 * 1024)
#define ANSWER_MAX (64 * 1024)
#define FORM_TYPE  "application/x-www-form-urlencoded"

void public_init(struct public *p, const struct exchange *x, struct outbox *outbox,
	const struct token_service_conf *conf)
{
	*p = (struct public){
		.x = x,
		.outbox = outbox,
		.conf = conf,
		.by_address = rate_limit_new((int)conf->public_per_address),
		.logins_by_address = rate_limit_new((int)conf->logins_per_address),
		.visits_by_address = rate_limit_new((int)conf->visits_per_address),
		.codes_by_address = rate_limit_new((int)conf->codes_per_address),
		.codes_by_platform = rate_limit_new((int)conf->codes_per_platform),
	};
}

void public_release(struct public *p)
{
	rate_limit_free(&p->by_address);
	rate_limit_free(&p->logins_by_address);
	rate_limit_free(&p->visits_by_address);
	rate_limit_free(&p->codes_by_address);
	rate_limit_free(&p->codes_by_platform);
}

/* --- for the modules behind the port -----------------------------------------------------------------------
 */

void public_count(const char *outcome)
{
	metric_add(&token_service_metrics[M_PUBLIC], outcome, 1);
}

const char *public_param(const struct public_call *c, const char *name)
{
	return query_get(&c->query, name);
}

void public_refuse(struct public_call *c, int status)
{
	public_count(status == 429 ? "rate_limited" : status == 404 ? "not_found" : "refused");
	page_refuse(c->req, c->lang, status);
}

void public_reply_json(struct public_call *c, int status, struct json *fields)
{
	struct buf body = BUF_INIT(ANSWER_MAX);

	json_write(fields, &body);
	httpd_reply(c->req, status, "application/json", body.data, body.len, page_safe_headers,
		PAGE_SAFE_HEADERS);
	buf_wipe_release(&body);
	json_free(&fields);
}

void public_redirect(struct public_call *c, const char *location, const char *const *cookies, size_t n)
{
	struct httpd_header headers[PAGE_SAFE_HEADERS + 1 + PUBLIC_COOKIES_MAX];
	size_t n_headers = PAGE_SAFE_HEADERS;

	memcpy(headers, page_safe_headers, sizeof(page_safe_headers));
	headers[n_headers++] = (struct httpd_header){"Location", location};
	for (size_t i = 0; i < n && i < PUBLIC_COOKIES_MAX; i++)
		headers[n_headers++] = (struct httpd_header){"Set-Cookie", cookies[i]};
	httpd_reply(c->req, 302, NULL, NULL, 0, headers, n_headers);
}

/* Browsers name the page that a form or script belongs to: ours or none. */
static bool from_our_page(const struct public_call *c)
{
	const char *origin = httpd_header(c->req, "Origin");

	return !origin || strcmp(origin, c->p->conf->public_url) == 0;
}

int public_read_form(struct public_call *c, struct query *form_out)
{
	const char *type = httpd_header(c->req, "Content-Type");
	struct buf body = BUF_INIT(FORM_MAX + 1);
	struct query form = {.n = 0};
	size_t len = 0;
	struct err err;
	int status;

	if (!from_our_page(c))
		return 403;
	if (!type || strncasecmp(type, FORM_TYPE, strlen(FORM_TYPE)) != 0)
		return 415;
	status = httpd_body_check(c->req, FORM_MAX, &len, NULL);
	if (status == 0 && (httpd_body_read(c->req, &body, &err) < 0 ||
				   query_parse(body.data, body.len, &c->arena, &form) != QUERY_OK))
		status = 400;
	if (status == 0)
		*form_out = form;
	buf_release(&body);
	return status;
}

/* --- all requests ------------------------------------------------------------------------------------------
 */

/* The connection's other end, or what the proxy in front says (the last value is its own). */
static void find_address(struct public_call *c)
{
	const char *name = c->p->conf->address_header;
	const char *value = name[0] ? httpd_header(c->req, name) : NULL;
	const char *comma = value ? strrchr(value, ',') : NULL;
	struct str address = str_trim(str_of(comma ? comma + 1 : value));

	if (address.len == 0)
		address = str_of(httpd_peer(c->req));
	if (str_ncopy(c->address, sizeof(c->address), address.p, address.len) < 0)
		(void)str_copy(c->address, sizeof(c->address), "too long");
}

static bool platform_known(const struct public_call *c)
{
	struct keys *keys = keyring_take(c->p->x->store->keyring);
	bool known = platforms_find(keys->platforms, c->route.component_appid) != NULL;

	keyring_give(c->p->x->store->keyring, &keys);
	return known;
}

/* What no path leads to counts as a page. */
static struct rate_limit *limit_of(const struct public_call *c, int status)
{
	if (status == 0 && c->route.action == PUBLIC_LOGIN)
		return c->p->logins_by_address;
	if (status == 0 &&
		(c->route.action == PUBLIC_OAUTH_START || c->route.action == PUBLIC_OAUTH_CALLBACK ||
			c->route.action == PUBLIC_OAUTH_KEYS))
		return c->p->visits_by_address;
	return c->p->by_address;
}

/* What every request must pass; 0 or the status to refuse with. */
static int check(struct public_call *c)
{
	const char *query = httpd_query(c->req);
	int status = public_route_parse(httpd_method(c->req), httpd_path(c->req), &c->route);

	if (!rate_limit_take(limit_of(c, status), c->address))
		return 429;
	if (query && query_parse(query, strlen(query), &c->arena, &c->query) != QUERY_OK)
		return 400;
	c->lang = lang_choose(public_param(c, "lang"), httpd_header(c->req, "Accept-Language"));
	if (status != 0)
		return status;
	if (c->route.component_appid[0] && !platform_known(c))
		return 404;
	return 0;
}

static void (*const serve[N_PUBLIC_ACTIONS])(struct public_call *c) = {
	[PUBLIC_AUTHORIZE] = authorize_page_show,
	[PUBLIC_AUTHORIZE_CODE] = authorize_page_code,
	[PUBLIC_AUTHORIZE_LINK] = authorize_page_link,
	[PUBLIC_AUTHORIZE_CALLBACK] = authorize_callback,
	[PUBLIC_LOGIN] = login,
	[PUBLIC_OAUTH_START] = oauth_start,
	[PUBLIC_OAUTH_CALLBACK] = oauth_callback,
	[PUBLIC_OAUTH_KEYS] = oauth_keys,
	[PUBLIC_VERIFICATION_FILE] = verification_file,
};

void public_serve(struct httpd_request *req, void *arg)
{
	struct public_call c = {.p = arg, .req = req, .arena = ARENA_INIT};
	int status;

	audit_as(AUDIT_BROWSER); /* this port's threads serve nobody else */
	trace_enter(httpd_header_alone(req, TRACE_HEADER));
	find_address(&c);
	c.lang = lang_choose(NULL, httpd_header(req, "Accept-Language"));
	status = check(&c);
	if (status != 0)
		public_refuse(&c, status);
	else
		serve[c.route.action](&c);
	trace_leave();
	arena_release(&c.arena);
}
