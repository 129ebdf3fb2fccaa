#include "services/api-proxy/topic/topic_request.h"

#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEY "a-key-of-a-caller-that-is-long-enough"

/* A record as the SDK writes it, signed, then changed as a test wants. */
struct letter {
	const char *key;
	const char *value;
	struct envelope envelope;
	char signature[65];
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct kafka_record record;
	struct arena arena;
};

#define VALUE                                                                                                \
	"{\"component_appid\":\"wxc\",\"appid\":\"wxa\",\"method\":\"POST\","                                \
	"\"path\":\"/cgi-bin/message/custom/"                                                                \
	"send\",\"query\":{},\"body\":{\"touser\":\"o1\"},\"idempotent\":false}"

static void letter_init(struct letter *l, const char *value)
{
	*l = (struct letter){.key = "wxa/o1", .value = value};
	l->envelope = (struct envelope){.id = "id-1",
		.type = "wxbus.api.request",
		.component_appid = "wxc",
		.appid = "wxa",
		.content_type = "application/json",
		.reply_to = "desk.results",
		.caller = "desk"};
	api_call_sign(KEY, "id-1", "desk.results", NULL, l->key, strlen(l->key), value, strlen(value),
		l->signature);
	l->envelope.caller_signature = l->signature;
}

static void letter_write(struct letter *l)
{
	l->record = (struct kafka_record){.topic = "wx.api-requests",
		.key = l->key,
		.key_len = strlen(l->key),
		.value = l->value,
		.value_len = strlen(l->value),
		.headers = l->headers};
	l->record.n_headers = envelope_encode(&l->envelope, &l->arena, l->headers);
}

static bool is_signed(struct letter *l, const char *key)
{
	struct topic_request q;
	bool ok;

	letter_write(l);
	assert_int_equal(topic_request_read(&l->record, &q, NULL), 0);
	ok = topic_request_signed(&q, &l->record, key);
	topic_request_release(&q);
	arena_release(&l->arena);
	return ok;
}

static void a_signature_holds_for_its_record_and_key_alone(void **state)
{
	struct letter l;

	(void)state;
	letter_init(&l, VALUE);
	assert_true(is_signed(&l, KEY));
	assert_false(is_signed(&l, "another-key-of-a-caller-long-enough"));
	l.key = "wxa/o2";
	assert_false(is_signed(&l, KEY));
	letter_init(&l, VALUE);
	l.envelope.reply_to = "api-results";
	assert_false(is_signed(&l, KEY));
	letter_init(&l, VALUE);
	l.envelope.id = "id-2";
	assert_false(is_signed(&l, KEY));
	letter_init(&l, VALUE);
	l.envelope.priority = "agent";
	assert_false(is_signed(&l, KEY));
	letter_init(&l, VALUE);
	l.value = VALUE " ";
	assert_false(is_signed(&l, KEY));
	letter_init(&l, VALUE);
	l.envelope.caller_signature = "";
	assert_false(is_signed(&l, KEY));
	letter_init(&l, VALUE);
	l.signature[63] ^= 1;
	assert_false(is_signed(&l, KEY));
}

static enum refusal judge(const char *value, const char *accounts, const char *paths)
{
	const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4};
	struct caller caller = {.component_appid = "wxc", .id = "desk"};
	struct json *a = NULL, *p = NULL;
	struct topic_request q;
	enum refusal refusal;
	struct letter l;

	assert_int_equal(json_parse(accounts, strlen(accounts), &limits, &a, NULL), 0);
	assert_int_equal(json_parse(paths, strlen(paths), &limits, &p, NULL), 0);
	assert_int_equal(grants_init(&caller.grants, a, p, NULL, NULL), 0);
	letter_init(&l, value);
	letter_write(&l);
	assert_int_equal(topic_request_read(&l.record, &q, NULL), 0);
	refusal = topic_request_judge(&q, &caller);
	topic_request_release(&q);
	arena_release(&l.arena);
	grants_release(&caller.grants);
	json_free(&a);
	json_free(&p);
	return refusal;
}

#define CALL(component, appid, method, path)                                                                 \
	"{\"component_appid\":\"" component "\",\"appid\":" appid ",\"method\":\"" method                    \
	"\",\"path\":\"" path "\",\"query\":{},\"body\":null,\"idempotent\":false}"

static void a_proven_callers_request_is_held_to_its_grants(void **state)
{
	(void)state;
	assert_int_equal(judge(VALUE, "[\"*\"]", "[\"*\"]"), REFUSAL_NONE);
	assert_int_equal(judge(VALUE, "[\"wxa\"]", "[\"/cgi-bin/message/custom/send\"]"), REFUSAL_NONE);
	assert_int_equal(judge(VALUE, "[\"wxb\"]", "[\"*\"]"), REFUSAL_ACCOUNT);
	assert_int_equal(judge(VALUE, "[\"wxa\"]", "[\"/cgi-bin/menu/*\"]"), REFUSAL_PATH);
	assert_int_equal(judge(CALL("wxother", "\"wxa\"", "GET", "/cgi-bin/x"), "[\"*\"]", "[\"*\"]"),
		REFUSAL_COMPONENT);
	assert_int_equal(
		judge(CALL("wxc", "null", "GET", "/cgi-bin/x"), "[\"wxc\"]", "[\"*\"]"), REFUSAL_NONE);
	assert_int_equal(
		judge(CALL("wxc", "null", "GET", "/cgi-bin/x"), "[\"wxa\"]", "[\"*\"]"), REFUSAL_ACCOUNT);
}

static void what_may_not_be_called_at_all_is_refused_whatever_was_granted(void **state)
{
	(void)state;
	assert_int_equal(judge("not json", "[\"*\"]", "[\"*\"]"), REFUSAL_BAD_REQUEST);
	assert_int_equal(judge(CALL("wxc", "\"wxa\"", "POST", "/cgi-bin/component/api_component_token"),
				 "[\"*\"]", "[\"*\"]"),
		REFUSAL_CREDENTIAL);
	assert_int_equal(
		judge(CALL("wxc", "\"wxa\"", "GET", "/sns/component/jscode2session"), "[\"*\"]", "[\"*\"]"),
		REFUSAL_HTTP_ONLY);
	assert_int_equal(
		judge(CALL("wxc", "\"wxa\"", "GET", "/a/../b"), "[\"*\"]", "[\"*\"]"), REFUSAL_BAD_PATH);
}

static void a_lane_is_what_follows_the_appid(void **state)
{
	(void)state;
	assert_int_equal(topic_request_lane("wxa/o1", 6), 6);
	assert_int_equal(topic_request_lane("wxa/", 4), 0);
	assert_int_equal(topic_request_lane("wxa", 3), 0);
	assert_int_equal(topic_request_lane(NULL, 0), 0);
}

static void the_account_is_what_stands_before_the_lane(void **state)
{
	static const struct {
		const char *key, *account;
	} cases[] = {{"wxa/oFan", "wxa"}, {"wxa/", "wxa"}, {"wxa", "wxa"}, {"", "-"}, {"/oFan", "-"}};
	const char *account;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = topic_request_account(cases[i].key, strlen(cases[i].key), &account);
		assert_int_equal(len, strlen(cases[i].account));
		assert_memory_equal(account, cases[i].account, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_signature_holds_for_its_record_and_key_alone),
		TESTING_CASE(a_proven_callers_request_is_held_to_its_grants),
		TESTING_CASE(what_may_not_be_called_at_all_is_refused_whatever_was_granted),
		TESTING_CASE(a_lane_is_what_follows_the_appid),
		TESTING_CASE(the_account_is_what_stands_before_the_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
