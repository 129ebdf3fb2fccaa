#include "proto/account.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define GOLDEN                                                                                               \
	"{\"component_appid\":\"wx134c8103faa5a59e\",\"appid\":\"wxba5fad812f8e6fb9\",\"version\":7,"        \
	"\"user_name\":\"gh_97417a04a28d\",\"nick_name\":\"小店 "                                          \
	"\\\"一\\\"\",\"kind\":\"service\",\"verified\":true,"                                              \
	"\"state\":\"authorized\",\"func_ids\":[1,15,101],\"channel\":\"test\",\"repliers\":[\"desk\","      \
	"\"auto-reply\"],"                                                                                   \
	"\"ref\":\"customer 7\",\"updated_at\":\"2026-11-20T08:15:30.125Z\"}"

#define MINIMAL                                                                                              \
	"{\"component_appid\":\"wx1\",\"appid\":\"wx2\",\"version\":0,\"user_name\":\"\",\"nick_name\":"     \
	"\"\","                                                                                              \
	"\"kind\":\"other\",\"verified\":false,\"state\":\"unauthorized\",\"func_ids\":[],\"channel\":"      \
	"\"live\","                                                                                          \
	"\"repliers\":[],\"ref\":null,\"updated_at\":\"1970-01-01T00:00:00.000Z\"}"

static struct account *parse(const char *json)
{
	struct account *a = NULL;
	struct err err = {0};

	if (account_parse(json, strlen(json), &a, &err) < 0)
		fail_msg("%s: %s", json, err.text);
	return a;
}

static void assert_encodes_to(const struct account *a, const char *json)
{
	struct buf out = BUF_INIT(4096);

	account_encode(a, &out);
	assert_string_equal(buf_cstr(&out), json);
	buf_release(&out);
}

static void account_parse_takes_every_field(void **state)
{
	struct account *a = parse(GOLDEN);

	(void)state;
	assert_string_equal(a->component_appid, "wx134c8103faa5a59e");
	assert_string_equal(a->appid, "wxba5fad812f8e6fb9");
	assert_int_equal(a->version, 7);
	assert_string_equal(a->user_name, "gh_97417a04a28d");
	assert_string_equal(a->nick_name, "小店 \"一\"");
	assert_int_equal(a->kind, ACCOUNT_SERVICE);
	assert_true(a->verified);
	assert_true(a->authorized);
	assert_int_equal(a->n_func_ids, 3);
	assert_int_equal(a->func_ids[2], 101);
	assert_int_equal(a->channel, CHANNEL_TEST);
	assert_string_equal(a->repliers[1], "auto-reply");
	assert_null(a->repliers[2]);
	assert_string_equal(a->ref, "customer 7");
	assert_int_equal(a->updated_ms, INT64_C(1795162530125));
	account_free(&a);
	assert_null(a);
	account_free(&a);
}

static void account_encode_is_golden(void **state)
{
	static const char *const all[] = {GOLDEN, MINIMAL};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct account *a = parse(all[i]), *copy = account_copy(a);

		assert_encodes_to(a, all[i]);
		account_free(&a);
		assert_encodes_to(copy, all[i]);
		account_free(&copy);
	}
}

static void account_parse_passes_over_unknown_names_and_nulls(void **state)
{
	struct account *a =
		parse("{\"new\":{\"a\":[1]},\"component_appid\":\"wx1\",\"appid\":\"wx2\",\"version\":1,"
		      "\"user_name\":null,\"kind\":\"miniprogram\",\"verified\":false,"
		      "\"state\":\"authorized\",\"func_ids\":[],\"channel\":\"live\",\"repliers\":[],"
		      "\"updated_at\":\"2026-11-20T08:15:30Z\"}");

	(void)state;
	assert_string_equal(a->user_name, "");
	assert_string_equal(a->nick_name, "");
	assert_null(a->ref);
	account_free(&a);
}

/* The golden account with one field's text replaced. */
static char *changed(const char *from, const char *to)
{
	const char *at = strstr(GOLDEN, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - GOLDEN), GOLDEN, to, at + strlen(from));
}

static void account_parse_is_strict(void **state)
{
	static const char *const cases[][3] = {
		{"\"appid\":\"wxba5fad812f8e6fb9\"", "\"appid\":\"\"", "appid"},
		{"\"appid\":\"wxba5fad812f8e6fb9\"", "\"appid\":null", "appid"},
		{"\"appid\":\"wxba5fad812f8e6fb9\"", "\"appid\":\"a/b\"", "appid"},
		{"wx134c8103faa5a59e", "01234567890123456789012345678901234567890123456789012345678901234",
			"component_appid"},
		{"\"version\":7", "\"version\":\"7\"", "version"},
		{"\"version\":7", "\"version\":-1", "version"},
		{"\"version\":7", "\"version\":7.5", "version"},
		{"\"version\":7,", "", "version"},
		{"\"gh_97417a04a28d\"", "7", "user_name"},
		{"\"service\"", "\"Service\"", "kind"},
		{"\"service\"", "2", "kind"},
		{"\"verified\":true", "\"verified\":1", "verified"},
		{"\"authorized\"", "\"expired\"", "state"},
		{"\"test\"", "\"both\"", "channel"},
		{"[1,15,101]", "null", "func_ids"},
		{"[1,15,101]", "[1,\"15\"]", "func_ids[1]"},
		{"[1,15,101]", "[-1]", "func_ids[0]"},
		{"[\"desk\",\"auto-reply\"]", "[\"a\",\"b\",\"c\",\"d\",\"e\"]", "repliers"},
		{"[\"desk\",\"auto-reply\"]", "[\"desk\",\"desk\"]", "repliers[1]"},
		{"[\"desk\",\"auto-reply\"]", "[\"Desk\"]", "repliers[0]"},
		{"[\"desk\",\"auto-reply\"]", "\"desk\"", "repliers"},
		{"\"customer 7\"", "7", "ref"},
		{"2026-11-20T", "2026-11-32T", "updated_at"},
		{"2026-11-20T", "0026-11-20T", "updated_at"},
		{"2026-11-20T08:15:30.125Z", "9999-12-31T23:59:59-01:00", "updated_at"},
		{"\"updated_at\":\"2026-11-20T08:15:30.125Z\"", "\"updated_at\":1795162530", "updated_at"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *json = changed(cases[i][0], cases[i][1]);
		struct account *a = NULL;
		struct err err = {0};

		if (account_parse(json, strlen(json), &a, &err) == 0)
			fail_msg("%s was taken", json);
		assert_null(a);
		assert_int_equal(err.kind, ERR_REJECT);
		if (!strstr(err.text, cases[i][2]))
			fail_msg("\"%s\" does not name %s", err.text, cases[i][2]);
		free(json);
	}
}

static void account_parse_refuses_what_is_no_object(void **state)
{
	static const char *const bad[] = {"", "null", "[]", "\"x\"", "{", "{}"};
	struct account *a = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(account_parse(bad[i], strlen(bad[i]), &a, NULL), -1);
}

static void names_go_both_ways(void **state)
{
	enum account_channel channel;
	enum account_kind kind;

	(void)state;
	assert_int_equal(account_kind_parse("miniprogram", &kind), 0);
	assert_string_equal(account_kind_name(kind), "miniprogram");
	assert_int_equal(account_kind_parse("game", &kind), -1);
	assert_int_equal(account_channel_parse("test", &channel), 0);
	assert_string_equal(account_channel_name(channel), "test");
	assert_int_equal(account_channel_parse("", &channel), -1);
}

static void customer_service_needs_a_set_and_verification(void **state)
{
	int64_t sets[] = {7, 1}, mini[] = {18, 19}, plain[] = {11, 10};
	struct account a = {.kind = ACCOUNT_SERVICE,
		.authorized = true,
		.verified = true,
		.func_ids = sets,
		.n_func_ids = 2};

	(void)state;
	assert_true(account_has_func(&a, 7));
	assert_false(account_has_func(&a, 17));
	assert_true(account_may_send_customer_service(&a));
	a.verified = false;
	assert_false(account_may_send_customer_service(&a));
	a.kind = ACCOUNT_MINIPROGRAM;
	a.func_ids = mini;
	assert_true(account_may_send_customer_service(&a));
	a.authorized = false;
	assert_false(account_may_send_customer_service(&a));
	a.authorized = true;
	a.func_ids = plain;
	assert_false(account_may_send_customer_service(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(account_parse_takes_every_field),
		TESTING_CASE(account_encode_is_golden),
		TESTING_CASE(account_parse_passes_over_unknown_names_and_nulls),
		TESTING_CASE(account_parse_is_strict),
		TESTING_CASE(account_parse_refuses_what_is_no_object),
		TESTING_CASE(names_go_both_ways),
		TESTING_CASE(customer_service_needs_a_set_and_verification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
