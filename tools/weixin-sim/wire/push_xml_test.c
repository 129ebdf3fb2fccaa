#include "tools/weixin-sim/wire/push_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/banned.h"

static int write_fields(const char *fields, struct buf *out)
{
	const struct json_limits limits = {.max_bytes = 4096, .max_depth = 8};
	struct json *j = NULL;
	struct err err = {0};
	int rc;

	if (json_parse(fields, strlen(fields), &limits, &j, &err) < 0)
		fail_msg("%s", err.text);
	rc = push_xml_write(j, out, &err);
	json_free(&j);
	return rc;
}

static void assert_xml(const char *fields, const char *xml)
{
	struct buf out = BUF_INIT(4096);

	assert_int_equal(write_fields(fields, &out), 0);
	assert_string_equal(buf_cstr(&out), xml);
	buf_release(&out);
}

static void assert_refused(const char *fields)
{
	struct buf out = BUF_INIT(4096);

	assert_int_equal(write_fields(fields, &out), -1);
	buf_release(&out);
}

static void push_xml_writes_fields_in_their_order(void **state)
{
	(void)state;
	assert_xml("{\"ToUserName\":\"gh_1\",\"CreateTime\":1413192605,\"Content\":\"你好 <&>\"}",
		"<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n<CreateTime>1413192605</CreateTime>\n"
		"<Content><![CDATA[你好 <&>]]></Content>\n</xml>");
}

static void push_xml_keeps_numbers_as_they_are_written(void **state)
{
	(void)state;
	assert_xml("{\"MsgId\":9223372036854775807,\"Latitude\":23.10}",
		"<xml><MsgId>9223372036854775807</MsgId>\n<Latitude>23.10</Latitude>\n</xml>");
}

static void push_xml_nests_objects_and_repeats_arrays(void **state)
{
	(void)state;
	assert_xml("{\"E\":{\"List\":[{\"A\":\"x\"},{\"A\":\"y\"}]},\"K\":null,\"N\":[]}",
		"<xml><E><List><A><![CDATA[x]]></A>\n</List>\n<List><A><![CDATA[y]]></A>\n</List>\n</E>\n"
		"<K></K>\n</xml>");
}

static void push_xml_splits_the_end_of_cdata(void **state)
{
	struct buf out = BUF_INIT(4096);

	(void)state;
	assert_int_equal(write_fields("{\"Content\":\"a]]>b\"}", &out), 0);
	assert_null(strstr(buf_cstr(&out), "a]]>b"));
	buf_release(&out);
}

static void push_xml_refuses_what_has_no_form_in_xml(void **state)
{
	(void)state;
	assert_refused("{\"1bad\":\"x\"}");
	assert_refused("{\"a b\":\"x\"}");
	assert_refused("{\"A\":{\"\":\"x\"}}");
	assert_refused("{\"A\":true}");
}

static void push_xml_envelope_names_the_receiver(void **state)
{
	struct buf out = BUF_INIT(4096);

	(void)state;
	push_xml_envelope("AppId", "wxc", "QUJD", &out);
	assert_string_equal(buf_cstr(&out), "<xml>\n    <AppId><![CDATA[wxc]]></AppId>\n"
					    "    <Encrypt><![CDATA[QUJD]]></Encrypt>\n</xml>");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push_xml_writes_fields_in_their_order),
		cmocka_unit_test(push_xml_keeps_numbers_as_they_are_written),
		cmocka_unit_test(push_xml_nests_objects_and_repeats_arrays),
		cmocka_unit_test(push_xml_splits_the_end_of_cdata),
		cmocka_unit_test(push_xml_refuses_what_has_no_form_in_xml),
		cmocka_unit_test(push_xml_envelope_names_the_receiver),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
