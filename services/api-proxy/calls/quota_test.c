#include "services/api-proxy/calls/quota.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include "common/base/banned.h"

#define SEND "/cgi-bin/message/custom/send"
#define MENU "/cgi-bin/menu/get"

static int64_t at(const char *time)
{
	int64_t ms;

	assert_int_equal(clock_rfc3339_parse(time, &ms), 0);
	return ms;
}

/* Until when `path` is closed after this errcode at this time; 0: it is not. */
static int64_t learned(const char *path, int64_t errcode, const char *now)
{
	struct quota *q = quota_new();
	struct quota_block block = {0, 0};
	const struct api_row *row = api_find_path(path);

	quota_learn(q, "wxc", "wxa", row, path, errcode, at(now));
	if (quota_used_up(q, "wxc", "wxa", row, path, at(now), &block))
		assert_int_equal(block.errcode, errcode);
	quota_free(&q);
	return block.until_wall_ms;
}

static void a_days_number_is_back_at_midnight_in_beijing(void **state)
{
	(void)state;
	assert_int_equal(learned(MENU, 45009, "2026-11-20T08:00:00Z"), at("2026-11-20T16:00:00Z"));
	assert_int_equal(learned(MENU, 45009, "2026-11-20T15:59:59Z"), at("2026-11-20T16:00:00Z"));
	assert_int_equal(learned(MENU, 45009, "2026-11-20T16:00:00Z"), at("2026-11-21T16:00:00Z"));
	assert_int_equal(
		learned("/cgi-bin/not/listed", 45104, "2026-11-20T08:00:00Z"), at("2026-11-20T16:00:00Z"));
}

static void a_minutes_number_is_back_with_the_next_minute(void **state)
{
	(void)state;
	assert_int_equal(learned(MENU, 45011, "2026-11-20T08:00:59.999Z"), at("2026-11-20T08:01:00Z"));
	assert_int_equal(
		learned("/wxa/getwxacodeunlimit", 45009, "2026-11-20T08:00:01Z"), at("2026-11-20T08:01:00Z"));
}

static void what_speaks_of_one_person_or_message_closes_nothing(void **state)
{
	static const int64_t others[] = {0, -1, 40001, 45015, 45047, 45066, 61039, 91030, 48001};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(learned(SEND, others[i], "2026-11-20T08:00:00Z"), 0);
	assert_int_equal(learned("/sns/component/jscode2session", 45011, "2026-11-20T08:00:00Z"), 0);
}

static void a_number_belongs_to_one_account_and_the_apis_that_share_it(void **state)
{
	const struct api_row *send = api_find_path(SEND);
	const struct api_row *business = api_find_path("/cgi-bin/message/custom/business/send");
	int64_t now = at("2026-11-20T08:00:00Z");
	struct quota *q = quota_new();
	struct quota_block block;

	(void)state;
	quota_learn(q, "wxc", "wxa", send, SEND, 45009, now);
	quota_learn(q, "wxc", "wxa", send, SEND, 45011, now);
	assert_true(quota_used_up(q, "wxc", "wxa", business, business->path, now, &block));
	assert_int_equal(block.errcode, 45009);
	assert_false(quota_used_up(q, "wxc", "wxa", api_find_path(MENU), MENU, now, &block));
	assert_false(quota_used_up(q, "wxc", "wxb", send, SEND, now, &block));
	assert_false(quota_used_up(q, "wxd", "wxa", send, SEND, now, &block));
	assert_false(quota_used_up(q, "wxc", "wxa", send, SEND, at("2026-11-20T16:00:00Z"), &block));
	quota_clear(q, "wxc", "wxb");
	assert_true(quota_used_up(q, "wxc", "wxa", send, SEND, now, &block));
	quota_clear(q, "wxc", "wxa");
	assert_false(quota_used_up(q, "wxc", "wxa", send, SEND, now, &block));
	quota_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_days_number_is_back_at_midnight_in_beijing),
		TESTING_CASE(a_minutes_number_is_back_with_the_next_minute),
		TESTING_CASE(what_speaks_of_one_person_or_message_closes_nothing),
		TESTING_CASE(a_number_belongs_to_one_account_and_the_apis_that_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
