#include "common/base/clock.h"
#include "common/testing/testing.h"
#include "common/xml/internal.h"

#include <stdlib.h>
#include <string.h>

static const struct xml_limits limits = {.max_bytes = 4 << 20, .max_depth = 16, .max_elements = 1000};
static struct arena arena;

static int setup(void **state)
{
	return testing_setup(state);
}

static int teardown(void **state)
{
	arena_release(&arena);
	return testing_teardown(state);
}

#define XML_CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const struct xml_node *parse(const char *text)
{
	struct xml_node *root = NULL;
	struct err err = {0};

	if (xml_parse(text, strlen(text), &limits, &arena, &root, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return root;
}

static int refused(const void *text, size_t len, struct err *err)
{
	struct xml_node *root = NULL;
	int rc;

	memset(err, 0, sizeof(*err));
	rc = xml_parse(text, len, &limits, &arena, &root, err);
	return rc == -1 && err->kind == ERR_REJECT && err->text[0] && !root;
}

static void assert_same(const struct xml_node *a, const struct xml_node *b)
{
	for (; a && b; a = a->next, b = b->next) {
		assert_string_equal(a->name, b->name);
		assert_string_equal(a->text, b->text);
		assert_int_equal(a->text_len, b->text_len);
		assert_same(a->child, b->child);
	}
	assert_null(a);
	assert_null(b);
}

static void xml_parse_reads_a_push(void **state)
{
	const struct xml_node *root = parse("<xml><ToUserName><![CDATA[gh_1]]></ToUserName>\n"
					    "<CreateTime>1795162530</CreateTime>"
					    "<Content><![CDATA[a < b & 微信]]></Content></xml>");

	(void)state;
	assert_string_equal(root->name, "xml");
	assert_null(root->next);
	assert_string_equal(root->child->name, "ToUserName");
	assert_string_equal(xml_child_text(root, "ToUserName"), "gh_1");
	assert_string_equal(xml_child_text(root, "CreateTime"), "1795162530");
	assert_string_equal(xml_child_text(root, "Content"), "a < b & 微信");
	assert_null(xml_child(root, "content"));
	assert_null(xml_child_text(root, "MsgId"));
}

/* What the reader of the plain form takes (all of Weixin's pushes, so that none waits for expat), it reads as
 * expat does; the rest is expat's. */
static void the_plain_form_is_read_as_expat_reads_it(void **state)
{
	static const char *const plain[] = {"<a></a>", " \n<a>\n</a>\n",
		"<a>x<b>y</b>z<b><![CDATA[]]></b></a>", "<xml><T><![CDATA[<&]]]]></T>\n<C>1</C></xml>",
		"<a><![CDATA[1]]><![CDATA[2]]>3</a>", "<a>\xef\xbc\x8c\xf0\x9f\x98\x80\x7f</a>",
		"<a.b-c_1>1</a.b-c_1>"};
	static const char *const others[] = {"<a/>", "<a b='1'></a>", "<a>&amp;</a>", "<a>]]></a>",
		"<a>\r</a>", "<a>\x01</a>", "<a>\xef\xbf\xbf</a>", "<a><!-- --></a>",
		"<?xml version='1.0'?><a></a>", "<a></b>", "<a>", "<a></a><a></a>", "<a></a>x", "<a ></a>",
		"<a></a >", "<x:a></x:a>", "<!DOCTYPE a><a></a>", "<a><![CDATA[</a>", "",
		"<a><a><a></a></a></a>", "<a><b></b><b></b><b></b></a>", "<1></1>", "x"};
	static const struct xml_limits tight = {.max_bytes = 1000, .max_depth = 2, .max_elements = 3};
	struct xml_node *ours, *theirs;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		assert_true(xml_plain_parse(plain[i], strlen(plain[i]), &tight, &arena, &ours));
		assert_int_equal(
			xml_expat_parse(plain[i], strlen(plain[i]), &tight, &arena, &theirs, &err), 0);
		assert_same(ours, theirs);
	}
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(xml_plain_parse(others[i], strlen(others[i]), &tight, &arena, &ours));
}

static void xml_parse_keeps_order_nesting_and_repetition(void **state)
{
	const struct xml_node *root = parse("<a><b>1</b><c><d/><d>x</d></c><b>2</b></a>");
	const struct xml_node *c = xml_child(root, "c");

	(void)state;
	assert_string_equal(root->child->text, "1");
	assert_ptr_equal(root->child->next, c);
	assert_string_equal(c->next->text, "2");
	assert_null(c->next->next);
	assert_string_equal(c->child->text, "");
	assert_int_equal(c->child->text_len, 0);
	assert_string_equal(c->child->next->text, "x");
	assert_null(c->child->child);
}

static void xml_text_is_joined_and_kept_exactly(void **state)
{
	const struct xml_node *root =
		parse("<a> x <b>in</b>\ty<![CDATA[<z>]]]]><![CDATA[>]]>&lt;&#x5fae;&amp;<!--c-->\n</a>");

	(void)state;
	assert_string_equal(root->text, " x \ty<z>]]><微&\n");
	assert_int_equal(root->text_len, strlen(root->text));
	assert_string_equal(root->child->text, "in");
}

static void xml_parse_passes_over_what_is_no_element(void **state)
{
	const struct xml_node *root =
		parse("\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"utf-8\"?><?pi x?><!-- c -->"
		      "<a b=\"c\"><?pi?><b/></a><!-- end -->\n");

	(void)state;
	assert_string_equal(root->name, "a");
	assert_string_equal(root->text, "");
	assert_string_equal(root->child->name, "b");
}

static void xml_parse_refuses_doctype_before_its_content(void **state)
{
	static const char *const texts[] = {
		"<!DOCTYPE a><a/>",
		"<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
		"<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
		"<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
		"<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1/\"> %p;]><a/>",
		"<!DOCTYPE a [<!ENTITY l \"l\"><!ENTITY m \"&l;&l;&l;\">]><a>&m;</a>",
	};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(refused(texts[i], strlen(texts[i]), &err));
		assert_non_null(strstr(err.text, "DOCTYPE"));
	}
}

static void xml_parse_refuses_what_is_not_well_formed(void **state)
{
	static const char *const texts[] = {"", " ", "text", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a/>text",
		"text<a/>", "<a><b></a></b>", "<a>&nbsp;</a>", "<a>&x;</a>", "<a>&#0;</a>", "<a>&#x1;</a>",
		"<a>&#xd800;</a>", "<a>&#x110000;</a>", "<a>&</a>", "<a>]]></a>", "<a><![CDATA[x</a>",
		"<a b=c/>", "<a b=\"1\" b=\"2\"/>", "<1/>", "<a b=\"<\"/>", "<a>\x01</a>",
		"<a><!-- -- --></a>", " <?xml version=\"1.0\"?><a/>", "<a", "<a/", "<a><", "{\"a\":1}"};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!refused(texts[i], strlen(texts[i]), &err))
			fail_msg("accepted: %s", texts[i]);
	assert_true(refused("<a>\0</a>", 8, &err));
	assert_true(refused("<a/>\0", 5, &err));
}

static void xml_parse_refuses_all_but_utf8(void **state)
{
	static const char gbk_declared[] = "<?xml version=\"1.0\" encoding=\"GBK\"?><a>x</a>";
	static const char latin_declared[] = "<?xml version='1.0' encoding='iso-8859-1'?><a>x</a>";
	static const char utf16_declared[] = "<?xml version='1.0' encoding='UTF-16'?><a>x</a>";
	static const char utf16[] = "\xff\xfe<\0a\0/\0>\0";
	struct err err;

	(void)state;
	assert_true(refused(gbk_declared, strlen(gbk_declared), &err));
	assert_non_null(strstr(err.text, "an encoding other than UTF-8"));
	assert_true(refused(latin_declared, strlen(latin_declared), &err));
	assert_true(refused(utf16_declared, strlen(utf16_declared), &err));
	assert_true(refused(utf16, sizeof(utf16) - 1, &err));
	assert_true(refused("<\0a\0/\0>\0", 8, &err));
	assert_true(refused("\0<\0a\0/\0>", 8, &err));
	assert_true(refused("<a>\xd6\xd0</a>", 9, &err));
	assert_true(refused("<a>\xed\xa0\x80</a>", 10, &err));
	assert_true(refused("<a>\xc0\x80</a>", 9, &err));
}

static void xml_parse_stops_at_its_depth(void **state)
{
	struct buf text = BUF_INIT(1 << 20);
	struct err err;
	int i, depth;

	(void)state;
	for (depth = 16; depth < 20000; depth = depth == 16 ? 17 : depth == 17 ? 10000 : 20000) {
		buf_reset(&text);
		for (i = 0; i < depth; i++)
			buf_add_str(&text, "<a>");
		for (i = 0; i < depth; i++)
			buf_add_str(&text, "</a>");
		if (depth == 16) {
			parse(buf_cstr(&text));
		} else {
			assert_true(refused(text.data, text.len, &err));
			assert_non_null(strstr(err.text, "too deep nesting"));
		}
	}
	assert_true(refused("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/>", 53 - 1, &err));
	assert_non_null(strstr(err.text, "too deep nesting"));
	buf_release(&text);
}

static void xml_parse_stops_at_its_elements_and_bytes(void **state)
{
	struct xml_limits few = {.max_bytes = 20, .max_depth = 3, .max_elements = 3};
	struct xml_node *root = NULL;
	struct err err;

	(void)state;
	assert_int_equal(xml_parse("<a><b/><c/></a>", 15, &few, &arena, &root, &err), 0);
	assert_int_equal(xml_parse("<a><b/><c/><d/></a>", 19, &few, &arena, &root, &err), -1);
	assert_non_null(strstr(err.text, "too many elements"));
	assert_int_equal(xml_parse("<a>aaaaaaaaaaaaaaaaaa</a>", 25, &few, &arena, &root, &err), -1);
	assert_string_equal(err.text, "more than 20 bytes");
}

/* expat gives each reference, line end and CDATA section as a piece of its own. */
static void xml_text_in_many_pieces_takes_linear_time(void **state)
{
	struct buf text = BUF_INIT(4 << 20);
	const struct xml_node *root;
	int64_t start;
	int i;

	(void)state;
	buf_add_str(&text, "<a>");
	for (i = 0; i < 600000; i++)
		buf_add_str(&text, "&lt;\n");
	buf_add_str(&text, "</a>");
	start = clock_mono_ms();
	root = parse(buf_cstr(&text));
	assert_int_equal(root->text_len, 1200000);
	assert_in_range(clock_mono_ms() - start, 0, 5000);
	buf_release(&text);
}

static void xml_errors_quote_nothing_of_the_input(void **state)
{
	static const char text[] = "<xml><Ticket>hunter2</hunter2></xml>";
	struct err err;

	(void)state;
	assert_true(refused(text, strlen(text), &err));
	assert_null(strstr(err.text, "hunter2"));
}

static void assert_cdata_survives(const char *text, size_t len, const char *expected)
{
	struct buf out = BUF_INIT(1000);

	xml_open(&out, "a");
	xml_cdata(&out, text, len);
	xml_close(&out, "a");
	assert_string_equal(parse(buf_cstr(&out))->text, expected);
	buf_release(&out);
}

static void assert_text_survives(const char *text, size_t len, const char *expected)
{
	struct buf out = BUF_INIT(1000);

	xml_open(&out, "a");
	xml_text(&out, text, len);
	xml_close(&out, "a");
	assert_string_equal(parse(buf_cstr(&out))->text, expected);
	buf_release(&out);
}

static void xml_written_texts_are_read_back(void **state)
{
	static const char *const texts[] = {"", "plain", "<b>&amp;</b>", "]]>", "]]]]>>", "a]]>b]]>]]", "]]",
		">", "微信 😀", "tab\tline\n", "<![CDATA[x]]>", "\"quoted\" 'too'"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_cdata_survives(texts[i], strlen(texts[i]), texts[i]);
		assert_text_survives(texts[i], strlen(texts[i]), texts[i]);
	}
	assert_text_survives("a\r\nb", 4, "a\r\nb");
}

static void xml_written_text_replaces_what_xml_forbids(void **state)
{
	static const char bad[] = "a\0b\x1b"
				  "c\xff"
				  "d\xef\xbf\xbe"
				  "e\xe5\xbe";
	static const char good[] = "a\xef\xbf\xbd"
				   "b\xef\xbf\xbd"
				   "c\xef\xbf\xbd"
				   "d\xef\xbf\xbd"
				   "e\xef\xbf\xbd\xef\xbf\xbd";

	(void)state;
	assert_cdata_survives(bad, sizeof(bad) - 1, good);
	assert_text_survives(bad, sizeof(bad) - 1, good);
}

static void xml_elements_have_weixins_form(void **state)
{
	struct buf out = BUF_INIT(1000);

	(void)state;
	xml_element_cdata(&out, "MsgType", "text");
	xml_element_int(&out, "CreateTime", 1795162530);
	xml_element_int(&out, "Low", INT64_MIN);
	assert_string_equal(buf_cstr(&out),
		"<MsgType><![CDATA[text]]></MsgType><CreateTime>1795162530</CreateTime>"
		"<Low>-9223372036854775808</Low>");
	buf_release(&out);
}

static void xml_name_ok_takes_plain_names_only(void **state)
{
	static const char *const good[] = {"xml", "ToUserName", "_a", "a1", "a-b.c", "x:y"};
	static const char *const wrong[] = {
		"", "1a", "-a", ".a", "a b", "a>", "a<b", "a/", "ä", "a\n", "a&b", "a\"b"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(xml_name_ok(good[i]), 1);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(xml_name_ok(wrong[i]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		XML_CASE(xml_parse_reads_a_push),
		XML_CASE(the_plain_form_is_read_as_expat_reads_it),
		XML_CASE(xml_parse_keeps_order_nesting_and_repetition),
		XML_CASE(xml_text_is_joined_and_kept_exactly),
		XML_CASE(xml_parse_passes_over_what_is_no_element),
		XML_CASE(xml_parse_refuses_doctype_before_its_content),
		XML_CASE(xml_parse_refuses_what_is_not_well_formed),
		XML_CASE(xml_parse_refuses_all_but_utf8),
		XML_CASE(xml_parse_stops_at_its_depth),
		XML_CASE(xml_parse_stops_at_its_elements_and_bytes),
		XML_CASE(xml_text_in_many_pieces_takes_linear_time),
		XML_CASE(xml_errors_quote_nothing_of_the_input),
		XML_CASE(xml_written_texts_are_read_back),
		XML_CASE(xml_written_text_replaces_what_xml_forbids),
		XML_CASE(xml_elements_have_weixins_form),
		XML_CASE(xml_name_ok_takes_plain_names_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
