#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_START_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_START_H

#include "services/token-service/web/public.h"

/* Web page authorization on behalf: a site that wants to know who its visitor is sends him to
 * /oauth/{component_appid}/{appid}/start?return=...&state=...[&scope=snsapi_base|snsapi_userinfo]. `return`
 * is where he goes back to, one of the account's targets; `state` is the site's own and comes back in the
 * result. He is sent on to Weixin, from where he comes back to our /callback: so one callback domain, of
 * which Weixin lets a platform register few, serves any number of sites. Where he began is kept in a cookie
 * of his (oauth_cookie.h), so that nobody can have another's browser end what he began himself.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Official_Accounts/official_account_website_authorization.html
 */
void oauth_start(struct public_call *c);

#endif
