#include "tools/weixin-sim/scenario/scenario.h"

#include "common/testing/testing.h"

#include <string.h>

#include "common/base/banned.h"

static bool knows(const char *method, const char *path)
{
	return strcmp(path, strcmp(method, "POST") == 0 ? "/admin/push/ticket" : "/admin/fans") == 0;
}

static int load(struct scenario *s, const char *text, struct err *err)
{
	struct json *root = NULL;

	if (scenario_parse(text, strlen(text), &root, err) < 0)
		return -1;
	return scenario_init(s, root, knows, err);
}

static void steps_are_read_with_their_presets(void **state)
{
	struct scenario_step step;
	struct scenario s;
	struct err err;

	(void)state;
	assert_int_equal(
		load(&s,
			"{\"about\":\"x\",\"variables\":{\"a\":1},\"steps\":[{\"name\":\"first\",\"post\":"
			"\"push/ticket\",\"with\":"
			"{\"b\":\"${a}\"},\"save\":{\"t\":\"ticket\"}},{\"get\":\"fans?appid=${t}\","
			"\"status\":404,\"times\":3},"
			"{\"record\":{\"what\":\"api\"},\"count\":0,\"within_ms\":7},{\"pause_ms\":9}]}",
			&err),
		0);
	assert_int_equal(scenario_steps(&s), 4);
	scenario_step(&s, 0, &step);
	assert_int_equal(step.kind, STEP_POST);
	assert_string_equal(step.name, "first");
	assert_int_equal(step.status, 200);
	assert_int_equal(step.times, 1);
	assert_string_equal(json_get_str(step.with, "b"), "${a}");
	scenario_step(&s, 1, &step);
	assert_int_equal(step.kind, STEP_GET);
	assert_string_equal(step.name, "fans?appid=${t}");
	assert_int_equal(step.status, 404);
	assert_int_equal(step.times, 3);
	scenario_step(&s, 2, &step);
	assert_int_equal(step.kind, STEP_RECORD);
	assert_int_equal(step.count, 0);
	assert_int_equal(step.ms, 7);
	scenario_step(&s, 3, &step);
	assert_int_equal(step.kind, STEP_PAUSE);
	assert_int_equal(step.ms, 9);
	scenario_release(&s);
}

static void a_bad_scenario_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"{\n \"steps\": [\n  {]\n}", "line 3, column 4: "},
		{"[]", "the scenario: is no object"},
		{"{\"step\":[]}", "the scenario: step is none of"},
		{"{\"about\":1,\"steps\":[{\"pause_ms\":0}]}", "about: is no text"},
		{"{\"variables\":[],\"steps\":[{\"pause_ms\":0}]}", "variables: is no object"},
		{"{}", "steps: is no list"},
		{"{\"steps\":[]}", "steps: is no list"},
		{"{\"steps\":[1]}", "steps[0]: is no object"},
		{"{\"steps\":[{\"pause_ms\":0},{}]}", "steps[1]: needs exactly one of"},
		{"{\"steps\":[{\"pause_ms\":0,\"get\":\"fans\"}]}", "steps[0]: needs exactly one of"},
		{"{\"steps\":[{\"pause_ms\":-1}]}", "steps[0].pause_ms: is not from 0 to"},
		{"{\"steps\":[{\"pause_ms\":\"1\"}]}", "steps[0].pause_ms: is no whole number"},
		{"{\"steps\":[{\"post\":1}]}", "steps[0].post: is no text"},
		{"{\"steps\":[{\"post\":\"push/smell\"}]}",
			"steps[0].post: the admin port has no POST push/smell"},
		{"{\"steps\":[{\"get\":\"push/ticket\"}]}",
			"steps[0].get: the admin port has no GET push/ticket"},
		{"{\"steps\":[{\"post\":\"push/ticket\",\"exepct\":{}}]}",
			"steps[0].exepct: there is no such member"},
		{"{\"steps\":[{\"post\":\"push/ticket\",\"with\":[]}]}", "steps[0].with: is no object"},
		{"{\"steps\":[{\"pause_ms\":1,\"with\":{}}]}", "steps[0].with: does not go with pause_ms"},
		{"{\"steps\":[{\"post\":\"push/ticket\",\"times\":0}]}", "steps[0].times: is not from 1 to"},
		{"{\"variables\":{\"i\":1},\"steps\":[{\"pause_ms\":1}]}", "variables: i is the number"},
		{"{\"steps\":[{\"get\":\"fans\",\"save\":{\"i\":\"x\"}}]}",
			"steps[0]: save: i is the number"},
		{"{\"steps\":[{\"get\":\"fans?a=${i}\"},{\"record\":{\"a\":\"${i}\"}}]}",
			"steps[1].record: nothing has given ${i} a value"},
		{"{\"steps\":[{\"post\":\"push/ticket\",\"save\":{\"a\":1}}]}", "steps[0]: a is no text"},
		{"{\"steps\":[{\"post\":\"push/ticket\",\"with\":{\"a\":[\"x${b}\"]}}]}",
			"steps[0].with: nothing has given ${b} a value"},
		{"{\"steps\":[{\"post\":\"push/ticket\",\"with\":{\"a\":\"${b}\"},\"save\":{\"b\":\"c\"}}]}",
			"steps[0].with: nothing has given ${b} a value"},
		{"{\"steps\":[{\"record\":{\"ms\":{\"$atleast\":1}},\"count\":0}]}",
			"steps[0].record: $atleast is no operator"},
		{"{\"steps\":[{\"get\":\"fans\",\"expect\":[{\"a\":{\"$at_most\":\"1\"}}]}]}",
			"steps[0].expect: $at_most is no operator"},
	};
	struct scenario s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {0};

		assert_int_equal(load(&s, cases[i].text, &err), -1);
		assert_int_equal(err.kind, ERR_REJECT);
		assert_int_equal(strncmp(err.text, cases[i].why, strlen(cases[i].why)), 0);
	}
}

static void a_variable_without_a_value_has_to_be_given_one(void **state)
{
	struct scenario s;
	struct err err;

	(void)state;
	assert_int_equal(
		load(&s, "{\"variables\":{\"a\":1,\"b\":null},\"steps\":[{\"pause_ms\":0}]}", &err), 0);
	assert_string_equal(scenario_missing(&s), "b");
	assert_int_equal(scenario_set(&s, "c", "x", &err), -1);
	assert_int_equal(scenario_set(&s, "b", "x", &err), 0);
	assert_null(scenario_missing(&s));
	scenario_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(steps_are_read_with_their_presets),
		TESTING_CASE(a_bad_scenario_is_refused_with_its_place),
		TESTING_CASE(a_variable_without_a_value_has_to_be_given_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
