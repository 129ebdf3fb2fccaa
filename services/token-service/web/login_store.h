#ifndef SERVICES_TOKEN_SERVICE_WEB_LOGIN_STORE_H
#define SERVICES_TOKEN_SERVICE_WEB_LOGIN_STORE_H

#include "services/token-service/tokens/credential_store.h"
#include "services/token-service/store.h"

/* A new session of this person; its name (43 characters, random) is the caller's only handle. Older than 30
 * days it is forgotten. */
#define LOGIN_SESSION_LEN 43
int login_session_add(const struct store *s, const struct credential_id *id,
	const struct weixin_session *session, char name_out[LOGIN_SESSION_LEN + 1], struct err *err);

#endif
