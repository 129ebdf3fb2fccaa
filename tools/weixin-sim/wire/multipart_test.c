#include "tools/weixin-sim/wire/multipart.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

#define TYPE "multipart/form-data; boundary=b1"
#define PART(disposition, data)                                                                              \
	"--b1\r\nContent-Disposition: form-data; " disposition "\r\nContent-Type: image/jpeg\r\n\r\n" data   \
	"\r\n"
#define END "--b1--\r\n"

static int find(const char *type, const char *body, struct multipart_part *out)
{
	return multipart_find(type, body, strlen(body), "media", out);
}

static void a_part_is_found_by_its_name_with_its_file_and_bytes(void **state)
{
	struct multipart_part part;

	(void)state;
	assert_int_equal(
		find(TYPE,
			PART("name=\"a\"", "1") PART("name=\"media\"; filename=\"p.jpg\"", "\r\n--b\r\n") END,
			&part),
		0);
	assert_string_equal(part.file_name, "p.jpg");
	assert_int_equal(part.len, 7);
	assert_memory_equal(part.data, "\r\n--b\r\n", 7);
	assert_int_equal(find("multipart/form-data; charset=utf-8; boundary=\"b1\"",
				 PART("name=media", "") END, &part),
		0);
	assert_string_equal(part.file_name, "");
	assert_int_equal(part.len, 0);
}

static void bytes_of_any_kind_are_kept(void **state)
{
	static const char body[] =
		"--b1\r\nContent-Disposition: form-data; name=\"media\"; filename=\"x\"\r\n\r\n"
		"\xff\xd8\0\r\n\0\r\n--b1--";
	struct multipart_part part;

	(void)state;
	assert_int_equal(multipart_find(TYPE, body, sizeof(body) - 1, "media", &part), 0);
	assert_int_equal(part.len, 6);
	assert_memory_equal(part.data, "\xff\xd8\0\r\n\0", 6);
}

static void the_newer_form_of_a_file_name_does_not_count(void **state)
{
	struct multipart_part part;

	(void)state;
	assert_int_equal(find(TYPE, PART("name=\"media\"; filename*=utf-8''p.jpg", "1") END, &part), 0);
	assert_string_equal(part.file_name, "");
}

static void what_is_malformed_is_refused(void **state)
{
	static const char *const bodies[] = {"", "--b1", END, PART("name=\"media\"", "1"),
		PART("name=\"other\"", "1") END, "x" PART("name=\"media\"", "1") END,
		PART("nam=\"media\"", "1") END, PART("name=\"media", "1") END, ("--b1\r\n\r\n1\r\n" END),
		"--b1\nContent-Disposition: form-data; name=\"media\"\n\n1\n--b1--",
		"--b1\r\nContent-Disposition: attachment; name=\"media\"\r\n\r\n1\r\n--b1--",
		"--b1x\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\n1\r\n--b1--"};
	static const char *const types[] = {NULL, "", "application/json", "multipart/form-data",
		"multipart/form-data; boundary=", "multipart/form-data; boundary=b2",
		"multipart/form-data; "
		"boundary=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghh"};
	struct multipart_part part;

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_int_equal(find(TYPE, bodies[i], &part), -1);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(find(types[i], PART("name=\"media\"", "1") END, &part), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(a_part_is_found_by_its_name_with_its_file_and_bytes),
		TESTING_CASE(bytes_of_any_kind_are_kept),
		TESTING_CASE(the_newer_form_of_a_file_name_does_not_count),
		TESTING_CASE(what_is_malformed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
