#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_PAGE_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_PAGE_H

#include "services/token-service/web/oauth_cookie.h"
#include "services/token-service/web/public.h"

/* What the two ends of a web page authorization share: who and where it is for, and the pages that a visitor
 * sees where he cannot be sent on. */

struct credential_id oauth_account(const struct public_call *c); /* that the path names */

/* 0: the account authorizes its platform, and lets visitors be sent back to this address. Else a status: 403
 * it does not let them, 404 no such account here, 503. */
int oauth_check_target(struct public_call *c, const char *return_url);

/* The beginning of the same authorization, in the arena. */
const char *oauth_again_href(struct public_call *c, const struct oauth_visit *v);

/* One page. again_href: of the button; "": this address once more; NULL: no button. return_url: of a second
 * button, back to the site; NULL: none. */
void oauth_show(struct public_call *c, enum text title, enum text text, const char *again_href,
	const char *return_url, int status);
/* The pages for a status of oauth_check_target(), and 400: what the address says is wrong. */
void oauth_refuse(struct public_call *c, int status);
/* Weixin or our own database is away; again_href as above. */
void oauth_show_wait(struct public_call *c, const char *again_href);

#endif
