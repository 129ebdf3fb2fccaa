#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_CALLBACK_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_CALLBACK_H

#include "services/token-service/web/public.h"

/* Where Weixin sends a visitor back to, with a code or, if he refused, without one. What it is about comes
 * from the visitor's own cookie; the code is exchanged here and shown to nobody; the site gets a signed
 * result (oauth_result.h) as the parameter OAUTH_RESULT_PARAMETER of its address. */
void oauth_callback(struct public_call *c);

#endif
