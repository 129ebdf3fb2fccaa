#ifndef API_PROXY_WEB_HTTP_DOOR_H
#define API_PROXY_WEB_HTTP_DOOR_H

#include "common/httpd/httpd.h"
#include "services/api-proxy/callers/admission.h"
#include "services/api-proxy/callers/callers.h"
#include "services/api-proxy/calls/call.h"
#include "services/api-proxy/jssdk/jssdk.h"
#include "services/api-proxy/web/weixin_door.h"

/* ANY /accounts/{appid}/{weixin path}, ANY /platforms/{weixin path} and Weixin's own doors: Weixin's own
 * paths, bodies and answers, with the token put in. Bodies and files go through in pieces. Answers of our own
 * have Weixin's shape and `Wxbus-Attempts: 0`. Many threads at once. */
struct http_door {
	struct callers *callers;
	const struct caller_of_weixin *weixin;
	struct weixin_door weixin_door;
	const char *spool_dir;
	struct admission *admission;
	struct jssdk jssdk;
	int64_t call_timeout_ms;
	int64_t transfer_timeout_ms; /* for calls that carry files, and for a caller to send us its body */
};

/* Weixin's largest files have 10 MB; a form around them adds a little. Source:
 * https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/New_temporary_materials.html */
#define HTTP_DOOR_BODY_MAX (20 * 1024 * 1024)

void http_door_serve(
	struct httpd_request *req, void *door); /* an httpd_handler; door is a struct http_door */

#endif
