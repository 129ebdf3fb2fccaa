#ifndef SERVICES_TOKEN_SERVICE_WEB_AUTHORIZE_PAGE_H
#define SERVICES_TOKEN_SERVICE_WEB_AUTHORIZE_PAGE_H

#include "services/token-service/web/public.h"

/* The page from which an administrator goes to Weixin to authorize a platform.
 *
 * Weixin looks at the Referer: it wants to see that its page was opened from one of the registered domain. A
 * redirect (302) shows it the page before ours, or nothing, and a typed address nothing; so the visitor has
 * to follow an <a> on our page that lets its origin be told. The address in that <a> holds a pre-auth code,
 * which works once, for some minutes, and out of a daily quota: made with the page, open tabs and crawlers
 * would use it up. Hence the click comes in two halves: the button asks us for a code (a script's request,
 * answered once for each page), and the script then puts the address into a real <a referrerpolicy="origin">
 * and clicks that. Without a script the button sends a form, whose answer is a second page with the ready
 * <a>.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/troubleshooting/authorization_troubleshooting
 */
void authorize_page_show(struct public_call *c);
void authorize_page_code(struct public_call *c); /* {"url","page"} or {"error","page"?} */
void authorize_page_link(struct public_call *c);

#endif
