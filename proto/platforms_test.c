#include "proto/platforms.h"

#include "common/testing/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

#define AES_KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEYS    "\"keys\":[{\"token\":\"AAAAA\",\"encoding_aes_key\":\"" AES_KEY "\"}]"
#define WX      "\"component_appid\":\"wx134c8103faa5a59e\""
#define SECRET  "\"app_secret\":\"s3cr3t\""

static int parse(const char *json, bool need_secrets, struct platforms **out, struct err *err)
{
	return platforms_parse(json, strlen(json), need_secrets, out, err);
}

static void platforms_parse_takes_what_the_file_says(void **state)
{
	static const char file[] =
		"{\"platforms\":[\n"
		"{" WX "," SECRET ",\"keys\":["
		"{\"token\":\"new\",\"encoding_aes_key\":\"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG\"},"
		"{\"token\":\"old\",\"encoding_aes_key\":\"" AES_KEY "\"}],"
		"\"default_repliers\":[\"desk\",\"auto-reply\"]},\n"
		"{\"component_appid\":\"wx2\",\"app_secret\":\"t\"," KEYS "}]}";
	static const uint8_t zeros[32];
	struct platforms *p = NULL;
	const struct platform *first;

	(void)state;
	assert_int_equal(parse(file, true, &p, NULL), 0);
	assert_int_equal(p->n, 2);
	first = platforms_find(p, "wx134c8103faa5a59e");
	assert_non_null(first);
	assert_string_equal(first->app_secret, "s3cr3t");
	assert_int_equal(first->n_keys, 2);
	assert_string_equal(first->keys[0].token, "new");
	assert_string_equal(first->keys[1].token, "old");
	assert_memory_equal(first->keys[1].aes_key, zeros, 32);
	assert_string_equal(first->default_repliers[0], "desk");
	assert_string_equal(first->default_repliers[1], "auto-reply");
	assert_null(first->default_repliers[2]);
	assert_null(platforms_find(p, "WX2"));
	platforms_free(&p);
	assert_null(p);
	platforms_free(&p);
}

static void platforms_parse_says_where_and_never_quotes(void **state)
{
	static const struct {
		const char *json;
		const char *says;
	} bad[] = {
		{"{}", "platforms"},
		{"[]", "must be an object"},
		{"{\"platforms\":[]}", "at least one"},
		{"{\"platforms\":{}}", "platforms"},
		{"{\"platforms\":[7]}", "platforms[0] must be an object"},
		{"{\"platforms\":[{" SECRET "," KEYS "}]}", "platforms[0].component_appid"},
		{"{\"platforms\":[{\"component_appid\":\"wx/1\"," SECRET "," KEYS "}]}",
			"platforms[0].component_appid"},
		{"{\"platforms\":[{" WX "," KEYS "}]}", "platforms[0].app_secret"},
		{"{\"platforms\":[{" WX ",\"app_secret\":\"\"," KEYS "}]}", "platforms[0].app_secret"},
		{"{\"platforms\":[{" WX ",\"app_secret\":7," KEYS "}]}", "platforms[0].app_secret"},
		{"{\"platforms\":[{" WX ",\"app_secret\":\"s3cr3t \"," KEYS "}]}", "platforms[0].app_secret"},
		{"{\"platforms\":[{" WX "," SECRET "}]}", "platforms[0].keys"},
		{"{\"platforms\":[{" WX "," SECRET ",\"keys\":[]}]}", "platforms[0].keys"},
		{"{\"platforms\":[{" WX "," SECRET ",\"keys\":[{\"token\":\"s3cr3t\"}]}]}",
			"platforms[0].keys[0].encoding_aes_key"},
		{"{\"platforms\":[{" WX "," SECRET ",\"keys\":[{\"encoding_aes_key\":\"" AES_KEY "\"}]}]}",
			"platforms[0].keys[0].token"},
		{"{\"platforms\":[{" WX "," SECRET
		 ",\"keys\":[{\"token\":\"t\",\"encoding_aes_key\":\"" AES_KEY "A\"}]}]}",
			"platforms[0].keys[0].encoding_aes_key"},
		{"{\"platforms\":[{" WX "," SECRET "," KEYS ",\"defualt_repliers\":[]}]}", "not known"},
		{"{\"platforms\":[{" WX "," SECRET "," KEYS ",\"default_repliers\":\"desk\"}]}",
			"default_repliers"},
		{"{\"platforms\":[{" WX "," SECRET "," KEYS ",\"default_repliers\":[\"Desk\"]}]}",
			"default_repliers[0]"},
		{"{\"platforms\":[{" WX "," SECRET "," KEYS ",\"default_repliers\":[\"a\",\"a\"]}]}",
			"default_repliers[1]"},
		{"{\"platforms\":[{" WX "," SECRET "," KEYS
		 ",\"default_repliers\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}]}",
			"at most 4"},
		{"{\"platforms\":[{" WX "," SECRET "," KEYS "},{" WX "," SECRET "," KEYS "}]}",
			"platforms[1].component_appid"},
		{"{\"platforms\":[{" WX "," SECRET "," KEYS "}]", ""},
		{"", ""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct platforms *p = NULL;
		struct err err = {0};

		assert_int_equal(parse(bad[i].json, true, &p, &err), -1);
		assert_null(p);
		assert_int_equal(err.kind, ERR_REJECT);
		if (!strstr(err.text, bad[i].says))
			fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].json, err.text, bad[i].says);
		assert_null(strstr(err.text, "s3cr3t"));
		assert_null(strstr(err.text, "AAAAA"));
	}
}

static void platforms_parse_without_secrets_refuses_them(void **state)
{
	struct platforms *p = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(parse("{\"platforms\":[{" WX "," SECRET "," KEYS "}]}", false, &p, &err), -1);
	assert_non_null(strstr(err.text, "platforms[0].app_secret must not be"));
	assert_int_equal(parse("{\"platforms\":[{" WX "," KEYS "}]}", false, &p, &err), 0);
	assert_null(p->list[0].app_secret);
	platforms_free(&p);
}

static void platforms_read_names_the_file(void **state)
{
	const char *path = testing_temp_file("{\"platforms\":7}", 15);
	struct platforms *p = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(platforms_read(path, true, &p, &err), -1);
	assert_non_null(strstr(err.text, path));
	unlink(path);
	assert_int_equal(platforms_read(path, true, &p, &err), -1);
}

static void appids_are_told_from_others(void **state)
{
	char longest[APPID_MAX + 1];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(appid_ok("wx134c8103faa5a59e", 18), 1);
	assert_int_equal(appid_ok("touristappid_A-9", 16), 1);
	assert_int_equal(appid_ok(longest, APPID_MAX), 1);
	assert_int_equal(appid_ok(longest, APPID_MAX + 1), 0);
	assert_int_equal(appid_ok("", 0), 0);
	assert_int_equal(appid_ok("wx/1", 4), 0);
	assert_int_equal(appid_ok("$APPID$", 7), 0);
	assert_int_equal(appid_ok("wx\0", 3), 0);
	assert_int_equal(appid_ok("wx.1", 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(platforms_parse_takes_what_the_file_says),
		TESTING_CASE(platforms_parse_says_where_and_never_quotes),
		TESTING_CASE(platforms_parse_without_secrets_refuses_them),
		TESTING_CASE(platforms_read_names_the_file),
		TESTING_CASE(appids_are_told_from_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
