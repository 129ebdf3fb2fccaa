#include "tools/weixin-sim/wire/verify.h"

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/xml/xml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define TEXT_MAX     2048 /* bytes of a text reply's Content */
#define ARTICLES_MAX 8
#define CLOCK_SLACK  300 /* seconds that TimeStamp may be off: it is to be the time of the reply */

static const struct xml_limits limits = {
	.max_bytes = (size_t)256 * 1024, .max_depth = 16, .max_elements = 1000};

/* One verification; `reason` fills `why` and answers -1. */
struct verification {
	const struct verify_push *push;
	struct arena arena;
	char *why;
};

const char *answer_name(enum answer a)
{
	static const char *const names[] = {[ANSWER_SUCCESS] = "success",
		[ANSWER_EMPTY] = "empty",
		[ANSWER_REPLY] = "reply",
		[ANSWER_ILLEGAL] = "illegal",
		[ANSWER_REFUSED] = "refused",
		[ANSWER_TIMEOUT] = "timeout",
		[ANSWER_SHIELDED] = "shielded"};

	return names[a];
}

static int reason(struct verification *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int reason(struct verification *v, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(v->why, VERIFY_WHY_SIZE, fmt, args);
	va_end(args);
	return -1;
}

static int parse(
	struct verification *v, const char *bytes, size_t len, const char *what, struct xml_node **root_out)
{
	struct err err = {0};

	if (xml_parse(bytes, len, &limits, &v->arena, root_out, &err) < 0)
		return reason(v, "%s: %s", what, err.text);
	if (strcmp((*root_out)->name, "xml") != 0)
		return reason(v, "%s: the root element is not <xml>", what);
	return 0;
}

static int check_signature(struct verification *v, const struct xml_node *envelope)
{
	const char *parts[4] = {v->push->token, xml_child_text(envelope, "TimeStamp"),
		xml_child_text(envelope, "Nonce"), xml_child_text(envelope, "Encrypt")};
	char expected[WEIXIN_SIGNATURE_LEN + 1];
	int64_t timestamp;

	weixin_signature(parts, 4, expected);
	if (strcmp(expected, xml_child_text(envelope, "MsgSignature")) != 0)
		return reason(v, "MsgSignature does not cover token, TimeStamp, Nonce and Encrypt of the "
				 "reply (another "
				 "nonce or token?)");
	if (strcmp(parts[2], v->push->nonce) != 0)
		return reason(v, "Nonce is not that of the push");
	if (str_to_int64(parts[1], strlen(parts[1]), 0, INT64_MAX / 1000, &timestamp) < 0)
		return reason(v, "TimeStamp is no number of seconds");
	if (llabs(timestamp - clock_wall_ms() / 1000) > CLOCK_SLACK)
		return reason(v, "TimeStamp is not the time of now");
	return 0;
}

static int check_envelope(struct verification *v, const struct xml_node *envelope)
{
	static const char *const names[] = {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"};

	if (!xml_child(envelope, "Encrypt") && xml_child(envelope, "MsgType"))
		return reason(v, "the reply is not encrypted");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!xml_child(envelope, names[i]))
			return reason(v, "the reply lacks %s", names[i]);
	return check_signature(v, envelope);
}

static int open_envelope(struct verification *v, const struct xml_node *envelope, struct weixin_opened *out)
{
	const char *why;

	if (weixin_decrypt(v->push->key, xml_child_text(envelope, "Encrypt"), out, &why) < 0)
		return reason(v, "%s", why);
	if (strcmp(out->appid, v->push->component_appid) != 0)
		return reason(v, "the reply ends in another appid than the component's");
	return 0;
}

/* The text of an element that stands once and holds no other; NULL: it does not. */
static const char *plain_text(const struct xml_node *node, const char *name)
{
	const struct xml_node *found = xml_child(node, name), *other;

	if (!found || found->child)
		return NULL;
	for (other = found->next; other; other = other->next)
		if (strcmp(other->name, name) == 0)
			return NULL;
	return found->text;
}

/* An element of the reply that must be there with text. */
static int check_text(struct verification *v, const struct xml_node *node, const char *name)
{
	const char *text = plain_text(node, name);

	return text && text[0] != '\0' ? 0 : reason(v, "the reply's %s is missing, empty or not plain", name);
}

static int check_inside(
	struct verification *v, const struct xml_node *reply, const char *element, const char *name)
{
	const struct xml_node *node = xml_child(reply, element);

	if (!node)
		return reason(v, "the reply lacks %s", element);
	return check_text(v, node, name);
}

static int check_text_reply(struct verification *v, const struct xml_node *reply)
{
	if (check_text(v, reply, "Content") < 0)
		return -1;
	if (xml_child(reply, "Content")->text_len > TEXT_MAX)
		return reason(v, "Content is longer than %d bytes", TEXT_MAX);
	return 0;
}

static int check_image(struct verification *v, const struct xml_node *reply)
{
	return check_inside(v, reply, "Image", "MediaId");
}

static int check_voice(struct verification *v, const struct xml_node *reply)
{
	return check_inside(v, reply, "Voice", "MediaId");
}

static int check_video(struct verification *v, const struct xml_node *reply)
{
	return check_inside(v, reply, "Video", "MediaId");
}

static int check_music(struct verification *v, const struct xml_node *reply)
{
	return check_inside(v, reply, "Music", "ThumbMediaId");
}

static int check_news(struct verification *v, const struct xml_node *reply)
{
	const struct xml_node *articles = xml_child(reply, "Articles");
	const char *count = plain_text(reply, "ArticleCount");
	int64_t said, most = v->push->is_message ? 1 : ARTICLES_MAX, n = 0;

	if (!articles || !count || str_to_int64(count, strlen(count), 1, ARTICLES_MAX, &said) < 0)
		return reason(v, "the reply lacks Articles or a right ArticleCount");
	for (const struct xml_node *item = articles->child; item; item = item->next, n++)
		if (strcmp(item->name, "item") != 0)
			return reason(v, "Articles holds something else than item");
	if (n != said)
		return reason(v, "ArticleCount is not the number of articles");
	if (n > most)
		return reason(v, "more than %d article(s) where no more may be", (int)most);
	return 0;
}

static int check_transfer(struct verification *v, const struct xml_node *reply)
{
	return xml_child(reply, "TransInfo") ? check_inside(v, reply, "TransInfo", "KfAccount") : 0;
}

static int check_type(struct verification *v, const struct xml_node *reply)
{
	static const struct {
		const char *type;
		int (*check)(struct verification *v, const struct xml_node *reply);
	} types[] = {
		{"text", check_text_reply},
		{"image", check_image},
		{"voice", check_voice},
		{"video", check_video},
		{"music", check_music},
		{"news", check_news},
		{"transfer_customer_service", check_transfer},
	};
	const char *type = plain_text(reply, "MsgType");

	for (size_t i = 0; type && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i].type) == 0)
			return types[i].check(v, reply);
	return reason(v, "MsgType is missing or no kind of passive reply");
}

static int check_addresses(struct verification *v, const struct xml_node *reply)
{
	const char *to = plain_text(reply, "ToUserName"), *from = plain_text(reply, "FromUserName");
	const char *time = plain_text(reply, "CreateTime");
	int64_t seconds;

	if (!to || strcmp(to, v->push->openid) != 0)
		return reason(v, "ToUserName is not the fan who wrote");
	if (!from || strcmp(from, v->push->user_name) != 0)
		return reason(v, "FromUserName is not the account's original id");
	if (!time || str_to_int64(time, strlen(time), 0, INT64_MAX / 1000, &seconds) < 0)
		return reason(v, "CreateTime is missing or no number of seconds");
	return 0;
}

static struct json *to_json(const struct xml_node *node)
{
	struct json *object;

	if (!node->child)
		return json_new_string_len(node->text, node->text_len);
	object = json_new_object();
	for (const struct xml_node *child = node->child; child; child = child->next) {
		struct json *old = json_get_mutable(object, child->name), *list;

		if (!old) {
			json_set(object, child->name, to_json(child));
		} else if (json_kind(old) == JSON_ARRAY) {
			json_push(old, to_json(child));
		} else {
			list = json_new_array();
			json_push(list, json_copy(old));
			json_push(list, to_json(child));
			json_set(object, child->name, list);
		}
	}
	return object;
}

static int verify_reply(struct verification *v, const char *body, size_t len, struct json **reply_out)
{
	struct xml_node *envelope, *reply;
	struct weixin_opened opened = {0};
	int rc;

	if ((rc = parse(v, body, len, "neither success nor XML", &envelope)) < 0 ||
		(rc = check_envelope(v, envelope)) < 0 || (rc = open_envelope(v, envelope, &opened)) < 0)
		goto out;
	if ((rc = parse(v, opened.msg, opened.msg_len, "the decrypted reply", &reply)) < 0 ||
		(rc = check_addresses(v, reply)) < 0 || (rc = check_type(v, reply)) < 0)
		goto out;
	*reply_out = to_json(reply);
out:
	free(opened.bytes);
	return rc;
}

enum answer verify_answer(const struct verify_push *push, const char *body, size_t len,
	struct json **reply_out, char why[VERIFY_WHY_SIZE])
{
	struct verification v = {.push = push, .arena = ARENA_INIT, .why = why};
	int rc;

	why[0] = '\0';
	if (len == strlen("success") && memcmp(body, "success", len) == 0)
		return ANSWER_SUCCESS;
	if (push->platform_event) {
		reason(&v, "a push to the authorization-event URL is answered with exactly success");
		return ANSWER_ILLEGAL;
	}
	if (len == 0)
		return ANSWER_EMPTY;
	rc = verify_reply(&v, body, len, reply_out);
	arena_release(&v.arena);
	return rc < 0 ? ANSWER_ILLEGAL : ANSWER_REPLY;
}
