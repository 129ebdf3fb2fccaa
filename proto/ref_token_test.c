#include "proto/ref_token.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

#define NOW_MS 1763640000000
#define UNTIL  1763650000

static struct internal_key list[] = {
	{"shop", {1, 2, 3}, SCOPE_REF},
	{"proxy", {4, 5, 6}, SCOPE_TOKEN},
};
static const struct internal_keys keys = {list, 2};

/* Made with Python's hmac over
 * "wxbus.ref.v1\nwxc1\ncustomer-7\nhttps://shop.example/done\n1763650000" and the key 01 02 03 00 ... */
static const char GOLDEN[] = "8643fd7c26a5de9d42c51174230658338252e0d425a6a1af62dd91eb14b6f412";

static struct ref_token golden(void)
{
	return (struct ref_token){"customer-7", "https://shop.example/done", "1763650000", "shop", GOLDEN};
}

static void a_signature_made_elsewhere_is_accepted(void **state)
{
	struct ref_token t = golden();

	(void)state;
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_OK);
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, UNTIL * 1000LL), REF_TOKEN_OK);
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, (UNTIL + 1) * 1000LL), REF_TOKEN_EXPIRED);
}

static void each_changed_part_is_refused(void **state)
{
	struct ref_token t;

	(void)state;
	t = golden();
	assert_int_equal(ref_token_check(&keys, "wxc2", &t, NOW_MS), REF_TOKEN_WRONG);
	t.ref = "customer-8";
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
	t = golden();
	t.return_url = "https://evil.example/done";
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
	t = golden();
	t.until = "1763650001";
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
	t = golden();
	t.signer = "proxy"; /* without the scope */
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
	t.signer = "nobody";
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
	t = golden();
	t.signature = "";
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
}

static void a_written_query_has_all_parts(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct err err;

	(void)state;
	assert_int_equal(ref_token_query(&list[0], "wxc1", "customer-7", "https://shop.example/done", UNTIL,
				 &out, &err),
		0);
	assert_string_equal(buf_cstr(&out),
		"ref=customer-7&return=https%3A%2F%2Fshop.example%2Fdone&until=1763650000&signer=shop"
		"&signature=8643fd7c26a5de9d42c51174230658338252e0d425a6a1af62dd91eb14b6f412");
	assert_int_equal(ref_token_query(&list[0], "wxc1", "", "", UNTIL, &out, &err), 0);
	assert_true(strncmp(buf_cstr(&out), "until=", 6) == 0);
	buf_release(&out);
}

static void what_has_no_form_is_neither_signed_nor_accepted(void **state)
{
	struct buf out = BUF_INIT(4096);
	char much[REF_MAX + 2];
	struct ref_token t = golden();
	struct err err;

	(void)state;
	memset(much, 'x', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	assert_int_equal(ref_token_query(&list[0], "wxc1", much, "", UNTIL, &out, &err), -1);
	assert_int_equal(ref_token_query(&list[0], "wxc1", "a\nb", "", UNTIL, &out, &err), -1);
	assert_int_equal(ref_token_query(&list[0], "wxc1", "", "javascript:x", UNTIL, &out, &err), -1);
	assert_int_equal(ref_token_query(&list[1], "wxc1", "a", "", UNTIL, &out, &err), -1);
	t.until = "17636500000x";
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
	buf_release(&out);
}

static void an_address_is_not_signed_for_ever(void **state)
{
	struct buf out = BUF_INIT(4096);
	struct ref_token t = golden();
	struct err err;

	(void)state;
	assert_int_equal(
		ref_token_query(&list[0], "wxc1", "", "", NOW_MS / 1000 + REF_UNTIL_MAX + 1, &out, &err), 0);
	t.ref = t.return_url = "";
	t.until = "1795262401";
	t.signature = strstr(buf_cstr(&out), "signature=") + strlen("signature=");
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS), REF_TOKEN_WRONG);
	assert_int_equal(ref_token_check(&keys, "wxc1", &t, NOW_MS + 1000), REF_TOKEN_OK);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signature_made_elsewhere_is_accepted),
		cmocka_unit_test(each_changed_part_is_refused),
		cmocka_unit_test(a_written_query_has_all_parts),
		cmocka_unit_test(what_has_no_form_is_neither_signed_nor_accepted),
		cmocka_unit_test(an_address_is_not_signed_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
