#include "tools/weixin-sim/push/samples.h"

#include "common/testing/testing.h"
#include "tools/weixin-sim/wire/push_xml.h"

#include <string.h>

static const struct sample_words words = {.component_appid = "wxcomponent",
	.appid = "wxaccount",
	.user_name = "gh_1",
	.openid = "oFan",
	.code = "queryauthcode@@@x",
	.now_s = 1700000000};

static void every_sample_is_a_push_of_its_kind(void **state)
{
	static const char *const names[] = {
		[SAMPLE_MESSAGE] = "MsgType", [SAMPLE_EVENT] = "Event", [SAMPLE_PLATFORM] = "InfoType"};
	const struct sample *s;

	(void)state;
	for (size_t i = 0; (s = sample_at(i)) != NULL; i++) {
		struct json *fields = sample_fields(s, &words);
		struct buf xml = BUF_INIT(65536);
		const char *kind = json_get_str(fields, names[s->on]);

		assert_non_null(kind);
		assert_int_equal(strncmp(s->name, kind, strlen(kind)), 0);
		assert_true(json_len(fields) > 1 + (s->on == SAMPLE_EVENT));
		if (push_xml_write(fields, &xml, NULL) < 0 || strchr(buf_cstr(&xml), '$'))
			fail_msg("%s: %s", s->name, buf_cstr(&xml));
		assert_ptr_equal(sample_find(s->name), s);
		buf_release(&xml);
		json_free(&fields);
	}
	assert_null(sample_find("nothing of the kind"));
}

static void words_are_filled_at_any_depth(void **state)
{
	struct json *fields = sample_fields(sample_find("wxa_privacy_apply"), &words);
	int64_t at_s;

	(void)state;
	assert_int_equal(json_get_int(json_get(fields, "result_info"), "apply_time", &at_s), 0);
	assert_int_equal(at_s, 1700000000);
	json_free(&fields);
	fields = sample_fields(sample_find("notify_third_fasteregister"), &words);
	assert_string_equal(json_get_str(fields, "auth_code"), "queryauthcode@@@x");
	assert_string_equal(json_get_str(fields, "appid"), "wxaccount");
	assert_true(sample_wants_code(sample_find("notify_third_fasteregister")));
	assert_false(sample_wants_code(sample_find("text")));
	json_free(&fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(every_sample_is_a_push_of_its_kind),
		TESTING_CASE(words_are_filled_at_any_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
