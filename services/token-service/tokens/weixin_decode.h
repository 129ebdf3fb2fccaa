#ifndef SERVICES_TOKEN_SERVICE_TOKENS_WEIXIN_DECODE_H
#define SERVICES_TOKEN_SERVICE_TOKENS_WEIXIN_DECODE_H

#include "common/base/err.h"
#include "common/json/json.h"
#include "proto/account.h"

#include <stddef.h>
#include <stdint.h>

/* Weixin's answers, bytes in, struct out. A failure is HTTP 200 with an errcode, a success often has none;
 * errmsg is free text with a changing tail and is never looked at. Sources:
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getcomponentaccesstoken.html
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizerrefreshtoken.html
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getauthorizeraccesstoken.html
 * https://developers.weixin.qq.com/doc/oplatform/openApi/authorization-management/api_getauthorizerinfo.html
 *
 * ERR_REJECT with Weixin's errcode in err.code; or ERR_RETRY with code 0: no JSON, or not the expected one
 * (what stands between us and Weixin answered, or Weixin is unwell). Texts never repeat the answer. */
#define WEIXIN_ANSWER_MAX                                                                                    \
	(1024 * 1024) /* the longest: 500 accounts of the list, each with a refresh token                    \
		       */

struct weixin_token {
	char *token;         /* a secret */
	char *refresh_token; /* a secret; NULL: none in the answer */
	int64_t expires_in_s;
};
void weixin_token_release(struct weixin_token *t);

/* An answer of which only success is asked: api_start_push_ticket. */
int weixin_decode_done(const void *body, size_t len, struct err *err);

/* api_component_token; token = component_access_token. */
int weixin_decode_component_token(const void *body, size_t len, struct weixin_token *out, struct err *err);
/* api_authorizer_token. */
int weixin_decode_authorizer_token(const void *body, size_t len, struct weixin_token *out, struct err *err);

/* api_create_preauthcode. Its life depends on the page of the documentation (600 or 1800 s); it is used at
 * once. The caller frees *code_out with secret_free().
 * https://developers.weixin.qq.com/doc/oplatform/openApi/ticket-token/api_getpreauthcode.html */
int weixin_decode_pre_auth_code(const void *body, size_t len, char **code_out, struct err *err);

/* jscode2session; an errcode may be a string there.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/miniprogram-management/login/api_thirdpartycode2session.html
 */
struct weixin_session {
	char *openid;
	char *session_key; /* a secret */
	char *unionid;     /* NULL: the account is not bound to an open-platform account */
};
int weixin_decode_session(const void *body, size_t len, struct weixin_session *out, struct err *err);
void weixin_session_release(struct weixin_session *s);

/* sns/oauth2/component/access_token: who a visitor of a web page is.
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Official_Accounts/official_account_website_authorization.html
 */
struct weixin_visitor {
	char *access_token; /* a secret */
	char *openid;
	char *unionid; /* NULL: the account is not bound to an open-platform account */
	char *scope;   /* as granted; NULL: not told */
	bool snapshot; /* the page was opened as a snapshot: the openid is of a made-up visitor */
};
int weixin_decode_visitor(const void *body, size_t len, struct weixin_visitor *out, struct err *err);
void weixin_visitor_release(struct weixin_visitor *v);

/* sns/userinfo. NULL: not told, or longer than any name or address of a picture may be. */
#define WEIXIN_NICKNAME_MAX 256 /* bytes */
#define WEIXIN_PICTURE_MAX  512
struct weixin_profile {
	char *nickname;
	char *head_img_url;
	char *unionid;
};
int weixin_decode_profile(const void *body, size_t len, struct weixin_profile *out, struct err *err);
void weixin_profile_release(struct weixin_profile *p);

/* api_query_auth. An account that has no API at all gets no tokens: both NULL then. */
struct weixin_authorization {
	char appid[APPID_MAX + 1];
	struct weixin_token token;
	int64_t *func_ids;
	size_t n_func_ids;
};
int weixin_decode_authorization(
	const void *body, size_t len, struct weixin_authorization *out, struct err *err);
void weixin_authorization_release(struct weixin_authorization *a);

/* api_get_authorizer_info. */
struct weixin_info {
	char *user_name;
	char *nick_name;
	enum account_kind kind;
	bool verified;
	char *refresh_token; /* a secret; NULL: none: the authorization code was never exchanged */
	int64_t *func_ids;
	size_t n_func_ids;
};
int weixin_decode_info(const void *body, size_t len, struct weixin_info *out, struct err *err);
void weixin_info_release(struct weixin_info *i);

/* A page of api_get_authorizer_list; entries without a proper appid are left out of `list`, not of `n_read`.
 * https://developers.weixin.qq.com/doc/oplatform/openApi/authorization-management/api_getauthorizerlist.html
 */
#define WEIXIN_LIST_COUNT 500 /* more are refused with 40170 */
struct weixin_listed {
	char appid[APPID_MAX + 1];
	char *refresh_token; /* a secret; NULL: the authorization code was never exchanged */
};
struct weixin_list {
	int64_t total;
	size_t n_read; /* entries that the page had */
	struct weixin_listed *list;
	size_t n;
};
int weixin_decode_list(const void *body, size_t len, struct weixin_list *out, struct err *err);
void weixin_list_release(struct weixin_list *l);

/* An answer of which the caller picks what he wants; he frees *root_out. */
int weixin_decode_any(const void *body, size_t len, struct json **root_out, struct err *err);

#endif
