#ifndef WEIXIN_SIM_API_WEIXIN_ERROR_H
#define WEIXIN_SIM_API_WEIXIN_ERROR_H

#include "common/json/json.h"

/* {"errcode":N,"errmsg":"... rid: ..."} as Weixin words it; 0 is {"errcode":0,"errmsg":"ok"}. The caller
 * frees. Of some (61004) the text names `client_ip`.
 * https://developers.weixin.qq.com/doc/oplatform/Return_codes/Return_code_descriptions_new.html */
struct json *weixin_error(int errcode, const char *client_ip);

/* The beginning of an answer that says more than that it is right. The caller frees. */
struct json *weixin_ok(void);

#endif
