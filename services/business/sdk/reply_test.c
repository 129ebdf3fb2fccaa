/* What waits for a reply gets one verdict, however and whenever a handler gives it. */
#include "services/business/sdk/deliver_kit.h"

#include "proto/api_call.h"

#include <string.h>

#include "common/base/banned.h"

/* --- verdicts --------------------------------------------------------------------------------------------
 */

static void say_hi_then_ho(struct event *e)
{
	say_hi(e);
	assert_int_equal(kit.n, 1); /* written before the handler ends */
	assert_int_equal(reply_text(e, "ho", &kit.err), 0);
	assert_int_equal(reply_empty(e, &kit.err), 0);
}

static void say_no_reply_of_weixins(struct event *e)
{
	struct json *fields = json_new_object();

	json_set_str(fields, "MsgType", "carrier pigeon");
	kit.rc = reply_fields(e, fields, &kit.err);
}

static void nothing_said_is_none(void **state)
{
	(void)state;
	assert_true(deliver_asked());
	assert_int_equal(kit.n, 1);
	check_verdict(0, VERDICT_NONE, NULL);
}

static void a_group_that_is_not_asked_says_nothing(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	e.repliers[1] = "hello.test"; /* no base group */
	kit.act = say_hi;
	assert_true(deliver(&e));
	assert_int_equal(kit.handled, 1);
	assert_int_equal(kit.rc, 0);
	assert_int_equal(kit.n, 0);
}

static void the_first_verdict_counts_and_goes_out_at_once(void **state)
{
	(void)state;
	kit.act = say_hi_then_ho;
	assert_true(deliver_asked());
	assert_int_equal(kit.n, 1);
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void under_test_a_verdict_carries_the_base_group(void **state)
{
	(void)state;
	str_copy(kit.b.group, sizeof(kit.b.group), "hello.test");
	kit.act = say_hi;
	assert_true(deliver_asked());
	check_verdict(0, VERDICT_REPLY, "hi");
}

static void what_is_no_reply_is_refused_and_the_verdict_is_none(void **state)
{
	(void)state;
	kit.act = say_no_reply_of_weixins;
	assert_true(deliver_asked());
	assert_int_equal(kit.rc, -1);
	assert_int_equal(kit.err.kind, ERR_REJECT);
	check_verdict(0, VERDICT_NONE, NULL);
}

static void a_settled_event_is_not_handled_again_and_its_verdict_is_repeated(void **state)
{
	(void)state;
	kit.act = say_hi;
	assert_true(deliver_asked());
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 1);
	assert_int_equal(kit.n, 2);
	check_verdict(1, VERDICT_REPLY, "hi");
}

static void a_settled_event_that_nobody_asked_about_gets_none_once_asked(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	e.n_repliers = 0;
	assert_true(deliver(&e));
	assert_int_equal(kit.n, 0);
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 1);
	check_verdict(0, VERDICT_NONE, NULL);
}

static void a_verdict_is_given_once_however_often_the_handler_runs(void **state)
{
	(void)state;
	kit.act = say_hi_and_fail_twice;
	assert_true(deliver_asked());
	assert_int_equal(kit.handled, 3);
	assert_int_equal(kit.n, 1);
}

/* --- what takes effect once ------------------------------------------------------------------------------
 */

static void say_hi_and_call_then_look(struct event *e)
{
	say_hi(e);
	call_twice(e);
	assert_int_equal(kit.n, 0); /* kept for the end */
	kit.settlement = kit.handled < 2 ? SETTLE_RETRY : SETTLE_DONE;
}

static void replies_and_calls_of_a_handling_that_fails_never_go_out(void **state)
{
	(void)state;
	deliver_as(&once);
	kit.act = say_hi_and_call_then_look;
	assert_true(deliver_asked());
	assert_int_equal(kit.n, 2);
	check_verdict(0, VERDICT_NONE, NULL);
	assert_string_equal(kit.records[1].topic, "wx.hello.retry.5s");
}

static void say_hi_and_call(struct event *e)
{
	say_hi(e);
	call_twice(e);
	assert_int_equal(kit.n, 0);
}

static void replies_and_calls_go_out_after_the_handling_in_their_order(void **state)
{
	(void)state;
	deliver_as(&once);
	kit.act = say_hi_and_call;
	assert_true(deliver_asked());
	assert_int_equal(kit.n, 3);
	check_verdict(0, VERDICT_REPLY, "hi");
	check_signature(1);
	check_signature(2);
	assert_string_equal(kit.records[1].key, "wxa/oFan");
	assert_string_equal(kit.records[2].key, "wxa/tags");
	assert_string_equal(written_header(2, "ce_priority"), "marketing");
}

static void a_deferred_call_that_cannot_be_made_is_refused_at_once(void **state)
{
	(void)state;
	deliver_as(&once);
	kit.b.callers = NULL;
	kit.act = call_twice;
	assert_true(deliver_asked());
	assert_int_equal(kit.rc, -1);
	assert_int_equal(kit.err.kind, ERR_REJECT);
}

/* --- late replies ----------------------------------------------------------------------------------------
 */

static void read_reply(const char *group, const char *verdict, const char *type)
{
	static const struct envelope about = {.id = ID,
		.type = "wxbus.reply.verdict",
		.component_appid = "wxc",
		.appid = "wxa",
		.subject = "oFan"};
	struct kafka_header headers[ENVELOPE_HEADERS_MAX];
	struct arena arena = ARENA_INIT;
	const char *value = arena_printf(&arena,
		"{\"event_id\":\"" ID "\",\"group\":\"%s\",\"verdict\":\"%s\","
		"\"reply\":{\"MsgType\":\"%s\",\"Content\":\"hi\"}}",
		group, verdict, type);
	struct kafka_record r = {.topic = "wx.replies", .value = value, .value_len = strlen(value)};

	r.headers = headers;
	r.n_headers = envelope_encode(&about, &arena, headers);
	sdk_read_late(&kit.b, &r);
	arena_release(&arena);
}

static void a_late_reply_goes_out_as_a_customer_service_message(void **state)
{
	struct api_request *request = NULL;

	(void)state;
	kit.failures = 3; /* nobody else keeps it */
	read_reply("hello", "late", "text");
	assert_int_equal(kit.n, 1);
	check_signature(0);
	assert_string_equal(written_header(0, "ce_id"), "late:" ID);
	assert_string_equal(kit.records[0].key, "wxa/oFan");
	assert_int_equal(
		api_request_parse(kit.records[0].value, kit.records[0].value_len, &request, NULL), 0);
	assert_string_equal(request->path, "/cgi-bin/message/custom/send");
	assert_string_equal(json_get_str(request->body, "touser"), "oFan");
	assert_string_equal(json_get_str(json_get(request->body, "text"), "content"), "hi");
	api_request_free(&request);
}

static void only_the_groups_own_late_replies_are_sent(void **state)
{
	(void)state;
	read_reply("desk", "late", "text");
	read_reply("hello", "reply", "text");
	read_reply("hello", "chosen", "text");
	assert_int_equal(kit.n, 0);
}

static void a_late_reply_that_no_message_can_say_is_told_and_dropped(void **state)
{
	(void)state;
	testing_expect_log(LOG_LEVEL_ERROR, "a late reply could not be sent");
	read_reply("hello", "late", "transfer_customer_service");
	assert_int_equal(kit.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DELIVER_CASE(nothing_said_is_none),
		DELIVER_CASE(a_group_that_is_not_asked_says_nothing),
		DELIVER_CASE(the_first_verdict_counts_and_goes_out_at_once),
		DELIVER_CASE(under_test_a_verdict_carries_the_base_group),
		DELIVER_CASE(what_is_no_reply_is_refused_and_the_verdict_is_none),
		DELIVER_CASE(a_settled_event_is_not_handled_again_and_its_verdict_is_repeated),
		DELIVER_CASE(a_settled_event_that_nobody_asked_about_gets_none_once_asked),
		DELIVER_CASE(a_verdict_is_given_once_however_often_the_handler_runs),
		DELIVER_CASE(replies_and_calls_of_a_handling_that_fails_never_go_out),
		DELIVER_CASE(replies_and_calls_go_out_after_the_handling_in_their_order),
		DELIVER_CASE(a_deferred_call_that_cannot_be_made_is_refused_at_once),
		DELIVER_CASE(a_late_reply_goes_out_as_a_customer_service_message),
		DELIVER_CASE(only_the_groups_own_late_replies_are_sent),
		DELIVER_CASE(a_late_reply_that_no_message_can_say_is_told_and_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
