/* APIs called with an account's token.
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html */
#include "tools/weixin-sim/api/api.h"
#include "tools/weixin-sim/api/weixin_error.h"

#include <string.h>

#include "common/base/banned.h"

#define TEXT_MAX 2048 /* bytes */

static int check_text(const struct api_call *call, const struct json *content)
{
	const char *text = json_get_str(content, "content");

	(void)call;
	if (!text || text[0] == '\0')
		return 44004;
	return strlen(text) > TEXT_MAX ? 45002 : 0;
}

/* The member names media of this type (or the other one) that the account has uploaded. */
static int check_media(const struct api_call *call, const struct json *content, const char *member,
	const char *type, const char *other)
{
	const char *id = json_get_str(content, member);
	const struct media *m = media_find(&call->sim->state.media, call->appid, id ? id : "", call->now_ms);

	return m && (strcmp(m->type, type) == 0 || strcmp(m->type, other) == 0) ? 0 : 40007;
}

static int check_thumb(const struct api_call *call, const struct json *content)
{
	return check_media(call, content, "thumb_media_id", "thumb", "image");
}

static int check_image(const struct api_call *call, const struct json *content)
{
	return check_media(call, content, "media_id", "image", "image");
}

static int check_voice(const struct api_call *call, const struct json *content)
{
	return check_media(call, content, "media_id", "voice", "voice");
}

static int check_video(const struct api_call *call, const struct json *content)
{
	int errcode = check_media(call, content, "media_id", "video", "video");

	return errcode || !json_get(content, "thumb_media_id") ? errcode : check_thumb(call, content);
}

static int check_music(const struct api_call *call, const struct json *content)
{
	if (!json_get_str(content, "musicurl") || !json_get_str(content, "hqmusicurl"))
		return 40097;
	return check_thumb(call, content);
}

/* The page of a mini program that an account sends names it; a mini program sends its own. */
static int check_page(const struct api_call *call, const struct json *content)
{
	const struct account *a = state_account(&call->sim->state, call->appid);

	if (!json_get_str(content, "title") || !json_get_str(content, "pagepath") ||
		(!a->miniprogram && !json_get_str(content, "appid")))
		return 40097;
	return check_thumb(call, content);
}

/* Not since drafts have come. */
static int check_mpnews(const struct api_call *call, const struct json *content)
{
	(void)call;
	(void)content;
	return 40007;
}

static int check_news(const struct api_call *call, const struct json *content)
{
	const struct json *articles = json_get(content, "articles");

	(void)call;
	if (json_kind(articles) != JSON_ARRAY || json_len(articles) == 0)
		return 44003;
	return json_len(articles) > 1 ? 45008 : 0;
}

static int check_menu(const struct api_call *call, const struct json *content)
{
	const struct json *list = json_get(content, "list");

	(void)call;
	if (json_kind(list) != JSON_ARRAY || json_len(list) == 0)
		return 44004;
	for (size_t i = 0; i < json_len(list); i++)
		if (json_kind(json_get(json_at(list, i), "id")) == JSON_ABSENT ||
			!json_get_str(json_at(list, i), "content"))
			return 40097;
	return 0;
}

static int check_link(const struct api_call *call, const struct json *content)
{
	if (!state_account(&call->sim->state, call->appid)->miniprogram)
		return 40008;
	return json_get_str(content, "title") && json_get_str(content, "url") ? 0 : 40097;
}

static int check_card(const struct api_call *call, const struct json *content)
{
	(void)content;
	(void)call;
	return 40073;
}

static int check_article(const struct api_call *call, const struct json *content)
{
	(void)content;
	(void)call;
	return 53600;
}

/* The message itself: msgtype and the object of that name. */
static int check_message(const struct api_call *call)
{
	static const struct {
		const char *type;
		int (*check)(const struct api_call *call, const struct json *content);
	} types[] = {
		{"text", check_text},
		{"image", check_image},
		{"voice", check_voice},
		{"video", check_video},
		{"music", check_music},
		{"mpnews", check_mpnews},
		{"miniprogrampage", check_page},
		{"news", check_news},
		{"msgmenu", check_menu},
		{"link", check_link},
		{"wxcard", check_card},
		{"mpnewsarticle", check_article},
	};
	const char *type = json_get_str(call->body, "msgtype");

	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i].type) == 0)
			return types[i].check(call, json_get(call->body, type));
	return 40008;
}

int api_custom_send(struct api_call *call)
{
	const char *touser = json_get_str(call->body, "touser");
	struct account *a = state_account(&call->sim->state, call->appid);
	struct fan *f = touser ? state_fan(a, touser) : NULL;
	int errcode;

	if (!f)
		return 40003;
	if (!f->subscribed && !a->miniprogram)
		return 43004;
	if (f->refuses)
		return 48002;
	if ((errcode = check_message(call)) != 0)
		return errcode;
	if (json_get(call->body, "customservice"))
		return 65401; /* no customer-service accounts here */
	if ((errcode = fan_take(f, call->now_ms)) != 0)
		return errcode;
	fan_receive(f, call->raw);
	chat_add(&f->chat, CHAT_SERVICE, call->now_ms, call->body);
	pthread_cond_broadcast(&call->sim->state.received);
	return 0;
}

int api_custom_typing(struct api_call *call)
{
	const char *touser = json_get_str(call->body, "touser"),
		   *command = json_get_str(call->body, "command");
	struct fan *f = touser ? state_fan(state_account(&call->sim->state, call->appid), touser) : NULL;

	return f ? fan_typing(f, command ? command : "", call->now_ms) : 40003;
}

int api_getticket(struct api_call *call)
{
	const char *type = query_get(&call->query, "type");
	struct buf ticket = BUF_INIT(256);

	if (!type || strcmp(type, "jsapi") != 0)
		return 40097;
	buf_addf(&ticket, "jsapi-ticket-of-%s", call->appid);
	call->answer = weixin_ok();
	json_set_str(call->answer, "ticket", buf_cstr(&ticket));
	json_set_int(call->answer, "expires_in", 7200);
	buf_release(&ticket);
	return 0;
}

int api_getcallbackip(struct api_call *call)
{
	struct json *list = json_new_array();

	json_push(list, json_new_string("127.0.0.1"));
	call->answer = json_new_object();
	json_set(call->answer, "ip_list", list);
	return 0;
}
