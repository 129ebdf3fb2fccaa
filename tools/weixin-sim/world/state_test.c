#include "tools/weixin-sim/world/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/banned.h"

#define T0 INT64_C(1763640000000)

static struct state s;
static struct platform *p;
static struct account *a;
static const struct func_ids ids = {{1, 2, 3}, 3};

static int set_up(void **state)
{
	const struct rules rules = {.token_life_ms = 7200000,
		.token_overlap_ms = 300000,
		.code_life_ms = 3600000,
		.ticket_life_ms = 43200000,
		.preauth_life_ms = 600000,
		.allowance = {.message_count = 5,
			.message_ms = 172800000,
			.action_count = 3,
			.session_count = 2,
			.action_ms = 60000}};

	(void)state;
	state_init(&s, &rules);
	p = state_put_platform(&s, "wxcomponent");
	a = state_put_account(&s, "wxaccount");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	state_release(&s);
	return 0;
}

static int check(const char *token, int64_t at_ms)
{
	const struct token_info *info;

	return tokens_check(&s.tokens, token, at_ms, &info);
}

/* Authorizes at `at_ms`, exchanges the code, and answers the account's token. */
static const char *authorize(int64_t at_ms, struct authorization **auth)
{
	const struct code *c = state_authorize(&s, p, a, &ids, -1, at_ms);

	assert_int_equal(state_exchange(&s, p, c->value, at_ms, auth), 0);
	return tokens_current(&(*auth)->tokens, at_ms)->value;
}

static void a_token_works_for_its_life_and_is_then_expired(void **state)
{
	struct authorization *auth;
	const char *token = authorize(T0, &auth);

	(void)state;
	assert_int_equal(check(token, T0 + 7199999), 0);
	assert_int_equal(check(token, T0 + 7200000), 42001);
	assert_int_equal(check("unknown", T0), 40001);
}

static void the_old_token_works_five_minutes_after_a_refresh(void **state)
{
	struct authorization *auth;
	const char *old = authorize(T0, &auth), *new;

	(void)state;
	assert_int_equal(state_refresh(&s, p, "wxaccount", auth->refresh_token, T0 + 1000, &auth), 0);
	new = tokens_current(&auth->tokens, T0 + 1000)->value;
	assert_string_not_equal(old, new);
	assert_int_equal(check(old, T0 + 300999), 0);
	assert_int_equal(check(old, T0 + 301000), 40001);
	assert_int_equal(check(new, T0 + 301000), 0);
}

static void a_refresh_late_in_the_life_does_not_prolong_the_old_token(void **state)
{
	struct authorization *auth;
	const char *old = authorize(T0, &auth);

	(void)state;
	assert_int_equal(state_refresh(&s, p, "wxaccount", auth->refresh_token, T0 + 7100000, &auth), 0);
	assert_int_equal(check(old, T0 + 7200000), 42001);
}

static void a_new_authorization_ends_the_old_credentials_at_once(void **state)
{
	struct authorization *auth;
	const char *old = authorize(T0, &auth);
	char refresh[TOKEN_MAX];
	const struct code *c;

	(void)state;
	memcpy(refresh, auth->refresh_token, sizeof(refresh));
	c = state_authorize(&s, p, a, &ids, -1, T0 + 5);
	assert_int_equal(check(old, T0 + 5), 40001);
	assert_string_equal(auth->refresh_token, "");
	assert_int_equal(state_refresh(&s, p, "wxaccount", refresh, T0 + 6, &auth), 61023);
	assert_int_equal(state_refresh(&s, p, "wxaccount", "", T0 + 6, &auth), 61023);
	assert_int_equal(state_exchange(&s, p, c->value, T0 + 7, &auth), 0);
	assert_string_not_equal(auth->refresh_token, refresh);
}

static void a_code_is_exchanged_once_within_its_life(void **state)
{
	const struct code *c = state_authorize(&s, p, a, &ids, -1, T0);
	const struct code *late = state_authorize(&s, p, a, &ids, -1, T0);
	struct authorization *auth;

	(void)state;
	assert_int_equal(state_exchange(&s, p, c->value, T0, &auth), 0);
	assert_int_equal(state_exchange(&s, p, c->value, T0, &auth), 61009);
	assert_int_equal(state_exchange(&s, p, "queryauthcode@@@no", T0, &auth), 61009);
	assert_int_equal(state_exchange(&s, p, late->value, T0 + 3600000, &auth), 61010);
	assert_int_equal(
		state_exchange(&s, state_put_platform(&s, "wxother"), late->value, T0, &auth), 61009);
}

static void a_reusable_code_is_exchanged_again(void **state)
{
	const struct code *c = state_authorize(&s, p, a, &ids, 1, T0);
	struct authorization *auth;
	char refresh[TOKEN_MAX];

	(void)state;
	assert_int_equal(state_exchange(&s, p, c->value, T0, &auth), 0);
	memcpy(refresh, auth->refresh_token, sizeof(refresh));
	assert_int_equal(state_exchange(&s, p, c->value, T0 + 1, &auth), 0);
	assert_string_equal(auth->refresh_token, refresh);
}

static void an_ended_authorization_answers_61003(void **state)
{
	struct authorization *auth;
	const char *token = authorize(T0, &auth);
	const struct code *c = state_authorize(&s, p, a, &ids, -1, T0);

	(void)state;
	state_unauthorize(auth, T0 + 1);
	assert_int_equal(check(token, T0 + 1), 40001);
	assert_int_equal(state_exchange(&s, p, c->value, T0 + 1, &auth), 61003);
	assert_int_equal(state_refresh(&s, p, "wxaccount", "any", T0 + 1, &auth), 61003);
	assert_int_equal(state_refresh(&s, p, "wxunknown", "any", T0 + 1, &auth), 61003);
}

static void a_rotated_refresh_token_works_through_the_overlap(void **state)
{
	struct authorization *auth;
	char old[TOKEN_MAX];

	(void)state;
	s.rules.refresh_token_rotates = true;
	authorize(T0, &auth);
	memcpy(old, auth->refresh_token, sizeof(old));
	assert_int_equal(state_refresh(&s, p, "wxaccount", old, T0, &auth), 0);
	assert_string_not_equal(auth->refresh_token, old);
	assert_int_equal(state_refresh(&s, p, "wxaccount", old, T0 + 300000, &auth), 61023);
}

static void a_ticket_lives_twelve_hours_and_only_for_its_platform(void **state)
{
	const char *ticket = state_new_ticket(p, false, T0);
	struct platform *other = state_put_platform(&s, "wxother");

	(void)state;
	assert_int_equal(state_check_ticket(&s, p, ticket, T0 + 43199999), 0);
	assert_int_equal(state_check_ticket(&s, p, ticket, T0 + 43200000), 61005);
	assert_int_equal(state_check_ticket(&s, p, "", T0), 61006);
	assert_int_equal(state_check_ticket(&s, other, ticket, T0), 61006);
	assert_string_equal(state_new_ticket(p, true, T0 + 1), ticket);
	assert_string_not_equal(state_new_ticket(p, false, T0 + 2), state_new_ticket(other, false, T0));
}

static void a_message_opens_five_sends_in_48_hours(void **state)
{
	struct fan *f = state_put_fan(a, "oFan");

	(void)state;
	assert_int_equal(fan_take(f, T0), 45015);
	fan_acts(f, &s.rules.allowance, NULL, T0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(fan_take(f, T0 + 1000), 0);
	assert_int_equal(fan_take(f, T0 + 1000), 45047);
	fan_acts(f, &s.rules.allowance, NULL, T0);
	assert_int_equal(fan_take(f, T0 + 172800000), 45015);
}

static void a_click_opens_three_sends_in_a_minute_that_do_not_add_up(void **state)
{
	struct fan *f = state_put_fan(a, "oFan");

	(void)state;
	fan_acts(f, &s.rules.allowance, "VIEW", T0);
	assert_int_equal(fan_take(f, T0), 45015);
	fan_acts(f, &s.rules.allowance, "click", T0);
	assert_int_equal(fan_left(f, T0), 3);
	fan_acts(f, &s.rules.allowance, NULL, T0);
	assert_int_equal(fan_left(f, T0), 5);
	fan_take(f, T0);
	assert_int_equal(fan_left(f, T0), 4);
	assert_int_equal(f->action.left, 2);
	fan_acts(f, &s.rules.allowance, "unsubscribe", T0);
	assert_false(f->subscribed);
}

static void a_fan_keeps_the_latest_messages(void **state)
{
	struct fan *f = state_put_fan(a, "oFan");

	(void)state;
	for (int i = 0; i < FAN_MESSAGES_MAX + 1; i++)
		fan_receive(f, i == 0 ? "first" : "later");
	assert_null(fan_message(f, 0));
	assert_string_equal(fan_message(f, 1), "later");
	assert_string_equal(fan_message(f, FAN_MESSAGES_MAX), "later");
	assert_null(fan_message(f, FAN_MESSAGES_MAX + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_token_works_for_its_life_and_is_then_expired, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_old_token_works_five_minutes_after_a_refresh, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_refresh_late_in_the_life_does_not_prolong_the_old_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_new_authorization_ends_the_old_credentials_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_code_is_exchanged_once_within_its_life, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reusable_code_is_exchanged_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_ended_authorization_answers_61003, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_rotated_refresh_token_works_through_the_overlap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_ticket_lives_twelve_hours_and_only_for_its_platform, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_message_opens_five_sends_in_48_hours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_click_opens_three_sends_in_a_minute_that_do_not_add_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_fan_keeps_the_latest_messages, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
