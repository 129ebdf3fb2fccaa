#include "common/base/alloc.h"
#include "common/base/secret.h"
#include "common/testing/testing.h"

static void secret_equal_compares_length_and_bytes(void **state)
{
	(void)state;
	assert_true(secret_equal("abc", 3, "abc", 3));
	assert_true(secret_equal("", 0, NULL, 0));
	assert_false(secret_equal("abc", 3, "abd", 3));
	assert_false(secret_equal("xbc", 3, "abc", 3));
	assert_false(secret_equal("abc", 3, "abc", 2));
	assert_true(secret_equal("a\0b", 3, "a\0b", 3));
	assert_false(secret_equal("a\0b", 3, "a\0c", 3));
	assert_false(secret_equal("\x80", 1, "\x00", 1));
}

static void secret_wipe_overwrites(void **state)
{
	char key[] = "0123456789";
	static const char zeros[sizeof(key)];

	(void)state;
	secret_wipe(key, sizeof(key));
	assert_memory_equal(key, zeros, sizeof(key));
	secret_wipe(NULL, 0);
}

static void secret_free_leaves_null_and_accepts_it(void **state)
{
	char *s = xstrdup("ticket");

	(void)state;
	secret_free(&s);
	assert_null(s);
	secret_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(secret_equal_compares_length_and_bytes),
		TESTING_CASE(secret_wipe_overwrites),
		TESTING_CASE(secret_free_leaves_null_and_accepts_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
