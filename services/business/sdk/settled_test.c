#include "common/testing/testing.h"

#include "common/base/clock.h"
#include "services/business/sdk/settled.h"

#include <stdio.h>

#define ID "0123456789abcdef0123456789abcdef"

static void a_settled_event_is_known_with_its_verdict(void **state)
{
	struct settled *s = settled_new();
	struct json *reply = json_new_object();
	struct settled_verdict v = {true, VERDICT_REPLY, reply}, again = {.given = false};

	(void)state;
	json_set_str(reply, "Content", "hi");
	assert_int_equal(settled_find(s, ID, &again), SETTLED_UNKNOWN);
	settled_add(s, ID, SETTLED_DONE, &v);
	assert_int_equal(settled_find(s, ID, &again), SETTLED_DONE);
	assert_true(again.given);
	assert_int_equal(again.verdict, VERDICT_REPLY);
	assert_string_equal(json_get_str(again.reply, "Content"), "hi");
	json_free(&again.reply);
	json_free(&reply);
	settled_free(&s);
}

static void the_newest_word_on_an_event_counts(void **state)
{
	struct settled_verdict none = {true, VERDICT_NONE, NULL}, empty = {true, VERDICT_EMPTY, NULL}, found;
	struct settled *s = settled_new();

	(void)state;
	settled_add(s, ID, SETTLED_HANDED_OVER, &none);
	assert_int_equal(settled_find(s, ID, &found), SETTLED_HANDED_OVER);
	settled_add(s, ID, SETTLED_DONE, &empty);
	assert_int_equal(settled_find(s, ID, &found), SETTLED_DONE);
	assert_int_equal(found.verdict, VERDICT_EMPTY);
	settled_free(&s);
}

static void a_settled_event_is_forgotten_after_ten_minutes(void **state)
{
	struct settled_verdict v = {.given = false};
	struct settled *s = settled_new();

	(void)state;
	clock_fake(1760000000000, 1000);
	settled_add(s, ID, SETTLED_DONE, &v);
	clock_fake_advance(SETTLED_KEEP_MS - 1);
	assert_int_equal(settled_find(s, ID, &v), SETTLED_DONE);
	assert_false(v.given);
	clock_fake_advance(1);
	assert_int_equal(settled_find(s, ID, &v), SETTLED_UNKNOWN);
	settled_free(&s);
}

static void an_event_settled_anew_is_kept_from_then_on(void **state)
{
	struct settled_verdict v = {.given = false};
	struct settled *s = settled_new();

	(void)state;
	clock_fake(1760000000000, 1000);
	settled_add(s, ID, SETTLED_HANDED_OVER, &v);
	clock_fake_advance(SETTLED_KEEP_MS - 1);
	settled_add(s, ID, SETTLED_DONE, &v);
	clock_fake_advance(SETTLED_KEEP_MS - 1);
	assert_int_equal(settled_find(s, ID, &v), SETTLED_DONE);
	clock_fake_advance(1);
	assert_int_equal(settled_find(s, ID, &v), SETTLED_UNKNOWN);
	settled_free(&s);
}

static void of_too_many_the_oldest_are_forgotten(void **state)
{
	struct settled_verdict v = {.given = false};
	struct settled *s = settled_new();
	char key[16];
	int found = 0;

	(void)state;
	for (int i = 0; i < SETTLED_MAX + 10; i++) {
		snprintf(key, sizeof(key), "event %d", i);
		settled_add(s, key, SETTLED_DONE, &v);
	}
	for (int i = 0; i < SETTLED_MAX + 10; i++) {
		snprintf(key, sizeof(key), "event %d", i);
		if (settled_find(s, key, &v) == SETTLED_DONE)
			found++;
		else
			assert_int_equal(found, 0);
	}
	assert_in_range(found, SETTLED_MAX - 1, SETTLED_MAX);
	settled_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_settled_event_is_known_with_its_verdict),
		TESTING_CASE(the_newest_word_on_an_event_counts),
		TESTING_CASE(a_settled_event_is_forgotten_after_ten_minutes),
		TESTING_CASE(an_event_settled_anew_is_kept_from_then_on),
		TESTING_CASE(of_too_many_the_oldest_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
