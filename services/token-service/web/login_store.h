#ifndef SERVICES_TOKEN_SERVICE_WEB_LOGIN_STORE_H
#define SERVICES_TOKEN_SERVICE_WEB_LOGIN_STORE_H

#include "services/token-service/tokens/credential_store.h"
#include "services/token-service/store.h"

/* A new session of this person; its name (43 characters, random) is the caller's only handle. */
#define LOGIN_SESSION_LEN 43
int login_session_add(const struct store *s, const struct credential_id *id,
	const struct weixin_session *session, char name_out[LOGIN_SESSION_LEN + 1], struct err *err);

/* Older ones are forgotten, whether anybody still logs in or not. */
int login_session_sweep(const struct store *s, int64_t keep_days, struct err *err);

#endif
