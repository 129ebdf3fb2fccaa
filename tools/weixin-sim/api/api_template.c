/* Template messages.
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html */
#include "tools/weixin-sim/api/api.h"
#include "tools/weixin-sim/api/weixin_error.h"

#include "common/base/str.h"

#include <string.h>

#include "common/base/banned.h"

#define TEXT_MAX 4096
#define END      ".DATA}}"

static const struct json *find_template(const struct account *a, const char *id)
{
	for (size_t i = 0; id && i < json_len(a->templates); i++)
		if (strcmp(json_get_str(json_at(a->templates, i), "template_id"), id) == 0)
			return json_at(a->templates, i);
	return NULL;
}

/* The value that stands for {{name.DATA}}; nothing if it was not given. */
static void add_value(const struct json *data, const char *name, size_t len, struct buf *out)
{
	const struct json *value;
	const char *key;
	size_t it = 0;

	while (json_next(data, &it, &key, &value)) {
		const char *text = json_get_str(value, "value");

		if (strlen(key) == len && memcmp(key, name, len) == 0 && text)
			buf_add_str(out, text);
	}
}

static void write_content(const char *content, const struct json *data, struct buf *out)
{
	while (*content) {
		const char *open = strstr(content, "{{"), *close = open ? strstr(open, END) : NULL;

		if (!close) {
			buf_add_str(out, content);
			return;
		}
		buf_add(out, content, (size_t)(open - content));
		add_value(data, open + 2, (size_t)(close - open) - 2, out);
		content = close + strlen(END);
	}
}

static void show(struct fan *f, const struct api_call *call, const struct json *template)
{
	struct json *message = json_new_object();
	struct buf text = BUF_INIT(TEXT_MAX);

	write_content(json_get_str(template, "content"), json_get(call->body, "data"), &text);
	json_set_str(message, "title", json_get_str(template, "title"));
	json_set_str(message, "content", buf_cstr(&text));
	json_set_str(message, "url", json_get_str(call->body, "url"));
	chat_add(&f->chat, CHAT_TEMPLATE, call->now_ms, message);
	buf_release(&text);
	json_free(&message);
}

/* What stands on the account's console. */
int api_template_list(struct api_call *call)
{
	const struct account *a = state_account(&call->sim->state, call->appid);
	struct json *list = json_new_array();

	for (size_t i = 0; i < json_len(a->templates); i++) {
		const struct json *t = json_at(a->templates, i);
		struct json *row = json_new_object();

		json_set_str(row, "template_id", json_get_str(t, "template_id"));
		json_set_str(row, "title", json_get_str(t, "title"));
		json_set_str(row, "primary_industry", "");
		json_set_str(row, "deputy_industry", "");
		json_set_str(row, "content", json_get_str(t, "content"));
		json_set_str(row, "example", "");
		json_push(list, row);
	}
	call->answer = json_new_object();
	json_set(call->answer, "template_list", list);
	return 0;
}

int api_template_send(struct api_call *call)
{
	const char *touser = json_get_str(call->body, "touser");
	const struct account *a = state_account(&call->sim->state, call->appid);
	struct fan *f = touser ? state_fan(a, touser) : NULL;
	const struct json *template = find_template(a, json_get_str(call->body, "template_id"));

	if (!f)
		return 40003;
	if (!template)
		return 40037;
	if (!f->subscribed)
		return 43004;
	if (json_kind(json_get(call->body, "data")) != JSON_OBJECT)
		return 47003;
	if (!f->refuses)
		show(f, call, template);
	call->sent.msg_id = (int64_t)atomic_fetch_add(&call->sim->msg_ids, 1) + 1;
	call->sent.status = f->refuses ? "failed:user block" : "success";
	str_copy(call->sent.component_appid, sizeof(call->sent.component_appid), call->component_appid);
	str_copy(call->sent.appid, sizeof(call->sent.appid), call->appid);
	str_copy(call->sent.openid, sizeof(call->sent.openid), f->openid);
	call->answer = weixin_ok();
	json_set_int(call->answer, "msgid", call->sent.msg_id);
	return 0;
}
