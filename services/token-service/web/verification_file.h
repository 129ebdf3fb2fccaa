#ifndef SERVICES_TOKEN_SERVICE_WEB_VERIFICATION_FILE_H
#define SERVICES_TOKEN_SERVICE_WEB_VERIFICATION_FILE_H

#include "services/token-service/web/public.h"

/* Weixin asks a platform to show that a domain is its own by a small file at the domain's root,
 * `/{name}.txt`. The files lie in WXBUS_VERIFICATION_DIR and are read at each request, so a new one needs no
 * restart; the name's letters are checked before (public_route.h), so it names a file of that folder and
 * nothing else. */
void verification_file(struct public_call *c);

#endif
