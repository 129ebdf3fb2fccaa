#include "common/base/buf.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

static void buf_empty_reads_as_an_empty_text(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	assert_string_equal(buf_cstr(&b), "");
	buf_release(&b);
}

static void buf_grows_to_its_cap_exactly(void **state)
{
	struct buf b = BUF_INIT(1000);
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		buf_add_char(&b, 'x');
	assert_int_equal(b.len, 1000);
	assert_int_equal(b.overflow, 0);
	assert_int_equal(strlen(buf_cstr(&b)), 1000);
	buf_release(&b);
}

static void buf_past_its_cap_keeps_what_it_had_and_says_so(void **state)
{
	struct buf b = BUF_INIT(8);

	(void)state;
	buf_add_str(&b, "12345");
	buf_add_str(&b, "6789");
	assert_int_equal(b.overflow, 1);
	assert_string_equal(buf_cstr(&b), "12345");
	/* nothing is written behind a hole */
	buf_add_str(&b, "6");
	assert_string_equal(buf_cstr(&b), "12345");
	assert_null(buf_reserve(&b, 1));
	buf_reset(&b);
	buf_add_str(&b, "12345678");
	assert_int_equal(b.overflow, 0);
	assert_string_equal(buf_cstr(&b), "12345678");
	buf_release(&b);
}

static void buf_addf_formats_to_the_cap_and_not_past_it(void **state)
{
	struct buf b = BUF_INIT(6);

	(void)state;
	buf_addf(&b, "%s=%d", "a", 12);
	assert_string_equal(buf_cstr(&b), "a=12");
	buf_addf(&b, "%d", 34);
	assert_string_equal(buf_cstr(&b), "a=1234");
	buf_addf(&b, "%d", 5);
	assert_int_equal(b.overflow, 1);
	buf_release(&b);
}

static void buf_reserved_room_is_claimed_as_far_as_used(void **state)
{
	struct buf b = BUF_INIT(100);
	char *room;

	(void)state;
	room = buf_reserve(&b, 100);
	assert_non_null(room);
	memset(room, 'y', 3);
	buf_grown(&b, 3);
	assert_string_equal(buf_cstr(&b), "yyy");
	assert_null(buf_reserve(&b, 98));
	buf_release(&b);
	assert_non_null(buf_reserve(&b, 0));
	buf_release(&b);
}

static void buf_holds_nul_bytes(void **state)
{
	struct buf b = BUF_INIT(10);

	(void)state;
	buf_add(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	buf_release(&b);
}

static void buf_detach_gives_the_text_away(void **state)
{
	struct buf b = BUF_INIT(10);
	char *text;

	(void)state;
	buf_add_str(&b, "mine");
	text = buf_detach(&b);
	assert_string_equal(text, "mine");
	assert_null(b.data);
	free(text);
	text = buf_detach(&b);
	assert_string_equal(text, "");
	free(text);
	buf_add_str(&b, "again");
	assert_string_equal(buf_cstr(&b), "again");
	buf_wipe_release(&b);
	assert_int_equal(b.len, 0);
	assert_int_equal(b.cap, 10);
	buf_wipe_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(buf_empty_reads_as_an_empty_text),
		TESTING_CASE(buf_grows_to_its_cap_exactly),
		TESTING_CASE(buf_past_its_cap_keeps_what_it_had_and_says_so),
		TESTING_CASE(buf_addf_formats_to_the_cap_and_not_past_it),
		TESTING_CASE(buf_reserved_room_is_claimed_as_far_as_used),
		TESTING_CASE(buf_holds_nul_bytes),
		TESTING_CASE(buf_detach_gives_the_text_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
