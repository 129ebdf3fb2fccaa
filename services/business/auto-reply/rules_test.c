#include "services/business/auto-reply/rules.h"

#include "common/base/clock.h"
#include "common/testing/testing.h"

#include <stdio.h>
#include <string.h>

#include "common/base/banned.h"

#define HI "\"reply\":{\"MsgType\":\"text\",\"Content\":\"hi\"}"

static struct rule_set *read_set(const char *text)
{
	struct rule_set *set = NULL;
	struct err err = {.text = ""};

	if (rule_set_read(text, strlen(text), &set, &err) < 0)
		fail_msg("%s", err.text);
	return set;
}

/* 2026-11-20, a Friday, 12:00 in Beijing. */
static int64_t friday_noon(void)
{
	int64_t ms = 0;

	assert_int_equal(clock_rfc3339_parse("2026-11-20T04:00:00Z", &ms), 0);
	return ms;
}

static const char *hit_at(const struct rule_set *s, enum rule_on on, const char *text, int64_t at_ms)
{
	const struct occasion o = {on, text, at_ms};
	const struct rule *r = rule_set_find(s, &o, NULL, NULL);

	return r ? r->name : "";
}

static const char *hit(const struct rule_set *s, enum rule_on on, const char *text)
{
	return hit_at(s, on, text, friday_noon());
}

#define assert_hit(s, on, text, name) assert_string_equal(hit(s, on, text), name)

/* --- finding
 * -------------------------------------------------------------------------------------------------
 */

static void each_occasion_finds_its_own_rule(void **state)
{
	struct rule_set *s =
		read_set("{\"rules\":["
			 "{\"name\":\"rest\",\"on\":\"default\"," HI "},"
			 "{\"name\":\"spring\",\"on\":\"subscribe\",\"scenes\":[\"spring-*\",\"7\"]," HI "},"
			 "{\"name\":\"welcome\",\"on\":\"subscribe\"," HI "},"
			 "{\"name\":\"desk\",\"on\":\"scan\",\"scenes\":[\"desk\"]," HI "},"
			 "{\"name\":\"help\",\"on\":\"menu\",\"keys\":[\"HELP\",\"FAQ*\"]," HI "},"
			 "{\"name\":\"where\",\"on\":\"location\"," HI "},"
			 "{\"name\":\"picture\",\"on\":\"media\",\"types\":[\"image\"]," HI "},"
			 "{\"name\":\"price\",\"on\":\"keyword\",\"contains\":[\"价格\"]," HI "}]}");

	(void)state;
	assert_int_equal(rule_set_len(s), 8);
	assert_hit(s, ON_SUBSCRIBE, "", "welcome");
	assert_hit(s, ON_SUBSCRIBE, "spring-3", "spring");
	assert_hit(s, ON_SUBSCRIBE, "7", "spring");
	assert_hit(s, ON_SUBSCRIBE, "77", "welcome");
	assert_hit(s, ON_SCAN, "desk", "desk");
	assert_hit(s, ON_SCAN, "desk2", "");
	assert_hit(s, ON_MENU, "HELP", "help");
	assert_hit(s, ON_MENU, "FAQ_7", "help");
	assert_hit(s, ON_MENU, "help", "");
	assert_hit(s, ON_LOCATION, "", "where");
	assert_hit(s, ON_MEDIA, "image", "picture");
	assert_hit(s, ON_MEDIA, "voice", "rest");
	assert_hit(s, ON_KEYWORD, "你们的价格?", "price");
	assert_hit(s, ON_KEYWORD, "hello", "rest");
	rule_set_free(&s);
	assert_null(s);
}

static void words_are_compared_without_blanks_around_them_and_without_case(void **state)
{
	struct rule_set *s =
		read_set("{\"rules\":["
			 "{\"name\":\"e\",\"on\":\"keyword\",\"exact\":[\"Opening hours\"]," HI "},"
			 "{\"name\":\"c\",\"on\":\"keyword\",\"contains\":[\"PRICE\"]," HI "},"
			 "{\"name\":\"r\",\"on\":\"keyword\",\"regex\":[\"^order \\\\d+$\"]," HI "},"
			 "{\"name\":\"cs\",\"on\":\"keyword\",\"exact\":[\"VIP\"],\"regex\":[\"^X\\\\d$\"],"
			 "\"case_sensitive\":true," HI "}]}");

	(void)state;
	assert_hit(s, ON_KEYWORD, " opening HOURS\n", "e");
	assert_hit(s, ON_KEYWORD, "opening hours?", "");
	assert_hit(s, ON_KEYWORD, "what's the price", "c");
	assert_hit(s, ON_KEYWORD, " Order 15 ", "r");
	assert_hit(s, ON_KEYWORD, "Order x", "");
	assert_hit(s, ON_KEYWORD, "VIP", "cs");
	assert_hit(s, ON_KEYWORD, "vip", "");
	assert_hit(s, ON_KEYWORD, "X1", "cs");
	assert_hit(s, ON_KEYWORD, "x1", "");
	assert_hit(s, ON_KEYWORD, "", "");
	rule_set_free(&s);
}

static void priority_goes_before_place_and_default_rules_come_last(void **state)
{
	struct rule_set *s =
		read_set("{\"rules\":["
			 "{\"name\":\"d\",\"on\":\"default\",\"priority\":1000," HI "},"
			 "{\"name\":\"a\",\"on\":\"keyword\",\"contains\":[\"a\"]," HI "},"
			 "{\"name\":\"b\",\"on\":\"keyword\",\"contains\":[\"b\"]," HI "},"
			 "{\"name\":\"c\",\"on\":\"keyword\",\"contains\":[\"c\"],\"priority\":5," HI "},"
			 "{\"name\":\"z\",\"on\":\"keyword\",\"contains\":[\"z\"],\"priority\":-5," HI "}]}");

	(void)state;
	assert_hit(s, ON_KEYWORD, "abc", "c");
	assert_hit(s, ON_KEYWORD, "zba", "a");
	assert_hit(s, ON_KEYWORD, "zb", "b");
	assert_hit(s, ON_KEYWORD, "z", "z");
	assert_hit(s, ON_KEYWORD, "q", "d");
	rule_set_free(&s);
}

static void a_rule_outside_its_windows_is_passed_over(void **state)
{
	struct rule_set *s = read_set(
		"{\"rules\":["
		"{\"name\":\"open\",\"on\":\"keyword\",\"contains\":[\"?\"],\"active\":[{\"days\":[\"mon\","
		"\"fri\"],"
		"\"from\":\"09:00\",\"to\":\"18:00\"},{\"days\":[\"sat\"],\"to\":\"12:00\"}]," HI "},"
		"{\"name\":\"closed\",\"on\":\"default\"," HI "}]}");
	struct rule_set *utc = read_set("{\"time_zone\":\"UTC\",\"rules\":[{\"name\":\"open\",\"on\":"
					"\"default\",\"active\":[{\"from\":\"09:00\"}]," HI "}]}");

	(void)state;
	assert_string_equal(hit_at(s, ON_KEYWORD, "?", friday_noon()), "open");
	assert_string_equal(hit_at(s, ON_KEYWORD, "?", friday_noon() + 6 * 3600000), "closed");
	assert_string_equal(hit_at(s, ON_KEYWORD, "?", friday_noon() + 24 * 3600000 - 1), "open");
	assert_string_equal(hit_at(s, ON_KEYWORD, "?", friday_noon() + 24 * 3600000), "closed");
	assert_string_equal(hit_at(utc, ON_KEYWORD, "?", friday_noon()), "");
	assert_string_equal(hit_at(utc, ON_KEYWORD, "?", friday_noon() + 5 * 3600000), "open");
	rule_set_free(&s);
	rule_set_free(&utc);
}

struct story {
	char text[600];
};

static void tell(void *arg, const struct rule *r, enum rule_outcome outcome, const char *detail)
{
	struct story *story = arg;
	size_t len = strlen(story->text);

	(void)snprintf(
		story->text + len, sizeof(story->text) - len, "%s:%d:%s;", r->name, (int)outcome, detail);
}

static void the_trace_tells_of_each_rule_why_it_did_or_did_not_hit(void **state)
{
	struct rule_set *s =
		read_set("{\"rules\":["
			 "{\"name\":\"w\",\"on\":\"subscribe\"," HI "},"
			 "{\"name\":\"old\",\"on\":\"keyword\",\"contains\":[\"a\"],\"active\":[{\"until\":"
			 "\"2026-11-19\"}]," HI "},"
			 "{\"name\":\"bad\",\"on\":\"keyword\",\"regex\":[\"^(a+)+$\"]," HI "},"
			 "{\"name\":\"no\",\"on\":\"keyword\",\"contains\":[\"x\"]," HI "},"
			 "{\"name\":\"yes\",\"on\":\"keyword\",\"contains\":[\"y\",\"A!\"]," HI "},"
			 "{\"name\":\"never\",\"on\":\"default\"," HI "}]}");
	const struct occasion o = {
		ON_KEYWORD, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", friday_noon()};
	struct story story = {""};
	const struct rule *r = rule_set_find(s, &o, tell, &story);

	(void)state;
	assert_non_null(r);
	assert_string_equal(r->name, "yes");
	assert_string_equal(story.text, "w:1:;old:2:;bad:4:;no:3:;yes:0:contains \"A!\";");
	rule_set_free(&s);
}

static void a_catastrophic_expression_neither_hits_nor_keeps_others_from_it(void **state)
{
	struct rule_set *s = read_set(
		"{\"rules\":["
		"{\"name\":\"bad\",\"on\":\"keyword\",\"regex\":[\"^(a+)+$\",\"(x+x+)+y\"],\"priority\":9," HI
		"},"
		"{\"name\":\"rest\",\"on\":\"default\"," HI "}]}");
	char text[2048];
	int64_t began = clock_mono_ms();

	(void)state;
	memset(text, 'a', sizeof(text));
	text[2046] = '!';
	text[2047] = '\0';
	for (int i = 0; i < 20; i++)
		assert_hit(s, ON_KEYWORD, text, "rest");
	assert_true(clock_mono_ms() - began < 20000);
	rule_set_free(&s);
}

static void answers_are_kept_as_they_were_written(void **state)
{
	struct rule_set *s = read_set(
		"{\"answers_per_hour\":3,\"rules\":[{\"name\":\"n\",\"on\":\"menu\",\"keys\":[\"N\"],"
		"\"reply\":{\"MsgType\":\"news\",\"Articles\":[{\"Title\":\"A\",\"Url\":\"https://"
		"a\"},{\"Title\":\"B\",\"Url\":\"https://b\"}]},"
		"\"follow_ups\":[{\"MsgType\":\"text\",\"Content\":\"1\"},{\"MsgType\":\"image\",\"Image\":{"
		"\"MediaId\":\"m\"}}]}]}");
	const struct occasion o = {ON_MENU, "N", 0};
	const struct rule *r = rule_set_find(s, &o, NULL, NULL);

	(void)state;
	assert_int_equal(rule_set_per_hour(s), 3);
	assert_non_null(r);
	assert_string_equal(r->reply,
		"{\"MsgType\":\"news\",\"Articles\":[{\"Title\":\"A\",\"Url\":\"https://a\"},"
		"{\"Title\":\"B\",\"Url\":\"https://b\"}]}");
	assert_int_equal(r->n_follow_ups, 2);
	assert_string_equal(r->follow_ups[1], "{\"MsgType\":\"image\",\"Image\":{\"MediaId\":\"m\"}}");
	rule_set_free(&s);
}

/* --- refusing
 * ------------------------------------------------------------------------------------------------
 */

static void assert_refused(const char *text, const char *says)
{
	struct rule_set *set = NULL;
	struct err err = {.text = ""};

	assert_int_equal(rule_set_read(text, strlen(text), &set, &err), -1);
	assert_int_equal(err.kind, ERR_REJECT);
	if (!strstr(err.text, says))
		fail_msg("expected \"%s\" in \"%s\"", says, err.text);
	assert_null(set);
}

/* A set of one rule with these members besides its name, refused at `path`. */
static void assert_rule_refused(const char *members, const char *path_and_why)
{
	char text[2048];

	(void)snprintf(text, sizeof(text), "{\"rules\":[\n{\"name\":\"x\",%s}]}", members);
	assert_refused(text, path_and_why);
	assert_refused(text, "line 2, column ");
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
	(void)state;
	assert_refused("{\"rules\":[\n{\"name\":\"a\",\n \"on\":\"keywords\"," HI "}]}",
		"line 3, column 7, rules[0].on: must be subscribe, scan");
	assert_refused("{\"rules\":[\n{\"name\":\"a\"\n \"on\":1}]}", "line 3, column 2: a comma");
	assert_refused("", "line 1, column 1: the end");
	assert_refused("[]", "line 1, column 1: must be an object");
	assert_refused("{}", "rules: must be a list");
	assert_refused("{\"rules\":{}}", "line 1, column 10, rules: must be a list");
	assert_refused("{\"rules\":[],\"rule\":[]}", "rule: is not known here");
	assert_refused(
		"{\"rules\":[],\"answers_per_hour\":0}", "answers_per_hour: must be a whole number from 1");
	assert_refused(
		"{\"rules\":[],\"time_zone\":\"Mars\"}", "column 25, time_zone: must be Asia/Shanghai");
	assert_refused("{\"rules\":[{\"name\":\"a\",\"on\":\"default\"," HI
		       "},\n{\"name\":\"a\",\"on\":\"default\"," HI "}]}",
		"line 2, column 9, rules[1].name: is the name of rules[0] already");
	assert_refused("{\"rules\":[{\"on\":\"default\"," HI "}]}",
		"rules[0].name: must be a text of 1 to 64 bytes");
}

static void rules_that_could_never_hit_or_answer_are_refused(void **state)
{
	(void)state;
	assert_rule_refused(
		"\"on\":\"keyword\"," HI, "rules[0]: a keyword rule needs exact, contains or regex");
	assert_rule_refused(
		"\"on\":\"keyword\",\"exact\":[]," HI, "rules[0].exact: must be a list of 1 to 200");
	assert_rule_refused(
		"\"on\":\"keyword\",\"exact\":[\"a\",\" \"]," HI, "rules[0].exact[1]: must not be blank");
	assert_rule_refused("\"on\":\"keyword\",\"exact\":[5]," HI, "rules[0].exact[0]: must be a text");
	assert_rule_refused("\"on\":\"keyword\",\"exact\":[\"a\"],\"keys\":[\"b\"]," HI,
		"rules[0].keys: is not known here");
	assert_rule_refused("\"on\":\"menu\"," HI, "rules[0].keys: a menu rule needs them");
	assert_rule_refused("\"on\":\"media\",\"types\":[\"photo\"]," HI, "rules[0].types[0]: must be image");
	assert_rule_refused("\"on\":\"keyword\",\"regex\":[\"ok\",\"a(b\"]," HI,
		"rules[0].regex[1]: not a regular expression: missing closing parenthesis");
	assert_rule_refused("\"on\":\"keyword\",\"exact\":[\"a\"],\"case_sensitive\":1," HI,
		"case_sensitive: must be true");
	assert_rule_refused(
		"\"on\":\"default\",\"priority\":1.5," HI, "rules[0].priority: must be a whole number");
	assert_rule_refused("\"on\":\"default\"", "rules[0]: has neither reply nor follow_ups");
	assert_rule_refused("\"on\":\"default\",\"reply\":{\"MsgType\":\"text\"}",
		"rules[0].reply: a text reply must have");
	assert_rule_refused("\"on\":\"default\",\"reply\":null", "rules[0].reply: MsgType must be");
	assert_rule_refused("\"on\":\"default\",\"reply\":{\"MsgType\":\"news\",\"Articles\":[{\"Title\":"
			    "\"A\",\"Url\":\"u\"},"
			    "{\"Title\":\"B\",\"Url\":\"u\"}]}",
		"rules[0].reply.Articles: Weixin takes one article here");
	assert_rule_refused("\"on\":\"default\",\"follow_ups\":[{\"MsgType\":\"transfer_customer_service\"}]",
		"rules[0].follow_ups[0]: transfer_customer_service has no customer-service message");
}

static void windows_that_hold_no_time_are_refused(void **state)
{
	(void)state;
	assert_rule_refused("\"on\":\"default\",\"active\":[{\"from\":\"9:00\"}]," HI,
		"rules[0].active[0].from: must be a time");
	assert_rule_refused("\"on\":\"default\",\"active\":[{},{\"to\":\"25:00\"}]," HI,
		"rules[0].active[1].to: must be a time");
	assert_rule_refused("\"on\":\"default\",\"active\":[{\"from\":\"09:00\",\"to\":\"09:00\"}]," HI,
		"rules[0].active[0]: holds no time");
	assert_rule_refused("\"on\":\"default\",\"active\":[{\"days\":[\"mon\",\"Tue\"]}]," HI,
		"rules[0].active[0].days[1]: must be mon");
	assert_rule_refused(
		"\"on\":\"default\",\"active\":[{\"since\":\"2026-12-31\",\"until\":\"2026-12-30\"}]," HI,
		"rules[0].active[0].until: is before since");
	assert_rule_refused("\"on\":\"default\",\"active\":[{\"date\":\"2026-12-31\"}]," HI,
		"rules[0].active[0].date: is not known");
	assert_rule_refused("\"on\":\"default\",\"active\":{}," HI, "rules[0].active: must be a list");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTING_CASE(each_occasion_finds_its_own_rule),
		TESTING_CASE(words_are_compared_without_blanks_around_them_and_without_case),
		TESTING_CASE(priority_goes_before_place_and_default_rules_come_last),
		TESTING_CASE(a_rule_outside_its_windows_is_passed_over),
		TESTING_CASE(the_trace_tells_of_each_rule_why_it_did_or_did_not_hit),
		TESTING_CASE(a_catastrophic_expression_neither_hits_nor_keeps_others_from_it),
		TESTING_CASE(answers_are_kept_as_they_were_written),
		TESTING_CASE(what_is_wrong_is_named_with_its_place),
		TESTING_CASE(rules_that_could_never_hit_or_answer_are_refused),
		TESTING_CASE(windows_that_hold_no_time_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
