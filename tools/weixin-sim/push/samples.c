#include "tools/weixin-sim/push/samples.h"

#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Words that are filled: $NOW (a number of seconds), $ID (a number), $MEDIA, $TICKET, $MD5 (made up each
 * time), $APPID, $COMPONENT, $USER, $OPENID, $CODE. */
#define REG_INFO                                                                                             \
	"{\"name\":\"广州春风贸易有限公司\",\"code\":\"91440101MA5CXXXX7K\",\"code_type\":1,"      \
	"\"legal_persona_wechat\":\"chunfeng_lin\",\"legal_persona_name\":\"林春风\","                    \
	"\"component_phone\":\"020-88886666\"}"
#define CARD      "\"CardId\":\"pVa7pt8CMfA2vQ7XmMHSgxWkJ6yU\",\"UserCardCode\":\"226009850808\""
#define PICTURES  "{\"Count\":1,\"PicList\":{\"item\":[{\"PicMd5Sum\":\"$MD5\"}]}}"
#define APPLY     "\"ApplyAuthorizationInfoNoitfy\":{\"appid\":\"$APPID\",\"mp_appid\":\"wx8fb1c3b4a5d60718\","
#define TEMPLATE  "\"TemplateId\":\"BEwX0BOT3MqK3Uc5oTU3CGBqzjpndk2jzUf7VfExd8U\""
#define TEMPLATE2 "\"TemplateId\":\"hD-ixGOhYmUfjOnI8MCzQMPshzGVeux_2vzyvQu7O68\""

static const struct sample samples[] = {
	/* messages of fans */
	{"text", SAMPLE_MESSAGE, "{\"Content\":\"你好，请问今天几点关门？\"}"},
	{"text.menu", SAMPLE_MESSAGE, "{\"Content\":\"满意\",\"bizmsgmenuid\":\"101\"}"},
	{"image", SAMPLE_MESSAGE,
		"{\"PicUrl\":\"http://mmbiz.qpic.cn/mmbiz_jpg/jkMrXaJgkX3Wd5Hh/0\",\"MediaId\":\"$MEDIA\"}"},
	{"voice", SAMPLE_MESSAGE, "{\"MediaId\":\"$MEDIA\",\"Format\":\"amr\"}"},
	{"voice.recognized", SAMPLE_MESSAGE,
		"{\"MediaId\":\"$MEDIA\",\"Format\":\"amr\",\"Recognition\":\"我想查一下订单。\","
		"\"MediaId16K\":\"$MEDIA\"}"},
	{"video", SAMPLE_MESSAGE, "{\"MediaId\":\"$MEDIA\",\"ThumbMediaId\":\"$MEDIA\"}"},
	{"shortvideo", SAMPLE_MESSAGE, "{\"MediaId\":\"$MEDIA\",\"ThumbMediaId\":\"$MEDIA\"}"},
	{"location", SAMPLE_MESSAGE,
		"{\"Location_X\":\"23.134521\",\"Location_Y\":\"113.358803\",\"Scale\":\"20\","
		"\"Label\":\"广州市天河区珠江新城花城大道85号\"}"},
	{"link", SAMPLE_MESSAGE,
		"{\"Title\":\"公众平台官网链接\",\"Description\":\"公众平台官网 <首页> & 登录\","
		"\"Url\":\"https://mp.weixin.qq.com/?a=1&b=2\"}"},
	{"file", SAMPLE_MESSAGE,
		"{\"Title\":\"报价单.xlsx\",\"Description\":null,\"FileKey\":\"$MEDIA\",\"FileMd5\":\"$MD5\","
		"\"FileTotalLen\":\"10240\"}"},
	{"miniprogrampage", SAMPLE_MESSAGE,
		"{\"Title\":\"春风小店\",\"AppId\":\"$APPID\",\"PagePath\":\"pages/index/index?id=7\","
		"\"ThumbUrl\":\"http://mmbiz.qpic.cn/mmbiz_png/thumb/0\",\"ThumbMediaId\":\"$MEDIA\"}"},

	/* what fans do */
	{"subscribe", SAMPLE_EVENT, "{\"EventKey\":null}"},
	{"subscribe.qrscene", SAMPLE_EVENT, "{\"EventKey\":\"qrscene_123123\",\"Ticket\":\"$TICKET\"}"},
	{"unsubscribe", SAMPLE_EVENT, "{\"EventKey\":null}"},
	{"SCAN", SAMPLE_EVENT, "{\"EventKey\":\"123123\",\"Ticket\":\"$TICKET\"}"},
	{"LOCATION", SAMPLE_EVENT,
		"{\"Latitude\":\"23.137466\",\"Longitude\":\"113.352425\",\"Precision\":\"119.385040\"}"},
	{"CLICK", SAMPLE_EVENT, "{\"EventKey\":\"MENU_HOURS\"}"},
	{"VIEW", SAMPLE_EVENT,
		"{\"EventKey\":\"https://shop.example.com/?from=menu&a=1\",\"MenuId\":\"$ID\"}"},
	{"view_miniprogram", SAMPLE_EVENT, "{\"EventKey\":\"pages/index/index\",\"MenuId\":\"$ID\"}"},
	{"scancode_push", SAMPLE_EVENT,
		"{\"EventKey\":\"6\",\"ScanCodeInfo\":{\"ScanType\":\"qrcode\",\"ScanResult\":\"1\"}}"},
	{"scancode_waitmsg", SAMPLE_EVENT,
		"{\"EventKey\":\"6\",\"ScanCodeInfo\":{\"ScanType\":\"barcode\",\"ScanResult\":\"EAN_13,"
		"6901028075763\"}}"},
	{"pic_sysphoto", SAMPLE_EVENT, "{\"EventKey\":\"6\",\"SendPicsInfo\":" PICTURES "}"},
	{"pic_photo_or_album", SAMPLE_EVENT,
		"{\"EventKey\":\"6\",\"SendPicsInfo\":{\"Count\":2,\"PicList\":{\"item\":["
		"{\"PicMd5Sum\":\"$MD5\"},{\"PicMd5Sum\":\"$MD5\"}]}}}"},
	{"pic_weixin", SAMPLE_EVENT, "{\"EventKey\":\"6\",\"SendPicsInfo\":" PICTURES "}"},
	{"location_select", SAMPLE_EVENT,
		"{\"EventKey\":\"6\",\"SendLocationInfo\":{\"Location_X\":\"23\",\"Location_Y\":\"113\","
		"\"Scale\":\"15\","
		"\"Label\":\" 广州市海珠区客村艺苑路 106号\",\"Poiname\":null}}"},
	{"user_enter_tempsession", SAMPLE_EVENT, "{\"SessionFrom\":\"order-7\"}"},
	{"user_authorization_revoke", SAMPLE_EVENT,
		"{\"OpenID\":\"$OPENID\",\"AppID\":\"$APPID\",\"RevokeInfo\":\"1\"}"},
	{"user_info_modified", SAMPLE_EVENT,
		"{\"OpenID\":\"$OPENID\",\"AppID\":\"$APPID\",\"RevokeInfo\":\"301\"}"},
	{"wificonnected", SAMPLE_EVENT,
		"{\"ConnectTime\":\"$NOW\",\"ExpireTime\":0,\"VendorId\":\"3001224419\",\"ShopId\":"
		"\"429620\","
		"\"DeviceNo\":\"DeviceNo\"}"},
	{"shakearoundusershake", SAMPLE_EVENT,
		"{\"ChosenBeacon\":{\"Uuid\":\"121212121212\",\"Major\":1111,\"Minor\":1111,\"Distance\":0."
		"057},"
		"\"AroundBeacons\":{\"AroundBeacon\":[{\"Uuid\":\"121212121212\",\"Major\":2222,\"Minor\":"
		"2222,"
		"\"Distance\":166.816},{\"Uuid\":\"121212121212\",\"Major\":3333,\"Minor\":3333,\"Distance\":"
		"15.013}]}}"},
	{"guide_qrcode_scan_event", SAMPLE_EVENT,
		"{\"GuideScanEvent\":{\"qrcode_guide_account\":\"guide_lin\",\"openid\":\"$OPENID\","
		"\"action\":1,"
		"\"qrcode_info\":\"counter 3\"}}"},

	/* what became of something that the account had begun */
	{"TEMPLATESENDJOBFINISH", SAMPLE_EVENT, "{\"MsgID\":\"$ID\",\"Status\":\"success\"}"},
	{"TEMPLATESENDJOBFINISH.block", SAMPLE_EVENT, "{\"MsgID\":\"$ID\",\"Status\":\"failed:user block\"}"},
	{"TEMPLATESENDJOBFINISH.system", SAMPLE_EVENT,
		"{\"MsgID\":\"$ID\",\"Status\":\"failed: system failed\"}"},
	{"MASSSENDJOBFINISH", SAMPLE_EVENT,
		"{\"MsgID\":\"$ID\",\"Status\":\"send "
		"success\",\"TotalCount\":100,\"FilterCount\":80,\"SentCount\":75,"
		"\"ErrorCount\":5,\"CopyrightCheckResult\":{\"Count\":2,\"ResultList\":{\"item\":["
		"{\"ArticleIdx\":1,\"UserDeclareState\":0,\"AuditState\":2,\"OriginalArticleUrl\":"
		"\"http://mp.weixin.qq.com/s?__biz=MzA3&mid=1\",\"OriginalArticleType\":1,\"CanReprint\":1,"
		"\"NeedReplaceContent\":1,\"NeedShowReprintSource\":1},{\"ArticleIdx\":2,"
		"\"UserDeclareState\":0,"
		"\"AuditState\":2,\"OriginalArticleUrl\":\"http://mp.weixin.qq.com/s?__biz=MzA3&mid=2\","
		"\"OriginalArticleType\":1,\"CanReprint\":1,\"NeedReplaceContent\":1,"
		"\"NeedShowReprintSource\":1}]},"
		"\"CheckState\":2},\"ArticleUrlResult\":{\"Count\":1,\"ResultList\":{\"item\":[{"
		"\"ArticleIdx\":1,"
		"\"ArticleUrl\":\"http://mp.weixin.qq.com/s?__biz=MzA3&mid=3\"}]}}}"},
	{"MASSSENDJOBFINISH.refused", SAMPLE_EVENT,
		"{\"MsgID\":\"$ID\",\"Status\":\"err(30003)\",\"TotalCount\":0,\"FilterCount\":0,"
		"\"SentCount\":0,"
		"\"ErrorCount\":0}"},
	{"FREEPUBLISHJOBFINISH", SAMPLE_EVENT,
		"{\"PublishEventInfo\":{\"publish_id\":\"$ID\",\"publish_status\":0,\"article_id\":\"$"
		"MEDIA\","
		"\"article_detail\":{\"count\":1,\"item\":[{\"idx\":1,\"article_url\":\"http://"
		"mp.weixin.qq.com/s/x\"}]}}}"},
	{"FREEPUBLISHJOBFINISH.refused", SAMPLE_EVENT,
		"{\"PublishEventInfo\":{\"publish_id\":\"$ID\",\"publish_status\":2,\"fail_idx\":[1,2]}}"},
	{"kf_create_session", SAMPLE_EVENT, "{\"KfAccount\":\"test1@test\"}"},
	{"kf_close_session", SAMPLE_EVENT, "{\"KfAccount\":\"test1@test\",\"CloseType\":\"KF\"}"},
	{"kf_switch_session", SAMPLE_EVENT,
		"{\"FromKfAccount\":\"test1@test\",\"ToKfAccount\":\"test2@test\"}"},
	{"subscribe_msg_popup_event", SAMPLE_EVENT,
		"{\"SubscribeMsgPopupEvent\":{\"List\":[{" TEMPLATE
		",\"SubscribeStatusString\":\"accept\",\"PopupScene\":2},"
		"{" TEMPLATE2 ",\"SubscribeStatusString\":\"reject\",\"PopupScene\":2}]}}"},
	{"subscribe_msg_change_event", SAMPLE_EVENT,
		"{\"SubscribeMsgChangeEvent\":{\"List\":[{" TEMPLATE
		",\"SubscribeStatusString\":\"reject\"}]}}"},
	{"subscribe_msg_sent_event", SAMPLE_EVENT,
		"{\"SubscribeMsgSentEvent\":{\"List\":[{" TEMPLATE ",\"MsgID\":\"$ID\",\"ErrorCode\":0,"
		"\"ErrorStatus\":\"success\"}]}}"},

	/* the account's own standing */
	{"qualification_verify_success", SAMPLE_EVENT, "{\"ExpiredTime\":\"$NOW\"}"},
	{"qualification_verify_fail", SAMPLE_EVENT, "{\"FailTime\":\"$NOW\",\"FailReason\":\"by time\"}"},
	{"naming_verify_success", SAMPLE_EVENT, "{\"ExpiredTime\":\"$NOW\"}"},
	{"naming_verify_fail", SAMPLE_EVENT, "{\"FailTime\":\"$NOW\",\"FailReason\":\"by time\"}"},
	{"annual_renew", SAMPLE_EVENT, "{\"ExpiredTime\":\"$NOW\"}"},
	{"verify_expired", SAMPLE_EVENT, "{\"ExpiredTime\":\"$NOW\"}"},
	{"debug_demo", SAMPLE_EVENT, "{\"debug_str\":\"hello from the debugging tool\"}"},

	/* cards, invoices, shops */
	{"card_pass_check", SAMPLE_EVENT, "{\"CardId\":\"pVa7pt8CMfA2vQ7XmMHSgxWkJ6yU\"}"},
	{"card_not_pass_check", SAMPLE_EVENT,
		"{\"CardId\":\"pVa7pt8CMfA2vQ7XmMHSgxWkJ6yU\",\"RefuseReason\":\"非法代制\"}"},
	{"user_get_card", SAMPLE_EVENT,
		"{\"CardId\":\"pVa7pt8CMfA2vQ7XmMHSgxWkJ6yU\",\"IsGiveByFriend\":1,\"UserCardCode\":"
		"\"226009850808\","
		"\"FriendUserName\":\"oVa7ptwGiverGiverGiver0001\",\"OuterId\":0,\"OldUserCardCode\":null,"
		"\"OuterStr\":\"12b\",\"IsRestoreMemberCard\":0,\"IsRecommendByFriend\":0,\"UnionId\":\"o6_"
		"bmasdasdsad6\"}"},
	{"user_gifting_card", SAMPLE_EVENT,
		"{" CARD
		",\"IsReturnBack\":0,\"FriendUserName\":\"oVa7ptwFriendFriendFrien01\",\"IsChatRoom\":0}"},
	{"user_del_card", SAMPLE_EVENT, "{" CARD "}"},
	{"user_consume_card", SAMPLE_EVENT,
		"{" CARD ",\"ConsumeSource\":\"FROM_API\",\"LocationName\":null,\"StaffOpenId\":\"$OPENID\","
		"\"VerifyCode\":null,\"RemarkAmount\":null,\"OuterStr\":\"xxxxx\"}"},
	{"user_pay_from_pay_cell", SAMPLE_EVENT,
		"{" CARD
		",\"TransId\":\"10022403432015000000000\",\"LocationId\":291710000,\"Fee\":\"10000\","
		"\"OriginalFee\":\"10000\"}"},
	{"user_view_card", SAMPLE_EVENT, "{" CARD ",\"OuterStr\":null}"},
	{"user_enter_session_from_card", SAMPLE_EVENT, "{" CARD "}"},
	{"update_member_card", SAMPLE_EVENT, "{" CARD ",\"ModifyBonus\":3,\"ModifyBalance\":0}"},
	{"card_sku_remind", SAMPLE_EVENT,
		"{\"CardId\":\"pVa7pt8CMfA2vQ7XmMHSgxWkJ6yU\",\"Detail\":\"the card's quantity is equal to "
		"0\"}"},
	{"submit_membercard_user_info", SAMPLE_EVENT, "{" CARD "}"},
	{"card_pay_order", SAMPLE_EVENT,
		"{\"OrderId\":\"404091456\",\"Status\":\"ORDER_STATUS_FINANCE_SUCC\",\"CreateOrderTime\":\"$"
		"NOW\","
		"\"PayFinishTime\":0,\"Desc\":null,\"FreeCoinCount\":\"200\",\"PayCoinCount\":\"0\","
		"\"RefundFreeCoinCount\":\"0\",\"RefundPayCoinCount\":\"0\",\"OrderType\":\"ORDER_TYPE_SYS_"
		"ADD\","
		"\"Memo\":\"开通账户奖励\",\"ReceiptInfo\":null}"},
	{"giftcard_pay_done", SAMPLE_EVENT,
		"{\"PageId\":\"OtXdwl7BGaVAtvnMjhMYjQ==\",\"OrderId\":\"Z2y2rY74ksZX1ceuGA\"}"},
	{"giftcard_send_to_friend", SAMPLE_EVENT,
		"{\"PageId\":\"OtXdwl7BGaVAtvnMjhMYjQ==\",\"OrderId\":\"Z2y2rY74ksZX1ceuGA\",\"IsChatRoom\":"
		"\"true\","
		"\"IsReturnBack\":\"true\"}"},
	{"giftcard_user_accept", SAMPLE_EVENT,
		"{\"PageId\":\"OtXdwl7BGaVAtvnMjhMYjQ==\",\"OrderId\":\"Z2y2rY74ksZX1ceuGA\",\"IsChatRoom\":"
		"\"true\"}"},
	{"user_authorize_invoice", SAMPLE_EVENT,
		"{\"SuccOrderId\":\"202005211\",\"FailOrderId\":null,\"AuthorizeAppId\":\"$APPID\","
		"\"Source\":\"web\"}"},
	{"update_invoice_status", SAMPLE_EVENT,
		"{\"Status\":\"INVOICE_REIMBURSE_CLOSURE\",\"CardId\":\"pVa7pt8CMfA2vQ7XmMHSgxWkJ6yU\","
		"\"Code\":\"186921658591\"}"},
	{"submit_invoice_title", SAMPLE_EVENT,
		"{\"title\":\"广州春风贸易有限公司\",\"phone\":\"020-88886666\",\"tax_no\":"
		"\"91440101MA5CXXXX7K\","
		"\"addr\":\"广州市天河区\",\"bank_type\":\"招商银行\",\"bank_no\":\"1200 0000 "
		"0000\",\"attach\":\"order-7\","
		"\"title_type\":\"InvoiceUserTitleBusinessType\"}"},
	{"merchant_order", SAMPLE_EVENT,
		"{\"OrderId\":\"test_order_id\",\"OrderStatus\":2,\"ProductId\":\"test_product_id\","
		"\"SkuInfo\":\"10001:1000012;10002:100021\"}"},
	{"poi_check_notify", SAMPLE_EVENT,
		"{\"UniqId\":\"123adb\",\"PoiId\":\"123123\",\"Result\":\"fail\",\"Msg\":\"资料不完整\"}"},

	/* of mini programs */
	{"weapp_audit_success", SAMPLE_EVENT, "{\"SuccTime\":\"$NOW\"}"},
	{"weapp_audit_fail", SAMPLE_EVENT,
		"{\"Reason\":\"1:账号信息不符合规范:<br>(1):包含色情因素<br>2:服务类目\\\"金融业-保险_"
		"\\\"与你提交代码审核时"
		"设置的功能页面内容不一致\",\"FailTime\":\"$NOW\",\"ScreenShot\":\"xxx|yyy|zzz\"}"},
	{"weapp_audit_delay", SAMPLE_EVENT,
		"{\"Reason\":\"为了更好的服务小程序，需要更多时间\",\"DelayTime\":\"$NOW\"}"},
	{"wxa_nickname_audit", SAMPLE_EVENT, "{\"ret\":3,\"nickname\":\"春风小店\"}"},
	{"wxa_nickname_audit.rejected", SAMPLE_EVENT,
		"{\"ret\":2,\"nickname\":\"春风小店\",\"reason\":\"名称不唯一\"}"},
	{"wxa_category_audit", SAMPLE_EVENT, "{\"ret\":3,\"first\":1,\"second\":2,\"reason\":null}"},
	{"wxa_privacy_apply", SAMPLE_EVENT,
		"{\"result_info\":{\"api_name\":\"wx.choosePoi\",\"apply_time\":\"$NOW\",\"audit_id\":"
		"\"4211202267\","
		"\"audit_time\":\"$NOW\",\"reason\":\"您好，您的小程序没有使用该接口的场景\",\"status\":"
		"\"1\"}}"},
	{"wxa_appeal_record", SAMPLE_EVENT,
		"{\"appeal_record_id\":\"1\",\"appid\":\"$APPID\",\"appeal_time\":\"$NOW\",\"appeal_count\":"
		"\"1\","
		"\"appeal_from\":\"0\",\"appeal_status\":\"1\",\"punish_description\":\"因违规被限制\","
		"\"material\":[{\"illegal_material\":{\"content\":\"a\",\"content_url\":\"https://"
		"mmbiz.qlogo.cn/1\"}},"
		"{\"appeal_material\":{\"reason\":\"误判\",\"proof_material_id\":\"$MEDIA\"}}]}"},
	{"wxa_media_check", SAMPLE_EVENT,
		"{\"appid\":\"$APPID\",\"trace_id\":\"60ae120f-371d5872-7941a05b\",\"version\":2,"
		"\"result\":{\"suggest\":\"risky\",\"label\":20001},\"detail\":[{\"strategy\":\"content_"
		"model\","
		"\"errcode\":0,\"suggest\":\"risky\",\"label\":20006,\"prob\":90}]}"},
	{"betaapp_verify_event", SAMPLE_EVENT,
		"{" APPLY "\"status\":1,\"msg\":\"ok\",\"operation_time\":\"$NOW\"}}"},
	{"betaapp_verify_apply_event", SAMPLE_EVENT,
		"{" APPLY "\"status\":0,\"msg\":\"ok\",\"operation_time\":\"$NOW\"}}"},
	{"betaapp_authorization_apply_event", SAMPLE_EVENT,
		"{" APPLY "\"status\":1,\"msg\":\"ok\",\"operation_time\":\"$NOW\"}}"},

	/* of the platform */
	{"notify_third_fasteregister", SAMPLE_PLATFORM,
		"{\"appid\":\"$APPID\",\"status\":0,\"auth_code\":\"$CODE\",\"msg\":\"OK\",\"info\":" REG_INFO
		"}"},
	{"notify_third_fasteregister.personal", SAMPLE_PLATFORM,
		"{\"appid\":\"$APPID\",\"status\":0,\"auth_code\":\"$CODE\",\"msg\":\"OK\",\"info\":{"
		"\"wxuser\":\"chunfeng_lin\","
		"\"idname\":\"林春风\",\"component_phone\":\"020-88886666\"}}"},
	{"notify_third_fasteregister.failed", SAMPLE_PLATFORM,
		"{\"appid\":null,\"status\":100001,\"auth_code\":null,\"msg\":"
		"\"已下发的模板消息法人并未确认且已超时（24h），"
		"未进行身份证校验\",\"info\":" REG_INFO "}"},
	{"notify_third_fastregisterbetaapp", SAMPLE_PLATFORM,
		"{\"appid\":\"$APPID\",\"status\":0,\"msg\":\"OK\",\"info\":{\"unique_id\":\"chunfeng-7\","
		"\"name\":\"春风小店\"}}"},
	{"notify_third_fastverifybetaapp", SAMPLE_PLATFORM,
		"{\"appid\":\"$APPID\",\"status\":0,\"msg\":\"OK\",\"info\":" REG_INFO "}"},
	{"notify_icpfiling_verify_result", SAMPLE_PLATFORM,
		"{\"task_id\":\"$ID\",\"verify_appid\":\"$APPID\",\"result\":2}"},
	{"notify_apply_icpfiling_result", SAMPLE_PLATFORM,
		"{\"authorizer_appid\":\"$APPID\",\"beian_status\":6}"},
	{"notify_3rd_wxa_auth", SAMPLE_PLATFORM,
		"{\"appid\":\"$APPID\",\"task_status\":0,\"message\":\"认证任务已派单\",\"taskid\":\"$MD5\","
		"\"apply_status\":0,"
		"\"dispatch_info\":{\"provider\":\"审核公司\",\"contact\":\"0755-00000000\",\"dispatch_"
		"time\":\"$NOW\"}}"},
	{"notify_3rd_wxa_wxverify", SAMPLE_PLATFORM,
		"{\"appid\":\"$APPID\",\"expired\":\"$NOW\",\"message\":\"小程序认证即将到期，请及时年审\"}"},
	{"order_path_apply_result_notify", SAMPLE_PLATFORM,
		"{\"list\":[{\"appid\":\"$APPID\",\"ret_code\":0},{\"appid\":\"wx8fb1c3b4a5d60718\",\"ret_"
		"code\":1}]}"},
	{"order_path_audit_result_notify", SAMPLE_PLATFORM,
		"{\"list\":[{\"appid\":\"$APPID\",\"audit_id\":\"$ID\",\"status\":2,\"apply_time\":\"$NOW\","
		"\"audit_time\":\"$NOW\","
		"\"reason\":\"路径打不开\"}]}"},
};
#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

const struct sample *sample_at(size_t i)
{
	return i < N_SAMPLES ? &samples[i] : NULL;
}

const struct sample *sample_find(const char *name)
{
	for (size_t i = 0; i < N_SAMPLES; i++)
		if (strcmp(samples[i].name, name) == 0)
			return &samples[i];
	return NULL;
}

bool sample_wants_code(const struct sample *s)
{
	return strstr(s->fields, "\"$CODE\"") != NULL;
}

static struct json *random_text(size_t n)
{
	char text[80];

	weixin_random_text(text, n);
	return json_new_string(text);
}

static struct json *random_hex(void)
{
	char text[33];

	weixin_random_hex(text, 32);
	return json_new_string(text);
}

static struct json *random_number(void)
{
	char text[11];

	weixin_random_digits(text, 10);
	return json_new_int(strtoll(text, NULL, 10));
}

static struct json *fill_word(const char *word, const struct sample_words *w)
{
	const struct {
		const char *word;
		const char *value;
	} texts[] = {{"$APPID", w->appid}, {"$COMPONENT", w->component_appid}, {"$USER", w->user_name},
		{"$OPENID", w->openid}, {"$CODE", w->code}};

	if (strcmp(word, "$NOW") == 0)
		return json_new_int(w->now_s);
	if (strcmp(word, "$ID") == 0)
		return random_number();
	if (strcmp(word, "$MD5") == 0)
		return random_hex();
	if (strcmp(word, "$MEDIA") == 0 || strcmp(word, "$TICKET") == 0)
		return random_text(64);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(word, texts[i].word) == 0)
			return json_new_string(texts[i].value);
	return json_new_string(word);
}

static struct json *fill(const struct json *from, const struct sample_words *w)
{
	const struct json *value;
	struct json *to;
	const char *name;
	size_t it = 0;

	switch (json_kind(from)) {
	case JSON_STRING:
		return fill_word(json_str(from), w);
	case JSON_ARRAY:
		to = json_new_array();
		for (size_t i = 0; i < json_len(from); i++)
			json_push(to, fill(json_at(from, i), w));
		return to;
	case JSON_OBJECT:
		to = json_new_object();
		while (json_next(from, &it, &name, &value))
			json_set(to, name, fill(value, w));
		return to;
	default:
		return json_copy(from);
	}
}

/* The name without its variant. */
static void set_kind(struct json *fields, const struct sample *s)
{
	struct json *kind = json_new_string_len(s->name, strcspn(s->name, "."));

	if (s->on == SAMPLE_EVENT)
		json_set_str(fields, "MsgType", "event");
	json_set(fields,
		s->on == SAMPLE_EVENT     ? "Event"
		: s->on == SAMPLE_MESSAGE ? "MsgType"
					  : "InfoType",
		kind);
}

struct json *sample_fields(const struct sample *s, const struct sample_words *words)
{
	const struct json_limits limits = {.max_bytes = 16384, .max_depth = 16};
	struct json *fields = json_new_object(), *row = NULL;
	const struct json *value;
	const char *name;
	size_t it = 0;

	set_kind(fields, s);
	/* A row that is no JSON is a mistake in this file; its test finds it. */
	if (json_parse(s->fields, strlen(s->fields), &limits, &row, NULL) < 0)
		return fields;
	while (json_next(row, &it, &name, &value))
		json_set(fields, name, fill(value, words));
	json_free(&row);
	return fields;
}
