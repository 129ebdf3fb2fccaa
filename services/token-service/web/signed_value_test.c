#include "services/token-service/web/signed_value.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static struct master_key list[] = {{"new", {1}}, {"old", {2}}};
static const struct master_keys both = {list, 2}, newer = {list, 1}, older = {list + 1, 1};

static enum signed_value_result open_value(
	const struct master_keys *keys, const char *purpose, const char *text, int64_t now_ms)
{
	struct buf out = BUF_INIT(SIGNED_VALUE_PAYLOAD_MAX);
	enum signed_value_result result = signed_value_open(keys, purpose, text, now_ms, &out);

	if (result == SIGNED_VALUE_OK)
		assert_string_equal(buf_cstr(&out), "a=1&b=2");
	else
		assert_int_equal(out.len, 0);
	buf_release(&out);
	return result;
}

static void a_value_comes_back_until_its_end(void **state)
{
	struct buf text = BUF_INIT(SIGNED_VALUE_MAX);

	(void)state;
	signed_value_make(&both, "page", "a=1&b=2", 5000, &text);
	assert_int_equal(
		strspn(buf_cstr(&text), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
		text.len);
	assert_int_equal(open_value(&both, "page", buf_cstr(&text), 4999), SIGNED_VALUE_OK);
	assert_int_equal(open_value(&both, "page", buf_cstr(&text), 5000), SIGNED_VALUE_EXPIRED);
	assert_int_equal(open_value(&newer, "page", buf_cstr(&text), 1), SIGNED_VALUE_OK);
	assert_int_equal(open_value(&older, "page", buf_cstr(&text), 1), SIGNED_VALUE_WRONG);
	assert_int_equal(open_value(&both, "oauth", buf_cstr(&text), 1), SIGNED_VALUE_WRONG);
	buf_release(&text);
}

static void the_new_process_opens_what_the_old_key_signed(void **state)
{
	struct buf text = BUF_INIT(SIGNED_VALUE_MAX);

	(void)state;
	signed_value_make(&older, "page", "a=1&b=2", 5000, &text);
	assert_int_equal(open_value(&both, "page", buf_cstr(&text), 1), SIGNED_VALUE_OK);
	buf_release(&text);
}

static void every_changed_character_is_refused(void **state)
{
	struct buf text = BUF_INIT(SIGNED_VALUE_MAX);

	(void)state;
	signed_value_make(&both, "page", "a=1&b=2", 5000, &text);
	for (size_t i = 0; i < text.len; i++) {
		char kept = text.data[i];

		text.data[i] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(open_value(&both, "page", buf_cstr(&text), 1), SIGNED_VALUE_WRONG);
		text.data[i] = kept;
	}
	assert_int_equal(open_value(&both, "page", "", 1), SIGNED_VALUE_WRONG);
	assert_int_equal(open_value(&both, "page", "%%%%", 1), SIGNED_VALUE_WRONG);
	assert_int_equal(open_value(&both, "page", "AAAA", 1), SIGNED_VALUE_WRONG);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_comes_back_until_its_end),
		cmocka_unit_test(the_new_process_opens_what_the_old_key_signed),
		cmocka_unit_test(every_changed_character_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
