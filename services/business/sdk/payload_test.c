#include "common/testing/testing.h"

#include "common/base/str.h"
#include "services/business/sdk/payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static struct json *samples;
static struct arena arena;

static int setup(void **state)
{
	const struct json_limits limits = {.max_bytes = 1024 * 1024, .max_depth = 32};
	int rc = testing_setup(state);
	size_t len;
	char *text = testing_fixture("push-samples.json", &len);

	assert_int_equal(json_parse(text, len, &limits, &samples, NULL), 0);
	free(text);
	return rc;
}

static int teardown(void **state)
{
	json_free(&samples);
	arena_release(&arena);
	return testing_teardown(state);
}

static struct event sample(const char *type)
{
	const struct json *list = json_get(samples, "samples");

	for (size_t i = 0; i < json_len(list); i++)
		if (strcmp(json_get_str(json_at(list, i), "type"), type) == 0)
			return (struct event){.type = type,
				.fields = json_get(json_at(list, i), "fields"),
				.arena = &arena};
	fail_msg("no sample of %s", type);
	return (struct event){.type = type};
}

/* --- every documented member is somewhere
 * --------------------------------------------------------------------
 */

/* What is behind any type's rows. */
#define PATH(member, path)      path,
#define MAX_PATHS               16
#define ROWS(name, FIELDS, ...) {#name, {__VA_ARGS__}, {FIELDS(PATH, PATH, PATH, PATH)}},
static const struct {
	const char *name;
	const char *types[8];
	const char *paths[MAX_PATHS];
} rows[] = {PAYLOADS(ROWS)};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static size_t row_of(const char *type)
{
	for (size_t i = 0; i < N_ROWS; i++)
		for (size_t t = 0; t < 8 && rows[i].types[t]; t++)
			if (strcmp(rows[i].types[t], type) == 0)
				return i;
	return N_ROWS;
}

static bool is_of_every_push(const char *path)
{
	static const char *const common[] = {
		"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "MsgId"};

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		if (strcmp(common[i], path) == 0)
			return true;
	return false;
}

static bool is_covered(size_t row, const char *path)
{
	for (size_t i = 0; i < MAX_PATHS && rows[row].paths[i]; i++)
		if (strcmp(rows[row].paths[i], path) == 0)
			return true;
	return false;
}

/* A member, or all within it; how many there are of a list is known without being told. */
static void check_covered(const char *type, size_t row, const char *before, const struct json *object)
{
	const struct json *value;
	const char *name;
	size_t it = 0;

	while (json_next(object, &it, &name, &value)) {
		const char *path = arena_printf(&arena, "%s%s", before, name);

		if (is_of_every_push(path) || is_covered(row, path) || strcmp(name, "Count") == 0 ||
			strcmp(name, "count") == 0)
			continue;
		if (json_kind(value) != JSON_OBJECT)
			fail_msg("%s: %s is in no row of its payload", type, path);
		check_covered(type, row, arena_printf(&arena, "%s.", path), value);
	}
}

static void every_documented_push_has_a_payload_with_all_its_members(void **state)
{
	const struct json *list = json_get(samples, "samples");
	size_t checked = 0;

	(void)state;
	for (size_t i = 0; i < json_len(list); i++) {
		const char *type = json_get_str(json_at(list, i), "type") + strlen("weixin.");

		/* An unsubscription says nothing more than that. */
		if (str_starts_with(type, "platform.") || strcmp(type, "event.unsubscribe") == 0)
			continue;
		if (row_of(type) == N_ROWS)
			fail_msg("%s has no payload", type);
		check_covered(type, row_of(type), "", json_get(json_at(list, i), "fields"));
		checked++;
	}
	assert_true(checked > 40);
}

/* --- values
 * --------------------------------------------------------------------------------------------------
 */

static void a_view_holds_what_the_push_says(void **state)
{
	struct event e = sample("weixin.message.location");
	const struct place_payload *place = place_payload(&e);

	(void)state;
	assert_true(place->latitude > 23.1 && place->latitude < 23.2);
	assert_true(place->longitude > 113.3 && place->longitude < 113.4);
	assert_int_equal(place->scale, 20);
	assert_string_equal(place->label, event_str(&e, "Label"));

	e = sample("weixin.event.pic_weixin");
	const struct pictures_payload *pictures = pictures_payload(&e);
	assert_int_equal(pictures->count, json_len(pictures->list));
	assert_int_equal(pictures->count, 2);
	assert_non_null(json_get_str(json_at(pictures->list, 0), "PicMd5Sum"));

	e = sample("weixin.event.scancode_push");
	assert_string_equal(scan_code_payload(&e)->scan_type, "qrcode");
}

static void a_view_of_another_type_is_null(void **state)
{
	struct event e = sample("weixin.message.text");

	(void)state;
	assert_non_null(text_payload(&e));
	assert_null(image_payload(&e));
	e.type = "weixin.message.textual";
	assert_null(text_payload(&e));
	e.type = "message.text";
	assert_null(text_payload(&e));
}

static void what_is_absent_or_of_another_kind_is_empty(void **state)
{
	const struct json_limits limits = {.max_bytes = 1000, .max_depth = 8};
	static const char text[] =
		"{\"MsgID\":12345678901234567890,\"Status\":{},\"TotalCount\":7,\"SentCount\":\"x\","
		"\"ErrorCount\":\"3\",\"ArticleUrlResult\":\"none\",\"CopyrightCheckResult\":[]}";
	struct event e = {.type = "weixin.event.masssendjobfinish", .arena = &arena};
	struct json *fields = NULL;
	const struct mass_result_payload *m;

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &limits, &fields, NULL), 0);
	e.fields = fields;
	m = mass_result_payload(&e);
	assert_string_equal(m->msg_id, "12345678901234567890"); /* with the digits that were sent */
	assert_string_equal(m->status, "");
	assert_int_equal(m->total, 7);
	assert_int_equal(m->filtered, 0);
	assert_int_equal(m->sent, 0);
	assert_int_equal(m->errors, 3);
	assert_null(m->articles);
	assert_non_null(m->copyright);
	json_free(&fields);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_documented_push_has_a_payload_with_all_its_members),
		CASE(a_view_holds_what_the_push_says),
		CASE(a_view_of_another_type_is_null),
		CASE(what_is_absent_or_of_another_kind_is_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
