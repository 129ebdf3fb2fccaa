#include "tools/wxbus/migrate/manifest.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/banned.h"

static int parse(const char *json, struct manifest *m, struct err *err)
{
	return manifest_parse(json, strlen(json), m, err);
}

static void topics_and_delays_become_topics_of_the_group(void **state)
{
	struct manifest m;
	struct err err;

	(void)state;
	assert_int_equal(
		parse("{\"group\":\"shop\",\"delays\":[\"10s\",\"5m\"],\"topics\":[\"dead-letter\"]}", &m,
			&err),
		0);
	assert_string_equal(m.group, "shop");
	assert_int_equal(m.n_what, 3);
	assert_string_equal(m.what[0], "dead-letter");
	assert_string_equal(m.what[1], "retry.10s");
	assert_string_equal(m.what[2], "retry.5m");
	assert_int_equal(parse("{\"group\":\"shop\"}", &m, &err), 0);
	assert_int_equal(m.n_what, 0);
	assert_false(m.once);
	assert_int_equal(parse("{\"group\":\"shop\",\"once\":true}", &m, &err), 0);
	assert_true(m.once);
}

static void what_is_no_manifest_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"{}",
		"{\"group\":\"Shop!\"}",
		"{\"group\":\"shop\",\"topics\":\"results\"}",
		"{\"group\":\"shop\",\"topics\":[7]}",
		"{\"group\":\"shop\",\"delays\":[\"ten seconds\"]}",
		"{\"group\":\"shop\",\"topics\":[\"a-name-that-is-longer-than-any-of-ours-is\"]}",
	};
	struct manifest m;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(wrong[i], &m, &err), -1);
}

static void write_file(const char *root, const char *folder, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", root, folder);
	FILE *file;

	(void)mkdir(path, 0755);
	free(path);
	path = xasprintf("%s/%s/%s", root, folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
	free(path);
}

static void services_are_found_by_their_folders(void **state)
{
	const char *root = testing_temp_folder();
	struct manifests m;
	struct err err;

	(void)state;
	assert_int_equal(manifests_read(root, &m, &err), -1);
	write_file(root, "token-service", "manifest.json", "{\"group\":\"token-service\"}");
	write_file(root, "token-service", "0001_first.sql", "SELECT 1;");
	write_file(root, "shop", "manifest.json", "{\"group\":\"shop\",\"topics\":[\"results\"]}");
	assert_int_equal(manifests_read(root, &m, &err), 0);
	assert_int_equal(m.n, 2);
	assert_string_equal(m.list[0].service, "shop");
	assert_false(m.list[0].has_schema);
	assert_true(m.list[1].has_schema);
	assert_string_equal(m.list[1].schema, "token_service");
	assert_string_equal(m.list[1].role, "wxbus_token_service");
	manifests_release(&m);

	write_file(root, "shop", "manifest.json", "{");
	assert_int_equal(manifests_read(root, &m, &err), -1);
	assert_non_null(strstr(err.text, "shop/manifest.json"));
}

static void the_folder_stands_beside_the_programs(void **state)
{
	char *root = manifests_default_root("/usr/bin/wxbus");

	(void)state;
	assert_string_equal(root, "/usr/bin/../share/wxbus/migrations");
	free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(topics_and_delays_become_topics_of_the_group),
		TESTING_CASE(what_is_no_manifest_is_refused),
		TESTING_CASE(services_are_found_by_their_folders),
		TESTING_CASE(the_folder_stands_beside_the_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
