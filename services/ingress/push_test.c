#include "common/testing/testing.h"

#include "common/base/str.h"
#include "proto/push_crypto.h"
#include "services/ingress/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENT "wx134c8103faa5a59e"
#define APPID     "wxba5fad812f8e6fb9"
#define NOW       1760000000

static struct platform_key keys[3] = {
	{.token = (char *)(uintptr_t) "old-token", .aes_key = {1}},
	{.token = (char *)(uintptr_t) "token", .aes_key = {2}},
	{.token = (char *)(uintptr_t) "token", .aes_key = {3}},
};
static struct platform platform = {
	.component_appid = (char *)(uintptr_t)COMPONENT,
	.keys = keys,
	.n_keys = 3,
};
static const struct route account_url = {.component_appid = COMPONENT, .appid = APPID};
static const struct route authorization_url = {.component_appid = COMPONENT};
static const struct push_time now = {.now_s = NOW, .window_s = 600};

static const char text_message[] =
	"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><FromUserName><![CDATA[o1]]></FromUserName>"
	"<CreateTime>1760000000</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[hi]]></"
	"Content>"
	"<MsgId>6054768590064713728</MsgId></xml>";

/* What a request of Weixin would be, with anything wrong that a test asks for. */
struct forged {
	const struct platform_key *key;
	const char *receiver;
	const char *payload;
	int64_t timestamp;
	char query[512];
	struct buf body;
};

static void forge(struct forged *f)
{
	const struct platform_key *key = f->key ? f->key : &keys[1];
	const char *payload = f->payload ? f->payload : text_message;
	struct buf encrypt = BUF_INIT(1 << 20);
	char timestamp[32], signature[PUSH_SIGNATURE_LEN + 1];
	struct str part;

	snprintf(timestamp, sizeof(timestamp), "%lld", (long long)(f->timestamp ? f->timestamp : NOW));
	push_seal(key->aes_key, NULL, payload, strlen(payload), f->receiver ? f->receiver : COMPONENT,
		&encrypt);
	part = (struct str){encrypt.data, encrypt.len};
	push_signature(key->token, str_of(timestamp), STR_LIT("n1"), &part, signature);
	snprintf(f->query, sizeof(f->query), "timestamp=%s&nonce=n1&msg_signature=%s&encrypt_type=aes",
		timestamp, signature);
	f->body = (struct buf)BUF_INIT(1 << 20);
	buf_addf(&f->body,
		"<xml><ToUserName><![CDATA[gh_1]]></ToUserName><Encrypt><![CDATA[%s]]></Encrypt></xml>",
		buf_cstr(&encrypt));
	buf_release(&encrypt);
}

static enum refusal accept(struct forged *f, const struct route *route, struct push *p)
{
	struct arena arena = ARENA_INIT;
	enum refusal r = push_accept(&platform, route, f->query, f->body.data, f->body.len, now, &arena, p);

	if (r == ACCEPTED)
		assert_string_equal(p->nonce, "n1");
	arena_release(&arena);
	buf_release(&f->body);
	return r;
}

static void a_push_is_opened_with_the_key_that_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct forged f = {.key = &keys[i]};
		struct push p;

		forge(&f);
		assert_int_equal(accept(&f, &account_url, &p), ACCEPTED);
		assert_ptr_equal(p.key, &keys[i]);
		assert_string_equal(p.message.msg_type, "text");
		assert_string_equal(p.appid, APPID);
		assert_false(p.platform_event);
		push_release(&p);
	}
}

static void a_push_for_another_receiver_is_refused(void **state)
{
	struct forged f = {.receiver = "wx0000000000000000"};
	struct push p;

	(void)state;
	forge(&f);
	assert_int_equal(accept(&f, &account_url, &p), REFUSE_RECEIVER);
}

static void an_old_or_early_timestamp_is_refused(void **state)
{
	struct forged early = {.timestamp = NOW + 601}, old = {.timestamp = NOW - 601},
		      edge = {.timestamp = NOW - 600};
	struct push p;

	(void)state;
	forge(&early);
	assert_int_equal(accept(&early, &account_url, &p), REFUSE_TIMESTAMP);
	forge(&old);
	assert_int_equal(accept(&old, &account_url, &p), REFUSE_TIMESTAMP);
	forge(&edge);
	assert_int_equal(accept(&edge, &account_url, &p), ACCEPTED);
	push_release(&p);
}

static void signature_without_msg_signature_opens_nothing(void **state)
{
	struct forged f = {.key = NULL};
	char signature[PUSH_SIGNATURE_LEN + 1], *at;
	struct push p;

	(void)state;
	push_signature("token", STR_LIT("1760000000"), STR_LIT("n1"), NULL, signature);
	forge(&f);
	at = strstr(f.query, "msg_signature");
	snprintf(at, sizeof(f.query) - (size_t)(at - f.query), "signature=%s", signature);
	assert_int_equal(accept(&f, &account_url, &p), REFUSE_SIGNATURE_MISSING);
	forge(&f);
	at = strstr(f.query, "msg_signature");
	snprintf(at, sizeof(f.query) - (size_t)(at - f.query), "signature=%s&msg_signature=%s", signature,
		signature);
	assert_int_equal(accept(&f, &account_url, &p), REFUSE_SIGNATURE);
}

static void an_info_type_is_a_platform_event_whichever_url_it_came_to(void **state)
{
	static const char event[] =
		"<xml><AppId>" COMPONENT "</AppId><CreateTime>1</CreateTime><InfoType> authorized "
		"</InfoType><AuthorizerAppid>wx2222222222222222</AuthorizerAppid></xml>";
	struct forged a = {.payload = event}, b = {.payload = event};
	struct push p, q;

	(void)state;
	forge(&a);
	assert_int_equal(accept(&a, &account_url, &p), ACCEPTED);
	forge(&b);
	assert_int_equal(accept(&b, &authorization_url, &q), ACCEPTED);
	assert_true(p.platform_event && q.platform_event);
	assert_string_equal(p.appid, "wx2222222222222222");
	assert_string_equal(p.event_id, q.event_id);
	push_release(&p);
	push_release(&q);
}

static void a_payload_that_is_no_message_is_refused(void **state)
{
	struct forged f = {.payload = "<xml><a>1</a></xml>"}, g = {.payload = "<!DOCTYPE x><xml/>"};
	struct push p;

	(void)state;
	forge(&f);
	assert_int_equal(accept(&f, &account_url, &p), REFUSE_PAYLOAD);
	forge(&g);
	assert_int_equal(accept(&g, &account_url, &p), REFUSE_PAYLOAD);
}

static void a_handshake_echoes_with_any_of_the_tokens(void **state)
{
	static const char *const tokens[] = {"old-token", "token"};
	struct arena arena = ARENA_INIT;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char signature[PUSH_SIGNATURE_LEN + 1], query[256];
		const char *echostr;

		push_signature(tokens[i], STR_LIT("1760000000"), STR_LIT("n1"), NULL, signature);
		snprintf(query, sizeof(query),
			"signature=%s&timestamp=1760000000&nonce=n1&echostr=4375120948345356249", signature);
		assert_int_equal(push_handshake(&platform, query, now, &arena, &echostr), ACCEPTED);
		assert_string_equal(echostr, "4375120948345356249");
		query[12] ^= 1;
		assert_int_equal(push_handshake(&platform, query, now, &arena, &echostr), REFUSE_SIGNATURE);
	}
	assert_int_equal(push_handshake(&platform, NULL, now, &arena, &(const char *){NULL}),
		REFUSE_SIGNATURE_MISSING);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_push_is_opened_with_the_key_that_fits),
		TESTING_CASE(a_push_for_another_receiver_is_refused),
		TESTING_CASE(an_old_or_early_timestamp_is_refused),
		TESTING_CASE(signature_without_msg_signature_opens_nothing),
		TESTING_CASE(an_info_type_is_a_platform_event_whichever_url_it_came_to),
		TESTING_CASE(a_payload_that_is_no_message_is_refused),
		TESTING_CASE(a_handshake_echoes_with_any_of_the_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
