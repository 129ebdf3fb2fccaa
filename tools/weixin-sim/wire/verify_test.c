#include "tools/weixin-sim/wire/verify.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/banned.h"

#define NOW 1763640000
#define MAX ((size_t)64 * 1024)
#define TEXT                                                                                                 \
	"<xml><ToUserName>oFan</ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1</CreateTime>"      \
	"<MsgType>text</MsgType><Content>hi</Content></xml>"

static uint8_t key[WEIXIN_KEY_LEN];
static struct verify_push push;
static char why[VERIFY_WHY_SIZE];

static int set_up(void **state)
{
	(void)state;
	clock_fake((int64_t)NOW * 1000, 0);
	assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", key), 0);
	push = (struct verify_push){.key = key,
		.token = "token",
		.component_appid = "wxc",
		.user_name = "gh_1",
		.openid = "oFan",
		.nonce = "12345",
		.is_message = true};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	clock_real();
	return 0;
}

static enum answer verify(const char *body)
{
	struct json *reply = NULL;
	enum answer a = verify_answer(&push, body, strlen(body), &reply, why);

	assert_true((a == ANSWER_REPLY) == (reply != NULL));
	assert_true((a == ANSWER_ILLEGAL) == (why[0] != '\0'));
	json_free(&reply);
	return a;
}

struct parts {
	const char *appid, *timestamp, *nonce, *signed_nonce, *token;
};

static const struct parts right = {"wxc", "1763640000", "12345", "12345", "token"};

static void write_reply(struct buf *out, const char *inner, const struct parts *p)
{
	struct buf encrypt = BUF_INIT(MAX);
	char signature[WEIXIN_SIGNATURE_LEN + 1];

	weixin_encrypt(key, NULL, inner, strlen(inner), p->appid, &encrypt);
	weixin_signature((const char *const[]){p->token, p->timestamp, p->signed_nonce, buf_cstr(&encrypt)},
		4, signature);
	buf_addf(out,
		"<xml><Encrypt><![CDATA[%s]]></Encrypt><MsgSignature><![CDATA[%s]]></MsgSignature>"
		"<TimeStamp>%s</TimeStamp><Nonce><![CDATA[%s]]></Nonce></xml>",
		buf_cstr(&encrypt), signature, p->timestamp, p->nonce);
	buf_release(&encrypt);
}

static enum answer verify_parts(const char *inner, const struct parts *p)
{
	struct buf body = BUF_INIT(MAX);
	enum answer a;

	write_reply(&body, inner, p);
	a = verify(buf_cstr(&body));
	buf_release(&body);
	return a;
}

static enum answer verify_inner(const char *inner)
{
	return verify_parts(inner, &right);
}

/* A reply of this type and body. */
static enum answer verify_typed(const char *type, const char *rest)
{
	char inner[2000];

	snprintf(inner, sizeof(inner),
		"<xml><ToUserName>oFan</ToUserName><FromUserName>gh_1</FromUserName>"
		"<CreateTime>1</CreateTime><MsgType>%s</MsgType>%s</xml>",
		type, rest);
	return verify_inner(inner);
}

static void verify_takes_success_and_nothing_else_unencrypted(void **state)
{
	(void)state;
	assert_int_equal(verify("success"), ANSWER_SUCCESS);
	assert_int_equal(verify(""), ANSWER_EMPTY);
	assert_int_equal(verify("success\n"), ANSWER_ILLEGAL);
	assert_int_equal(verify("\xef\xbb\xbfsuccess"), ANSWER_ILLEGAL);
	assert_int_equal(verify("Success"), ANSWER_ILLEGAL);
	assert_int_equal(verify("{\"errcode\":0}"), ANSWER_ILLEGAL);
	assert_int_equal(verify(TEXT), ANSWER_ILLEGAL);
	assert_non_null(strstr(why, "not encrypted"));
}

static void verify_wants_exactly_success_on_the_event_url(void **state)
{
	(void)state;
	push.platform_event = true;
	assert_int_equal(verify("success"), ANSWER_SUCCESS);
	assert_int_equal(verify(""), ANSWER_ILLEGAL);
	assert_int_equal(verify_inner(TEXT), ANSWER_ILLEGAL);
}

static void verify_opens_a_right_reply(void **state)
{
	struct buf body = BUF_INIT(MAX);
	struct json *reply = NULL;

	(void)state;
	write_reply(&body, TEXT, &right);
	assert_int_equal(verify_answer(&push, buf_cstr(&body), body.len, &reply, why), ANSWER_REPLY);
	assert_string_equal(json_get_str(reply, "Content"), "hi");
	assert_string_equal(json_get_str(reply, "CreateTime"), "1");
	json_free(&reply);
	buf_release(&body);
}

static void verify_refuses_a_wrong_envelope(void **state)
{
	const struct parts wrong[] = {
		{"wxa", "1763640000", "12345", "12345", "token"},
		{"wxc", "1763630000", "12345", "12345", "token"},
		{"wxc", "now", "12345", "12345", "token"},
		{"wxc", "1763640000", "12345", "54321", "token"},
		{"wxc", "1763640000", "54321", "54321", "token"},
		{"wxc", "1763640000", "12345", "12345", "other"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(verify_parts(TEXT, &wrong[i]), ANSWER_ILLEGAL);
	assert_int_equal(verify("<xml><Encrypt>QUJD</Encrypt></xml>"), ANSWER_ILLEGAL);
	assert_int_equal(verify("<other/>"), ANSWER_ILLEGAL);
	assert_int_equal(verify("<!DOCTYPE xml><xml/>"), ANSWER_ILLEGAL);
}

static void verify_refuses_wrong_addresses(void **state)
{
	(void)state;
	assert_int_equal(
		verify_inner("<xml><ToUserName>gh_1</ToUserName><FromUserName>oFan</FromUserName>"
			     "<CreateTime>1</CreateTime><MsgType>text</MsgType><Content>x</Content></xml>"),
		ANSWER_ILLEGAL);
	assert_int_equal(verify_inner("<xml><ToUserName>oFan</ToUserName><FromUserName>gh_1</FromUserName>"
				      "<MsgType>text</MsgType><Content>x</Content></xml>"),
		ANSWER_ILLEGAL);
	assert_int_equal(verify_inner("no xml"), ANSWER_ILLEGAL);
	assert_int_equal(verify_typed("text<b/>", "<Content>x</Content>"), ANSWER_ILLEGAL);
	assert_int_equal(verify_typed("text", "<Content>x</Content><Content>y</Content>"), ANSWER_ILLEGAL);
}

static void verify_checks_each_type_of_reply(void **state)
{
	(void)state;
	assert_int_equal(verify_typed("text", "<Content></Content>"), ANSWER_ILLEGAL);
	assert_int_equal(verify_typed("text", ""), ANSWER_ILLEGAL);
	assert_int_equal(verify_typed("image", "<Image><MediaId>m</MediaId></Image>"), ANSWER_REPLY);
	assert_int_equal(verify_typed("image", "<Image></Image>"), ANSWER_ILLEGAL);
	assert_int_equal(verify_typed("voice", "<Voice><MediaId>m</MediaId></Voice>"), ANSWER_REPLY);
	assert_int_equal(verify_typed("video", "<Video><MediaId>m</MediaId></Video>"), ANSWER_REPLY);
	assert_int_equal(verify_typed("music", "<Music><Title>t</Title></Music>"), ANSWER_ILLEGAL);
	assert_int_equal(
		verify_typed("music", "<Music><ThumbMediaId>t</ThumbMediaId></Music>"), ANSWER_REPLY);
	assert_int_equal(verify_typed("transfer_customer_service", ""), ANSWER_REPLY);
	assert_int_equal(
		verify_typed("transfer_customer_service", "<TransInfo></TransInfo>"), ANSWER_ILLEGAL);
	assert_int_equal(verify_typed("hologram", ""), ANSWER_ILLEGAL);
}

static void verify_counts_the_articles_of_a_news_reply(void **state)
{
	const char *two = "<ArticleCount>2</ArticleCount><Articles><item><Title>a</Title></item>"
			  "<item><Title>b</Title></item></Articles>";

	(void)state;
	assert_int_equal(verify_typed("news", two), ANSWER_ILLEGAL);
	push.is_message = false;
	assert_int_equal(verify_typed("news", two), ANSWER_REPLY);
	assert_int_equal(verify_typed("news", "<ArticleCount>2</ArticleCount><Articles><item/></Articles>"),
		ANSWER_ILLEGAL);
	assert_int_equal(verify_typed("news", "<ArticleCount>0</ArticleCount><Articles/>"), ANSWER_ILLEGAL);
}

static void verify_gives_repeated_elements_as_a_list(void **state)
{
	const char *inner = "<xml><ToUserName>oFan</ToUserName><FromUserName>gh_1</FromUserName>"
			    "<CreateTime>1</CreateTime><MsgType>news</MsgType><ArticleCount>3</ArticleCount>"
			    "<Articles><item><Title>a</Title></item><item><Title>b</Title></item>"
			    "<item><Title>c</Title></item></Articles></xml>";
	struct buf body = BUF_INIT(MAX);
	struct json *reply = NULL;
	const struct json *items;

	(void)state;
	push.is_message = false;
	write_reply(&body, inner, &right);
	assert_int_equal(verify_answer(&push, buf_cstr(&body), body.len, &reply, why), ANSWER_REPLY);
	items = json_get(json_get(reply, "Articles"), "item");
	assert_int_equal(json_len(items), 3);
	assert_string_equal(json_get_str(json_at(items, 2), "Title"), "c");
	json_free(&reply);
	buf_release(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			verify_takes_success_and_nothing_else_unencrypted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			verify_wants_exactly_success_on_the_event_url, set_up, tear_down),
		cmocka_unit_test_setup_teardown(verify_opens_a_right_reply, set_up, tear_down),
		cmocka_unit_test_setup_teardown(verify_refuses_a_wrong_envelope, set_up, tear_down),
		cmocka_unit_test_setup_teardown(verify_refuses_wrong_addresses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(verify_checks_each_type_of_reply, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			verify_counts_the_articles_of_a_news_reply, set_up, tear_down),
		cmocka_unit_test_setup_teardown(verify_gives_repeated_elements_as_a_list, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
