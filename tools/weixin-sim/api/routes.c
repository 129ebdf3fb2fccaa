#include "tools/weixin-sim/api/routes.h"

#include "tools/weixin-sim/api/api.h"

#include <string.h>

#include "common/base/banned.h"

#define SETS(...) ((const int[]){__VA_ARGS__, 0})
#define NO_SETS   NULL

/* Days' quotas of a newly registered account as they are documented; where no figure is known, of
 * api_component_token one that was seen, and for the rest one that a test does not meet.
 * https://developers.weixin.qq.com/doc/service/guide/dev/api/limit.html
 * https://developers.weixin.qq.com/community/develop/doc/0008a2235e0ac09dd0937ef206b400 */
#define A_DAY(calls)                                                                                         \
	{                                                                                                    \
		.daily = (calls)                                                                             \
	}
#define UNKNOWN A_DAY(10000000)
#define UNCOUNTED                                                                                            \
	{                                                                                                    \
		0                                                                                            \
	}

#define CUSTOM_SETS   SETS(1, 6, 19, 100, 101)
#define USER_SETS     SETS(2, 100)
#define MEDIA_SETS    SETS(1, 11, 19)
#define TEMPLATE_SETS SETS(7)
#define MENU_SETS     SETS(15)
#define VERIFIED      ROUTE_VERIFIED
#define OFFICIAL      ROUTE_OFFICIAL

/* clang-format off */
static const struct api_route routes[] = {
	{"/cgi-bin/component/api_start_push_ticket", "POST", NEEDS_NONE, 0, NO_SETS, UNCOUNTED, api_start_push_ticket},
	{"/cgi-bin/component/api_component_token", "POST", NEEDS_NONE, 0, NO_SETS, A_DAY(10000), api_component_token},
	{"/cgi-bin/component/api_create_preauthcode", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_create_preauthcode},
	{"/cgi-bin/component/api_query_auth", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_query_auth},
	{"/cgi-bin/component/api_authorizer_token", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_authorizer_token},
	{"/cgi-bin/component/api_get_authorizer_list", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_get_authorizer_list},
	{"/cgi-bin/component/api_get_authorizer_info", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_get_authorizer_info},
	{"/cgi-bin/component/api_get_authorizer_option", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_get_option},
	{"/cgi-bin/component/api_set_authorizer_option", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_set_option},
	{"/cgi-bin/component/get_authorizer_option", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_get_option},
	{"/cgi-bin/component/set_authorizer_option", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_set_option},
	{"/cgi-bin/component/clear_quota/v2", "POST", NEEDS_NONE, 0, NO_SETS, UNCOUNTED, api_clear_quota_v2},
	{"/cgi-bin/component/clear_quota", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNCOUNTED, api_clear_quota_component},
	{"/cgi-bin/component/modify_wxa_server_domain", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_server_domain},
	{"/cgi-bin/component/modify_wxa_jump_domain", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_jump_domain},
	{"/cgi-bin/component/get_domain_confirmfile", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_domain_confirmfile},
	{"/wxa/gettemplatedraftlist", "GET", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_template_drafts},
	{"/wxa/gettemplatelist", "GET", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_code_templates},
	{"/wxa/addtotemplate", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_add_code_template},
	{"/wxa/deletetemplate", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_delete_code_template},
	{"/cgi-bin/clear_quota", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNCOUNTED, api_clear_quota},
	{"/cgi-bin/openapi/quota/get", "POST", NEEDS_ANY, 0, NO_SETS, UNCOUNTED, api_get_quota},
	{"/cgi-bin/openapi/quota/clear", "POST", NEEDS_ANY, 0, NO_SETS, UNCOUNTED, api_clear_quota_of},
	{"/cgi-bin/openapi/rid/get", "POST", NEEDS_ANY, 0, NO_SETS, UNKNOWN, api_get_rid},
	{"/cgi-bin/open/create", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_open_create},
	{"/cgi-bin/open/bind", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_open_bind},
	{"/cgi-bin/open/unbind", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_open_unbind},
	{"/cgi-bin/open/get", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_open_get},
	{"/cgi-bin/open/have", "POST", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_open_have},
	{"/cgi-bin/component/fastregisterweapp", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_register_enterprise},
	{"/wxa/component/fastregisterpersonalweapp", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_register_personal},
	{"/wxa/component/fastregisterbetaweapp", "POST", NEEDS_COMPONENT, 0, NO_SETS, UNKNOWN, api_register_trial},
	{"/sns/oauth2/component/access_token", "GET", NEEDS_COMPONENT, 0, NO_SETS, UNCOUNTED, api_oauth_access_token},
	{"/sns/oauth2/component/refresh_token", "GET", NEEDS_COMPONENT, 0, NO_SETS, UNCOUNTED, api_oauth_refresh},
	{"/sns/auth", "GET", NEEDS_NONE, 0, NO_SETS, UNCOUNTED, api_sns_auth},
	{"/sns/component/jscode2session", "GET", NEEDS_COMPONENT, 0, NO_SETS, UNCOUNTED, api_jscode2session},
	{"/sns/userinfo", "GET", NEEDS_NONE, 0, NO_SETS, UNCOUNTED, api_userinfo},
	{"/cgi-bin/message/custom/send", "POST", NEEDS_ACCOUNT, VERIFIED, CUSTOM_SETS, A_DAY(500000), api_custom_send},
	{"/cgi-bin/message/template/send", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, TEMPLATE_SETS, A_DAY(100000), api_template_send},
	{"/cgi-bin/menu/create", "POST", NEEDS_ACCOUNT, OFFICIAL, MENU_SETS, A_DAY(1000), api_menu_create},
	{"/cgi-bin/menu/get", "GET", NEEDS_ACCOUNT, OFFICIAL, MENU_SETS, A_DAY(10000), api_menu_get},
	{"/cgi-bin/menu/delete", "GET", NEEDS_ACCOUNT, OFFICIAL, MENU_SETS, A_DAY(1000), api_menu_delete},
	{"/cgi-bin/get_current_selfmenu_info", "GET", NEEDS_ACCOUNT, OFFICIAL, MENU_SETS, A_DAY(10000), api_menu_current},
	{"/cgi-bin/message/custom/typing", "POST", NEEDS_ACCOUNT, VERIFIED, CUSTOM_SETS, UNKNOWN, api_custom_typing},
	{"/cgi-bin/template/get_all_private_template", "GET", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, TEMPLATE_SETS, UNKNOWN, api_template_list},
	{"/cgi-bin/media/upload", "POST", NEEDS_ACCOUNT, ROUTE_UPLOAD, MEDIA_SETS, A_DAY(100000), api_media_upload},
	{"/cgi-bin/media/get", "GET", NEEDS_ACCOUNT, 0, MEDIA_SETS, A_DAY(200000), api_media_get},
	{API_VIDEO_PATH, "GET", NEEDS_NONE, 0, NO_SETS, UNCOUNTED, api_media_video},
	{"/cgi-bin/user/info", "GET", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(5000000), api_user_info},
	{"/cgi-bin/user/info/batchget", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(5000000), api_user_batchget},
	{"/cgi-bin/user/info/updateremark", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(10000), api_user_remark},
	{"/cgi-bin/user/get", "GET", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(500), api_user_get},
	{"/cgi-bin/user/tag/get", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, UNKNOWN, api_tag_members},
	{"/cgi-bin/tags/create", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(1000), api_tags_create},
	{"/cgi-bin/tags/get", "GET", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(1000), api_tags_get},
	{"/cgi-bin/tags/update", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(1000), api_tags_update},
	{"/cgi-bin/tags/delete", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, UNKNOWN, api_tags_delete},
	{"/cgi-bin/tags/getidlist", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, UNKNOWN, api_tags_of_fan},
	{"/cgi-bin/tags/members/batchtagging", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(100000), api_tags_tag},
	{"/cgi-bin/tags/members/batchuntagging", "POST", NEEDS_ACCOUNT, OFFICIAL | VERIFIED, USER_SETS, A_DAY(100000), api_tags_untag},
	{"/cgi-bin/ticket/getticket", "GET", NEEDS_ACCOUNT, 0, NO_SETS, UNKNOWN, api_getticket},
	{"/cgi-bin/getcallbackip", "GET", NEEDS_ANY, 0, NO_SETS, UNKNOWN, api_getcallbackip},
	{"/cgi-bin/get_api_domain_ip", "GET", NEEDS_ANY, 0, NO_SETS, UNKNOWN, api_getcallbackip},
};
/* clang-format on */

const struct api_route *api_route_find(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(routes[i].path, path) == 0)
			return &routes[i];
	return NULL;
}
