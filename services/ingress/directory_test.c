#include "common/testing/testing.h"
#include "services/ingress/directory.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define COMPONENT "wxcomponent"

static struct directory *directory;

static int setup(void **state)
{
	directory = directory_new();
	return testing_setup(state);
}

static int teardown(void **state)
{
	directory_free(&directory);
	return testing_teardown(state);
}

#define DIRECTORY_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static int apply(const char *key, const char *value)
{
	struct kafka_record r = {
		.key = key, .key_len = strlen(key), .value = value, .value_len = value ? strlen(value) : 0};
	struct err err;

	return directory_apply(directory, &r, &err);
}

static void put(const char *component, const char *appid, int version, const char *user_name,
	const char *channel, const char *repliers)
{
	char key[128], value[1024];

	snprintf(key, sizeof(key), "%s/%s", component, appid);
	snprintf(value, sizeof(value),
		"{\"component_appid\":\"%s\",\"appid\":\"%s\",\"version\":%d,\"user_name\":\"%s\",\"nick_"
		"name\":\"n\","
		"\"kind\":\"service\",\"verified\":true,\"state\":\"authorized\",\"func_ids\":[1],"
		"\"channel\":\"%s\","
		"\"repliers\":[%s],\"ref\":null,\"updated_at\":\"2026-11-21T00:00:00.000Z\"}",
		component, appid, version, user_name, channel, repliers);
	assert_int_equal(apply(key, value), 0);
}

static struct directory_entry find(const char *component, const char *appid)
{
	struct directory_entry e;

	directory_find(directory, component, appid, &e);
	return e;
}

static void directory_find_answers_what_the_row_says(void **state)
{
	struct directory_entry e;

	(void)state;
	put(COMPONENT, "wx1", 1, "gh_1", "test", "\"desk\",\"auto-reply\"");
	e = find(COMPONENT, "wx1");
	assert_true(e.known && e.authorized && e.may_send_customer_service);
	assert_string_equal(e.user_name, "gh_1");
	assert_int_equal(e.channel, CHANNEL_TEST);
	assert_int_equal(e.n_repliers, 2);
	assert_string_equal(e.repliers[0], "desk");
	assert_string_equal(e.repliers[1], "auto-reply");
	put(COMPONENT, "wx2", 1, "", "live", "");
	e = find(COMPONENT, "wx2");
	assert_true(e.known && e.n_repliers == 0 && e.channel == CHANNEL_LIVE && !e.user_name[0]);
}

static void directory_find_tells_platforms_and_accounts_apart(void **state)
{
	(void)state;
	assert_false(find(COMPONENT, "wx1").known);
	put(COMPONENT, "wx1", 1, "gh_1", "live", "");
	put("wxother", "wx1", 1, "gh_2", "live", "");
	assert_string_equal(find(COMPONENT, "wx1").user_name, "gh_1");
	assert_string_equal(find("wxother", "wx1").user_name, "gh_2");
	assert_false(find(COMPONENT, "wx").known || find(COMPONENT, "").known || find("", "wx1").known);
	assert_false(find("wxthird", "wx1").known);
}

static void directory_apply_keeps_the_highest_version(void **state)
{
	(void)state;
	put(COMPONENT, "wx1", 5, "gh_5", "live", "");
	put(COMPONENT, "wx1", 4, "gh_4", "live", "");
	put(COMPONENT, "wx1", 5, "gh_55", "live", "");
	assert_string_equal(find(COMPONENT, "wx1").user_name, "gh_5");
	put(COMPONENT, "wx1", 6, "gh_6", "live", "\"desk\"");
	assert_string_equal(find(COMPONENT, "wx1").user_name, "gh_6");
	assert_int_equal(directory_count(directory), 1);
}

static void directory_apply_keeps_the_old_row_when_the_new_one_is_malformed(void **state)
{
	(void)state;
	put(COMPONENT, "wx1", 1, "gh_1", "live", "");
	assert_int_equal(apply(COMPONENT "/wx1", "{\"appid\":1}"), -1);
	assert_true(find(COMPONENT, "wx1").known);
}

static void directory_apply_forgets_a_row_without_value(void **state)
{
	(void)state;
	put(COMPONENT, "wx1", 7, "gh_1", "live", "");
	assert_int_equal(apply(COMPONENT "/wx2", NULL), 0);
	assert_int_equal(apply("wxother/wx1", NULL), 0);
	assert_int_equal(apply("no slash", NULL), 0);
	assert_int_equal(apply("", NULL), 0);
	assert_int_equal(directory_count(directory), 1);
	assert_int_equal(apply(COMPONENT "/wx1", NULL), 0);
	assert_false(find(COMPONENT, "wx1").known);
	assert_int_equal(directory_count(directory), 0);
	put(COMPONENT, "wx1", 1, "gh_again", "live", "");
	assert_string_equal(find(COMPONENT, "wx1").user_name, "gh_again");
}

/* Growing, and closing up behind rows that go. */
static void directory_finds_each_of_many_while_others_come_and_go(void **state)
{
	char appid[32], key[64];
	int i, round;

	(void)state;
	for (round = 1; round <= 3; round++) {
		for (i = 0; i < 3000; i++) {
			snprintf(appid, sizeof(appid), "wx%d", i);
			put(COMPONENT, appid, round, appid, "live", i % 2 ? "\"desk\"" : "");
		}
		assert_int_equal(directory_count(directory), 3000);
		for (i = 0; i < 3000; i += 3) {
			snprintf(key, sizeof(key), COMPONENT "/wx%d", i);
			assert_int_equal(apply(key, NULL), 0);
		}
		assert_int_equal(directory_count(directory), 2000);
		for (i = 0; i < 3000; i++) {
			struct directory_entry e;

			snprintf(appid, sizeof(appid), "wx%d", i);
			e = find(COMPONENT, appid);
			assert_int_equal(e.known, i % 3 != 0);
			if (!e.known)
				continue;
			assert_string_equal(e.user_name, appid);
			assert_int_equal(e.n_repliers, i % 2);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECTORY_CASE(directory_find_answers_what_the_row_says),
		DIRECTORY_CASE(directory_find_tells_platforms_and_accounts_apart),
		DIRECTORY_CASE(directory_apply_keeps_the_highest_version),
		DIRECTORY_CASE(directory_apply_keeps_the_old_row_when_the_new_one_is_malformed),
		DIRECTORY_CASE(directory_apply_forgets_a_row_without_value),
		DIRECTORY_CASE(directory_finds_each_of_many_while_others_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
