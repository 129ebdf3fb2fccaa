#include "proto/keyfiles.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEY_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=" /* 32 x 'A' */
#define KEY_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="

static const char *path; /* of the last file */

static const char *file_of(const char *text)
{
	return path = testing_temp_file(text, strlen(text));
}

static void assert_says(const struct err *err, const char *line, const char *says)
{
	char *place = xasprintf("%s%s", path, line);

	assert_int_equal(err->kind, ERR_REJECT);
	if (!strstr(err->text, place) || !strstr(err->text, says))
		fail_msg("\"%s\" does not say \"%s\" and \"%s\"", err->text, place, says);
	assert_null(strstr(err->text, "QUFB"));
	free(place);
}

static void master_keys_read_keeps_the_order(void **state)
{
	struct master_keys *k = NULL;

	(void)state;
	assert_int_equal(master_keys_read(file_of("# ours\n\n2026-02 " KEY_B "\r\n\t2026-01\t" KEY_A "  \n"),
				 &k, NULL),
		0);
	assert_int_equal(k->n, 2);
	assert_string_equal(k->list[0].id, "2026-02");
	assert_string_equal(k->list[1].id, "2026-01");
	assert_int_equal(k->list[0].key[31], 'B');
	assert_int_equal(k->list[1].key[0], 'A');
	master_keys_free(&k);
	assert_null(k);
	master_keys_free(&k);
}

static void master_keys_read_says_file_and_line(void **state)
{
	static const struct {
		const char *text, *line, *says;
	} bad[] = {
		{"a " KEY_A "\n\nb", ":3:", "too few fields"},
		{"a " KEY_A " x\n", ":1:", "too many fields"},
		{"# c\na " KEY_A "=\n", ":2:", "base64 of 32 bytes"},
		{"a QUFB\n", ":1:", "base64 of 32 bytes"},
		{"a/b " KEY_A "\n", ":1:", "a name is of"},
		{"012345678901234567890123456789012 " KEY_A "\n", ":1:", "a name is of"},
		{"a " KEY_A "\na " KEY_B "\n", ":2:", "there already"},
		{"# nothing\n\n", ":", "holds no key"},
		{"", ":", "holds no key"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct master_keys *k = NULL;
		struct err err = {0};

		assert_int_equal(master_keys_read(file_of(bad[i].text), &k, &err), -1);
		assert_null(k);
		assert_says(&err, bad[i].line, bad[i].says);
	}
}

static void a_missing_file_is_named(void **state)
{
	struct master_keys *k = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(master_keys_read("/nonexistent/keys", &k, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/keys"));
}

static struct master_key key_list[] = {{.id = "new", .key = "new key, 32 bytes, zeros after"},
	{.id = "old", .key = "old key, 32 bytes, zeros after"}};
static const struct master_keys both = {key_list, 2}, only_new = {key_list, 1}, only_old = {key_list + 1, 1};

static void master_open_opens_what_any_of_the_keys_sealed(void **state)
{
	struct buf sealed = BUF_INIT(1024), plain = BUF_INIT(1024);

	(void)state;
	master_seal(&only_old, "row/1", "token", 5, &sealed);
	assert_memory_equal(sealed.data, "\003old", 4);
	assert_int_equal(master_open(&both, "row/1", sealed.data, sealed.len, &plain, NULL), 0);
	assert_string_equal(buf_cstr(&plain), "token");
	buf_reset(&sealed);
	master_seal(&both, "row/1", "token", 5, &sealed);
	assert_memory_equal(sealed.data, "\003new", 4);
	buf_release(&sealed);
	buf_release(&plain);
}

static void master_reseal_seals_under_the_first_key_for_the_same_row_only(void **state)
{
	struct buf sealed = BUF_INIT(256), fresh = BUF_INIT(256), plain = BUF_INIT(256);
	struct err err;

	(void)state;
	master_seal(&only_old, "row/1", "token", 5, &sealed);
	assert_int_equal(master_reseal(&both, "row/1", sealed.data, sealed.len, &fresh, NULL), 0);
	assert_int_equal(master_open(&only_new, "row/1", fresh.data, fresh.len, &plain, NULL), 0);
	assert_string_equal(buf_cstr(&plain), "token");
	buf_reset(&fresh);
	assert_int_equal(master_reseal(&both, "row/2", sealed.data, sealed.len, &fresh, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_int_equal(master_reseal(&only_new, "row/1", sealed.data, sealed.len, &fresh, &err), -1);
	assert_int_equal(fresh.len, 0);
	assert_true(master_keys_hold(&both, "old") && !master_keys_hold(&only_new, "old"));
	buf_release(&sealed);
	buf_release(&fresh);
	buf_release(&plain);
}

static void master_open_rejects_other_rows_keys_and_changed_bytes(void **state)
{
	struct buf sealed = BUF_INIT(1024), plain = BUF_INIT(1024);
	struct err err = {0};
	size_t i;

	(void)state;
	master_seal(&only_old, "row/1", "token", 5, &sealed);
	assert_int_equal(master_open(&both, "row/2", sealed.data, sealed.len, &plain, &err), -1);
	assert_int_equal(master_open(&only_new, "row/1", sealed.data, sealed.len, &plain, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	for (i = 0; i < sealed.len; i++) {
		sealed.data[i] = (char)(sealed.data[i] ^ 1);
		assert_int_equal(master_open(&both, "row/1", sealed.data, sealed.len, &plain, &err), -1);
		sealed.data[i] = (char)(sealed.data[i] ^ 1);
		assert_int_equal(master_open(&both, "row/1", sealed.data, i, &plain, &err), -1);
	}
	assert_int_equal(plain.len, 0);
	buf_release(&sealed);
	buf_release(&plain);
}

static void event_keys_are_one_public_and_some_private(void **state)
{
	struct event_private_keys *k = NULL;
	struct err err = {0};
	uint8_t key[32];

	(void)state;
	assert_int_equal(event_public_key_read(file_of("# token-service's\n" KEY_A "\n"), key, &err), 0);
	assert_int_equal(key[0], 'A');
	assert_int_equal(event_public_key_read(file_of(KEY_B "\n" KEY_B "\n"), key, &err), -1);
	assert_says(&err, ":", "one public key");
	assert_int_equal(key[0], 'A');
	assert_int_equal(event_private_keys_read(file_of(KEY_B "\n" KEY_A), &k, &err), 0);
	assert_int_equal(k->n, 2);
	assert_int_equal(k->list[0][5], 'B');
	event_private_keys_free(&k);
	assert_int_equal(event_private_keys_read(file_of(KEY_B "\n" KEY_A "x"), &k, &err), -1);
	assert_says(&err, ":2:", "base64");
}

static void internal_keys_have_names_and_scopes(void **state)
{
	struct internal_keys *k = NULL;

	(void)state;
	assert_int_equal(internal_keys_read(file_of("api-proxy " KEY_A " token\n"
						    "wxbus " KEY_B " admin,exchange,ref\n"),
				 &k, NULL),
		0);
	assert_int_equal(internal_keys_find(k, "api-proxy")->scopes, SCOPE_TOKEN);
	assert_int_equal(internal_keys_find(k, "wxbus")->scopes, SCOPE_ADMIN | SCOPE_EXCHANGE | SCOPE_REF);
	assert_null(internal_keys_find(k, "other"));
	assert_ptr_equal(internal_keys_with(k, SCOPE_REF), &k->list[1]);
	assert_ptr_equal(internal_keys_with(k, SCOPE_TOKEN), &k->list[0]);
	internal_keys_free(&k);
}

static void internal_keys_read_says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *line, *says;
	} bad[] = {
		{"a " KEY_A "\n", ":1:", "too few fields"},
		{"a " KEY_A " token,root\n", ":1:", "a scope is"},
		{"a " KEY_A " token,\n", ":1:", "a scope is"},
		{"a " KEY_A " token, admin\n", ":1:", "too many fields"},
		{"a " KEY_A " token\na " KEY_B " admin\n", ":2:", "there already"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct internal_keys *k = NULL;
		struct err err = {0};

		assert_int_equal(internal_keys_read(file_of(bad[i].text), &k, &err), -1);
		assert_says(&err, bad[i].line, bad[i].says);
	}
}

static void caller_keys_are_found_by_component(void **state)
{
	struct caller_keys *k = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(caller_keys_read(file_of("wx1 shop QUFBsecret\nwx2 shop other\n"), &k, &err), 0);
	assert_string_equal(caller_keys_find(k, "wx1")->key, "QUFBsecret");
	assert_string_equal(caller_keys_find(k, "wx2")->caller_id, "shop");
	assert_null(caller_keys_find(k, "wx3"));
	caller_keys_free(&k);
	assert_int_equal(caller_keys_read(file_of("wx1 shop QUFBsecret\nwx1 desk QUFB\n"), &k, &err), -1);
	assert_says(&err, ":2:", "has a key already");
	assert_int_equal(caller_keys_read(file_of("wx/1 shop QUFBsecret\n"), &k, &err), -1);
	assert_says(&err, ":1:", "appid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(master_keys_read_keeps_the_order),
		TESTING_CASE(master_keys_read_says_file_and_line),
		TESTING_CASE(a_missing_file_is_named),
		TESTING_CASE(master_open_opens_what_any_of_the_keys_sealed),
		TESTING_CASE(master_open_rejects_other_rows_keys_and_changed_bytes),
		TESTING_CASE(master_reseal_seals_under_the_first_key_for_the_same_row_only),
		TESTING_CASE(event_keys_are_one_public_and_some_private),
		TESTING_CASE(internal_keys_have_names_and_scopes),
		TESTING_CASE(internal_keys_read_says_what_is_wrong),
		TESTING_CASE(caller_keys_are_found_by_component),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
