#ifndef WEIXIN_SIM_API_API_H
#define WEIXIN_SIM_API_API_H

#include "common/base/arena.h"
#include "common/httpd/httpd.h"
#include "common/httpd/query.h"
#include "common/json/json.h"
#include "tools/weixin-sim/api/routes.h"
#include "tools/weixin-sim/sim.h"

/* The API port: what api.weixin.qq.com answers. */

#define API_VIDEO_PATH "/weixin-sim/video" /* what the video_url of media/get leads to */

/* One call, read and not yet answered. */
struct api_call {
	struct sim *sim;
	const char *method;
	const char *path;
	const char *host; /* as the caller calls this Weixin */
	const char *client_ip;
	const char *content_type;      /* of the body; NULL: none */
	const struct api_route *route; /* NULL: there is no such API */
	struct query query;
	struct arena arena;
	char *raw;         /* the body as sent; "" if none; owned */
	struct json *body; /* parsed; NULL if the API wants none */
	struct buf upload; /* the body of a ROUTE_UPLOAD */
	int64_t now_ms;
	char component_appid[NAME_MAX_LEN]; /* for whom it is; "" while unknown */
	char appid[NAME_MAX_LEN];
	struct json *answer; /* what a handler answered with 0; NULL: {"errcode":0,"errmsg":"ok"} */
	struct buf file;     /* or the file that it is */
	const char *file_type;
	char file_name[TOKEN_MAX];
	struct ticker_template sent; /* what became of it is to be pushed once this call is answered; without
					an appid: nothing */
	bool wants_ticket;           /* a ticket is to be pushed once this call is answered */
};

/* The httpd_handler of the API port; `arg` is the struct sim. */
void api_handle(struct httpd_request *req, void *arg);

/* For the handlers of APIs without a token: 0 or 61004, and 0, 45009 or 45011. The others are counted and
 * checked before. */
int api_check_ip(const struct api_call *call, const struct platform *p);
int api_count(struct api_call *call);

/* api_component.c; the token was checked before, and call->component_appid and ->appid are whose it is. */
int api_start_push_ticket(struct api_call *call);
int api_component_token(struct api_call *call);
int api_create_preauthcode(struct api_call *call);
int api_query_auth(struct api_call *call);
int api_authorizer_token(struct api_call *call);
int api_get_authorizer_list(struct api_call *call);
int api_get_authorizer_info(struct api_call *call);

/* api_platform.c */
int api_server_domain(struct api_call *call);
int api_jump_domain(struct api_call *call);
int api_domain_confirmfile(struct api_call *call);
int api_template_drafts(struct api_call *call);
int api_code_templates(struct api_call *call);
int api_add_code_template(struct api_call *call);
int api_delete_code_template(struct api_call *call);

/* api_visit.c; api_userinfo() and api_sns_auth() check the visitor's own token themselves. */
int api_oauth_access_token(struct api_call *call);
int api_oauth_refresh(struct api_call *call);
int api_sns_auth(struct api_call *call);
int api_userinfo(struct api_call *call);
int api_jscode2session(struct api_call *call);

/* api_menu.c */
int api_menu_create(struct api_call *call);
int api_menu_get(struct api_call *call);
int api_menu_delete(struct api_call *call);
int api_menu_current(struct api_call *call);

/* api_template.c */
int api_template_send(struct api_call *call);
int api_template_list(struct api_call *call);

/* api_media.c */
int api_media_upload(struct api_call *call);
int api_media_get(struct api_call *call);
int api_media_video(struct api_call *call);

/* api_user.c */
int api_user_info(struct api_call *call);
int api_user_batchget(struct api_call *call);
int api_user_remark(struct api_call *call);
int api_user_get(struct api_call *call);
int api_tags_create(struct api_call *call);
int api_tags_get(struct api_call *call);
int api_tags_update(struct api_call *call);
int api_tags_delete(struct api_call *call);
int api_tags_tag(struct api_call *call);
int api_tags_untag(struct api_call *call);
int api_tags_of_fan(struct api_call *call);
int api_tag_members(struct api_call *call);

/* api_office.c */
int api_get_option(struct api_call *call);
int api_set_option(struct api_call *call);
int api_get_rid(struct api_call *call);
int api_open_create(struct api_call *call);
int api_open_bind(struct api_call *call);
int api_open_unbind(struct api_call *call);
int api_open_get(struct api_call *call);
int api_open_have(struct api_call *call);
int api_register_enterprise(struct api_call *call);
int api_register_personal(struct api_call *call);
int api_register_trial(struct api_call *call);

/* api_quota.c */
int api_get_quota(struct api_call *call);
int api_clear_quota_of(struct api_call *call); /* of one API */
int api_clear_quota(struct api_call *call);    /* the account's */
int api_clear_quota_component(struct api_call *call);
int api_clear_quota_v2(
	struct api_call *call); /* the platform's, or an account's, with the platform's secret */

/* api_account.c */
int api_custom_send(struct api_call *call);
int api_custom_typing(struct api_call *call);
int api_getticket(struct api_call *call); /* of the JS-SDK: the same for an account while this Weixin runs */
int api_getcallbackip(struct api_call *call);

#endif
