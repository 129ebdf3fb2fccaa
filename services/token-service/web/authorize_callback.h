#ifndef SERVICES_TOKEN_SERVICE_WEB_AUTHORIZE_CALLBACK_H
#define SERVICES_TOKEN_SERVICE_WEB_AUTHORIZE_CALLBACK_H

#include "services/token-service/web/public.h"

/* Where Weixin sends the administrator back to: `auth_code` and our `s`. The code is exchanged as the one of
 * the push is (exchange.h); whichever of the two comes first, or alone, the end is the same. Only a code that
 * comes with an authorization begun here is tried, and the page says in plain words what happened. */
void authorize_callback(struct public_call *c);

#endif
