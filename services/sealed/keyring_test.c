#include "services/sealed/keyring.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/testing/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define KEY_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=" /* 32 x 'A' */
#define KEY_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="

static char *master, *internal;

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	const char *folder = testing_temp_folder();

	master = xasprintf("%s/master", folder);
	internal = xasprintf("%s/internal", folder);
	put(master, "one " KEY_A "\n");
	put(internal, "api-proxy " KEY_A " token\n");
	return testing_setup(state);
}

static int teardown(void **state)
{
	free(master);
	free(internal);
	return testing_teardown(state);
}

static struct keyring *keyring_of(bool signs_as_token)
{
	const struct keyring_files files = {
		.master_keys = master, .internal_keys = internal, .signs_as_token = signs_as_token};
	struct keyring *k = NULL;

	assert_int_equal(keyring_new(&k, &files, NULL), 0);
	return k;
}

static void a_reload_swaps_all_files_and_leaves_the_old_to_who_uses_them(void **state)
{
	struct keyring *k = keyring_of(true);
	struct keys *old = keyring_take(k), *now;
	struct buf sealed = BUF_INIT(256), plain = BUF_INIT(256);

	(void)state;
	keyring_seal(k, "row", "secret", 6, &sealed);
	put(master, "two " KEY_B "\none " KEY_A "\n");
	put(internal, "api-proxy " KEY_B " token\n");
	keyring_reload(k);
	assert_true(testing_logged("keys reread"));
	now = keyring_take(k);
	assert_ptr_not_equal(now, old);
	assert_string_equal(now->master->list[0].id, "two");
	assert_int_equal(now->internal->list[0].key[0], 'B');
	assert_string_equal(old->master->list[0].id, "one");
	assert_int_equal(old->internal->list[0].key[0], 'A');
	assert_int_equal(keyring_open(k, "row", sealed.data, sealed.len, &plain, NULL), 0);
	assert_string_equal(buf_cstr(&plain), "secret");
	assert_null(now->platforms);
	keyring_give(k, &old);
	keyring_give(k, &now);
	assert_null(now);
	keyring_give(k, &now);
	buf_release(&plain);
	buf_release(&sealed);
	keyring_free(&k);
	keyring_free(&k);
}

static void one_malformed_file_and_all_the_old_stay(void **state)
{
	struct keyring *k = keyring_of(true);
	struct keys *keys;

	(void)state;
	put(master, "two " KEY_B "\n");
	put(internal, "api-proxy nonsense token\n");
	testing_expect_log(LOG_LEVEL_ERROR, "the old keys stay: WXBUS_INTERNAL_KEYS_FILE");
	keyring_reload(k);
	keys = keyring_take(k);
	assert_string_equal(keys->master->list[0].id, "one");
	keyring_give(k, &keys);
	keyring_free(&k);
}

static void who_signs_needs_a_key_of_his_own(void **state)
{
	const struct keyring_files files = {
		.master_keys = master, .internal_keys = internal, .signs_as_token = true};
	struct keyring *k = NULL;
	struct err err;

	(void)state;
	put(internal, "wxbus " KEY_A " admin\n");
	assert_int_equal(keyring_new(&k, &files, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	assert_non_null(strstr(err.text, "WXBUS_INTERNAL_KEYS_FILE: no key of scope token"));
	assert_null(k);
	k = keyring_of(false);
	keyring_free(&k);
}

#define KEYRING_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYRING_CASE(a_reload_swaps_all_files_and_leaves_the_old_to_who_uses_them),
		KEYRING_CASE(one_malformed_file_and_all_the_old_stay),
		KEYRING_CASE(who_signs_needs_a_key_of_his_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
