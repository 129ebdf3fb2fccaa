#include "tools/weixin-sim/admin/faults.h"

#include "common/testing/testing.h"

#include <stdlib.h>
#include <string.h>

static struct faults faults;

static int setup(void **state)
{
	faults_init(&faults);
	return testing_setup(state);
}

static int teardown(void **state)
{
	faults_release(&faults);
	return testing_teardown(state);
}

static int add(const char *text)
{
	const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4};
	struct json *wanted = NULL;
	struct err err = {0};
	int rc;

	assert_int_equal(json_parse(text, strlen(text), &limits, &wanted, &err), 0);
	rc = faults_add(&faults, wanted, &err);
	assert_true(rc == 0 || err.text[0]);
	json_free(&wanted);
	return rc;
}

static bool take(enum fault_of of, const char *name, struct fault *out)
{
	bool taken = faults_take(&faults, of, name, out);

	if (taken)
		free(out->body);
	return taken;
}

static void faults_of_one_path_are_used_up_in_their_order(void **state)
{
	struct fault f;

	(void)state;
	assert_int_equal(add("{\"path\":\"/a\",\"errcode\":-1,\"count\":2}"), 0);
	assert_int_equal(add("{\"path\":\"*\",\"reset\":true}"), 0);
	assert_true(take(FAULT_OF_CALL, "/a", &f) && f.errcode == -1);
	assert_true(take(FAULT_OF_CALL, "/b", &f) && f.reset);
	assert_true(take(FAULT_OF_CALL, "/a", &f) && f.errcode == -1);
	assert_false(take(FAULT_OF_CALL, "/a", &f));
}

static void a_fault_tells_its_answer_and_its_time(void **state)
{
	struct fault f;

	(void)state;
	assert_int_equal(
		add("{\"path\":\"*\",\"body\":\"<html>\",\"delay_ms\":5,\"cut\":2,\"when\":\"after\"}"), 0);
	assert_true(faults_take(&faults, FAULT_OF_CALL, "/b", &f));
	assert_string_equal(f.body, "<html>");
	assert_true(f.after && f.delay_ms == 5 && f.cut == 2);
	free(f.body);
}

static void a_rate_hits_its_share_and_never_ends(void **state)
{
	struct fault f;
	int hit = 0;

	(void)state;
	assert_int_equal(add("{\"path\":\"/a\",\"http_status\":500,\"percent\":20}"), 0);
	for (int i = 0; i < 10000; i++)
		hit += take(FAULT_OF_CALL, "/a", &f);
	assert_in_range(hit, 1800, 2200);
}

static void a_rate_with_a_count_ends_with_it(void **state)
{
	struct fault f;
	int hit = 0;

	(void)state;
	assert_int_equal(add("{\"path\":\"/a\",\"cut\":3,\"percent\":50,\"count\":7}"), 0);
	for (int i = 0; i < 1000; i++)
		hit += take(FAULT_OF_CALL, "/a", &f);
	assert_int_equal(hit, 7);
}

static void what_a_rate_passes_over_is_left_to_the_next_fault(void **state)
{
	struct fault f;
	int resets = 0, errors = 0;

	(void)state;
	assert_int_equal(add("{\"path\":\"/a\",\"reset\":true,\"percent\":50}"), 0);
	assert_int_equal(add("{\"path\":\"/a\",\"errcode\":-1,\"percent\":100}"), 0);
	for (int i = 0; i < 100; i++) {
		assert_true(take(FAULT_OF_CALL, "/a", &f));
		resets += f.reset;
		errors += f.errcode == -1;
	}
	assert_true(resets > 20 && errors > 20 && resets + errors == 100);
}

static void jitter_is_added_to_the_delay(void **state)
{
	int64_t least = INT64_MAX, most = 0;
	struct fault f;

	(void)state;
	assert_int_equal(add("{\"push\":\"text\",\"delay_ms\":10,\"jitter_ms\":20,\"count\":200}"), 0);
	for (int i = 0; i < 200; i++) {
		assert_true(take(FAULT_OF_PUSH, "text", &f));
		least = f.delay_ms < least ? f.delay_ms : least;
		most = f.delay_ms > most ? f.delay_ms : most;
	}
	assert_in_range(least, 10, 15);
	assert_in_range(most, 25, 30);
}

static void calls_and_pushes_have_their_own_faults(void **state)
{
	struct fault f;

	(void)state;
	assert_int_equal(add("{\"push\":\"*\",\"duplicates\":2}"), 0);
	assert_false(take(FAULT_OF_CALL, "/a", &f));
	assert_true(take(FAULT_OF_PUSH, "image", &f) && f.duplicates == 2);
}

static void faults_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_int_equal(add("{\"path\":\"/a\"}"), -1);
	assert_int_equal(add("{\"errcode\":-1}"), -1);
	assert_int_equal(add("{\"path\":\"/a\",\"errcode\":\"x\"}"), -1);
	assert_int_equal(add("{\"path\":\"/a\",\"errcode\":1,\"when\":\"never\"}"), -1);
	assert_int_equal(add("{\"path\":\"/a\",\"errcode\":1,\"count\":0}"), -1);
	assert_int_equal(add("{\"path\":\"/a\",\"push\":\"text\",\"delay_ms\":1}"), -1);
	assert_int_equal(add("{\"path\":\"a\",\"errcode\":-1}"), -1);
	assert_int_equal(add("{\"path\":\"/a\",\"errcode\":-1,\"percent\":101}"), -1);
	assert_int_equal(add("{\"path\":\"/a\",\"duplicates\":1}"), -1);
	assert_int_equal(add("{\"push\":\"text\",\"errcode\":-1}"), -1);
	assert_int_equal(add("{\"push\":\"text\",\"cut\":1}"), -1);
}

#define FAULTS_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FAULTS_CASE(faults_of_one_path_are_used_up_in_their_order),
		FAULTS_CASE(a_fault_tells_its_answer_and_its_time),
		FAULTS_CASE(a_rate_hits_its_share_and_never_ends),
		FAULTS_CASE(a_rate_with_a_count_ends_with_it),
		FAULTS_CASE(what_a_rate_passes_over_is_left_to_the_next_fault),
		FAULTS_CASE(jitter_is_added_to_the_delay),
		FAULTS_CASE(calls_and_pushes_have_their_own_faults),
		FAULTS_CASE(faults_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
