#include "tools/weixin-sim/world/tags.h"

#include "common/testing/testing.h"

#include <stdio.h>

#include "common/base/banned.h"

static void a_tag_has_a_name_of_its_own(void **state)
{
	struct tags t = {.n = 0};
	const struct tag *first, *second;

	(void)state;
	assert_int_equal(tags_create(&t, "广东", &first), 0);
	assert_int_equal(tags_create(&t, "广东", &second), 45157);
	assert_int_equal(tags_create(&t, "", &second), 45157);
	assert_int_equal(tags_create(&t, NULL, &second), 45157);
	assert_int_equal(tags_create(&t, "0123456789012345678901234567890", &second), 45158);
	assert_int_equal(tags_create(&t, "广西", &second), 0);
	assert_int_not_equal(first->id, second->id);
	assert_int_equal(tags_rename(&t, second->id, "广东"), 45157);
	assert_int_equal(tags_rename(&t, second->id, "广西"), 0);
	assert_int_equal(tags_rename(&t, 2, "星标"), 45058);
	assert_int_equal(tags_rename(&t, 99, "x"), 45159);
}

static void an_id_is_never_given_twice(void **state)
{
	struct tags t = {.n = 0};
	const struct tag *tag;
	int64_t first;

	(void)state;
	assert_int_equal(tags_create(&t, "a", &tag), 0);
	first = tag->id;
	assert_int_equal(tags_create(&t, "b", &tag), 0);
	assert_int_equal(tags_delete(&t, first), 0);
	assert_int_equal(tags_delete(&t, first), 45159);
	assert_null(tags_find(&t, first));
	assert_string_equal(tags_find(&t, first + 1)->name, "b");
	assert_int_equal(tags_create(&t, "a", &tag), 0);
	assert_int_equal(tag->id, first + 2);
}

static void an_account_has_a_hundred_and_a_fan_twenty(void **state)
{
	struct tags t = {.n = 0};
	struct fan_tags f = {.n = 0};
	const struct tag *tag;
	char name[16];

	(void)state;
	for (int i = 0; i < TAGS_MAX; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		assert_int_equal(tags_create(&t, name, &tag), 0);
	}
	assert_int_equal(tags_create(&t, "more", &tag), 45056);
	for (int i = 0; i < FAN_TAGS_MAX; i++)
		assert_int_equal(fan_tags_add(&f, 100 + i), 0);
	assert_int_equal(fan_tags_add(&f, 100), 0); /* it has that one */
	assert_int_equal(fan_tags_add(&f, 200), 45059);
	fan_tags_remove(&f, 100);
	assert_false(fan_tags_has(&f, 100));
	assert_int_equal(fan_tags_add(&f, 200), 0);
	assert_true(fan_tags_has(&f, 200));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_tag_has_a_name_of_its_own),
		TESTING_CASE(an_id_is_never_given_twice),
		TESTING_CASE(an_account_has_a_hundred_and_a_fan_twenty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
