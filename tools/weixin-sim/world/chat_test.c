#include "tools/weixin-sim/world/chat.h"

#include "common/testing/testing.h"

#include <string.h>

static struct json *since(const struct chat *c, uint64_t n)
{
	const struct json_limits limits = {.max_bytes = (size_t)1 << 20, .max_depth = 8};
	struct buf out = BUF_INIT((size_t)1 << 20);
	struct json *j = NULL;

	chat_write(c, n, &out);
	assert_int_equal(json_parse(buf_cstr(&out), out.len, &limits, &j, NULL), 0);
	buf_release(&out);
	return j;
}

static void a_chat_gives_what_came_since_a_number(void **state)
{
	struct json *message = json_new_object(), *got;
	struct chat c = {.n = 0};

	(void)state;
	json_set_str(message, "Content", "你好");
	chat_add(&c, CHAT_FAN, 1000, message);
	chat_add(&c, CHAT_REPLY, 2000, message);
	got = since(&c, 1);
	assert_int_equal(json_len(json_get(got, "entries")), 1);
	assert_string_equal(json_get_str(json_at(json_get(got, "entries"), 0), "from"), "reply");
	assert_string_equal(
		json_get_str(json_get(json_at(json_get(got, "entries"), 0), "message"), "Content"), "你好");
	json_free(&got);
	json_free(&message);
	chat_release(&c);
}

static void a_chat_keeps_the_latest_entries(void **state)
{
	struct json *message = json_new_object(), *got;
	struct chat c = {.n = 0};
	int64_t n = 0;

	(void)state;
	for (int i = 0; i < CHAT_MAX + 5; i++)
		chat_add(&c, CHAT_SERVICE, 0, message);
	got = since(&c, 0);
	assert_int_equal(json_len(json_get(got, "entries")), CHAT_MAX);
	assert_int_equal(json_get_int(json_at(json_get(got, "entries"), 0), "n", &n), 0);
	assert_int_equal(n, 6);
	json_free(&got);
	json_free(&message);
	chat_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_chat_gives_what_came_since_a_number),
		TESTING_CASE(a_chat_keeps_the_latest_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
