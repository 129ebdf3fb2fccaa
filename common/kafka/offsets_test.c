#include "common/kafka/offsets.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include "common/base/banned.h"

static struct offset_ticket add(struct offsets *o, int32_t partition, int64_t offset)
{
	struct offset_ticket t;

	assert_true(offsets_add(o, partition,
		&(struct offset_record){.offset = offset,
			.bytes = 10,
			.since_ms = 1000 + offset,
			.patient = offset / 2 % 2 == 1},
		&t));
	assert_true(offsets_begin(o, &t));
	return t;
}

static void only_the_contiguous_run_is_stored(void **state)
{
	struct offsets *o = offsets_new();
	struct offset_ticket t[4];
	int64_t offset = 0;
	int i;

	(void)state;
	offsets_open(o, 3);
	for (i = 0; i < 4; i++)
		t[i] = add(o, 3, 10 + i * 2); /* gaps, as transactions leave them */
	offsets_end(o, &t[1], true);
	offsets_end(o, &t[2], true);
	assert_false(offsets_advanced(o, 3, &offset));
	assert_int_equal(offsets_load(o, 3).pending, 2);
	assert_int_equal(offsets_load(o, 3).patient, 1); /* of 10 and 14 the first */
	assert_int_equal(offsets_load(o, 3).bytes, 20);
	assert_int_equal(offsets_load(o, 3).span, 4);
	offsets_end(o, &t[0], true);
	assert_true(offsets_advanced(o, 3, &offset));
	assert_int_equal(offset, 14);
	assert_false(offsets_advanced(o, 3, &offset));
	offsets_end(o, &t[3], false);
	assert_false(offsets_advanced(o, 3, &offset));
	assert_int_equal(offsets_load(o, 3).pending, 1);
	assert_int_equal(offsets_load(o, 3).patient, 0);
	assert_int_equal(offsets_load(o, 3).bytes, 10);
	assert_int_equal(offsets_load(o, 3).span, 1);
	offsets_free(&o);
}

static void thousands_of_records_end_in_any_order(void **state)
{
	enum { N = 3000 };
	static struct offset_ticket t[N];
	struct offsets *o = offsets_new();
	int64_t offset = -1;
	int i;

	(void)state;
	offsets_open(o, 0);
	for (i = 0; i < N; i++) {
		t[i] = add(o, 0, i);
		if (i >= 100)
			offsets_end(o, &t[i - 100], true);
		offsets_advanced(o, 0, &offset);
	}
	for (i = N - 1; i >= N - 100; i--)
		offsets_end(o, &t[i], true);
	assert_true(offsets_advanced(o, 0, &offset));
	assert_int_equal(offset, N - 1);
	assert_int_equal(offsets_load(o, 0).pending, 0);
	assert_int_equal(offsets_load(o, 0).bytes, 0);
	offsets_free(&o);
}

static void a_closed_partition_begins_nothing_and_keeps_what_ended(void **state)
{
	struct offsets *o = offsets_new();
	struct offset_ticket running, waiting;
	int64_t offset = 0, before;

	(void)state;
	offsets_open(o, 1);
	running = add(o, 1, 5);
	assert_true(offsets_add(o, 1, &(struct offset_record){.offset = 6, .bytes = 10}, &waiting));
	before = clock_mono_ms();
	offsets_close(o, 1, 30);
	assert_true(clock_mono_ms() - before >= 25);
	assert_false(offsets_current(o, &running));
	assert_false(offsets_begin(o, &waiting));
	offsets_end(o, &running, true);
	assert_true(offsets_advanced(o, 1, &offset));
	assert_int_equal(offset, 5);
	assert_false(offsets_add(o, 1, &(struct offset_record){.offset = 7, .bytes = 10}, &waiting));
	offsets_free(&o);
}

static void tickets_of_an_earlier_generation_count_for_nothing(void **state)
{
	struct offsets *o = offsets_new();
	struct offset_ticket old, now;
	int64_t offset = 0;

	(void)state;
	offsets_open(o, 1);
	old = add(o, 1, 5);
	offsets_close(o, 1, 0);
	offsets_open(o, 1);
	now = add(o, 1, 5);
	offsets_end(o, &old, true);
	assert_false(offsets_advanced(o, 1, &offset));
	assert_false(offsets_begin(o, &old));
	offsets_end(o, &now, true);
	assert_true(offsets_advanced(o, 1, &offset));
	offsets_free(&o);
}

static void the_oldest_is_the_first_unsettled_of_any_open_partition(void **state)
{
	struct offsets *o = offsets_new();
	struct offset_ticket first, second, other;
	int64_t since_ms = 0;

	(void)state;
	offsets_open(o, 1);
	offsets_open(o, 2);
	assert_false(offsets_oldest(o, &since_ms));
	first = add(o, 1, 10);
	second = add(o, 1, 20);
	other = add(o, 2, 15);
	assert_true(offsets_oldest(o, &since_ms));
	assert_int_equal(since_ms, 1010);
	offsets_end(o, &second, true); /* behind the first: that one is still the oldest */
	assert_true(offsets_oldest(o, &since_ms));
	assert_int_equal(since_ms, 1010);
	offsets_end(o, &first, true);
	assert_true(offsets_oldest(o, &since_ms));
	assert_int_equal(since_ms, 1015);
	offsets_end(o, &other, false);
	offsets_close(o, 2, 0); /* another process's now */
	assert_false(offsets_oldest(o, &since_ms));
	offsets_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(only_the_contiguous_run_is_stored),
		TESTING_CASE(the_oldest_is_the_first_unsettled_of_any_open_partition),
		TESTING_CASE(thousands_of_records_end_in_any_order),
		TESTING_CASE(a_closed_partition_begins_nothing_and_keeps_what_ended),
		TESTING_CASE(tickets_of_an_earlier_generation_count_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
