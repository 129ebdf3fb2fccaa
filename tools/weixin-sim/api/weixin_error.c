#include "tools/weixin-sim/api/weixin_error.h"

#include "common/base/clock.h"
#include "tools/weixin-sim/wire/weixin_crypto.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/base/banned.h"

static const struct {
	int errcode;
	const char *errmsg;
} errors[] = {
	{-1, "system error"},
	{40001, "invalid credential, access_token is invalid or not latest"},
	{40002, "invalid grant_type"},
	{40003, "invalid openid"},
	{40004, "invalid media type"},
	{40005, "invalid file type"},
	{40006, "invalid media size"},
	{40007, "invalid media_id"},
	{40008, "invalid message type"},
	{40013, "invalid appid"},
	{40014, "invalid access_token"},
	{40016, "invalid button size"},
	{40017, "invalid button type"},
	{40018, "invalid button name size"},
	{40019, "invalid button key size"},
	{40020, "invalid button url size"},
	{40023, "invalid sub button size"},
	{40025, "invalid sub button name size"},
	{40029, "invalid code"},
	{40030, "invalid refresh_token"},
	{40032, "invalid openid list size"},
	{40037, "invalid template_id"},
	{40066, "invalid url"},
	{40073, "invalid card id"},
	{40097, "invalid args"},
	{40125, "invalid appsecret"},
	{40163, "code been used"},
	{40170, "args count exceed count limit"},
	{41001, "access_token missing"},
	{41002, "appid missing"},
	{41004, "appsecret missing"},
	{41005, "media data missing"},
	{41018, "component_appid missing"},
	{42001, "access_token expired"},
	{42002, "refresh_token expired"},
	{43001, "require GET method"},
	{43002, "require POST method"},
	{43004, "require subscribe"},
	{43007, "require bizuser authorize"},
	{44001, "empty media data"},
	{44002, "empty post data"},
	{44003, "empty news data"},
	{44004, "empty content"},
	{45002, "content size out of limit"},
	{45008, "article size out of limit"},
	{45009, "reach max api daily quota limit"},
	{45011, "api minute-quota reach limit, must slower, retry next minute"},
	{45015, "response out of time limit or subscription is canceled"},
	{45047, "out of response count limit"},
	{45056, "too many tag now, no need to add new"},
	{45058, "can't modify sys tag"},
	{45059, "can't add more tag for the user"},
	{45072, "invalid command"},
	{45080, "response out of time limit, need user interaction first"},
	{45081, "already typing"},
	{45157, "invalid tag name"},
	{45158, "invalid tag name size"},
	{45159, "invalid tag id"},
	{46003, "menu no exist"},
	{47001, "data format error"},
	{47003, "argument invalid"},
	{48001, "api unauthorized"},
	{48002, "user refuse to accept the msg"},
	{48006, "forbid to clear quota because of reaching the limit"},
	{53600, "article id invalid"},
	{61003, "component is not authorized by this account"},
	{61004, "access clientip is not registered"},
	{61005, "component ticket is expired"},
	{61006, "component ticket is invalid"},
	{61007, "api is unauthorized to component"},
	{61009, "code is invalid"},
	{61010, "code is expired"},
	{61011, "invalid component"},
	{61012, "invalid option name"},
	{61013, "invalid option value"},
	{61014, "must use component token for component api"},
	{61015, "must use biz token for biz api, not component token"},
	{61023, "refresh_token is invalid"},
	{65401, "invalid custom service account"},
	{76001, "rid not found"},
	{76002, "rid is error"},
	{76003, "cgi_path invalid"},
	{76021, "cgi_path not found"},
	{76022, "could not use this cgi_path, no permission"},
	{85064, "template not found"},
	{85065, "template list is full"},
	{89000, "account has bound open"},
	{89001, "not same contractor"},
	{89002, "open not exists"},
	{89003, "open is not created by api"},
	{89248, "invalid code type"},
	{89249, "task running"},
	{89250, "task not found"},
	{89251, "wait for face check"},
	{89253, "front checking or parameter missing"},
};

static const char *text_of(int errcode)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].errcode == errcode)
			return errors[i].errmsg;
	return "error";
}

struct json *weixin_ok(void)
{
	struct json *answer = json_new_object();

	json_set_int(answer, "errcode", 0);
	json_set_str(answer, "errmsg", "ok");
	return answer;
}

struct json *weixin_error(int errcode, const char *client_ip)
{
	struct json *answer;
	char tail[17], text[200];

	if (errcode == 0)
		return weixin_ok();
	answer = json_new_object();
	json_set_int(answer, "errcode", errcode);
	weixin_random_hex(tail, 16);
	snprintf(text, sizeof(text), "%s%s%s rid: %08x-%.8s-%.8s", text_of(errcode),
		errcode == 61004 ? " requestIP: " : "", errcode == 61004 ? client_ip : "",
		(unsigned)(clock_wall_ms() / 1000), tail, tail + 8);
	json_set_str(answer, "errmsg", text);
	return answer;
}
