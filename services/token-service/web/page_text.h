#ifndef SERVICES_TOKEN_SERVICE_WEB_PAGE_TEXT_H
#define SERVICES_TOKEN_SERVICE_WEB_PAGE_TEXT_H

/* What the pages say, in Chinese and English. */
enum lang { LANG_ZH, LANG_EN };

/* clang-format off */
/* symbol, Chinese, English */
#define PAGE_TEXTS(X) \
	X(TEXT_BRAND, "微信授权", "WeChat authorization") \
	X(TEXT_OTHER_LANG, "English", "中文") \
	X(TEXT_TITLE_ACCOUNT, "连接您的公众号", "Connect your official account") \
	X(TEXT_TITLE_MINIPROGRAM, "连接您的小程序", "Connect your mini program") \
	X(TEXT_TITLE_CHANNELS, "连接您的视频号", "Connect your channels account") \
	X(TEXT_TITLE_ANY, "连接您的公众号或小程序", "Connect your official account or mini program") \
	X(TEXT_LEAD, "只需一分钟，全程在微信官方页面完成。", \
		"It takes a minute and happens on WeChat's own pages.") \
	X(TEXT_STEP_1, "点击下方按钮，前往微信官方授权页面", \
		"Press the button to go to WeChat's authorization page") \
	X(TEXT_STEP_2_PC, "由管理员用微信扫描页面上的二维码", \
		"The account's administrator scans the code there with WeChat") \
	X(TEXT_STEP_2_PHONE, "由管理员选择要连接的账号", "The administrator chooses the account") \
	X(TEXT_STEP_3, "确认授权，随后自动返回本页", "Confirm, and you are brought back here") \
	X(TEXT_GO, "前往微信授权", "Continue to WeChat") \
	X(TEXT_GOING, "正在打开微信页面…", "Opening WeChat…") \
	X(TEXT_GO_BY_HAND, "如果没有自动打开，请点这里", "If nothing opens, press here") \
	X(TEXT_READY_LEAD, "一切就绪，请在 10 分钟内点击下面的按钮。", \
		"Everything is ready. Please press the button within 10 minutes.") \
	X(TEXT_NOTE, "我们不会获得您的微信密码。您可以随时在微信公众平台取消授权。", \
		"We never see your password. You can withdraw the authorization at any time on " \
		"WeChat's platform.") \
	X(TEXT_OPEN_IN_WEIXIN, "您正在手机浏览器中打开本页。请在微信中打开，或用另一台设备打开后扫码。", \
		"You are in a phone's browser. Open this page within WeChat, or on another device to " \
		"scan the code.") \
	X(TEXT_BUSY, "点击过于频繁，请稍等一分钟再试。", \
		"That was a little often. Please try again in a minute.") \
	X(TEXT_AWAY, "微信暂时没有回应，请稍后再试。", \
		"WeChat does not answer right now. Please try again shortly.") \
	X(TEXT_RELOAD, "页面打开太久了，请刷新后再试。", \
		"This page has been open for too long. Please reload it.") \
	X(TEXT_USED, "此页面已经提交过，请再点一次。", \
		"This page was sent before. Please press once more.") \
	X(TEXT_RELOAD_LINK, "刷新页面", "Reload") \
	X(TEXT_DONE_TITLE, "授权成功", "All connected") \
	X(TEXT_DONE, "已连接：", "Connected: ") \
	X(TEXT_DONE_CLOSE, "您现在可以关闭此页面。", "You can close this page now.") \
	X(TEXT_RETURN, "返回", "Go back to") \
	X(TEXT_REFUSED_TITLE, "没有完成授权", "Nothing was authorized") \
	X(TEXT_REFUSED, "微信没有返回授权结果，可能是您取消了操作。没有任何改变，您可以重新开始。", \
		"WeChat sent no authorization back; perhaps it was cancelled. Nothing has changed, " \
		"and you can start again.") \
	X(TEXT_EXPIRED_TITLE, "授权码已失效", "This authorization has expired") \
	X(TEXT_EXPIRED, "授权结果没有及时送达，或者已被使用过。请重新授权一次。", \
		"It arrived too late, or was used before. Please authorize once more.") \
	X(TEXT_WAIT_TITLE, "就差一步", "Almost there") \
	X(TEXT_WAIT, "您的授权已收到，但微信暂时没有回应。什么都不会丢失：请重试，或者稍后再来，我们会继续处理。", \
		"Your authorization has arrived, but WeChat does not answer right now. Nothing is " \
		"lost: try again, or come back later; we go on by ourselves.") \
	X(TEXT_AGAIN, "重试", "Try again") \
	X(TEXT_RESTART, "重新授权", "Start again") \
	X(TEXT_BAD_LINK_TITLE, "链接不正确", "This link is not right") \
	X(TEXT_BAD_LINK, "链接不完整或被改动过。请向发给您链接的人索取新的链接。", \
		"It is incomplete or has been changed. Please ask whoever sent it for a new one.") \
	X(TEXT_OLD_LINK_TITLE, "链接已过期", "This link has expired") \
	X(TEXT_OLD_LINK, "请向发给您链接的人索取新的链接。", \
		"Please ask whoever sent it for a new one.") \
	X(TEXT_OAUTH_BAD_LINK, "链接不完整或有误。请返回网站重试。", \
		"It is incomplete or wrong. Please go back to the site and try again.") \
	X(TEXT_OAUTH_TARGET_TITLE, "此网站尚未登记", "This site is not registered") \
	X(TEXT_OAUTH_TARGET, "为了您的安全，我们只把您带回已登记的网站。请联系该网站的运营者。", \
		"To keep you safe we send you back to registered sites only. Please tell whoever runs this " \
		"one.") \
	X(TEXT_OAUTH_CANCELLED_TITLE, "您没有授权", "You did not agree") \
	X(TEXT_OAUTH_CANCELLED, "网站没有得到您的任何信息。您可以返回网站，或者重新授权。", \
		"The site has learnt nothing about you. You can go back to it, or start again.") \
	X(TEXT_OAUTH_OLD_TITLE, "停留时间过长", "This took too long") \
	X(TEXT_OAUTH_OLD, "授权须在 10 分钟内完成。请返回网站重新开始。", \
		"It has to be done within 10 minutes. Please go back to the site and start again.") \
	X(TEXT_OAUTH_BROWSER_TITLE, "请在原来的浏览器中继续", "Please go on in the same browser") \
	X(TEXT_OAUTH_BROWSER, "授权不是在此浏览器中开始的，或者此浏览器不接受 Cookie。请返回网站重新开始。", \
		"It was begun in another browser, or this one takes no cookies. Please go back to the site " \
		"and start again.") \
	X(TEXT_OAUTH_USED_TITLE, "此授权已使用过", "This was used before") \
	X(TEXT_OAUTH_USED, "每次授权只能使用一次。请返回网站重新开始。", \
		"Each authorization works once. Please go back to the site and start again.") \
	X(TEXT_ERROR_TITLE, "无法显示此页面", "This page cannot be shown") \
	X(TEXT_ERROR, "请检查地址，或稍后再试。", "Please check the address, or try again later.")
/* clang-format on */

#define X(symbol, zh, en) symbol,
enum text { PAGE_TEXTS(X) N_TEXTS };
#undef X

const char *page_text(enum lang lang, enum text text);
const char *lang_tag(enum lang lang); /* of HTML */

/* `wish`: the parameter lang, or NULL; else the header Accept-Language (NULL: none) decides; else Chinese. */
enum lang lang_choose(const char *wish, const char *accept_language);

#endif
