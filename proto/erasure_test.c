#include "proto/erasure.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

#define GOLDEN                                                                                               \
	"{\"component_appid\":\"wx134c8103faa5a59e\",\"appid\":\"wxba5fad812f8e6fb9\","                      \
	"\"openid\":\"oFan_1-x\",\"before\":\"2026-11-20T08:15:30.125Z\"}"

static void erasure_encode_is_golden(void **state)
{
	struct buf out = BUF_INIT(1024);
	struct erasure e;

	(void)state;
	assert_int_equal(erasure_parse(GOLDEN, strlen(GOLDEN), &e, NULL), 0);
	assert_string_equal(e.component_appid, "wx134c8103faa5a59e");
	assert_string_equal(e.appid, "wxba5fad812f8e6fb9");
	assert_string_equal(e.openid, "oFan_1-x");
	assert_int_equal(e.before_ms, INT64_C(1795162530125));
	erasure_encode(&e, &out);
	assert_string_equal(buf_cstr(&out), GOLDEN);
	buf_release(&out);
}

static void erasure_parse_refuses_what_names_nobody(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"component_appid\":\"wx1\",\"appid\":\"wx2\",\"before\":\"2026-11-20T08:15:30Z\"}",
		"{\"component_appid\":\"wx1\",\"appid\":\"wx2\",\"openid\":\"\",\"before\":\"2026-11-20T08:"
		"15:30Z\"}",
		"{\"component_appid\":\"wx1\",\"appid\":\"wx2\",\"openid\":\"o "
		"x\",\"before\":\"2026-11-20T08:15:30Z\"}",
		"{\"component_appid\":\"wx1\",\"appid\":\"\",\"openid\":\"o\",\"before\":\"2026-11-20T08:15:"
		"30Z\"}",
		"{\"component_appid\":\"wx1\",\"appid\":\"wx2\",\"openid\":\"o\",\"before\":1763650000}",
		"{\"component_appid\":\"wx1\",\"appid\":\"wx2\",\"openid\":\"o\"}",
	};
	struct erasure e = {.before_ms = 7};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(erasure_parse(bad[i], strlen(bad[i]), &e, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
	}
	assert_int_equal(e.before_ms, 7);
}

static void openid_ok_takes_what_weixin_gives(void **state)
{
	char longest[OPENID_MAX + 2];

	(void)state;
	memset(longest, 'o', sizeof(longest));
	longest[OPENID_MAX] = '\0';
	assert_true(openid_ok("oLVPpjqs9BhvzwPj5A-vTYAX3GLc"));
	assert_true(openid_ok(longest));
	longest[OPENID_MAX] = 'o';
	longest[OPENID_MAX + 1] = '\0';
	assert_false(openid_ok(longest));
	assert_false(openid_ok(""));
	assert_false(openid_ok("o\n"));
	assert_false(openid_ok("小"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(erasure_encode_is_golden),
		TESTING_CASE(erasure_parse_refuses_what_names_nobody),
		TESTING_CASE(openid_ok_takes_what_weixin_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
