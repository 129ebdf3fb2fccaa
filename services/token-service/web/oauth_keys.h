#ifndef SERVICES_TOKEN_SERVICE_WEB_OAUTH_KEYS_H
#define SERVICES_TOKEN_SERVICE_WEB_OAUTH_KEYS_H

#include "services/token-service/web/public.h"

/* The public keys with which sites verify results, as a JSON Web Key Set (RFC 7517, RFC 8037):
 * {"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid","x"},...]}. May be kept for
 * OAUTH_KEYS_FRESH_S; a new key is listed for an hour before it signs. */
#define OAUTH_KEYS_FRESH_S 300
void oauth_keys(struct public_call *c);

#endif
