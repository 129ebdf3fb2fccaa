#ifndef SERVICES_TOKEN_SERVICE_WEB_PUBLIC_H
#define SERVICES_TOKEN_SERVICE_WEB_PUBLIC_H

#include "common/httpd/httpd.h"
#include "common/httpd/query.h"
#include "common/json/json.h"
#include "services/token-service/conf.h"
#include "services/token-service/events/exchange.h"
#include "services/token-service/events/outbox.h"
#include "services/token-service/web/page_text.h"
#include "services/token-service/web/public_route.h"
#include "services/token-service/web/rate_limit.h"

/* The public port: what strangers reach. Every request is limited in size by the HTTP server and in number by
 * its address, every answer carries the headers of page.h, and every refusal looks alike. */
struct public
{
	const struct exchange *x;
	struct outbox *outbox;
	const struct token_service_conf *conf;
	struct rate_limit *by_address;
	struct rate_limit *logins_by_address; /* a mini program's server brings those of all its users */
	struct rate_limit
		*visits_by_address; /* web page authorization: many phones share a carrier's address */
	struct rate_limit *codes_by_address;  /* pre-auth codes */
	struct rate_limit *codes_by_platform; /* the same; Weixin's quota is the platform's */
};

void public_init(struct public *p, const struct exchange *x, struct outbox *outbox,
	const struct token_service_conf *conf);
void public_release(struct public *p);

/* A httpd_handler; `public` is its struct public. */
void public_serve(struct httpd_request *req, void *public);

/* --- for the modules behind the port -----------------------------------------------------------------------
 */

struct public_call {
	const struct public *p;
	struct httpd_request *req;
	struct public_route route;
	struct arena arena; /* all that the handler makes */
	struct query query;
	enum lang lang;
	char address[64]; /* of the person */
};

/* A parameter of the address; NULL: not there. */
const char *public_param(const struct public_call *c, const char *name);
/* The fields of a form that was sent from a page of ours. 0, or the status to refuse with. */
int public_read_form(struct public_call *c, struct query *form_out);
void public_refuse(struct public_call *c, int status); /* the page for every refusal */
void public_count(const char *outcome);                /* for the metric; a constant word */
/* {...} with the headers of every answer; takes `fields` over. */
void public_reply_json(struct public_call *c, int status, struct json *fields);
/* Send the browser on; each of `cookies`, at most PUBLIC_COOKIES_MAX, is a value of Set-Cookie. */
#define PUBLIC_COOKIES_MAX 8
void public_redirect(struct public_call *c, const char *location, const char *const *cookies, size_t n);

#endif
