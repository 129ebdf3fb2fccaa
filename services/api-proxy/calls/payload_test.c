#include "services/api-proxy/calls/payload.h"

#include "common/base/alloc.h"
#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/banned.h"

static void fill(struct payload *p, size_t len)
{
	char piece[1000];
	struct err err;
	size_t i;

	for (i = 0; i < len; i += sizeof(piece)) {
		memset(piece, (int)(i / sizeof(piece) % 251), sizeof(piece));
		assert_int_equal(
			payload_add(p, piece, len - i < sizeof(piece) ? len - i : sizeof(piece), &err), 0);
	}
	assert_int_equal(p->len, len);
}

static void expect_all(struct payload *p, size_t len)
{
	char room[777];
	size_t at = 0;
	ssize_t n;

	payload_rewind(p);
	while ((n = payload_read(p, room, sizeof(room))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			if ((unsigned char)room[i] != at / 1000 % 251)
				fail_msg("byte %zu differs", at);
	assert_int_equal(n, 0);
	assert_int_equal(at, len);
}

static void what_went_in_comes_out_as_often_as_wanted(void **state)
{
	static const size_t lengths[] = {
		0, 1, PAYLOAD_KEPT_MAX - 1, PAYLOAD_KEPT_MAX, PAYLOAD_KEPT_MAX + 1, 3000000};
	const char *folder = testing_temp_folder();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct payload p = PAYLOAD_INIT(folder);

		fill(&p, lengths[i]);
		assert_int_equal(p.fd >= 0, lengths[i] > PAYLOAD_KEPT_MAX);
		expect_all(&p, lengths[i]);
		expect_all(&p, lengths[i]);
		payload_release(&p);
		assert_int_equal(p.fd, -1);
	}
}

static void the_file_has_no_name_and_memory_is_given_back(void **state)
{
	const char *dir = testing_temp_folder();
	struct payload p = PAYLOAD_INIT(dir);

	(void)state;
	fill(&p, 1000000);
	assert_null(p.kept.data);
	assert_int_equal(rmdir(dir), 0); /* empty */
	expect_all(&p, 1000000);
	payload_release(&p);
}

static void a_folder_that_is_gone_is_an_error(void **state)
{
	struct payload p = PAYLOAD_INIT("/nonexistent/spool");
	char *bytes = xcalloc(1, PAYLOAD_KEPT_MAX + 1);
	struct err err;

	(void)state;
	assert_int_equal(payload_add(&p, bytes, PAYLOAD_KEPT_MAX + 1, &err), -1);
	assert_int_equal(err.kind, ERR_RETRY);
	payload_release(&p);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(what_went_in_comes_out_as_often_as_wanted),
		TESTING_CASE(the_file_has_no_name_and_memory_is_given_back),
		TESTING_CASE(a_folder_that_is_gone_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
