#include "proto/message.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define OUT_MAX (1024 * 1024)

static char *written(const struct json *j)
{
	struct buf out = BUF_INIT(OUT_MAX);

	json_write(j, &out);
	assert_false(out.overflow);
	return buf_detach(&out);
}

static void assert_fields(const char *payload, const char *expected)
{
	struct message m;
	struct err err = {0};
	char *fields;

	if (message_parse(payload, strlen(payload), &m, &err) < 0)
		fail_msg("%s: %s", payload, err.text);
	fields = written(m.fields);
	assert_string_equal(fields, expected);
	free(fields);
	message_release(&m);
}

static void assert_refused(const char *payload, size_t len, enum message_fault fault)
{
	struct message m;
	struct err err = {0};

	assert_int_equal(message_parse(payload, len, &m, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	if (err.code != (int)fault)
		fail_msg("%.60s: fault %d (%s) instead of %d", payload, err.code, err.text, (int)fault);
}

/* What Weixin documents */

static void every_documented_push_becomes_its_json(void **state)
{
	static const struct json_limits limits = {.max_bytes = OUT_MAX, .max_depth = 16};
	struct json *root = NULL;
	const struct json *list;
	size_t len, i;
	char *text = testing_fixture("push-samples.json", &len);

	(void)state;
	assert_int_equal(json_parse(text, len, &limits, &root, NULL), 0);
	list = json_get(root, "samples");
	assert_true(json_len(list) >= 60);
	for (i = 0; i < json_len(list); i++) {
		const struct json *sample = json_at(list, i);
		const char *xml = json_get_str(sample, "xml"), *type = json_get_str(sample, "type");
		char *expected = written(json_get(sample, "fields"));
		char made[MESSAGE_TYPE_MAX];
		struct message m;

		assert_fields(xml, expected);
		assert_int_equal(message_parse(xml, strlen(xml), &m, NULL), 0);
		message_type(&m, str_starts_with(type, "weixin.platform."), made);
		assert_string_equal(made, type);
		message_release(&m);
		/* What stands on the topic is itself a push in JSON, and stays as it is. */
		assert_fields(expected, expected);
		free(expected);
	}
	json_free(&root);
	free(text);
}

static void the_members_of_a_message_are_at_hand(void **state)
{
	static const char xml[] =
		"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName>o1</FromUserName>"
		"<CreateTime>1348831860</CreateTime><MsgType>text</MsgType>"
		"<Content>hi</Content><MsgId>18446744073709551615</MsgId></xml>";
	struct message m;

	(void)state;
	assert_int_equal(message_parse(xml, strlen(xml), &m, NULL), 0);
	assert_int_equal(m.form, MESSAGE_XML);
	assert_string_equal(m.to_user_name, "gh_1");
	assert_string_equal(m.from_user_name, "o1");
	assert_string_equal(m.msg_type, "text");
	assert_string_equal(m.event, "");
	assert_string_equal(m.info_type, "");
	assert_string_equal(m.msg_id, "18446744073709551615");
	assert_int_equal(m.create_time_s, 1348831860);
	message_release(&m);
	assert_null(m.fields);
}

/* XML */

static void xml_keeps_text_order_and_unknown_elements(void **state)
{
	(void)state;
	assert_fields("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n  <Zeta> a\tb </Zeta>\n"
		      "  <MsgType>text</MsgType><Content><![CDATA[<a>&\"\\/]]></Content><Alpha/>"
		      "<Emoji>&#x1F600;&amp;</Emoji><!-- c --></xml>\n",
		"{\"Zeta\":\" a\\tb \",\"MsgType\":\"text\",\"Content\":\"<a>&\\\"\\\\/\",\"Alpha\":\"\","
		"\"Emoji\":\"\xf0\x9f\x98\x80&\"}");
}

static void xml_list_names_and_repeats_are_arrays_at_any_depth(void **state)
{
	(void)state;
	assert_fields("<xml><MsgType>event</MsgType><item>1</item><a><b>1</b><list><c/></list><b><d>2</d></b>"
		      "<b>3</b></a><List/><material>x</material><material><y>z</y></material></xml>",
		"{\"MsgType\":\"event\",\"item\":[\"1\"],"
		"\"a\":{\"b\":[\"1\",{\"d\":\"2\"},\"3\"],\"list\":[{\"c\":\"\"}]},"
		"\"List\":[\"\"],\"material\":[\"x\",{\"y\":\"z\"}]}");
	/* Names are as they are written: Item is no list. */
	assert_fields("<xml><MsgType>event</MsgType><Item>1</Item><LIST>1</LIST></xml>",
		"{\"MsgType\":\"event\",\"Item\":\"1\",\"LIST\":\"1\"}");
}

static void xml_text_between_elements_is_kept_unless_blank(void **state)
{
	(void)state;
	assert_fields("<xml>\n<MsgType>text</MsgType>\n<a> lost <b>1</b>?</a>\n</xml>",
		"{\"MsgType\":\"text\",\"a\":{\"b\":\"1\",\"#text\":\" lost ?\"}}");
	assert_fields("<xml>x<MsgType>text</MsgType></xml>", "{\"MsgType\":\"text\",\"#text\":\"x\"}");
}

static void xml_kinds_are_trimmed_and_nothing_else(void **state)
{
	static const char xml[] =
		"<xml><MsgType>\n event </MsgType><Event> <![CDATA[user_get_card]]> </Event>"
		"<InfoType>\tx\r\n</InfoType><EventKey> k </EventKey></xml>";
	struct message m;

	(void)state;
	assert_fields(xml, "{\"MsgType\":\"event\",\"Event\":\"user_get_card\",\"InfoType\":\"x\","
			   "\"EventKey\":\" k \"}");
	assert_int_equal(message_parse(xml, strlen(xml), &m, NULL), 0);
	assert_string_equal(m.event, "user_get_card");
	message_release(&m);
}

static void xml_create_time_is_a_number_where_it_is_one(void **state)
{
	static const struct {
		const char *text, *json;
		int64_t s;
	} cases[] = {
		{"1348831860", "1348831860", 1348831860},
		{" 1348831860\n", "1348831860", 1348831860},
		{"0", "0", 0},
		{"253402300799", "253402300799", INT64_C(253402300799)},
		{"253402300800", "253402300800", 0},
		{"9223372036854775807", "9223372036854775807", 0},
		{"9223372036854775808", "\"9223372036854775808\"", 0},
		{"-1", "\"-1\"", 0},
		{"1e9", "\"1e9\"", 0},
		{"", "\"\"", 0},
		{"now", "\"now\"", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *xml = xasprintf("<xml><MsgType>text</MsgType><CreateTime>%s</CreateTime>"
				      "<a><CreateTime>7</CreateTime></a></xml>",
			cases[i].text);
		char *json =
			xasprintf("{\"MsgType\":\"text\",\"CreateTime\":%s,\"a\":{\"CreateTime\":\"7\"}}",
				cases[i].json);
		struct message m;

		assert_fields(xml, json);
		assert_int_equal(message_parse(xml, strlen(xml), &m, NULL), 0);
		assert_int_equal(m.create_time_s, cases[i].s);
		message_release(&m);
		free(xml);
		free(json);
	}
}

/* JSON */

static void json_pushes_keep_their_types(void **state)
{
	(void)state;
	assert_fields("{\"MsgType\":\"event\",\"Event\":\"e\",\"CreateTime\":1714112445,\"i\":-0,\"d\":1.10,"
		      "\"b\":true,\"n\":null,\"o\":{\"x\":[1,\"2\",{}]},\"u\":\"\\u4f60\\/"
		      "\",\"MsgID\":7,\"#text\":\"t\"}",
		"{\"MsgType\":\"event\",\"Event\":\"e\",\"CreateTime\":1714112445,\"i\":-0,\"d\":1.10,"
		"\"b\":true,\"n\":null,\"o\":{\"x\":[1,\"2\",{}]},\"u\":\"\xe4\xbd\xa0/"
		"\",\"MsgID\":7,\"#text\":\"t\"}");
	assert_fields(" \n{\"InfoType\":\" x \",\"CreateTime\":\"5\"}",
		"{\"InfoType\":\"x\",\"CreateTime\":\"5\"}");
}

static void json_msg_id_becomes_a_string_of_the_same_digits(void **state)
{
	static const char *const ids[] = {"1", "1234567890123456", "9223372036854775807",
		"18446744073709551615", "123456789012345678901234567890"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char *in =
			xasprintf("{\"MsgType\":\"text\",\"MsgId\":%s,\"a\":{\"MsgId\":%s}}", ids[i], ids[i]);
		char *out = xasprintf(
			"{\"MsgType\":\"text\",\"MsgId\":\"%s\",\"a\":{\"MsgId\":%s}}", ids[i], ids[i]);
		struct message m;

		assert_fields(in, out);
		assert_int_equal(message_parse(in, strlen(in), &m, NULL), 0);
		assert_int_equal(m.form, MESSAGE_JSON);
		assert_string_equal(m.msg_id, ids[i]);
		message_release(&m);
		free(in);
		free(out);
	}
}

static void json_lists_of_one_are_arrays(void **state)
{
	(void)state;
	assert_fields(
		"{\"MsgType\":\"event\",\"S\":{\"List\":{\"a\":1,\"item\":{\"b\":2}}},\"list\":[{\"c\":3}],"
		"\"item\":\"plain\",\"x\":[{\"material\":{}}]}",
		"{\"MsgType\":\"event\",\"S\":{\"List\":[{\"a\":1,\"item\":[{\"b\":2}]}]},\"list\":[{\"c\":3}"
		"],"
		"\"item\":\"plain\",\"x\":[{\"material\":[{}]}]}");
}

static void json_create_time_is_read_from_numbers_and_digits(void **state)
{
	static const struct {
		const char *json;
		int64_t s;
	} cases[] = {
		{"17", 17}, {"\"17\"", 17}, {"-17", 0}, {"1e300", 0}, {"null", 0}, {"[17]", 0}, {"\"\"", 0}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *in = xasprintf("{\"MsgType\":\"text\",\"CreateTime\":%s}", cases[i].json);
		struct message m;

		assert_int_equal(message_parse(in, strlen(in), &m, NULL), 0);
		assert_int_equal(m.create_time_s, cases[i].s);
		message_release(&m);
		free(in);
	}
}

/* What is refused */

static char *nested(const char *open, const char *inside, const char *close, int n)
{
	struct buf out = BUF_INIT(OUT_MAX);
	int i;

	for (i = 0; i < n; i++)
		buf_add_str(&out, open);
	buf_add_str(&out, inside);
	for (i = 0; i < n; i++)
		buf_add_str(&out, close);
	return buf_detach(&out);
}

static void assert_nested(
	const char *before, const char *open, const char *close, const char *after, int n, int fine)
{
	char *middle = nested(open, "", close, n), *all = xasprintf("%s%s%s", before, middle, after);
	struct message m;

	if (fine) {
		assert_int_equal(message_parse(all, strlen(all), &m, NULL), 0);
		message_release(&m);
	} else {
		assert_refused(all, strlen(all), MESSAGE_MALFORMED);
	}
	free(all);
	free(middle);
}

static void nesting_is_bounded_by_what_readers_can_read(void **state)
{
	static const char xml[] = "<xml><MsgType>x</MsgType>", json[] = "{\"MsgType\":\"x\",\"a\":";

	(void)state;
	assert_nested(xml, "<a>", "</a>", "</xml>", 31, 1);
	assert_nested(xml, "<a>", "</a>", "</xml>", 32, 0);
	assert_nested(xml, "<a>", "</a>", "</xml>", 10000, 0);
	/* Each of these makes an array and an object. */
	assert_nested(xml, "<item>", "</item>", "</xml>", 16, 1);
	assert_nested(xml, "<item>", "</item>", "</xml>", 17, 0);
	assert_nested(json, "[", "]", "}", 31, 1);
	assert_nested(json, "[", "]", "}", 32, 0);
	assert_nested(json, "[", "]", "}", 100000, 0);
	assert_nested("{\"MsgType\":\"x\"", ",\"item\":{\"a\":1", "}", "}", 15, 1);
	assert_nested("{\"MsgType\":\"x\"", ",\"item\":{\"a\":1", "}", "}", 16, 0);
}

static void numbers_of_values_are_bounded(void **state)
{
	char *many = nested("<a/>", "", "", 9998), *more = nested("<a/>", "", "", 10001);
	char *bomb = nested("[],", "", "", 20000);
	char *xml = xasprintf("<xml><MsgType>x</MsgType>%s</xml>", many);
	char *json = xasprintf("{\"MsgType\":\"x\",\"a\":[%s[]]}", bomb);
	struct message m;

	(void)state;
	assert_refused(xml, strlen(xml), MESSAGE_MALFORMED); /* with the array itself one value too many */
	memcpy(strstr(xml, "<a/>"), "    ", 4);
	assert_int_equal(message_parse(xml, strlen(xml), &m, NULL), 0);
	message_release(&m);
	free(xml);
	xml = xasprintf("<xml><MsgType>x</MsgType>%s</xml>", more);
	assert_refused(xml, strlen(xml), MESSAGE_MALFORMED);
	assert_refused(json, strlen(json), MESSAGE_MALFORMED);
	free(xml);
	free(json);
	free(bomb);
	free(many);
	free(more);
}

static const struct {
	const char *text;
	size_t len;
	enum message_fault fault;
} bad_everywhere[] = {
#define BAD(s, fault)                                                                                        \
	{                                                                                                    \
		s, sizeof(s) - 1, fault                                                                      \
	}
	BAD("", MESSAGE_EMPTY),
	BAD(" \r\n\t", MESSAGE_EMPTY),
	BAD("success", MESSAGE_MALFORMED),
	BAD("[{\"MsgType\":\"x\",\"Encrypt\":\"x\"}]", MESSAGE_MALFORMED),
	BAD("\"x\"", MESSAGE_MALFORMED),
	BAD("\xef\xbb\xbf{\"MsgType\":\"x\",\"Encrypt\":\"x\"}", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt>", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt></xml><xml/>", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt><a b=1/></xml>", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt></xml>\0", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt><a>\0</a></xml>", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt><a>&#0;</a></xml>", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt><a>\xff</a></xml>", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt><a>\xed\xa0\x80</a></xml>", MESSAGE_MALFORMED),
	BAD("<xml><MsgType>x</MsgType><Encrypt>x</Encrypt><a>&nbsp;</a></xml>", MESSAGE_MALFORMED),
	BAD("<!DOCTYPE xml><xml><MsgType>x</MsgType><Encrypt>x</Encrypt></xml>", MESSAGE_MALFORMED),
	BAD("<!DOCTYPE xml [<!ENTITY a \"x\">]><xml><MsgType>&a;</MsgType><Encrypt>&a;</Encrypt></xml>",
		MESSAGE_MALFORMED),
	BAD("<!DOCTYPE xml SYSTEM \"file:///etc/passwd\"><xml><MsgType>x</MsgType><Encrypt>x</Encrypt></xml>",
		MESSAGE_MALFORMED),
	BAD("<?xml version=\"1.0\" "
	    "encoding=\"ISO-8859-1\"?><xml><MsgType>x</MsgType><Encrypt>x</Encrypt></xml>",
		MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\"", MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\"} x", MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\"}\0", MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\",\"a\":\"\\u0000\"}", MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\",\"a\":\"\xc3\"}", MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\",\"MsgType\":\"y\"}", MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\",}", MESSAGE_MALFORMED),
	BAD("{'MsgType':'x','Encrypt':'x'}", MESSAGE_MALFORMED),
	BAD("{\"MsgType\":\"x\",\"Encrypt\":\"x\",\"n\":NaN}", MESSAGE_MALFORMED),
};

static void malformed_bytes_are_refused_inside_and_outside(void **state)
{
	struct buf encrypt = BUF_INIT(1024);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_everywhere) / sizeof(bad_everywhere[0]); i++) {
		enum message_form form;
		struct err err = {0};

		assert_refused(bad_everywhere[i].text, bad_everywhere[i].len, bad_everywhere[i].fault);
		assert_int_equal(message_envelope_parse(bad_everywhere[i].text, bad_everywhere[i].len, &form,
					 &encrypt, &err),
			-1);
		assert_int_equal(err.code, bad_everywhere[i].fault);
		assert_int_equal(err.kind, ERR_REJECT);
	}
	assert_int_equal(encrypt.len, 0);
	buf_release(&encrypt);
}

static void a_payload_larger_than_any_push_is_refused(void **state)
{
	char *blanks = nested(" ", "", "", MESSAGE_MAX_BYTES);
	char *xml = xasprintf("<xml><MsgType>x</MsgType></xml>%s", blanks);

	(void)state;
	assert_refused(xml, strlen(xml), MESSAGE_MALFORMED);
	free(xml);
	free(blanks);
}

static void a_payload_without_a_kind_is_no_push(void **state)
{
	static const char *const bad[] = {"<xml/>", "<xml>text</xml>", "<xml><a>1</a></xml>",
		"<xml><MsgType/></xml>", "<xml><MsgType> </MsgType></xml>",
		"<xml><MsgType><a/></MsgType></xml>", "<xml><MsgType>a</MsgType><MsgType>b</MsgType></xml>",
		"<xml><Event>subscribe</Event></xml>", "{}", "{\"MsgType\":7}", "{\"MsgType\":[\"text\"]}",
		"{\"InfoType\":null}"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_refused(bad[i], strlen(bad[i]), MESSAGE_NOT_A_PUSH);
}

/* The envelope */

static void envelope_gives_encrypt_alone(void **state)
{
	static const struct {
		const char *body;
		enum message_form form;
	} cases[] = {
		{"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[aB+/=]]></Encrypt></xml>",
			MESSAGE_XML},
		{"<xml>\n    <AppId><![CDATA[wx1]]></AppId>\n    "
		 "<Encrypt><![CDATA[aB+/=]]></Encrypt>\n</xml>\n",
			MESSAGE_XML},
		{"<xml><MsgType>text</MsgType><Encrypt>aB+/=</Encrypt><a><Encrypt>no</Encrypt></a></xml>",
			MESSAGE_XML},
		{"{\"ToUserName\":\"gh_1\",\"Encrypt\":\"aB+\\/=\"}", MESSAGE_JSON},
		{"\r\n {\"Encrypt\":\"aB+/=\",\"a\":{\"Encrypt\":\"no\"}}", MESSAGE_JSON},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf encrypt = BUF_INIT(64);
		enum message_form form;

		assert_int_equal(
			message_envelope_parse(cases[i].body, strlen(cases[i].body), &form, &encrypt, NULL),
			0);
		assert_int_equal(form, cases[i].form);
		assert_string_equal(buf_cstr(&encrypt), "aB+/=");
		buf_release(&encrypt);
	}
}

static void envelope_without_exactly_one_encrypt_is_refused(void **state)
{
	static const char *const bad[] = {"<xml/>", "<xml><encrypt>x</encrypt></xml>",
		"<xml><Encrypt/></xml>", "<xml><Encrypt>a</Encrypt><Encrypt>a</Encrypt></xml>",
		"<xml><Encrypt>a<b/></Encrypt></xml>", "<Encrypt>a</Encrypt>",
		"<xml><a><Encrypt>a</Encrypt></a></xml>", "{}", "{\"Encrypt\":\"\"}", "{\"Encrypt\":7}",
		"{\"Encrypt\":[\"a\"]}"};
	struct buf encrypt = BUF_INIT(64);
	enum message_form form;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = {0};

		assert_int_equal(message_envelope_parse(bad[i], strlen(bad[i]), &form, &encrypt, &err), -1);
		assert_int_equal(err.code, MESSAGE_NO_ENCRYPT);
	}
	assert_int_equal(encrypt.len, 0);
	buf_release(&encrypt);
}

/* Type and id */

static void types_are_lower_case_and_of_few_characters(void **state)
{
	static const struct {
		const char *json;
		bool platform;
		const char *type;
	} cases[] = {
		{"{\"MsgType\":\"Text\"}", false, "weixin.message.text"},
		{"{\"MsgType\":\"EVENT\",\"Event\":\"SCAN\"}", false, "weixin.event.scan"},
		{"{\"MsgType\":\"event\",\"Event\":\"a b/c\xc3\xa9.d-e_f\"}", false,
			"weixin.event.a_b_c__.d-e_f"},
		{"{\"MsgType\":\"event\"}", false, "weixin.event.unknown"},
		{"{\"InfoType\":\"Authorized\"}", true, "weixin.platform.authorized"},
		{"{\"MsgType\":\"event\",\"Event\":\"wxa_nickname_audit\"}", true,
			"weixin.platform.wxa_nickname_audit"},
		{"{\"MsgType\":\"text\"}", true, "weixin.platform.text"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char type[MESSAGE_TYPE_MAX];
		struct message m;

		assert_int_equal(message_parse(cases[i].json, strlen(cases[i].json), &m, NULL), 0);
		message_type(&m, cases[i].platform, type);
		assert_string_equal(type, cases[i].type);
		message_release(&m);
	}
}

static void a_type_is_cut_at_its_room(void **state)
{
	char *name = nested("e", "", "", 500), *xml = xasprintf("<xml><MsgType>%s</MsgType></xml>", name);
	char type[MESSAGE_TYPE_MAX];
	struct message m;

	(void)state;
	assert_int_equal(message_parse(xml, strlen(xml), &m, NULL), 0);
	message_type(&m, false, type);
	assert_int_equal(strlen(type), MESSAGE_TYPE_MAX - 1);
	message_release(&m);
	free(xml);
	free(name);
}

static void event_id_of(const char *payload, const char *appid, char out[EVENT_ID_LEN + 1])
{
	struct message m;

	assert_int_equal(message_parse(payload, strlen(payload), &m, NULL), 0);
	message_event_id("wx134c8103faa5a59e", appid, &m, payload, strlen(payload), out);
	message_release(&m);
}

static void event_ids_are_golden(void **state)
{
	char id[EVENT_ID_LEN + 1];

	(void)state;
	/* SHA-256 of "wx134c8103faa5a59e\nwxba5fad812f8e6fb9\no1\n77" */
	event_id_of("{\"MsgType\":\"text\",\"FromUserName\":\"o1\",\"MsgId\":77}", "wxba5fad812f8e6fb9", id);
	assert_string_equal(id, "157eab591771db527258bcb8ffe6e80a");
	event_id_of("<xml><MsgType>text</MsgType><FromUserName>o1</FromUserName><MsgId>77</MsgId>"
		    "<MsgDataId>1</MsgDataId></xml>",
		"wxba5fad812f8e6fb9", id);
	assert_string_equal(id, "157eab591771db527258bcb8ffe6e80a");
	/* of "wx134c8103faa5a59e\nwxba5fad812f8e6fb9\n" and the payload: MsgID is another field */
	event_id_of("{\"MsgType\":\"event\",\"MsgID\":77}", "wxba5fad812f8e6fb9", id);
	assert_string_equal(id, "fbe18ce0eacc23d35fbec9da8e931b5f");
	/* of "wx134c8103faa5a59e\n\n" and the payload */
	event_id_of("<xml><InfoType>x</InfoType><MsgId/></xml>", "", id);
	assert_string_equal(id, "20bcba519768cc796cbf7c806e40a756");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_documented_push_becomes_its_json),
		TESTING_CASE(the_members_of_a_message_are_at_hand),
		TESTING_CASE(xml_keeps_text_order_and_unknown_elements),
		TESTING_CASE(xml_list_names_and_repeats_are_arrays_at_any_depth),
		TESTING_CASE(xml_text_between_elements_is_kept_unless_blank),
		TESTING_CASE(xml_kinds_are_trimmed_and_nothing_else),
		TESTING_CASE(xml_create_time_is_a_number_where_it_is_one),
		TESTING_CASE(json_pushes_keep_their_types),
		TESTING_CASE(json_msg_id_becomes_a_string_of_the_same_digits),
		TESTING_CASE(json_lists_of_one_are_arrays),
		TESTING_CASE(json_create_time_is_read_from_numbers_and_digits),
		TESTING_CASE(nesting_is_bounded_by_what_readers_can_read),
		TESTING_CASE(numbers_of_values_are_bounded),
		TESTING_CASE(malformed_bytes_are_refused_inside_and_outside),
		TESTING_CASE(a_payload_larger_than_any_push_is_refused),
		TESTING_CASE(a_payload_without_a_kind_is_no_push),
		TESTING_CASE(envelope_gives_encrypt_alone),
		TESTING_CASE(envelope_without_exactly_one_encrypt_is_refused),
		TESTING_CASE(types_are_lower_case_and_of_few_characters),
		TESTING_CASE(a_type_is_cut_at_its_room),
		TESTING_CASE(event_ids_are_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
