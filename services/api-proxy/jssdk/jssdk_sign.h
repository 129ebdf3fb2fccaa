#ifndef API_PROXY_JSSDK_JSSDK_SIGN_H
#define API_PROXY_JSSDK_JSSDK_SIGN_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* What wx.config() wants. Pure functions. Source:
 * https://developers.weixin.qq.com/doc/offiaccount/OA_Web_Apps/JS-SDK.html (appendix 1) */
#define JSSDK_URL_MAX 2048

/* Lower-case hex of SHA-1 over the four, in the order that Weixin names. */
void jssdk_sign(const char *ticket, const char *nonce, int64_t timestamp_s, const char *url, char out[41]);

/* The page's address without its fragment, which does not count. ERR_REJECT: no http or https URL, or too
 * long. */
int jssdk_page(const char *url, char out[JSSDK_URL_MAX + 1], struct err *err);

#endif
