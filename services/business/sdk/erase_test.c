/* Fans who are to be forgotten, and the marks of them. */
#include "services/business/sdk/deliver_kit.h"

#include <string.h>

#include "common/base/banned.h"

static int erased;

static int erase(const struct erasure *who, struct pg *pg, void *arg, struct err *err)
{
	(void)err;
	assert_ptr_equal(arg, &kit);
	assert_null(pg);
	assert_string_equal(who->openid, "oFan");
	assert_int_equal(who->before_ms, NOW_MS);
	erased++;
	return 0;
}

static bool deliver_erasure(void)
{
	const struct envelope e = {.id = OTHER,
		.type = ERASURE_TYPE,
		.component_appid = "wxc",
		.appid = "wxa",
		.subject = "oFan"};

	return deliver_value(&e, "{\"component_appid\":\"wxc\",\"appid\":\"wxa\",\"openid\":\"oFan\","
				 "\"before\":\"2025-10-09T08:53:20.000Z\"}");
}

static void a_fan_who_is_to_be_forgotten_is_erased_and_his_older_events_are_not_handled(void **state)
{
	struct business_def forgetful = hello;
	struct envelope e = asked_event();

	(void)state;
	forgetful.erase = erase;
	deliver_as(&forgetful);
	erased = 0;
	assert_true(deliver_erasure());
	assert_int_equal(erased, 1);
	assert_true(deliver(&e)); /* not older */
	assert_int_equal(kit.handled, 1);
	e.id = OTHER;
	e.time_ms = NOW_MS - 1000;
	become_another_process();
	assert_true(deliver(&e));
	assert_int_equal(kit.handled, 1);
	assert_int_equal(kit.n, 2); /* whoever waits is told so */
	e.subject = "oOther";
	assert_true(deliver(&e));
	assert_int_equal(kit.handled, 2);
}

static void a_mark_is_kept_for_thirty_days(void **state)
{
	(void)state;
	marks_note(kit.b.marks, "wxa", "oFan", NOW_MS, NOW_MS);
	assert_true(marks_cover(kit.b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS + 29 * 86400000LL));
	assert_false(marks_cover(kit.b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS + 30 * 86400000LL));
	assert_false(marks_cover(kit.b.marks, "wxa", "oFan", NOW_MS, NOW_MS));
	assert_false(marks_cover(kit.b.marks, "wxb", "oFan", NOW_MS - 1, NOW_MS));
	marks_note(kit.b.marks, "wxa", "oFan", NOW_MS - 5000, NOW_MS); /* an older one takes nothing back */
	assert_true(marks_cover(kit.b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS));
}

static void every_process_reads_the_marks_from_the_notices(void **state)
{
	static const char value[] = "{\"component_appid\":\"wxc\",\"appid\":\"wxa\",\"openid\":\"oFan\","
				    "\"before\":\"2025-10-09T08:53:20.000Z\"}";
	const struct kafka_header type = {"ce_type", ERASURE_TYPE, strlen(ERASURE_TYPE)};
	struct kafka_record r = {.topic = "wx.platform-notices",
		.timestamp_ms = NOW_MS,
		.value = value,
		.value_len = strlen(value)};

	(void)state;
	sdk_read_notice(&kit.b, &r); /* of another type */
	assert_false(marks_cover(kit.b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS));
	r.headers = &type;
	r.n_headers = 1;
	sdk_read_notice(&kit.b, &r);
	assert_true(marks_cover(kit.b.marks, "wxa", "oFan", NOW_MS - 1, NOW_MS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DELIVER_CASE(a_fan_who_is_to_be_forgotten_is_erased_and_his_older_events_are_not_handled),
		DELIVER_CASE(a_mark_is_kept_for_thirty_days),
		DELIVER_CASE(every_process_reads_the_marks_from_the_notices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
