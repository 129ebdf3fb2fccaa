#ifndef SERVICES_BUSINESS_SDK_PAYLOAD_H
#define SERVICES_BUSINESS_SDK_PAYLOAD_H

#include "services/business/sdk/sdk.h"

/* Typed views of what Weixin sends, one for each message and event that it documents:
 *
 *     const struct text_payload *text = text_payload(e);
 *
 * NULL where the event is of another type. A view lives as long as the event. What is absent or of another
 * kind is "", 0 or NULL; everything is still there under Weixin's own names in e->fields, as are types that
 * stand in no row. XML brings numbers as text, JSON as numbers: both are read.
 *
 * Sources:
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html
 * https://developers.weixin.qq.com/doc/offiaccount/Custom_Menus/Custom_Menu_Push_Events.html
 * https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/code/audit_event.html */

/* One row for each member: its name here, and Weixin's, dots leading inwards. STR: text; INT: int64_t; NUM:
 * double; TREE: a list or object as it is, NULL where absent. */
/* clang-format off */

/* A text. menu_id: the entry of a message menu that was tapped. */
#define TEXT_FIELDS(STR, INT, NUM, TREE) \
	STR(content, "Content") \
	STR(menu_id, "bizmsgmenuid")

#define IMAGE_FIELDS(STR, INT, NUM, TREE) \
	STR(pic_url, "PicUrl") \
	STR(media_id, "MediaId")

/* recognition: where voice recognition is on. */
#define VOICE_FIELDS(STR, INT, NUM, TREE) \
	STR(media_id, "MediaId") \
	STR(format, "Format") \
	STR(recognition, "Recognition") \
	STR(media_id_16k, "MediaId16K")

#define VIDEO_FIELDS(STR, INT, NUM, TREE) \
	STR(media_id, "MediaId") \
	STR(thumb_media_id, "ThumbMediaId")

/* A message with a place. */
#define PLACE_FIELDS(STR, INT, NUM, TREE) \
	NUM(latitude, "Location_X") \
	NUM(longitude, "Location_Y") \
	INT(scale, "Scale") \
	STR(label, "Label")

#define LINK_FIELDS(STR, INT, NUM, TREE) \
	STR(title, "Title") \
	STR(description, "Description") \
	STR(url, "Url")

#define FILE_FIELDS(STR, INT, NUM, TREE) \
	STR(title, "Title") \
	STR(description, "Description") \
	STR(key, "FileKey") \
	STR(md5, "FileMd5") \
	INT(total_bytes, "FileTotalLen")

#define MINI_PROGRAM_PAGE_FIELDS(STR, INT, NUM, TREE) \
	STR(title, "Title") \
	STR(appid, "AppId") \
	STR(page_path, "PagePath") \
	STR(thumb_url, "ThumbUrl") \
	STR(thumb_media_id, "ThumbMediaId")

/* subscribe and scan: of a code with a scene; at subscribe the scene is behind "qrscene_". */
#define SCAN_FIELDS(STR, INT, NUM, TREE) \
	STR(event_key, "EventKey") \
	STR(ticket, "Ticket")

/* Where a fan is, if he agreed to tell. */
#define POSITION_FIELDS(STR, INT, NUM, TREE) \
	NUM(latitude, "Latitude") \
	NUM(longitude, "Longitude") \
	NUM(precision, "Precision")

/* A menu entry that was tapped: its key; of view the address, of view_miniprogram the path. */
#define MENU_KEY_FIELDS(STR, INT, NUM, TREE) \
	STR(key, "EventKey") \
	STR(menu_id, "MenuId")

#define SCAN_CODE_FIELDS(STR, INT, NUM, TREE) \
	STR(key, "EventKey") \
	STR(scan_type, "ScanCodeInfo.ScanType") \
	STR(scan_result, "ScanCodeInfo.ScanResult")

/* list: of {"PicMd5Sum"}. */
#define PICTURES_FIELDS(STR, INT, NUM, TREE) \
	STR(key, "EventKey") \
	INT(count, "SendPicsInfo.Count") \
	TREE(list, "SendPicsInfo.PicList.item")

#define PLACE_CHOICE_FIELDS(STR, INT, NUM, TREE) \
	STR(key, "EventKey") \
	NUM(latitude, "SendLocationInfo.Location_X") \
	NUM(longitude, "SendLocationInfo.Location_Y") \
	INT(scale, "SendLocationInfo.Scale") \
	STR(label, "SendLocationInfo.Label") \
	STR(poi_name, "SendLocationInfo.Poiname")

/* status: "success", "failed:user block", "failed: system failed". */
#define TEMPLATE_RESULT_FIELDS(STR, INT, NUM, TREE) \
	STR(msg_id, "MsgID") \
	STR(status, "Status")

/* status: "send success", "send fail", "err(10001)" and others. */
#define MASS_RESULT_FIELDS(STR, INT, NUM, TREE) \
	STR(msg_id, "MsgID") \
	STR(status, "Status") \
	INT(total, "TotalCount") \
	INT(filtered, "FilterCount") \
	INT(sent, "SentCount") \
	INT(errors, "ErrorCount") \
	TREE(copyright, "CopyrightCheckResult") \
	TREE(articles, "ArticleUrlResult.ResultList.item")

#define PUBLISH_RESULT_FIELDS(STR, INT, NUM, TREE) \
	STR(publish_id, "PublishEventInfo.publish_id") \
	INT(status, "PublishEventInfo.publish_status") \
	STR(article_id, "PublishEventInfo.article_id") \
	TREE(articles, "PublishEventInfo.article_detail.item") \
	TREE(failed, "PublishEventInfo.fail_idx")

#define SERVICE_SESSION_FIELDS(STR, INT, NUM, TREE) \
	STR(account, "KfAccount")

#define SERVICE_SWITCH_FIELDS(STR, INT, NUM, TREE) \
	STR(from, "FromKfAccount") \
	STR(to, "ToKfAccount")

/* Times in seconds since 1970, as Weixin sends them. */
#define VERIFICATION_FIELDS(STR, INT, NUM, TREE) \
	INT(expired_s, "ExpiredTime") \
	INT(failed_s, "FailTime") \
	STR(reason, "FailReason")

#define FAN_REVOCATION_FIELDS(STR, INT, NUM, TREE) \
	STR(openid, "OpenID") \
	STR(appid, "AppID") \
	STR(revoked, "RevokeInfo")

#define CARD_CHECK_FIELDS(STR, INT, NUM, TREE) \
	STR(card_id, "CardId") \
	STR(reason, "RefuseReason")

#define CARD_FIELDS(STR, INT, NUM, TREE) \
	STR(card_id, "CardId") \
	STR(code, "UserCardCode") \
	INT(given_by_friend, "IsGiveByFriend") \
	STR(friend_openid, "FriendUserName") \
	STR(outer_id, "OuterId") \
	STR(outer_str, "OuterStr") \
	STR(old_code, "OldUserCardCode") \
	INT(restored, "IsRestoreMemberCard") \
	INT(recommended, "IsRecommendByFriend") \
	STR(unionid, "UnionId")

/* Of a mini program's code. screenshots: media ids with '|' between them. */
#define CODE_AUDIT_FIELDS(STR, INT, NUM, TREE) \
	INT(succeeded_s, "SuccTime") \
	INT(failed_s, "FailTime") \
	INT(delayed_s, "DelayTime") \
	STR(reason, "Reason") \
	STR(screenshots, "ScreenShot")

/* ret: 2 refused, 3 passed. */
#define NICKNAME_AUDIT_FIELDS(STR, INT, NUM, TREE) \
	INT(ret, "ret") \
	STR(nickname, "nickname") \
	STR(reason, "reason")

#define CATEGORY_AUDIT_FIELDS(STR, INT, NUM, TREE) \
	INT(ret, "ret") \
	INT(first, "first") \
	INT(second, "second") \
	STR(reason, "reason")

#define PRIVACY_RESULT_FIELDS(STR, INT, NUM, TREE) \
	STR(api_name, "result_info.api_name") \
	INT(applied_s, "result_info.apply_time") \
	INT(audited_s, "result_info.audit_time") \
	STR(audit_id, "result_info.audit_id") \
	STR(reason, "result_info.reason") \
	INT(status, "result_info.status")

#define APPEAL_FIELDS(STR, INT, NUM, TREE) \
	STR(record_id, "appeal_record_id") \
	STR(appid, "appid") \
	INT(appealed_s, "appeal_time") \
	INT(count, "appeal_count") \
	INT(from, "appeal_from") \
	INT(status, "appeal_status") \
	STR(punishment, "punish_description") \
	TREE(material, "material")

#define BETA_APP_FIELDS(STR, INT, NUM, TREE) \
	STR(appid, "ApplyAuthorizationInfoNoitfy.appid") \
	STR(mp_appid, "ApplyAuthorizationInfoNoitfy.mp_appid") \
	INT(status, "ApplyAuthorizationInfoNoitfy.status") \
	STR(msg, "ApplyAuthorizationInfoNoitfy.msg") \
	INT(operated_s, "ApplyAuthorizationInfoNoitfy.operation_time")

#define SESSION_ENTRY_FIELDS(STR, INT, NUM, TREE) \
	STR(from, "SessionFrom")

#define MEDIA_CHECK_FIELDS(STR, INT, NUM, TREE) \
	STR(appid, "appid") \
	STR(trace_id, "trace_id") \
	INT(version, "version") \
	STR(suggest, "result.suggest") \
	INT(label, "result.label") \
	TREE(detail, "detail")

/* Of Weixin's own debugging tool. */
#define DEBUG_FIELDS(STR, INT, NUM, TREE) \
	STR(text, "debug_str")

/* list: of {"TemplateId","SubscribeStatusString","PopupScene"}. */
#define SUBSCRIPTION_POPUP_FIELDS(STR, INT, NUM, TREE) \
	TREE(list, "SubscribeMsgPopupEvent.List")

#define SUBSCRIPTION_CHANGE_FIELDS(STR, INT, NUM, TREE) \
	TREE(list, "SubscribeMsgChangeEvent.List")

/* list: of {"TemplateId","MsgID","ErrorCode","ErrorStatus"}. */
#define SUBSCRIPTION_SENT_FIELDS(STR, INT, NUM, TREE) \
	TREE(list, "SubscribeMsgSentEvent.List")

/* Each payload with its rows and the types that it is of. */
#define PAYLOADS(PAYLOAD) \
	PAYLOAD(text, TEXT_FIELDS, "message.text") \
	PAYLOAD(image, IMAGE_FIELDS, "message.image") \
	PAYLOAD(voice, VOICE_FIELDS, "message.voice") \
	PAYLOAD(video, VIDEO_FIELDS, "message.video", "message.shortvideo") \
	PAYLOAD(place, PLACE_FIELDS, "message.location") \
	PAYLOAD(link, LINK_FIELDS, "message.link") \
	PAYLOAD(file, FILE_FIELDS, "message.file") \
	PAYLOAD(mini_program_page, MINI_PROGRAM_PAGE_FIELDS, "message.miniprogrampage") \
	PAYLOAD(scan, SCAN_FIELDS, "event.subscribe", "event.scan") \
	PAYLOAD(position, POSITION_FIELDS, "event.location") \
	PAYLOAD(menu_key, MENU_KEY_FIELDS, "event.click", "event.view", "event.view_miniprogram") \
	PAYLOAD(scan_code, SCAN_CODE_FIELDS, "event.scancode_push", "event.scancode_waitmsg") \
	PAYLOAD(pictures, PICTURES_FIELDS, "event.pic_sysphoto", "event.pic_photo_or_album", "event.pic_weixin") \
	PAYLOAD(place_choice, PLACE_CHOICE_FIELDS, "event.location_select") \
	PAYLOAD(template_result, TEMPLATE_RESULT_FIELDS, "event.templatesendjobfinish") \
	PAYLOAD(mass_result, MASS_RESULT_FIELDS, "event.masssendjobfinish") \
	PAYLOAD(publish_result, PUBLISH_RESULT_FIELDS, "event.freepublishjobfinish") \
	PAYLOAD(service_session, SERVICE_SESSION_FIELDS, "event.kf_create_session", "event.kf_close_session") \
	PAYLOAD(service_switch, SERVICE_SWITCH_FIELDS, "event.kf_switch_session") \
	PAYLOAD(verification, VERIFICATION_FIELDS, "event.qualification_verify_success", "event.naming_verify_success", "event.annual_renew", "event.verify_expired", "event.qualification_verify_fail", "event.naming_verify_fail") \
	PAYLOAD(fan_revocation, FAN_REVOCATION_FIELDS, "event.user_authorization_revoke", "event.user_info_modified") \
	PAYLOAD(card_check, CARD_CHECK_FIELDS, "event.card_pass_check", "event.card_not_pass_check") \
	PAYLOAD(card, CARD_FIELDS, "event.user_get_card", "event.user_del_card") \
	PAYLOAD(code_audit, CODE_AUDIT_FIELDS, "event.weapp_audit_success", "event.weapp_audit_fail", "event.weapp_audit_delay") \
	PAYLOAD(nickname_audit, NICKNAME_AUDIT_FIELDS, "event.wxa_nickname_audit") \
	PAYLOAD(category_audit, CATEGORY_AUDIT_FIELDS, "event.wxa_category_audit") \
	PAYLOAD(privacy_result, PRIVACY_RESULT_FIELDS, "event.wxa_privacy_apply") \
	PAYLOAD(appeal, APPEAL_FIELDS, "event.wxa_appeal_record") \
	PAYLOAD(beta_app, BETA_APP_FIELDS, "event.betaapp_verify_event", "event.betaapp_verify_apply_event", "event.betaapp_authorization_apply_event") \
	PAYLOAD(session_entry, SESSION_ENTRY_FIELDS, "event.user_enter_tempsession") \
	PAYLOAD(media_check, MEDIA_CHECK_FIELDS, "event.wxa_media_check") \
	PAYLOAD(debug, DEBUG_FIELDS, "event.debug_demo") \
	PAYLOAD(subscription_popup, SUBSCRIPTION_POPUP_FIELDS, "event.subscribe_msg_popup_event") \
	PAYLOAD(subscription_change, SUBSCRIPTION_CHANGE_FIELDS, "event.subscribe_msg_change_event") \
	PAYLOAD(subscription_sent, SUBSCRIPTION_SENT_FIELDS, "event.subscribe_msg_sent_event")
/* clang-format on */

#define PAYLOAD_STR(member, path)  const char *member;
#define PAYLOAD_INT(member, path)  int64_t member;
#define PAYLOAD_NUM(member, path)  double member;
#define PAYLOAD_TREE(member, path) const struct json *member;
#define PAYLOAD_TYPE(name, FIELDS, ...)                                                                      \
	struct name##_payload {                                                                              \
		FIELDS(PAYLOAD_STR, PAYLOAD_INT, PAYLOAD_NUM, PAYLOAD_TREE)                                  \
	};                                                                                                   \
	const struct name##_payload *name##_payload(const struct event *e);
PAYLOADS(PAYLOAD_TYPE)
#undef PAYLOAD_STR
#undef PAYLOAD_INT
#undef PAYLOAD_NUM
#undef PAYLOAD_TREE
#undef PAYLOAD_TYPE

#endif
