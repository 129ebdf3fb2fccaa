/* The rows stand in the order of their paths: api_find() halves. Permission sets as in
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/product/offical_account_authority.html
 * and
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/product/miniprogram_authority.html
 */
#include "services/api-proxy/calls/api_table.h"

#include "common/base/str.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define DOC     "https://developers.weixin.qq.com/doc/"
#define BETA    DOC "oplatform/Third-party_Platforms/2.0/api/beta_Mini_Programs/fastregister.html"
#define CARD    DOC "offiaccount/Cards_and_Offer/Create_a_Coupon_Voucher_or_Card.html"
#define COMMENT DOC "offiaccount/Comments_management/Image_Comments_Management_Interface.html"
#define CUBE    DOC "offiaccount/Analytics/User_Analysis_Data_Interface.html"
#define CUSTOM  DOC "offiaccount/Message_Management/Service_Center_messages.html"
#define DOMAINS                                                                                              \
	DOC "oplatform/openApi/OpenApiDoc/thirdparty-management/domain-mgnt/"                                \
	    "modifyThirdpartyServerDomain.html"
#define DRAFT    DOC "offiaccount/Draft_Box/Add_draft.html"
#define KF       DOC "offiaccount/Customer_Service/Customer_Service_Management.html"
#define LIMITS   DOC "service/guide/dev/api/limit.html"
#define LOGIN    DOC "oplatform/openApi/miniprogram-management/login/api_thirdpartycode2session.html"
#define MASS     DOC "offiaccount/Message_Management/Batch_Sends_and_Originality_Checks.html"
#define MATERIAL DOC "offiaccount/Asset_Management/Adding_Permanent_Assets.html"
#define MEDIA    DOC "offiaccount/Asset_Management/New_temporary_materials.html"
#define MENU     DOC "offiaccount/Custom_Menus/Creating_Custom-Defined_Menu.html"
#define MINICODE DOC "oplatform/openApi/miniprogram-management/code-management/api_commit.html"
#define MINIINFO                                                                                             \
	DOC "oplatform/openApi/miniprogram-management/basic-info-management/api_getaccountbasicinfo.html"
#define NEWTMPL DOC "offiaccount/Subscription_Messages/api.html"
#define OAUTH                                                                                                \
	DOC "oplatform/Third-party_Platforms/2.0/api/Before_Develop/Official_Accounts/"                      \
	    "official_account_website_authorization.html"
#define OPEN DOC "oplatform/Third-party_Platforms/2.0/api/account/create.html"
#define OPTIONS                                                                                              \
	DOC "oplatform/Third-party_Platforms/2.0/api/ThirdParty/Account_Authorization/"                      \
	    "api_get_authorizer_option.html"
#define PUBLISH DOC "offiaccount/Publish/Get_status.html"
#define QRCODE  DOC "offiaccount/Account_Management/Generating_a_Parametric_QR_Code.html"
#define REGISTER                                                                                             \
	DOC "oplatform/Third-party_Platforms/2.0/api/Register_Mini_Programs/"                                \
	    "Fast_Registration_Interface_document.html"
#define SECCHECK  DOC "miniprogram/dev/OpenApiDoc/sec-center/sec-check/msgSecCheck.html"
#define TAGS      DOC "offiaccount/User_Management/User_Tag_Management.html"
#define TEMPLATE  DOC "offiaccount/Message_Management/Template_Message_Interface.html"
#define TEMPLATES DOC "oplatform/openApi/thirdparty-management/template-management/api_gettemplatelist.html"
#define USERS     DOC "offiaccount/User_Management/Get_users_basic_information_UnionID.html"
#define WXACODE   DOC "miniprogram/dev/OpenApiDoc/qrcode-link/qr-code/getUnlimitedQRCode.html"

#define ANY      API_FOR_ANY
#define OFFICIAL API_FOR_OFFICIAL
#define MINI     API_FOR_MINI
#define PLATFORM API_FOR_PLATFORM
#define USER     API_FOR_USER
#define NONE     API_BODY_NONE
#define JSON     API_BODY_JSON
#define UPLOAD   API_BODY_FILE
#define AGAIN    API_HARMLESS
#define SETS(...)                                                                                            \
	{                                                                                                    \
		__VA_ARGS__                                                                                  \
	}
#define NO_SETS                                                                                              \
	{                                                                                                    \
		0                                                                                            \
	}

const struct api_row api_table[] = {
/* clang-format off */
#define R(path, method, whose, sets, body, flags, quota, source) {path, method, whose, sets, body, flags, quota, source},
#include "services/api-proxy/calls/api_rows.h"
#undef R
	/* clang-format on */
};
const size_t n_api_table = sizeof(api_table) / sizeof(api_table[0]);

static int compare(const void *path, const void *row)
{
	return strcmp(path, ((const struct api_row *)row)->path);
}

const struct api_row *api_find_path(const char *path)
{
	return bsearch(path, api_table, n_api_table, sizeof(api_table[0]), compare);
}

const struct api_row *api_find(const char *method, const char *path)
{
	const struct api_row *row = api_find_path(path);

	return row && (!row->method[0] || strcmp(row->method, method) == 0) ? row : NULL;
}

const char *api_class(const char *path)
{
	/* The first that fits. */
	static const struct {
		const char *prefix, *name;
	} classes[] = {
		{"/cgi-bin/message/custom/", "custom_message"},
		{"/cgi-bin/message/template/", "template"},
		{"/cgi-bin/message/subscribe/", "subscription"},
		{"/cgi-bin/message/", "mass"},
		{"/cgi-bin/template/", "template"},
		{"/cgi-bin/menu/", "menu"},
		{"/cgi-bin/get_current_selfmenu_info", "menu"},
		{"/cgi-bin/user/", "fans"},
		{"/cgi-bin/tags/", "fans"},
		{"/cgi-bin/media/", "media"},
		{"/cgi-bin/material/", "media"},
		{"/cgi-bin/draft/", "publishing"},
		{"/cgi-bin/freepublish/", "publishing"},
		{"/cgi-bin/comment/", "publishing"},
		{"/cgi-bin/customservice/", "customer_service"},
		{"/cgi-bin/qrcode/", "qrcode"},
		{"/cgi-bin/shorten/", "qrcode"},
		{"/cgi-bin/component/", "platform"},
		{"/cgi-bin/wx", "mini_program"},
		{"/cgi-bin/", "account"},
		{"/customservice/", "customer_service"},
		{"/card/", "card"},
		{"/datacube/", "statistics"},
		{"/sns/", "person"},
		{"/wxa/component/", "platform"},
		{"/wxa/", "mini_program"},
		{"/wxaapi/", "subscription"},
	};
	const struct api_row *row = api_find_path(path);
	size_t i;

	if (row && row->whose == API_FOR_PLATFORM)
		return "platform";
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (str_starts_with(path, classes[i].prefix))
			return classes[i].name;
	return "other";
}

bool api_is(const struct api_row *row, enum api_flag flag)
{
	return row && (row->flags & flag);
}

bool api_repeatable(const char *method, const char *path)
{
	return api_is(api_find(method, path), API_HARMLESS);
}
