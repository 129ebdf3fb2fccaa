#include "tools/weixin-sim/admin/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/banned.h"

static const struct json_limits limits = {.max_bytes = (size_t)1 << 20, .max_depth = 8};

static void add(struct record *r, const char *what, const char *id)
{
	struct json *entry = json_new_object();

	json_set_str(entry, "id", id);
	record_add(r, what, entry);
	json_free(&entry);
}

static struct json *since(struct record *r, uint64_t n, const char *what)
{
	struct buf out = BUF_INIT((size_t)1 << 20);
	struct json *j = NULL;

	record_write(r, n, what, 0, &out);
	assert_int_equal(json_parse(buf_cstr(&out), out.len, &limits, &j, NULL), 0);
	buf_release(&out);
	return j;
}

static void record_gives_entries_above_a_number_in_their_order(void **state)
{
	struct record r;
	struct json *j;

	(void)state;
	record_init(&r, 10);
	add(&r, "push", "a");
	add(&r, "api", "b");
	add(&r, "push", "c");
	j = since(&r, 1, NULL);
	assert_int_equal(json_len(json_get(j, "entries")), 2);
	assert_string_equal(json_get_str(json_at(json_get(j, "entries"), 0), "id"), "b");
	json_free(&j);
	j = since(&r, 0, "push");
	assert_int_equal(json_len(json_get(j, "entries")), 2);
	assert_string_equal(json_get_str(json_at(json_get(j, "entries"), 1), "id"), "c");
	json_free(&j);
	record_release(&r);
}

static void record_drops_the_oldest_and_says_so(void **state)
{
	struct record r;
	struct json *j;
	int64_t n;

	(void)state;
	record_init(&r, 2);
	add(&r, "push", "a");
	add(&r, "push", "b");
	add(&r, "push", "c");
	j = since(&r, 0, NULL);
	assert_int_equal(json_get_int(j, "dropped", &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(json_len(json_get(j, "entries")), 2);
	assert_string_equal(json_get_str(json_at(json_get(j, "entries"), 0), "id"), "b");
	json_free(&j);
	record_forget(&r);
	add(&r, "push", "d");
	j = since(&r, 0, NULL);
	assert_int_equal(json_get_int(j, "next", &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(json_len(json_get(j, "entries")), 1);
	json_free(&j);
	record_release(&r);
}

static void an_entry_is_found_by_a_text_in_one_of_its_members(void **state)
{
	struct json *entry = json_new_object(), *found = NULL;
	struct record r;
	int64_t n = 0;

	(void)state;
	record_init(&r, 10);
	json_set_str(entry, "answer", "rid: 1-2");
	json_set_int(entry, "which", 1);
	record_add(&r, "api", entry);
	json_set_int(entry, "which", 2);
	record_add(&r, "api", entry);
	assert_int_equal(record_find(&r, "api", "answer", "rid: 1-2", &found), 0);
	assert_int_equal(json_get_int(found, "which", &n), 0);
	assert_int_equal(n, 1);
	json_free(&found);
	assert_int_equal(record_find(&r, "api", "body", "rid: 1-2", &found), -1);
	assert_int_equal(record_find(&r, "push", "answer", "rid: 1-2", &found), -1);
	assert_int_equal(record_find(&r, "api", "answer", "rid: 1-3", &found), -1);
	json_free(&entry);
	record_release(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_is_found_by_a_text_in_one_of_its_members),
		cmocka_unit_test(record_gives_entries_above_a_number_in_their_order),
		cmocka_unit_test(record_drops_the_oldest_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
