#ifndef SERVICES_TOKEN_SERVICE_WEB_LOGIN_H
#define SERVICES_TOKEN_SERVICE_WEB_LOGIN_H

#include "services/token-service/web/public.h"

/* Mini-program login on behalf: the mini program's own server brings the code of wx.login() and learns who it
 * is of. Weixin's session key stays here, sealed: it signs and opens the user's data and must never reach the
 * mini program.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/miniprogram-management/login/api_thirdpartycode2session.html
 *
 * {"code"} -> {"openid","unionid"?,"session"}, or {"error"} with 400 malformed, 404 unknown (no such account
 * here), 409 code_refused, 429 busy, 503 unavailable. */
void login(struct public_call *c);

#endif
