#include "proto/reply.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "common/testing/testing.h"
#include "proto/push_crypto.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define EVENT_ID "0123456789abcdef0123456789abcdef"

static struct json *json_of(const char *text)
{
	static const struct json_limits limits = {.max_bytes = 1024 * 1024, .max_depth = 32};
	struct json *j = NULL;
	struct err err = {0};

	if (json_parse(text, strlen(text), &limits, &j, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return j;
}

static char *plain(const char *fields, enum message_form form)
{
	struct json *j = json_of(fields);
	struct buf out = BUF_INIT(64 * 1024);
	struct err err = {0};

	if (reply_plain(j, "openid", "gh_xxx", 12345678, form, &out, &err) < 0)
		fail_msg("%s: %s", fields, err.text);
	json_free(&j);
	return buf_detach(&out);
}

#define XML_HEAD(type)                                                                                       \
	"<xml><ToUserName><![CDATA[openid]]></ToUserName><FromUserName><![CDATA[gh_xxx]]></FromUserName>"    \
	"<CreateTime>12345678</CreateTime><MsgType><![CDATA[" type "]]></MsgType>"
#define JSON_HEAD(type)                                                                                      \
	"{\"ToUserName\":\"openid\",\"FromUserName\":\"gh_xxx\",\"CreateTime\":12345678,\"MsgType\":\"" type \
	"\""

static const struct {
	const char *fields, *xml, *json;
	bool round_trip; /* the XML, read as a push, gives the same JSON */
} kinds[] = {
	{"{\"MsgType\":\"text\",\"Content\":\"你好\\n<a>&]]>\"}",
		XML_HEAD("text") "<Content><![CDATA[你好\n<a>&]]]]><![CDATA[>]]></Content></xml>",
		JSON_HEAD("text") ",\"Content\":\"你好\\n<a>&]]>\"}", true},
	/* What the business says of the head is not believed. */
	{"{\"ToUserName\":\"x\",\"FromUserName\":\"y\",\"CreateTime\":\"z\",\"MsgType\":\"text\",\"Content\":"
	 "\"a\"}",
		XML_HEAD("text") "<Content><![CDATA[a]]></Content></xml>",
		JSON_HEAD("text") ",\"Content\":\"a\"}", true},
	{"{\"MsgType\":\"image\",\"Image\":{\"MediaId\":\"m1\"}}",
		XML_HEAD("image") "<Image><MediaId><![CDATA[m1]]></MediaId></Image></xml>",
		JSON_HEAD("image") ",\"Image\":{\"MediaId\":\"m1\"}}", true},
	{"{\"MsgType\":\"voice\",\"Voice\":{\"MediaId\":\"m1\"}}",
		XML_HEAD("voice") "<Voice><MediaId><![CDATA[m1]]></MediaId></Voice></xml>",
		JSON_HEAD("voice") ",\"Voice\":{\"MediaId\":\"m1\"}}", true},
	{"{\"MsgType\":\"video\",\"Video\":{\"MediaId\":\"m1\",\"Title\":\"t\",\"Description\":\"\"}}",
		XML_HEAD("video") "<Video><MediaId><![CDATA[m1]]></MediaId><Title><![CDATA[t]]></Title>"
				  "<Description><![CDATA[]]></Description></Video></xml>",
		JSON_HEAD("video") ",\"Video\":{\"MediaId\":\"m1\",\"Title\":\"t\",\"Description\":\"\"}}",
		true},
	{"{\"Music\":{\"Title\":\"t\",\"MusicUrl\":\"u?a=1&b=2\",\"HQMusicUrl\":\"h\",\"ThumbMediaId\":\"m\"}"
	 ","
	 "\"MsgType\":\"music\"}",
		XML_HEAD("music") "<Music><Title><![CDATA[t]]></Title><MusicUrl><![CDATA[u?a=1&b=2]]></"
				  "MusicUrl>"
				  "<HQMusicUrl><![CDATA[h]]></HQMusicUrl><ThumbMediaId><![CDATA[m]]></"
				  "ThumbMediaId>"
				  "</Music></xml>",
		JSON_HEAD("music") ",\"Music\":{\"Title\":\"t\",\"MusicUrl\":\"u?a=1&b=2\",\"HQMusicUrl\":"
				   "\"h\","
				   "\"ThumbMediaId\":\"m\"}}",
		true},
	{"{\"MsgType\":\"news\",\"Articles\":[{\"Url\":\"u1\",\"Title\":\"t1\"},"
	 "{\"Title\":\"t2\",\"Description\":\"d2\",\"PicUrl\":\"p2\",\"Url\":\"u2\",\"X\":7}]}",
		XML_HEAD("news") "<ArticleCount>2</ArticleCount><Articles><item><Title><![CDATA[t1]]></Title>"
				 "<Description><![CDATA[]]></Description><PicUrl><![CDATA[]]></PicUrl>"
				 "<Url><![CDATA[u1]]></Url></item><item><Title><![CDATA[t2]]></Title>"
				 "<Description><![CDATA[d2]]></Description><PicUrl><![CDATA[p2]]></PicUrl>"
				 "<Url><![CDATA[u2]]></Url><X>7</X></item></Articles></xml>",
		JSON_HEAD("news") ",\"ArticleCount\":2,\"Articles\":[{\"Title\":\"t1\",\"Description\":\"\","
				  "\"PicUrl\":\"\",\"Url\":\"u1\"},{\"Title\":\"t2\",\"Description\":\"d2\","
				  "\"PicUrl\":\"p2\",\"Url\":\"u2\",\"X\":7}]}",
		false},
	{"{\"MsgType\":\"transfer_customer_service\"}", XML_HEAD("transfer_customer_service") "</xml>",
		JSON_HEAD("transfer_customer_service") "}", true},
	{"{\"MsgType\":\"transfer_customer_service\",\"TransInfo\":{\"KfAccount\":\"test1@test\"}}",
		XML_HEAD("transfer_customer_service") "<TransInfo><KfAccount><![CDATA[test1@test]]></"
						      "KfAccount>"
						      "</TransInfo></xml>",
		JSON_HEAD("transfer_customer_service") ",\"TransInfo\":{\"KfAccount\":\"test1@test\"}}",
		true},
	/* Fields that are not known yet go through; repeated elements come from arrays. */
	{"{\"MsgType\":\"text\",\"Content\":\"a\",\"New\":[\"b\",\"c\"],\"O\":{\"P\":{\"Q\":\"r\"}}}",
		XML_HEAD("text") "<Content><![CDATA[a]]></Content><New><![CDATA[b]]></"
				 "New><New><![CDATA[c]]></New>"
				 "<O><P><Q><![CDATA[r]]></Q></P></O></xml>",
		JSON_HEAD("text") ",\"Content\":\"a\",\"New\":[\"b\",\"c\"],\"O\":{\"P\":{\"Q\":\"r\"}}}",
		true},
};

static void assert_round_trip(const char *xml, const char *json)
{
	struct buf back = BUF_INIT(64 * 1024);
	struct message m;

	assert_int_equal(message_parse(xml, strlen(xml), &m, NULL), 0);
	json_write(m.fields, &back);
	assert_string_equal(buf_cstr(&back), json);
	buf_release(&back);
	message_release(&m);
}

static void every_kind_is_golden_in_both_forms(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *xml = plain(kinds[i].fields, MESSAGE_XML), *json = plain(kinds[i].fields, MESSAGE_JSON);

		assert_string_equal(xml, kinds[i].xml);
		assert_string_equal(json, kinds[i].json);
		if (kinds[i].round_trip)
			assert_round_trip(xml, json);
		free(xml);
		free(json);
	}
}

static void reply_check_refuses_what_weixin_would(void **state)
{
	static const struct {
		const char *fields, *says;
	} bad[] = {
		{"[]", "MsgType"},
		{"{}", "MsgType"},
		{"{\"MsgType\":\"Text\",\"Content\":\"a\"}", "MsgType"},
		{"{\"MsgType\":\"link\"}", "MsgType"},
		{"{\"MsgType\":1}", "MsgType"},
		{"{\"MsgType\":\"text\"}", "Content"},
		{"{\"MsgType\":\"text\",\"Content\":\"\"}", "Content"},
		{"{\"MsgType\":\"text\",\"Content\":7}", "Content"},
		{"{\"MsgType\":\"text\",\"Content\":\"a\",\"b\":null}", "strings, numbers"},
		{"{\"MsgType\":\"text\",\"Content\":\"a\",\"b\":[true]}", "strings, numbers"},
		{"{\"MsgType\":\"text\",\"Content\":\"a\",\"b c\":\"d\"}", "name"},
		{"{\"MsgType\":\"text\",\"Content\":\"a\",\"o\":{\"<x>\":\"d\"}}", "name"},
		{"{\"MsgType\":\"text\",\"Content\":\"a\",\"\":\"d\"}", "name"},
		{"{\"MsgType\":\"text\",\"Content\":\"a\",\"d\":[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]}", "deep"},
		{"{\"MsgType\":\"image\",\"MediaId\":\"m\"}", "Image.MediaId"},
		{"{\"MsgType\":\"image\",\"Image\":{\"MediaId\":\"\"}}", "Image.MediaId"},
		{"{\"MsgType\":\"voice\",\"Voice\":\"m\"}", "Voice.MediaId"},
		{"{\"MsgType\":\"video\",\"Video\":{\"Title\":\"t\"}}", "Video.MediaId"},
		{"{\"MsgType\":\"music\",\"Music\":{\"Title\":\"t\"}}", "Music.ThumbMediaId"},
		{"{\"MsgType\":\"news\"}", "Articles"},
		{"{\"MsgType\":\"news\",\"Articles\":[]}", "1 to 8"},
		{"{\"MsgType\":\"news\",\"Articles\":{\"item\":[{\"Title\":\"t\",\"Url\":\"u\"}]}}",
			"array Articles"},
		{"{\"MsgType\":\"news\",\"Articles\":[\"t\"]}", "Articles[0]"},
		{"{\"MsgType\":\"news\",\"Articles\":[{\"Title\":\"t\",\"Url\":\"u\"},{\"Title\":\"t\"}]}",
			"Articles[1]"},
		{"{\"MsgType\":\"news\",\"ArticleCount\":2,\"Articles\":[{\"Title\":\"t\",\"Url\":\"u\"}]}",
			"ArticleCount"},
		{"{\"MsgType\":\"transfer_customer_service\",\"TransInfo\":{}}", "KfAccount"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *j = json_of(bad[i].fields), *body = NULL;
		struct buf out = BUF_INIT(4096);
		struct err err = {0};

		if (reply_check(j, &err) == 0)
			fail_msg("%s was taken", bad[i].fields);
		assert_int_equal(err.kind, ERR_REJECT);
		if (!strstr(err.text, bad[i].says))
			fail_msg("\"%s\" does not say \"%s\"", err.text, bad[i].says);
		assert_int_equal(reply_plain(j, "o", "g", 1, MESSAGE_XML, &out, &err), -1);
		assert_int_equal(reply_to_custom_send(j, "o", &body, &err), -1);
		assert_int_equal(out.len, 0);
		assert_null(body);
		json_free(&j);
	}
}

/* `n` times `what`, as the Content or the Articles. */
static int check_many(const char *before, const char *what, size_t n, const char *after)
{
	struct buf text = BUF_INIT(64 * 1024);
	struct json *j;
	size_t i;
	int rc;

	buf_add_str(&text, before);
	for (i = 0; i < n; i++)
		buf_addf(&text, "%s%s", i && *what == '{' ? "," : "", what);
	buf_add_str(&text, after);
	j = json_of(buf_cstr(&text));
	rc = reply_check(j, NULL);
	json_free(&j);
	buf_release(&text);
	return rc;
}

static void texts_and_articles_have_their_limits(void **state)
{
	static const char text[] = "{\"MsgType\":\"text\",\"Content\":\"",
			  news[] = "{\"MsgType\":\"news\",\"Articles\":[";
	static const char article[] = "{\"Title\":\"t\",\"Url\":\"u\"}";

	(void)state;
	assert_int_equal(check_many(text, "a", 2048, "\"}"), 0);
	assert_int_equal(check_many(text, "a", 2049, "\"}"), -1);
	assert_int_equal(check_many(text, "你", 682, "aa\"}"), 0);
	assert_int_equal(check_many(text, "你", 683, "\"}"), -1);
	assert_int_equal(check_many(news, article, 8, "]}"), 0);
	assert_int_equal(check_many(news, article, 9, "]}"), -1);
}

static void a_reply_that_does_not_fit_is_refused(void **state)
{
	struct json *j = json_of("{\"MsgType\":\"text\",\"Content\":\"aaaaaaaaaa\"}");
	struct buf out = BUF_INIT(64);
	struct err err = {0};

	(void)state;
	assert_int_equal(reply_plain(j, "o", "g", 1, MESSAGE_XML, &out, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	json_free(&j);
	buf_release(&out);
}

/* Sealing */

static struct platform_key a_key(void)
{
	static char token[] = "AAAAA";
	struct platform_key key = {.token = token};

	assert_int_equal(
		push_aes_key_decode("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", key.aes_key, NULL), 0);
	return key;
}

static void assert_opens(const struct platform_key *key, struct str encrypt, struct str signature)
{
	struct buf opened = BUF_INIT(4096);

	assert_true(push_signature_matches(
		key->token, STR_LIT("1713424427"), STR_LIT("415670741"), &encrypt, signature));
	assert_int_equal(push_open(key->aes_key, encrypt, "wx134c8103faa5a59e", &opened), PUSH_OPENED);
	assert_string_equal(buf_cstr(&opened), "<xml>hi</xml>");
	buf_release(&opened);
}

/* The text between two marks. */
static struct str between(const char *text, const char *before, const char *after)
{
	const char *from = strstr(text, before), *to;

	assert_non_null(from);
	from += strlen(before);
	to = strstr(from, after);
	assert_non_null(to);
	return (struct str){from, (size_t)(to - from)};
}

static void a_sealed_reply_opens_again_and_is_signed(void **state)
{
	static const enum message_form forms[] = {MESSAGE_XML, MESSAGE_JSON};
	struct platform_key key = a_key();
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		bool xml = forms[i] == MESSAGE_XML;
		struct buf out = BUF_INIT(4096);
		struct str encrypt, signature;
		const char *text;
		char *frame;

		reply_seal(&key, "wx134c8103faa5a59e", "415670741", 1713424427, forms[i], "<xml>hi</xml>", 13,
			&out);
		text = buf_cstr(&out);
		encrypt = between(text, xml ? "<Encrypt><![CDATA[" : "\"Encrypt\":\"", xml ? "]" : "\"");
		signature = between(
			text, xml ? "<MsgSignature><![CDATA[" : "\"MsgSignature\":\"", xml ? "]" : "\"");
		assert_opens(&key, encrypt, signature);
		frame = xasprintf(
			xml ? "<xml><Encrypt><![CDATA[%.*s]]></Encrypt><MsgSignature><![CDATA[%.40s]]>"
			      "</MsgSignature><TimeStamp>1713424427</TimeStamp>"
			      "<Nonce><![CDATA[415670741]]></Nonce></xml>"
			    : "{\"Encrypt\":\"%.*s\",\"MsgSignature\":\"%.40s\","
			      "\"TimeStamp\":1713424427,\"Nonce\":\"415670741\"}",
			(int)encrypt.len, encrypt.p, signature.p);
		assert_string_equal(text, frame);
		free(frame);
		buf_release(&out);
	}
}

static void a_sealed_reply_is_itself_an_envelope(void **state)
{
	struct platform_key key = a_key();
	struct buf out = BUF_INIT(4096), encrypt = BUF_INIT(4096);
	enum message_form form;

	(void)state;
	reply_seal(&key, "wx1", "n]]>n", 1, MESSAGE_XML, "x", 1, &out);
	assert_int_equal(message_envelope_parse(out.data, out.len, &form, &encrypt, NULL), 0);
	buf_release(&encrypt);
	buf_release(&out);
}

/* Customer-service messages */

static void replies_become_customer_service_messages(void **state)
{
	static const char *const cases[][2] = {
		{"{\"MsgType\":\"text\",\"Content\":\"你好\"}",
			"{\"touser\":\"o1\",\"msgtype\":\"text\",\"text\":{\"content\":\"你好\"}}"},
		{"{\"MsgType\":\"image\",\"Image\":{\"MediaId\":\"m\"}}",
			"{\"touser\":\"o1\",\"msgtype\":\"image\",\"image\":{\"media_id\":\"m\"}}"},
		{"{\"MsgType\":\"voice\",\"Voice\":{\"MediaId\":\"m\"}}",
			"{\"touser\":\"o1\",\"msgtype\":\"voice\",\"voice\":{\"media_id\":\"m\"}}"},
		{"{\"MsgType\":\"video\",\"Video\":{\"MediaId\":\"m\",\"ThumbMediaId\":\"t\",\"Title\":\"a\","
		 "\"Description\":\"b\"}}",
			"{\"touser\":\"o1\",\"msgtype\":\"video\",\"video\":{\"media_id\":\"m\","
			"\"thumb_media_id\":\"t\",\"title\":\"a\",\"description\":\"b\"}}"},
		{"{\"MsgType\":\"music\",\"Music\":{\"Title\":\"t\",\"MusicUrl\":\"u\",\"HQMusicUrl\":\"h\","
		 "\"ThumbMediaId\":\"m\"}}",
			"{\"touser\":\"o1\",\"msgtype\":\"music\",\"music\":{\"thumb_media_id\":\"m\","
			"\"title\":\"t\",\"musicurl\":\"u\",\"hqmusicurl\":\"h\"}}"},
		{"{\"MsgType\":\"news\",\"Articles\":[{\"Title\":\"t\",\"Description\":\"d\",\"PicUrl\":"
		 "\"p\","
		 "\"Url\":\"u\"}]}",
			"{\"touser\":\"o1\",\"msgtype\":\"news\",\"news\":{\"articles\":[{\"title\":\"t\","
			"\"description\":\"d\",\"url\":\"u\",\"picurl\":\"p\"}]}}"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *fields = json_of(cases[i][0]), *body = NULL;
		struct buf out = BUF_INIT(4096);

		assert_int_equal(reply_to_custom_send(fields, "o1", &body, NULL), 0);
		json_write(body, &out);
		assert_string_equal(buf_cstr(&out), cases[i][1]);
		buf_release(&out);
		json_free(&body);
		json_free(&fields);
	}
}

static void a_transfer_has_no_customer_service_message(void **state)
{
	struct json *fields = json_of("{\"MsgType\":\"transfer_customer_service\"}"), *body = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(reply_to_custom_send(fields, "o1", &body, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	json_free(&fields);
}

/* Verdicts */

static void verdicts_are_golden_and_go_both_ways(void **state)
{
	static const struct {
		const char *json, *group;
		enum verdict verdict;
		bool has_reply;
	} cases[] = {
		{"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"reply\","
		 "\"reply\":{\"MsgType\":\"text\",\"Content\":\"a\"}}",
			"desk", VERDICT_REPLY, true},
		{"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"none\",\"reply\":null}",
			"desk", VERDICT_NONE, false},
		{"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"empty\",\"reply\":null}",
			"desk", VERDICT_EMPTY, false},
		{"{\"event_id\":\"" EVENT_ID "\",\"group\":null,\"verdict\":\"chosen\",\"reply\":null}", "",
			VERDICT_CHOSEN, false},
		{"{\"event_id\":\"" EVENT_ID "\",\"group\":\"shop\",\"verdict\":\"chosen\",\"reply\":null}",
			"shop", VERDICT_CHOSEN, false},
		{"{\"event_id\":\"" EVENT_ID "\",\"group\":\"shop\",\"verdict\":\"chosen\","
		 "\"reply\":{\"MsgType\":\"text\",\"Content\":\"a\"}}",
			"shop", VERDICT_CHOSEN, true},
		{"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"late\",\"reply\":{}}",
			"desk", VERDICT_LATE, true},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = BUF_INIT(4096);
		struct reply_verdict v;

		assert_int_equal(reply_verdict_parse(cases[i].json, strlen(cases[i].json), &v, NULL), 0);
		assert_string_equal(v.event_id, EVENT_ID);
		assert_string_equal(v.group, cases[i].group);
		assert_int_equal(v.verdict, cases[i].verdict);
		assert_int_equal(v.reply != NULL, cases[i].has_reply);
		reply_verdict_encode(&v, &out);
		assert_string_equal(buf_cstr(&out), cases[i].json);
		buf_release(&out);
		reply_verdict_release(&v);
		assert_null(v.reply);
	}
}

static void verdicts_pass_over_what_is_new(void **state)
{
	static const char json[] =
		"{\"verdict\":\"none\",\"new\":[1],\"group\":\"desk\",\"event_id\":\"" EVENT_ID "\"}";
	struct reply_verdict v;

	(void)state;
	assert_int_equal(reply_verdict_parse(json, strlen(json), &v, NULL), 0);
	reply_verdict_release(&v);
}

static void verdicts_are_read_strictly(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"event_id\":\"0123\",\"group\":\"desk\",\"verdict\":\"none\"}",
		"{\"event_id\":\"0123456789ABCDEF0123456789ABCDEF\",\"group\":\"desk\",\"verdict\":\"none\"}",
		"{\"event_id\":7,\"group\":\"desk\",\"verdict\":\"none\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"Desk\",\"verdict\":\"none\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":7,\"verdict\":\"none\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"maybe\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":null,\"verdict\":\"none\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"reply\",\"reply\":null}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"reply\",\"reply\":\"hi\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"late\"}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"none\",\"reply\":{}}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":\"desk\",\"verdict\":\"empty\",\"reply\":{}}",
		"{\"event_id\":\"" EVENT_ID "\",\"group\":null,\"verdict\":\"chosen\",\"reply\":{}}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct reply_verdict v;
		struct err err = {0};

		if (reply_verdict_parse(bad[i], strlen(bad[i]), &v, &err) == 0)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(err.kind, ERR_REJECT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_kind_is_golden_in_both_forms),
		TESTING_CASE(reply_check_refuses_what_weixin_would),
		TESTING_CASE(texts_and_articles_have_their_limits),
		TESTING_CASE(a_reply_that_does_not_fit_is_refused),
		TESTING_CASE(a_sealed_reply_opens_again_and_is_signed),
		TESTING_CASE(a_sealed_reply_is_itself_an_envelope),
		TESTING_CASE(replies_become_customer_service_messages),
		TESTING_CASE(a_transfer_has_no_customer_service_message),
		TESTING_CASE(verdicts_are_golden_and_go_both_ways),
		TESTING_CASE(verdicts_pass_over_what_is_new),
		TESTING_CASE(verdicts_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
