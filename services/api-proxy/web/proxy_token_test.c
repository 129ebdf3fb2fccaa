#include "services/api-proxy/web/proxy_token.h"

#include "common/base/str.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

static struct master_key key_1 = {.id = "first", .key = {1}}, key_2 = {.id = "second", .key = {2}};
static const struct master_keys only_1 = {&key_1, 1}, only_2 = {&key_2, 1};

static char *sealed_token(void)
{
	struct proxy_token t = {.appid = "wxaccount", .expires_wall_ms = 5000};
	struct buf text = BUF_INIT(PROXY_TOKEN_MAX);

	memset(t.key_sha256, 7, sizeof(t.key_sha256));
	proxy_token_seal(&only_1, &t, &text);
	return buf_detach(&text);
}

static void a_sealed_token_opens_to_what_it_was_made_of(void **state)
{
	char *text = sealed_token();
	struct proxy_token t;
	struct err err;

	(void)state;
	assert_true(proxy_token_looks(text));
	assert_int_equal(proxy_token_open(&only_1, text, 4999, &t, &err), 0);
	assert_string_equal(t.appid, "wxaccount");
	assert_int_equal(t.key_sha256[31], 7);
	assert_int_equal(t.expires_wall_ms, 5000);
	free(text);
}

static void it_ends_at_its_time(void **state)
{
	char *text = sealed_token();
	struct proxy_token t;
	struct err err;

	(void)state;
	assert_int_equal(proxy_token_open(&only_1, text, 5000, &t, &err), PROXY_TOKEN_EXPIRED);
	free(text);
}

static void a_changed_one_or_another_key_opens_nothing(void **state)
{
	char *text = sealed_token();
	struct proxy_token t;
	struct err err;
	size_t i;

	(void)state;
	assert_int_equal(proxy_token_open(&only_2, text, 0, &t, &err), -1);
	for (i = 0; i < strlen(text); i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(proxy_token_open(&only_1, text, 0, &t, &err), -1);
		text[i] = was;
	}
	text[strlen(text) - 1] = '\0';
	assert_int_equal(proxy_token_open(&only_1, text, 0, &t, &err), -1);
	free(text);
	assert_int_equal(proxy_token_open(&only_1, "", 0, &t, &err), -1);
	assert_int_equal(proxy_token_open(&only_1, "wxbus-", 0, &t, &err), -1);
	assert_int_equal(proxy_token_open(&only_1, "wxbus-AAAA", 0, &t, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_sealed_token_opens_to_what_it_was_made_of),
		TESTING_CASE(it_ends_at_its_time),
		TESTING_CASE(a_changed_one_or_another_key_opens_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
