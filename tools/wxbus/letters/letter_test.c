#include "tools/wxbus/letters/letter.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

#define H(name, value)                                                                                       \
	{                                                                                                    \
		name, value, sizeof(value) - 1                                                               \
	}

static const struct kafka_header headers[] = {
	H("ce_specversion", "1.0"),
	H("ce_id", "0123456789abcdef0123456789abcdef"),
	H("ce_type", "weixin.message.text"),
	H("ce_source", "/platforms/wxc/accounts/wxa"),
	H("ce_componentappid", "wxc"),
	H("ce_appid", "wxa"),
	H("ce_subject", "oMgHVjngRipVsoxg6TuX3vz6glDg"),
	H("content-type", "application/json"),
	H(ORIGIN_TOPIC, "wx.messages"),
	H(ORIGIN_PARTITION, "5"),
	H(ORIGIN_OFFSET, "1234"),
	H(ORIGIN_TIME, "2026-11-20T08:00:00.000Z"),
	H(ORIGIN_ATTEMPTS, "4"),
	H(ORIGIN_FIRST, "2026-11-20T08:00:01.000Z"),
	H(ORIGIN_DEAD, "2026-11-20T09:00:00.000Z"),
	H(ORIGIN_REASON, "no such price"),
	H(ORIGIN_CLASS, "reject"),
	H(ORIGIN_VERSION, "1.2.3"),
	H(ORIGIN_RUN, "r1"),
	H(ORIGIN_REDRIVES, "2"),
	H(ORIGIN_LETTER, "3/9/1"),
};
#define N_HEADERS (sizeof(headers) / sizeof(headers[0]))

static const struct kafka_record record = {
	.topic = "wx.shop.dead-letter",
	.partition = 3,
	.offset = 17,
	.timestamp_ms = 1763629200000,
	.key = "wxa/oFan",
	.key_len = 8,
	.value = "{\"MsgType\":\"text\",\"Content\":\"secret\"}",
	.value_len = 37,
	.headers = headers,
	.n_headers = N_HEADERS,
};

static const char *value_of(const struct kafka_record *r, const char *name, struct arena *arena)
{
	const struct kafka_header *h = NULL;

	for (size_t i = 0; i < r->n_headers; i++) {
		if (strcmp(r->headers[i].name, name) == 0) {
			assert_null(h); /* once */
			h = &r->headers[i];
		}
	}
	return h ? arena_strndup(arena, h->value, h->value_len) : NULL;
}

static void a_letter_tells_why_and_how_often(void **state)
{
	struct arena arena = ARENA_INIT;
	struct letter l, copy;

	(void)state;
	letter_read(&record, &arena, &l);
	letter_copy(&l, &arena, &copy);
	assert_string_equal(copy.reason, "no such price");
	assert_string_equal(copy.error_class, "reject");
	assert_string_equal(copy.version, "1.2.3");
	assert_string_equal(copy.envelope.appid, "wxa");
	assert_int_equal(copy.origin.attempts, 4);
	assert_int_equal(copy.redrives, 2);
	assert_int_equal(copy.record.offset, 17);
	assert_ptr_not_equal(copy.record.value, record.value);
	assert_memory_equal(copy.record.value, record.value, record.value_len);
	assert_true(letter_bytes(&l) > record.value_len);
	arena_release(&arena);
}

static void what_is_no_event_is_a_letter_too(void **state)
{
	static const struct kafka_header few[] = {H(ORIGIN_CLASS, "malformed")};
	struct kafka_record r = {.topic = "t", .headers = few, .n_headers = 1};
	struct letter_filter class = {.error_class = "malformed"}, type = {.event = {.type = "weixin.*"}};
	struct arena arena = ARENA_INIT;
	struct letter l;
	struct json *j;

	(void)state;
	letter_read(&r, &arena, &l);
	assert_true(letter_wanted(&class, &l));
	assert_false(letter_wanted(&type, &l));
	j = letter_json(&l, false, true);
	assert_null(json_get_str(j, "type"));
	json_free(&j);
	arena_release(&arena);
}

static bool wanted(const struct letter *l, struct letter_filter f)
{
	return letter_wanted(&f, l);
}

static void each_part_of_a_filter_must_fit(void **state)
{
	struct arena arena = ARENA_INIT;
	struct letter l;

	(void)state;
	letter_read(&record, &arena, &l);
	assert_true(wanted(&l, (struct letter_filter){.n_places = 0}));
	assert_true(wanted(&l, (struct letter_filter){.error_class = "reject", .reason = "no such *"}));
	assert_false(wanted(&l, (struct letter_filter){.error_class = "retry"}));
	assert_false(wanted(&l, (struct letter_filter){.reason = "no such"}));
	assert_false(wanted(&l, (struct letter_filter){.event = {.appid = "wxb"}}));
	assert_false(wanted(&l, (struct letter_filter){.event = {.until_ms = record.timestamp_ms}}));
	assert_true(wanted(&l, (struct letter_filter){.places = {{1, 17}, {3, 17}}, .n_places = 2}));
	assert_false(wanted(&l, (struct letter_filter){.places = {{3, 16}}, .n_places = 1}));
	arena_release(&arena);
}

static void a_letter_is_named_by_its_place(void **state)
{
	char name[LETTER_NAME_SIZE];
	struct letter_place p;

	(void)state;
	assert_true(letter_place_parse("3/17", &p));
	assert_int_equal(p.partition, 3);
	assert_int_equal(p.offset, 17);
	assert_false(letter_place_parse("3", &p));
	assert_false(letter_place_parse("3/", &p));
	assert_false(letter_place_parse("/3", &p));
	assert_false(letter_place_parse("-1/3", &p));
	assert_false(letter_place_parse("3/17/1", &p));
	letter_name(&record, name);
	assert_string_equal(name, "3/17/1763629200000");
}

static void a_redriven_letter_is_the_event_with_its_attempts_counted_anew(void **state)
{
	struct arena arena = ARENA_INIT;
	struct origin origin;
	struct kafka_record r;
	struct letter l;

	(void)state;
	letter_read(&record, &arena, &l);
	letter_redriven(&l, "wx.shop.replay", record.timestamp_ms + 5000, &arena, &r);
	assert_string_equal(r.topic, "wx.shop.replay");
	assert_int_equal(r.partition, -1);
	assert_int_equal(r.timestamp_ms, record.timestamp_ms + 5000);
	assert_ptr_equal(r.value, record.value);
	assert_ptr_equal(r.key, record.key);
	assert_string_equal(value_of(&r, ORIGIN_REDRIVES, &arena), "3");
	assert_string_equal(value_of(&r, ORIGIN_LETTER, &arena), "3/17/1763629200000");
	assert_string_equal(value_of(&r, "ce_id", &arena), "0123456789abcdef0123456789abcdef");
	assert_null(value_of(&r, ORIGIN_REASON, &arena));
	assert_null(value_of(&r, ORIGIN_CLASS, &arena));
	assert_null(value_of(&r, ORIGIN_DEAD, &arena));
	origin_read(&r, &arena, &origin);
	assert_true(origin.handed_over);
	assert_int_equal(origin.attempts, 0);
	assert_int_equal(origin.due_ms, record.timestamp_ms);
	assert_string_equal(origin.topic, "wx.messages");
	assert_string_equal(origin.offset, "1234");
	assert_string_equal(origin.run, "r1");
	assert_true(origin.effects);
	arena_release(&arena);
}

static void a_letter_is_shown_without_whom_it_is_about(void **state)
{
	struct arena arena = ARENA_INIT;
	struct letter l;
	struct json *j;

	(void)state;
	letter_read(&record, &arena, &l);
	j = letter_json(&l, false, true);
	assert_string_equal(json_get_str(j, "letter"), "3/17");
	assert_string_equal(json_get_str(j, "openid"), "***glDg");
	assert_string_equal(json_get_str(json_get(j, "fields"), "Content"), "*** (6)");
	assert_string_equal(json_get_str(json_get(j, "origin"), "topic"), "wx.messages");
	json_free(&j);
	j = letter_json(&l, true, true);
	assert_string_equal(json_get_str(j, "openid"), "oMgHVjngRipVsoxg6TuX3vz6glDg");
	assert_string_equal(json_get_str(json_get(j, "fields"), "Content"), "secret");
	json_free(&j);
	j = letter_json(&l, false, false);
	assert_null(json_get(j, "fields"));
	json_free(&j);
	arena_release(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_letter_tells_why_and_how_often),
		TESTING_CASE(what_is_no_event_is_a_letter_too),
		TESTING_CASE(each_part_of_a_filter_must_fit),
		TESTING_CASE(a_letter_is_named_by_its_place),
		TESTING_CASE(a_redriven_letter_is_the_event_with_its_attempts_counted_anew),
		TESTING_CASE(a_letter_is_shown_without_whom_it_is_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
