/* APIs called with an account's token.
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html */
#include "tools/weixin-sim/api/api.h"

#include <string.h>

#include "common/base/banned.h"

#define TEXT_MAX 2048 /* bytes */

static int check_permission(const struct api_call *call, const struct account *a)
{
	static const int sets[] = {1, 6, 19, 100, 101}; /* any of them */
	const struct authorization *auth =
		state_authorization(&call->sim->state, call->component_appid, call->appid);
	bool granted = false;

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		granted = granted || func_ids_has(&auth->granted, sets[i]);
	if (!granted)
		return 61007;
	return !a->miniprogram && a->verify_type < 0 ? 48001 : 0;
}

static int check_text(const struct json *content, const struct account *a)
{
	const char *text = json_get_str(content, "content");

	(void)a;
	if (!text || text[0] == '\0')
		return 44004;
	return strlen(text) > TEXT_MAX ? 45002 : 0;
}

/* There is no upload in this Weixin, so it knows no media. */
static int check_media(const struct json *content, const struct account *a)
{
	(void)content;
	(void)a;
	return 40007;
}

static int check_news(const struct json *content, const struct account *a)
{
	const struct json *articles = json_get(content, "articles");

	(void)a;
	if (json_kind(articles) != JSON_ARRAY || json_len(articles) == 0)
		return 44003;
	return json_len(articles) > 1 ? 45008 : 0;
}

static int check_menu(const struct json *content, const struct account *a)
{
	const struct json *list = json_get(content, "list");

	(void)a;
	if (json_kind(list) != JSON_ARRAY || json_len(list) == 0)
		return 44004;
	for (size_t i = 0; i < json_len(list); i++)
		if (json_kind(json_get(json_at(list, i), "id")) == JSON_ABSENT ||
			!json_get_str(json_at(list, i), "content"))
			return 40097;
	return 0;
}

static int check_link(const struct json *content, const struct account *a)
{
	if (!a->miniprogram)
		return 40008;
	return json_get_str(content, "title") && json_get_str(content, "url") ? 0 : 40097;
}

static int check_card(const struct json *content, const struct account *a)
{
	(void)content;
	(void)a;
	return 40073;
}

static int check_article(const struct json *content, const struct account *a)
{
	(void)content;
	(void)a;
	return 53600;
}

/* The message itself: msgtype and the object of that name. */
static int check_message(const struct json *body, const struct account *a)
{
	static const struct {
		const char *type;
		int (*check)(const struct json *content, const struct account *a);
	} types[] = {
		{"text", check_text},
		{"image", check_media},
		{"voice", check_media},
		{"video", check_media},
		{"music", check_media},
		{"mpnews", check_media},
		{"miniprogrampage", check_media},
		{"news", check_news},
		{"msgmenu", check_menu},
		{"link", check_link},
		{"wxcard", check_card},
		{"mpnewsarticle", check_article},
	};
	const char *type = json_get_str(body, "msgtype");

	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i].type) == 0)
			return types[i].check(json_get(body, type), a);
	return 40008;
}

int api_custom_send(struct api_call *call)
{
	const char *touser = json_get_str(call->body, "touser");
	struct account *a = state_account(&call->sim->state, call->appid);
	struct fan *f = touser ? state_fan(a, touser) : NULL;
	int errcode;

	if ((errcode = check_permission(call, a)) != 0)
		return errcode;
	if (!f)
		return 40003;
	if (!f->subscribed && !a->miniprogram)
		return 43004;
	if ((errcode = check_message(call->body, a)) != 0)
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

int api_getticket(struct api_call *call)
{
	const char *type = query_get(&call->query, "type");
	struct buf ticket = BUF_INIT(256);

	if (!type || strcmp(type, "jsapi") != 0)
		return 40097;
	buf_addf(&ticket, "jsapi-ticket-of-%s", call->appid);
	call->answer = json_new_object();
	json_set_int(call->answer, "errcode", 0);
	json_set_str(call->answer, "errmsg", "ok");
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
