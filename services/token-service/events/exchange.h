#ifndef SERVICES_TOKEN_SERVICE_EVENTS_EXCHANGE_H
#define SERVICES_TOKEN_SERVICE_EVENTS_EXCHANGE_H

#include "services/token-service/events/code_store.h"
#include "services/token-service/tokens/credentials.h"

/* From an authorization code to stored tokens. The same authorization reaches us twice, by Weixin's push and
 * by a browser's redirect (or, in Weixin's release check, in a message), in either order, at once, or by one
 * of them only, with one code or two; a code works once:
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizerrefreshtoken.html
 * Whichever comes first exchanges; the other finds the result by the code's hash, or the fresh tokens of its
 * twin. */
struct exchange {
	const struct store *store;
	struct credentials *credentials;
	struct weixin_api *api;
};

/* 0: *result_out names the account; its tokens are stored. EXCHANGE_REFUSED: Weixin does not take the code
 * (any more); result_out->refused is its errcode. ERR_RETRY: try again. event_s: CreateTime of the push that
 * brought it, else 0. */
#define EXCHANGE_REFUSED 1
int exchange_code(const struct exchange *x, const char *component_appid, const char *code, int64_t event_s,
	int64_t deadline_mono_ms, struct code_result *result_out, struct err *err);

/* What Weixin tells of an account now. EXCHANGE_REFUSED: the account does not authorize the platform. */
int exchange_ask_info(const struct exchange *x, const struct credential_id *id, int64_t deadline_mono_ms,
	struct weixin_info *out, struct err *err);

/* An authorization whose code is lost: Weixin still tells the account's refresh token. EXCHANGE_REFUSED: it
 * has none to tell (the code was never exchanged by anybody), or the account does not authorize the platform.
 */
int exchange_recover(const struct exchange *x, const struct credential_id *id, int64_t event_s,
	int64_t deadline_mono_ms, struct func_difference *difference_out, struct err *err);

#endif
