#include "proto/reply.h"

#include "common/base/str.h"
#include "common/xml/xml.h"
#include "proto/fields.h"
#include "proto/push_crypto.h"
#include "proto/topics.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define TEXT_MAX_BYTES 2048 /* of UTF-8 */
#define ARTICLES_MAX   8
#define DEPTH_MAX      16
#define SEALED_MAX     (1024 * 1024)

/* What a kind of reply must have: in `object` (NULL: at the top) a string called `required`. */
static const struct reply_kind {
	const char *msg_type;
	const char *object;
	const char *required;
	const char *custom_send; /* its msgtype as a customer-service message; NULL: there is none */
} kinds[] = {
	{"text", NULL, "Content", "text"},
	{"image", "Image", "MediaId", "image"},
	{"voice", "Voice", "MediaId", "voice"},
	{"video", "Video", "MediaId", "video"},
	{"music", "Music", "ThumbMediaId", "music"},
	{"news", NULL, NULL, "news"},
	{"transfer_customer_service", NULL, NULL, NULL},
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

static const struct reply_kind *kind_of(const struct json *fields)
{
	const char *msg_type = json_get_str(fields, "MsgType");
	size_t i;

	for (i = 0; msg_type && i < N(kinds); i++)
		if (strcmp(kinds[i].msg_type, msg_type) == 0)
			return &kinds[i];
	return NULL;
}

/* Checking */

static int reject(struct err *err, const char *what)
{
	return err_set(err, ERR_REJECT, 0, "%s", what);
}

/* Everything must be writable as XML, whichever form it will take. */
static int check_writable(const struct json *j, int depth, struct err *err)
{
	const struct json *value;
	const char *key;
	size_t i = 0;

	if (depth > DEPTH_MAX)
		return reject(err, "a reply is nested too deep");
	switch (json_kind(j)) {
	case JSON_STRING:
	case JSON_INT:
	case JSON_DOUBLE:
		return 0;
	case JSON_ARRAY:
		for (i = 0; i < json_len(j); i++)
			if (check_writable(json_at(j, i), depth + 1, err) < 0)
				return -1;
		return 0;
	case JSON_OBJECT:
		while (json_next(j, &i, &key, &value)) {
			if (!xml_name_ok(key))
				return reject(err, "a reply has a field whose name XML does not allow");
			if (check_writable(value, depth + 1, err) < 0)
				return -1;
		}
		return 0;
	case JSON_ABSENT:
	case JSON_NULL:
	case JSON_BOOL:
		break;
	}
	return reject(err, "a reply holds strings, numbers, objects and arrays only");
}

static int check_articles(const struct json *fields, struct err *err)
{
	const struct json *articles = json_get(fields, "Articles"), *count = json_get(fields, "ArticleCount");
	size_t n = json_len(articles), i;
	int64_t said;

	if (json_kind(articles) != JSON_ARRAY || n == 0 || n > ARTICLES_MAX)
		return err_set(
			err, ERR_REJECT, 0, "a news reply has an array Articles of 1 to %d", ARTICLES_MAX);
	if (count && (json_int(count, &said) < 0 || said != (int64_t)n))
		return reject(err, "ArticleCount is not the number of Articles");
	for (i = 0; i < n; i++) {
		const struct json *a = json_at(articles, i);

		if (json_str_len(json_get(a, "Title")) == 0 || json_str_len(json_get(a, "Url")) == 0)
			return err_set(err, ERR_REJECT, 0, "Articles[%zu] must have a Title and a Url", i);
	}
	return 0;
}

static int check_transfer(const struct json *fields, struct err *err)
{
	const struct json *info = json_get(fields, "TransInfo");

	if (info && json_str_len(json_get(info, "KfAccount")) == 0)
		return reject(err, "TransInfo must have a KfAccount");
	return 0;
}

static int check_required(const struct reply_kind *kind, const struct json *fields, struct err *err)
{
	const struct json *in = kind->object ? json_get(fields, kind->object) : fields;

	if (json_str_len(json_get(in, kind->required)) == 0)
		return err_set(err, ERR_REJECT, 0, "a %s reply must have a %s%s%s", kind->msg_type,
			kind->object ? kind->object : "", kind->object ? "." : "", kind->required);
	return 0;
}

int reply_check(const struct json *fields, struct err *err)
{
	const struct reply_kind *kind = kind_of(fields);

	if (!kind)
		return reject(err, "MsgType must be text, image, voice, video, music, news or "
				   "transfer_customer_service");
	if (check_writable(fields, 1, err) < 0)
		return -1;
	if (kind->required && check_required(kind, fields, err) < 0)
		return -1;
	if (strcmp(kind->msg_type, "text") == 0 && json_str_len(json_get(fields, "Content")) > TEXT_MAX_BYTES)
		return err_set(err, ERR_REJECT, 0, "Content has more than %d bytes", TEXT_MAX_BYTES);
	if (strcmp(kind->msg_type, "news") == 0)
		return check_articles(fields, err);
	if (strcmp(kind->msg_type, "transfer_customer_service") == 0)
		return check_transfer(fields, err);
	return 0;
}

/* Completing: the fields as they are sent, in Weixin's order */

/* Weixin wants all four elements of an article; two of them may be empty. */
static struct json *whole_article(const struct json *article)
{
	static const char *const names[] = {"Title", "Description", "PicUrl", "Url"};
	struct json *whole = json_new_object();
	const struct json *value;
	const char *key;
	size_t i;

	for (i = 0; i < N(names); i++)
		json_set_str(whole, names[i], "");
	i = 0;
	while (json_next(article, &i, &key, &value))
		json_set(whole, key, json_copy(value));
	return whole;
}

static struct json *whole_articles(const struct json *articles)
{
	struct json *whole = json_new_array();
	size_t i;

	for (i = 0; i < json_len(articles); i++)
		json_push(whole, whole_article(json_at(articles, i)));
	return whole;
}

static bool set_by_us(const char *name)
{
	static const char *const names[] = {
		"ToUserName", "FromUserName", "CreateTime", "MsgType", "ArticleCount"};
	size_t i;

	for (i = 0; i < N(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static struct json *whole_reply(
	const struct json *fields, const char *to_user, const char *from_user, int64_t now_s)
{
	const struct json *articles = json_get(fields, "Articles"), *value;
	struct json *whole = json_new_object();
	const char *key;
	size_t i = 0;

	json_set_str(whole, "ToUserName", to_user);
	json_set_str(whole, "FromUserName", from_user);
	json_set_int(whole, "CreateTime", now_s);
	json_set_str(whole, "MsgType", json_get_str(fields, "MsgType"));
	if (json_kind(articles) == JSON_ARRAY)
		json_set_int(whole, "ArticleCount", (int64_t)json_len(articles));
	while (json_next(fields, &i, &key, &value))
		if (!set_by_us(key))
			json_set(whole, key, value == articles ? whole_articles(articles) : json_copy(value));
	return whole;
}

/* Writing */

static void write_members(const struct json *object, struct buf *out);

static void write_element(const char *name, const struct json *value, struct buf *out)
{
	bool articles = strcmp(name, "Articles") == 0;
	size_t i;

	if (json_kind(value) == JSON_STRING) {
		xml_element_cdata(out, name, json_str(value));
		return;
	}
	if (json_kind(value) == JSON_ARRAY && !articles) {
		for (i = 0; i < json_len(value); i++)
			write_element(name, json_at(value, i), out);
		return;
	}
	xml_open(out, name);
	if (json_kind(value) == JSON_ARRAY)
		for (i = 0; i < json_len(value); i++)
			write_element("item", json_at(value, i), out);
	else if (json_kind(value) == JSON_OBJECT)
		write_members(value, out);
	else
		json_write(value, out);
	xml_close(out, name);
}

static void write_members(const struct json *object, struct buf *out)
{
	const struct json *value;
	const char *key;
	size_t it = 0;

	while (json_next(object, &it, &key, &value))
		write_element(key, value, out);
}

int reply_plain(const struct json *fields, const char *to_user, const char *from_user, int64_t now_s,
	enum message_form form, struct buf *out, struct err *err)
{
	struct json *whole;
	int rc;

	if ((rc = reply_check(fields, err)) < 0)
		return rc;
	whole = whole_reply(fields, to_user, from_user, now_s);
	if (form == MESSAGE_XML) {
		xml_open(out, "xml");
		write_members(whole, out);
		xml_close(out, "xml");
	} else {
		json_write(whole, out);
	}
	json_free(&whole);
	return out->overflow ? reject(err, "a reply is too long") : 0;
}

static void write_sealed_xml(
	struct str encrypt, const char *signature, int64_t now_s, const char *nonce, struct buf *out)
{
	xml_open(out, "xml");
	xml_open(out, "Encrypt");
	xml_cdata(out, encrypt.p, encrypt.len);
	xml_close(out, "Encrypt");
	xml_element_cdata(out, "MsgSignature", signature);
	xml_element_int(out, "TimeStamp", now_s);
	xml_element_cdata(out, "Nonce", nonce);
	xml_close(out, "xml");
}

static void write_sealed_json(
	struct str encrypt, const char *signature, int64_t now_s, const char *nonce, struct buf *out)
{
	struct json *j = json_new_object();

	json_set(j, "Encrypt", json_new_string_len(encrypt.p, encrypt.len));
	json_set_str(j, "MsgSignature", signature);
	json_set_int(j, "TimeStamp", now_s);
	json_set_str(j, "Nonce", nonce);
	json_write(j, out);
	json_free(&j);
}

void reply_seal(const struct platform_key *key, const char *component_appid, const char *nonce, int64_t now_s,
	enum message_form form, const void *plain, size_t len, struct buf *out)
{
	struct buf sealed = BUF_INIT(SEALED_MAX);
	char timestamp[24], signature[PUSH_SIGNATURE_LEN + 1];
	struct str encrypt;

	push_seal(key->aes_key, NULL, plain, len, component_appid, &sealed);
	encrypt = (struct str){buf_cstr(&sealed), sealed.len};
	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)now_s);
	push_signature(key->token, str_of(timestamp), str_of(nonce), &encrypt, signature);
	if (form == MESSAGE_XML)
		write_sealed_xml(encrypt, signature, now_s, nonce, out);
	else
		write_sealed_json(encrypt, signature, now_s, nonce, out);
	buf_release(&sealed);
}

/* As a customer-service message */

/* The same fields under the names of custom/send; what has no name there is left out. */
static struct json *custom_names(const struct json *object)
{
	static const char *const names[][2] = {
		{"Content", "content"},
		{"MediaId", "media_id"},
		{"ThumbMediaId", "thumb_media_id"},
		{"Title", "title"},
		{"Description", "description"},
		{"MusicUrl", "musicurl"},
		{"HQMusicUrl", "hqmusicurl"},
		{"Url", "url"},
		{"PicUrl", "picurl"},
	};
	struct json *out = json_new_object();
	size_t i;

	for (i = 0; i < N(names); i++) {
		const struct json *value = json_get(object, names[i][0]);

		if (value)
			json_set(out, names[i][1], json_copy(value));
	}
	return out;
}

static struct json *custom_articles(const struct json *articles)
{
	struct json *list = json_new_array(), *news = json_new_object();
	size_t i;

	for (i = 0; i < json_len(articles); i++)
		json_push(list, custom_names(json_at(articles, i)));
	json_set(news, "articles", list);
	return news;
}

int reply_to_custom_send(
	const struct json *fields, const char *openid, struct json **body_out, struct err *err)
{
	const struct reply_kind *kind;
	const struct json *articles = json_get(fields, "Articles");
	struct json *body;
	int rc;

	if ((rc = reply_check(fields, err)) < 0)
		return rc;
	kind = kind_of(fields);
	if (!kind->custom_send)
		return err_set(err, ERR_REJECT, 0, "%s has no customer-service message", kind->msg_type);
	body = json_new_object();
	json_set_str(body, "touser", openid);
	json_set_str(body, "msgtype", kind->custom_send);
	if (strcmp(kind->msg_type, "news") == 0)
		json_set(body, kind->custom_send, custom_articles(articles));
	else
		json_set(body, kind->custom_send,
			custom_names(kind->object ? json_get(fields, kind->object) : fields));
	*body_out = body;
	return 0;
}

/* Verdicts */

static const char *const verdict_names[] = {
	[VERDICT_REPLY] = "reply",
	[VERDICT_NONE] = "none",
	[VERDICT_EMPTY] = "empty",
	[VERDICT_CHOSEN] = "chosen",
	[VERDICT_LATE] = "late",
};

void reply_verdict_encode(const struct reply_verdict *v, struct buf *out)
{
	struct json *j = json_new_object();

	json_set_str(j, "event_id", v->event_id);
	json_set_str(j, "group", *v->group ? v->group : NULL);
	json_set_str(j, "verdict", verdict_names[v->verdict]);
	json_set(j, "reply", v->reply ? json_copy(v->reply) : json_new_null());
	json_write(j, out);
	json_free(&j);
}

static int take_event_id(const struct json *j, struct reply_verdict *v, struct err *err)
{
	const char *id = json_get_str(j, "event_id");

	if (!id || strlen(id) != EVENT_ID_LEN || strspn(id, "0123456789abcdef") != EVENT_ID_LEN)
		return reject(err, "event_id must be 32 lower-case hex digits");
	return str_copy(v->event_id, sizeof(v->event_id), id);
}

static int take_group(const struct json *j, struct reply_verdict *v, struct err *err)
{
	const struct json *group = json_get(j, "group");

	if (json_kind(group) == JSON_NULL || json_kind(group) == JSON_ABSENT)
		return 0;
	if (json_kind(group) != JSON_STRING || !group_name_ok(json_str(group)))
		return reject(err, "group must be a group or null");
	return str_copy(v->group, sizeof(v->group), json_str(group));
}

/* A verdict that contradicts itself comes from a broken writer: nothing of it is believed. */
static int check_verdict(const struct reply_verdict *v, struct err *err)
{
	bool needs_reply = v->verdict == VERDICT_REPLY || v->verdict == VERDICT_LATE;

	if (!*v->group && v->verdict != VERDICT_CHOSEN)
		return reject(err, "group must be there, unless the verdict is chosen");
	if (needs_reply && !v->reply)
		return reject(err, "reply must be there with the verdicts reply and late");
	if (v->reply && (v->verdict == VERDICT_NONE || v->verdict == VERDICT_EMPTY || !*v->group))
		return reject(
			err, "reply must be null with the verdicts none and empty, and without a group");
	return 0;
}

int reply_verdict_parse(const void *value, size_t len, struct reply_verdict *out, struct err *err)
{
	struct reply_verdict v = {0};
	const struct json *reply;
	struct json *j = NULL;
	int rc, verdict;

	if ((rc = fields_parse(value, len, &j, err)) < 0 || (rc = take_event_id(j, &v, err)) < 0 ||
		(rc = take_group(j, &v, err)) < 0 ||
		(rc = fields_choice(j, "verdict", verdict_names, N(verdict_names),
			 "reply, none, empty, chosen or late", &verdict, err)) < 0 ||
		(rc = fields_object_or_null(j, "reply", &reply, err)) < 0)
		goto out;
	v.verdict = (enum verdict)verdict;
	v.reply = reply ? json_copy(reply) : NULL;
	if ((rc = check_verdict(&v, err)) < 0)
		goto out;
	*out = v;
	v.reply = NULL;
out:
	json_free(&v.reply);
	json_free(&j);
	return rc;
}

void reply_verdict_release(struct reply_verdict *v)
{
	json_free(&v->reply);
	*v = (struct reply_verdict){0};
}
