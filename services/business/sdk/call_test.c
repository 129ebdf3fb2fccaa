/* Calls as they are written for api-proxy, and whom their results come to. */
#include "services/business/sdk/deliver_kit.h"

#include "proto/api_call.h"
#include "proto/trace.h"

#include <string.h>

#include "common/base/banned.h"

/* --- calls -----------------------------------------------------------------------------------------------
 */

static void a_call_is_a_signed_request_on_its_lane(void **state)
{
	struct api_request *request = NULL;
	struct envelope e = asked_event();

	(void)state;
	e.n_repliers = 0;
	kit.act = call_twice;
	assert_true(deliver(&e));
	assert_int_equal(kit.n, 2);
	check_signature(0);
	check_signature(1);
	assert_string_equal(kit.records[0].topic, "wx.api-requests");
	assert_string_equal(kit.records[0].key, "wxa/oFan");
	assert_string_equal(kit.records[1].key, "wxa/tags");
	assert_string_equal(written_header(0, "ce_priority"), "service");
	assert_string_equal(written_header(1, "ce_priority"), "marketing");
	assert_int_equal(
		api_request_parse(kit.records[0].value, kit.records[0].value_len, &request, NULL), 0);
	assert_string_equal(request->method, "POST");
	assert_string_equal(request->path, "/cgi-bin/message/custom/send");
	assert_string_equal(json_get_str(request->body, "touser"), "oFan");
	assert_false(request->idempotent);
	api_request_free(&request);
}

static void deliver_to_a_new_process(const char *id)
{
	struct envelope e = asked_event();

	e.id = id;
	e.n_repliers = 0;
	become_another_process();
	assert_true(deliver(&e));
}

static void a_calls_request_id_is_the_same_in_each_delivery(void **state)
{
	(void)state;
	kit.act = call_twice;
	deliver_to_a_new_process(ID);
	deliver_to_a_new_process(ID);
	deliver_to_a_new_process(OTHER);
	str_copy(kit.b.group, sizeof(kit.b.group), "hello.test");
	deliver_to_a_new_process(ID);
	assert_int_equal(kit.n, 8);
	assert_string_equal(written_header(0, "ce_id"), written_header(2, "ce_id"));
	assert_string_equal(written_header(1, "ce_id"), written_header(3, "ce_id"));
	assert_string_not_equal(written_header(0, "ce_id"), written_header(1, "ce_id")); /* by number */
	assert_string_not_equal(written_header(0, "ce_id"), written_header(4, "ce_id")); /* by event */
	assert_string_not_equal(written_header(0, "ce_id"), written_header(6, "ce_id")); /* by group */
}

static void call_twice_and_fail_once(struct event *e)
{
	call_twice(e);
	kit.settlement = kit.handled < 2 ? SETTLE_RETRY : SETTLE_DONE;
}

static void a_handler_that_runs_again_asks_for_the_same_calls(void **state)
{
	(void)state;
	kit.act = call_twice_and_fail_once;
	deliver_to_a_new_process(ID);
	assert_int_equal(kit.n, 4);
	assert_string_equal(written_header(0, "ce_id"), written_header(2, "ce_id"));
	assert_string_equal(written_header(1, "ce_id"), written_header(3, "ce_id"));
}

static void without_a_callers_key_a_call_is_refused(void **state)
{
	(void)state;
	kit.b.callers = NULL;
	kit.act = call_twice;
	deliver_to_a_new_process(ID);
	assert_int_equal(kit.rc, -1);
	assert_int_equal(kit.err.kind, ERR_REJECT);
	assert_int_equal(kit.n, 0);
}

/* --- results ---------------------------------------------------------------------------------------------
 */

static char asked_id[CALL_ID_MAX + 1];

static void ask_for_a_result(struct event *e)
{
	kit.rc = call_weixin(e,
		&(struct call){
			.method = "GET", .path = "/cgi-bin/tags/get", .then = "sent", .id_out = asked_id},
		&kit.err);
}

static void a_result_goes_to_the_handler_that_the_call_names(void **state)
{
	struct envelope result = {.type = "wxbus.api.result", .component_appid = "wxc", .appid = "wxa"};

	(void)state;
	kit.act = ask_for_a_result;
	assert_true(deliver_asked());
	assert_int_equal(kit.rc, 0);
	assert_string_equal(written_header(0, "ce_id"), asked_id);
	kit.act = NULL;
	kit.route = NULL;
	result.id = asked_id;
	assert_true(deliver_value(&result, "{\"outcome\":\"ok\"}"));
	assert_string_equal(kit.route, "wxbus.api.result.sent");
	result.id = OTHER; /* of a call that nobody waits for */
	kit.route = NULL;
	assert_true(deliver_value(&result, "{\"outcome\":\"ok\"}"));
	assert_null(kit.route);
}

static void name_nobody(struct event *e)
{
	kit.rc = call_weixin(e, &(struct call){.path = "/cgi-bin/tags/get", .then = "no name"}, &kit.err);
}

static void a_call_must_name_its_handler_rightly(void **state)
{
	(void)state;
	kit.act = name_nobody;
	assert_true(deliver_asked());
	assert_int_equal(kit.rc, -1);
	assert_int_equal(kit.err.kind, ERR_REJECT);
}

static void the_trace_goes_on_with_a_call(void **state)
{
	struct envelope e = asked_event();

	(void)state;
	e.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
	kit.act = call_twice;
	assert_true(deliver(&e));
	assert_memory_equal(written_header(0, "ce_traceparent"), e.traceparent, strlen("00-") + TRACE_ID_LEN);
	assert_string_not_equal(written_header(0, "ce_traceparent"), e.traceparent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DELIVER_CASE(a_call_is_a_signed_request_on_its_lane),
		DELIVER_CASE(a_calls_request_id_is_the_same_in_each_delivery),
		DELIVER_CASE(a_handler_that_runs_again_asks_for_the_same_calls),
		DELIVER_CASE(without_a_callers_key_a_call_is_refused),
		DELIVER_CASE(a_result_goes_to_the_handler_that_the_call_names),
		DELIVER_CASE(a_call_must_name_its_handler_rightly),
		DELIVER_CASE(the_trace_goes_on_with_a_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
