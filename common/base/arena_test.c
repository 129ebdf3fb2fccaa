#include "common/base/arena.h"
#include "common/testing/testing.h"

#include <stdalign.h>
#include <string.h>

static void arena_alloc_is_zeroed_and_aligned(void **state)
{
	struct arena a = ARENA_INIT;
	static const char zeros[64];
	int i;

	(void)state;
	for (i = 1; i < 64; i++) {
		char *p = arena_alloc(&a, (size_t)i);

		assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
		assert_memory_equal(p, zeros, (size_t)i);
		memset(p, 0xee, (size_t)i);
	}
	arena_release(&a);
}

static void arena_is_zeroed_again_after_reset(void **state)
{
	struct arena a = ARENA_INIT;
	static const char zeros[1000];

	(void)state;
	memset(arena_alloc(&a, 1000), 0xee, 1000);
	arena_reset(&a);
	assert_memory_equal(arena_alloc(&a, 1000), zeros, 1000);
	arena_release(&a);
}

static void arena_keeps_what_it_gave_when_large_and_small_mix(void **state)
{
	struct arena a = ARENA_INIT;
	char *p[200];
	size_t i, size;

	(void)state;
	for (i = 0; i < 200; i++) {
		size = i % 10 == 0 ? 100000 : 100 * (i % 10);
		p[i] = arena_alloc(&a, size);
		memset(p[i], (int)i, size);
	}
	for (i = 1; i < 200; i++) {
		size = i % 10 == 0 ? 100000 : 100 * (i % 10);
		assert_int_equal((unsigned char)p[i][0], i);
		assert_int_equal((unsigned char)p[i][size - 1], i);
	}
	arena_release(&a);
}

static void arena_reset_keeps_one_block(void **state)
{
	struct arena a = ARENA_INIT;
	struct arena_block *kept;

	(void)state;
	arena_alloc(&a, 1000000);
	arena_alloc(&a, 10);
	arena_reset(&a);
	kept = a.blocks;
	assert_non_null(kept);
	arena_alloc(&a, 10);
	assert_ptr_equal(a.blocks, kept);
	arena_release(&a);
	assert_null(a.blocks);
	arena_release(&a);
}

static void arena_copies_texts(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	assert_string_equal(arena_strdup(&a, "push"), "push");
	assert_string_equal(arena_strndup(&a, "ticket", 4), "tick");
	assert_string_equal(arena_strndup(&a, "x", 10), "x");
	assert_string_equal(arena_printf(&a, "%s/%d", "wx1", 7), "wx1/7");
	assert_int_equal(strlen(arena_printf(&a, "%9000d", 1)), 9000);
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(arena_alloc_is_zeroed_and_aligned),
		TESTING_CASE(arena_is_zeroed_again_after_reset),
		TESTING_CASE(arena_keeps_what_it_gave_when_large_and_small_mix),
		TESTING_CASE(arena_reset_keeps_one_block),
		TESTING_CASE(arena_copies_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
