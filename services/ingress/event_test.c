#include "common/testing/testing.h"

#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "proto/trace.h"
#include "services/ingress/event.h"

#include <stdio.h>
#include <string.h>

#define COMPONENT "wxc"
#define CHECKED   "wx570bc396a51b8ff8"
#define LIST      "wx9252c5e0bb1836fc, " CHECKED

static struct directory *directory;
static struct platform platform = {.component_appid = (char *)(uintptr_t)COMPONENT};

static void put_account(const char *appid, const char *rest)
{
	char value[1024], key[128];
	struct err err;
	struct kafka_record r = {.key = key, .value = value};

	r.key_len = (size_t)snprintf(key, sizeof(key), COMPONENT "/%s", appid);
	r.value_len = (size_t)snprintf(value, sizeof(value),
		"{\"component_appid\":\"" COMPONENT
		"\",\"appid\":\"%s\",\"nick_name\":\"n\",\"kind\":\"service\","
		"\"verified\":true,\"func_ids\":[1],\"ref\":null,\"updated_at\":\"2026-11-20T08:00:00Z\",%s}",
		appid, rest);
	if (directory_apply(directory, &r, &err) < 0)
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	directory = directory_new();
	platform.default_repliers[0] = (char *)(uintptr_t) "fallback";
	put_account("wxlive",
		"\"version\":2,\"user_name\":\"gh_1\",\"state\":\"authorized\",\"channel\":\"live\","
		"\"repliers\":[\"desk\",\"shop\"]");
	put_account("wxtest",
		"\"version\":1,\"user_name\":\"gh_1\",\"state\":\"authorized\",\"channel\":\"test\","
		"\"repliers\":[]");
	put_account("wxgone",
		"\"version\":1,\"user_name\":\"gh_1\",\"state\":\"unauthorized\",\"channel\":\"live\","
		"\"repliers\":[\"desk\"]");
	return testing_setup(state);
}

static int teardown(void **state)
{
	directory_free(&directory);
	return testing_teardown(state);
}

static void make_push(struct push *p, const char *appid, const char *to)
{
	char payload[512];
	struct err err;

	memset(p, 0, sizeof(*p));
	snprintf(payload, sizeof(payload),
		"<xml><ToUserName>%s</ToUserName><FromUserName>o1</FromUserName><CreateTime>1760000000</"
		"CreateTime>"
		"<MsgType>text</MsgType><Content>hi</Content><MsgId>7</MsgId></xml>",
		to);
	str_copy(p->route.component_appid, sizeof(p->route.component_appid), COMPONENT);
	str_copy(p->route.appid, sizeof(p->route.appid), appid);
	str_copy(p->appid, sizeof(p->appid), appid);
	str_copy(p->event_id, sizeof(p->event_id), "0123456789abcdef0123456789abcdef");
	p->platform = &platform;
	assert_int_equal(message_parse(payload, strlen(payload), &p->message, &err), 0);
}

static enum refusal plan_for(const char *appid, const char *to, struct event_plan *plan)
{
	struct push p;
	enum refusal r;

	make_push(&p, appid, to);
	r = event_plan(&p, directory, LIST, plan);
	push_release(&p);
	return r;
}

static void an_account_gets_its_topic_and_its_repliers(void **state)
{
	struct event_plan plan;

	(void)state;
	assert_int_equal(plan_for("wxlive", "gh_1", &plan), ACCEPTED);
	assert_int_equal(plan.topic, TOPIC_MESSAGES);
	assert_int_equal(plan.n_repliers, 2);
	assert_string_equal(plan.repliers[1], "shop");
	assert_false(plan.unverified_account);
	assert_true(plan.may_send_customer_service);
	assert_int_equal(plan_for("wxtest", "gh_1", &plan), ACCEPTED);
	assert_int_equal(plan.topic, TOPIC_MESSAGES_TEST);
	assert_int_equal(plan.n_repliers, 0);
}

static void a_message_to_another_original_id_is_refused(void **state)
{
	struct event_plan plan;

	(void)state;
	assert_int_equal(plan_for("wxlive", "gh_2", &plan), REFUSE_ACCOUNT);
}

static void an_unknown_account_gets_the_platforms_repliers_and_is_marked(void **state)
{
	struct event_plan plan;

	(void)state;
	assert_int_equal(plan_for("wxnew", "gh_9", &plan), ACCEPTED);
	assert_true(plan.unverified_account);
	assert_int_equal(plan.n_repliers, 1);
	assert_string_equal(plan.repliers[0], "fallback");
}

static void for_an_unauthorized_account_no_reply_is_awaited(void **state)
{
	struct event_plan plan;

	(void)state;
	assert_int_equal(plan_for("wxgone", "gh_1", &plan), ACCEPTED);
	assert_int_equal(plan.n_repliers, 0);
}

static void accounts_of_the_release_check_are_routed_whatever_the_directory_says(void **state)
{
	struct event_plan plan;

	(void)state;
	put_account(CHECKED,
		"\"version\":1,\"user_name\":\"gh_1\",\"state\":\"unauthorized\",\"channel\":\"test\","
		"\"repliers\":[\"desk\"]");
	assert_int_equal(plan_for(CHECKED, "gh_1", &plan), ACCEPTED);
	assert_int_equal(plan.topic, TOPIC_MESSAGES);
	assert_int_equal(plan.n_repliers, 1);
	assert_string_equal(plan.repliers[0], "release-check");
	assert_int_equal(plan_for("WX9252C5E0BB1836FC", "gh_1", &plan), ACCEPTED);
	assert_string_equal(plan.repliers[0], "release-check");
	/* The beginning of a listed one is not listed. */
	assert_int_equal(plan_for("wx570bc396a51b8ff", "gh_1", &plan), ACCEPTED);
	assert_string_equal(plan.repliers[0], "fallback");
}

static void an_older_version_does_not_replace_a_newer(void **state)
{
	struct directory_entry e;

	(void)state;
	put_account("wxlive",
		"\"version\":1,\"user_name\":\"gh_old\",\"state\":\"unauthorized\",\"channel\":\"test\","
		"\"repliers\":[]");
	directory_find(directory, COMPONENT, "wxlive", &e);
	assert_string_equal(e.user_name, "gh_1");
	assert_true(e.authorized);
}

static void a_platform_event_is_sealed_to_token_service(void **state)
{
	uint8_t secret[1][32] = {{1, 2, 3}}, key[32];
	struct buf plain = BUF_INIT(4096);
	struct arena arena = ARENA_INIT;
	struct kafka_record r;
	struct event_plan plan;
	struct push p;
	struct err err;

	(void)state;
	crypto_x25519_public(secret[0], key);
	make_push(&p, "wxlive", "gh_1");
	p.platform_event = true;
	assert_int_equal(event_plan(&p, directory, LIST, &plan), ACCEPTED);
	assert_int_equal(plan.topic, TOPIC_PLATFORM_EVENTS);
	assert_int_equal(
		event_record(&p, &plan, "wx.platform-events", key, 1760000000123, &arena, &r, &err), 0);
	assert_memory_equal(r.key, "wxc/wxlive", r.key_len);
	assert_int_equal(r.timestamp_ms, 1760000000123);
	assert_int_equal(crypto_box_open(secret, 1, p.event_id, strlen(p.event_id), r.value, r.value_len,
				 &plain, &err),
		0);
	assert_non_null(strstr(buf_cstr(&plain), "\"Content\":\"hi\""));
	buf_release(&plain);
	arena_release(&arena);
	push_release(&p);
}

static void a_message_is_json_under_the_fans_key(void **state)
{
	static const uint8_t key[32];
	struct arena arena = ARENA_INIT;
	struct kafka_record r;
	struct event_plan plan;
	struct push p;
	struct err err;

	(void)state;
	make_push(&p, "wxlive", "gh_1");
	trace_enter("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
	assert_int_equal(event_plan(&p, directory, LIST, &plan), ACCEPTED);
	assert_int_equal(event_record(&p, &plan, "wx.messages", key, 1760000000123, &arena, &r, &err), 0);
	assert_memory_equal(
		kafka_record_header(&r, "ce_traceparent")->value, trace_current(), TRACE_PARENT_LEN);
	trace_leave();
	assert_memory_equal(r.key, "wxlive/o1", r.key_len);
	assert_memory_equal(r.value,
		"{\"ToUserName\":\"gh_1\",\"FromUserName\":\"o1\",\"CreateTime\":1760000000,\"MsgType\":"
		"\"text\","
		"\"Content\":\"hi\",\"MsgId\":\"7\"}",
		r.value_len);
	assert_memory_equal(kafka_record_header(&r, "ce_repliers")->value, "desk,shop", 9);
	assert_memory_equal(
		kafka_record_header(&r, "ce_replydeadline")->value, "2025-10-09T08:53:23.923Z", 24);
	arena_release(&arena);
	push_release(&p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_gets_its_topic_and_its_repliers),
		TEST(a_message_to_another_original_id_is_refused),
		TEST(an_unknown_account_gets_the_platforms_repliers_and_is_marked),
		TEST(for_an_unauthorized_account_no_reply_is_awaited),
		TEST(accounts_of_the_release_check_are_routed_whatever_the_directory_says),
		TEST(an_older_version_does_not_replace_a_newer),
		TEST(a_platform_event_is_sealed_to_token_service),
		TEST(a_message_is_json_under_the_fans_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
