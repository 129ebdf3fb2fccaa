#include "proto/internal_auth.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define NOW_MS INT64_C(1795162530125)
#define TARGET "/v1/platforms/wx1/exchange?x=1"
#define BODY   "{\"a\":1}"

static struct internal_key list[] = {
	{.name = "release-check", .key = "KKKKKKKKKKKKKKKKKKKKKKKKKKKKKKK", .scopes = SCOPE_EXCHANGE},
	{.name = "wxbus", .key = "another", .scopes = SCOPE_ADMIN | SCOPE_EXCHANGE},
};
static const struct internal_keys keys = {list, 2};

static int setup(void **state)
{
	list[0].key[31] = 'K';
	return testing_setup(state);
}

static char *signed_header(const struct internal_key *key)
{
	struct buf out = BUF_INIT(512);

	internal_auth_sign(key, "POST", TARGET, BODY, strlen(BODY), NOW_MS, &out);
	return buf_detach(&out);
}

static enum internal_auth_result check(const char *header)
{
	return internal_auth_check(
		&keys, SCOPE_EXCHANGE, header, "POST", TARGET, BODY, strlen(BODY), NOW_MS, NULL);
}

static void the_header_is_golden(void **state)
{
	struct buf out = BUF_INIT(512);
	char *header = signed_header(&list[0]);

	(void)state;
	/* computed with another implementation */
	assert_string_equal(header, "Wxbus-HMAC name=release-check,time=1795162530,signature="
				    "66e3f77f987b7e4587618c5ac8793d1f6bf1443c058f0d960dd2300fb00b1e17");
	internal_auth_sign(&list[0], "GET", "/v1/a", NULL, 0, NOW_MS, &out);
	assert_string_equal(buf_cstr(&out),
		"Wxbus-HMAC name=release-check,time=1795162530,signature="
		"5473f9f3480a9354eca43d8dc0a238455e385f567cf15f1667f8668044721e2c");
	buf_release(&out);
	free(header);
}

static void a_right_header_says_who_it_is(void **state)
{
	const struct internal_key *who = NULL;
	char *header = signed_header(&list[1]);

	(void)state;
	assert_int_equal(internal_auth_check(&keys, SCOPE_ADMIN, header, "POST", TARGET, BODY, strlen(BODY),
				 NOW_MS, &who),
		INTERNAL_AUTH_OK);
	assert_ptr_equal(who, &list[1]);
	free(header);
}

static void a_scope_that_is_missing_is_forbidden(void **state)
{
	const struct internal_key *who = NULL;
	char *header = signed_header(&list[0]);

	(void)state;
	assert_int_equal(internal_auth_check(&keys, SCOPE_TOKEN, header, "POST", TARGET, BODY, strlen(BODY),
				 NOW_MS, &who),
		INTERNAL_AUTH_FORBIDDEN);
	assert_null(who);
	free(header);
}

static void the_signature_covers_every_part(void **state)
{
	char *h = signed_header(&list[0]);
	const struct internal_key *who;

	(void)state;
#define CHECK(method, target, body)                                                                          \
	internal_auth_check(&keys, SCOPE_EXCHANGE, h, method, target, body, strlen(body), NOW_MS, &who)
	assert_int_equal(CHECK("POST", TARGET, BODY), INTERNAL_AUTH_OK);
	assert_int_equal(CHECK("GET", TARGET, BODY), INTERNAL_AUTH_WRONG);
	assert_int_equal(CHECK("POST", TARGET "1", BODY), INTERNAL_AUTH_WRONG);
	assert_int_equal(CHECK("POST", "/v1/platforms/wx1/exchange", BODY), INTERNAL_AUTH_WRONG);
	assert_int_equal(CHECK("POST", TARGET, BODY " "), INTERNAL_AUTH_WRONG);
	assert_int_equal(CHECK("POST", TARGET, ""), INTERNAL_AUTH_WRONG);
#undef CHECK
	free(h);
}

static void the_time_is_within_a_minute(void **state)
{
	static const struct {
		int64_t later_s;
		enum internal_auth_result result;
	} cases[] = {{0, INTERNAL_AUTH_OK}, {60, INTERNAL_AUTH_OK}, {-60, INTERNAL_AUTH_OK},
		{61, INTERNAL_AUTH_WRONG}, {-61, INTERNAL_AUTH_WRONG}, {86400, INTERNAL_AUTH_WRONG}};
	char *header = signed_header(&list[0]);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(internal_auth_check(&keys, SCOPE_EXCHANGE, header, "POST", TARGET, BODY,
					 strlen(BODY), NOW_MS + cases[i].later_s * 1000, NULL),
			cases[i].result);
	free(header);
}

static void a_missing_header_is_told_from_a_wrong_one(void **state)
{
	(void)state;
	assert_int_equal(check(NULL), INTERNAL_AUTH_MISSING);
	assert_int_equal(check(""), INTERNAL_AUTH_MISSING);
	assert_int_equal(check("Bearer x"), INTERNAL_AUTH_WRONG);
}

static void malformed_headers_are_wrong(void **state)
{
	char *right = signed_header(&list[0]);
	const char *signature = strstr(right, "signature=");
	char *bad[] = {
		xasprintf("Wxbus-HMAC"),
		xasprintf("Wxbus-HMAC "),
		xasprintf("wxbus-hmac %s", right + strlen("Wxbus-HMAC ")),
		xasprintf("%s,", right),
		xasprintf("%s ", right),
		xasprintf("%s0", right),
		xasprintf("%.*s", (int)strlen(right) - 1, right),
		xasprintf("Wxbus-HMAC time=1795162530,name=release-check,%s", signature),
		xasprintf("Wxbus-HMAC name=release-check,%s", signature),
		xasprintf("Wxbus-HMAC name=release-check,time=1795162530"),
		xasprintf("Wxbus-HMAC name=release-check,time=1795162530,signature="),
		xasprintf("Wxbus-HMAC name=release-check,time=01795162530,%s", signature),
		xasprintf("Wxbus-HMAC name=release-check,time=,%s", signature),
		xasprintf("Wxbus-HMAC name=,time=1795162530,%s", signature),
		xasprintf("Wxbus-HMAC name=wxbus,time=1795162530,%s", signature),
		xasprintf("Wxbus-HMAC name=nobody,time=1795162530,%s", signature),
		xasprintf("Wxbus-HMAC name=%0100d,time=1795162530,%s", 0, signature),
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (check(bad[i]) != INTERNAL_AUTH_WRONG)
			fail_msg("%s was taken", bad[i]);
		free(bad[i]);
	}
	assert_int_equal(check(right), INTERNAL_AUTH_OK);
	free(right);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, testing_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_header_is_golden),
		CASE(a_right_header_says_who_it_is),
		CASE(a_scope_that_is_missing_is_forbidden),
		CASE(the_signature_covers_every_part),
		CASE(the_time_is_within_a_minute),
		CASE(a_missing_header_is_told_from_a_wrong_one),
		CASE(malformed_headers_are_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
