#include "tools/weixin-sim/world/media.h"

#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

#define JPEG "\xff\xd8\xff\xe0"

static int add(
	struct media_store *s, const char *type, const char *bytes, size_t len, const struct media **out)
{
	return media_add(s, "wxa", type, bytes, len, 1000, out);
}

static void what_was_uploaded_is_the_accounts_until_it_expires(void **state)
{
	struct media_store s = {.by_id = NULL};
	const struct media *m;

	(void)state;
	assert_int_equal(add(&s, "image", JPEG, 4, &m), 0);
	assert_string_equal(m->content_type, "image/jpeg");
	assert_ptr_equal(media_find(&s, "wxa", m->id, 999), m);
	assert_ptr_equal(media_find(&s, NULL, m->id, 999), m);
	assert_null(media_find(&s, "wxb", m->id, 999));
	assert_null(media_find(&s, "wxa", m->id, 1000));
	assert_null(media_find(&s, "wxa", "media", 999));
	media_release(&s);
}

static void the_bytes_have_to_be_of_the_type(void **state)
{
	static const struct {
		const char *type, *bytes;
		size_t len;
		int errcode;
	} cases[] = {{"image", "GIF89a", 6, 0}, {"image", "\x89PNG\r\n\x1a\n", 8, 0}, {"thumb", JPEG, 4, 0},
		{"voice", "#!AMR\n", 6, 0}, {"voice", "ID3\x03", 4, 0},
		{"video",
			"\0\0\0\x18"
			"ftypmp42",
			12, 0},
		{"smell", JPEG, 4, 40004}, {"", JPEG, 4, 40004}, {"image", "", 0, 44001},
		{"image", "#!AMR", 5, 40005}, {"image", "\xff\xd8", 2, 40005}, {"thumb", "GIF89a", 6, 40005},
		{"video", "ftypmp42", 8, 40005}};
	struct media_store s = {.by_id = NULL};
	const struct media *m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(add(&s, cases[i].type, cases[i].bytes, cases[i].len, &m), cases[i].errcode);
	media_release(&s);
}

static void the_oldest_go_for_a_new_one(void **state)
{
	static const size_t len = (size_t)10 << 20;
	struct media_store s = {.by_id = NULL};
	const struct media *first, *m;
	char *bytes = calloc(1, len + 1), id[TOKEN_MAX];

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, JPEG, 4);
	assert_int_equal(add(&s, "image", bytes, len + 1, &m), 40006);
	assert_int_equal(add(&s, "thumb", bytes, ((size_t)64 << 10) + 1, &m), 40006);
	assert_int_equal(add(&s, "image", bytes, len, &first), 0);
	memcpy(id, first->id, sizeof(id));
	for (size_t i = 1; i < MEDIA_STORE_MAX / len; i++)
		assert_int_equal(add(&s, "image", bytes, len, &m), 0);
	assert_non_null(media_find(&s, "wxa", id, 0));
	assert_int_equal(add(&s, "image", bytes, len, &m), 0);
	assert_null(media_find(&s, "wxa", id, 0));
	assert_non_null(media_find(&s, "wxa", m->id, 0));
	free(bytes);
	media_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(what_was_uploaded_is_the_accounts_until_it_expires),
		TESTING_CASE(the_bytes_have_to_be_of_the_type),
		TESTING_CASE(the_oldest_go_for_a_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
