#include "services/business/auto-reply/rules.h"

#include "common/base/alloc.h"
#include "common/base/buf.h"
#include "common/base/str.h"
#include "proto/reply.h"
#include "services/business/auto-reply/rules_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* Strict: what is not known, twice there, empty or of the wrong kind is refused with its place, for a rule
 * that silently never hits is found by fans. */

#define DOC_DEPTH    16
#define PRIORITY_MAX 1000

struct reader {
	struct place place;
	struct rule_set *set;
	int regexes;
	struct err *err;
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

static int missing(struct reader *r, const char *key, const char *what)
{
	place_enter(&r->place, key);
	return place_refuse(&r->place, r->err, "%s", what);
}

/* --- what an object may hold
 * ---------------------------------------------------------------------------------
 */

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

/* An object, and of these members only; `more` may be NULL. */
static int check_members(
	struct reader *r, const struct json *o, const char *const *known, const char *const *more)
{
	const struct json *ignored;
	const char *key;
	size_t it = 0;

	if (json_kind(o) != JSON_OBJECT)
		return place_refuse(&r->place, r->err, "must be an object");
	while (json_next(o, &it, &key, &ignored)) {
		if (listed(known, key) || (more && listed(more, key)))
			continue;
		place_enter(&r->place, key);
		return place_refuse(&r->place, r->err, "is not known here");
	}
	return 0;
}

static bool one_line(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* Where the reader stands: a string of 1 to max bytes. */
static int read_text(struct reader *r, const struct json *j, size_t max, const char **out)
{
	if (json_kind(j) != JSON_STRING || json_str_len(j) == 0 || json_str_len(j) > max ||
		!one_line(json_str(j)))
		return place_refuse(&r->place, r->err, "must be a text of 1 to %zu bytes in one line", max);
	*out = json_str(j);
	return 0;
}

static int read_int(
	struct reader *r, const struct json *o, const char *key, int64_t min, int64_t max, int64_t *out)
{
	const struct json *j = json_get(o, key);

	if (!j)
		return 0;
	if (json_int(j, out) < 0 || *out < min || *out > max) {
		place_enter(&r->place, key);
		return place_refuse(&r->place, r->err, "must be a whole number from %lld to %lld",
			(long long)min, (long long)max);
	}
	return 0;
}

/* Where the reader stands: an array of 1 to max elements. */
static int check_list(struct reader *r, const struct json *list, size_t max)
{
	if (json_kind(list) == JSON_ARRAY && json_len(list) > 0 && json_len(list) <= max)
		return 0;
	return place_refuse(&r->place, r->err, "must be a list of 1 to %zu", max);
}

/* --- words
 * ---------------------------------------------------------------------------------------------------
 */

static const char *const media_types[] = {
	"image", "voice", "video", "shortvideo", "link", "file", "miniprogrampage", NULL};

/* The lists of words that a rule may have, by its occasion. */
static const struct word_list {
	enum rule_on on;
	const char *key;
	enum word_kind kind;
	bool stars;               /* '*' at the end stands for any tail */
	const char *const *among; /* NULL: any */
} word_lists[] = {
	{ON_SUBSCRIBE, "scenes", WORD_EXACT, true, NULL},
	{ON_SCAN, "scenes", WORD_EXACT, true, NULL},
	{ON_KEYWORD, "exact", WORD_EXACT, false, NULL},
	{ON_KEYWORD, "contains", WORD_CONTAINS, false, NULL},
	{ON_KEYWORD, "regex", WORD_REGEX, false, NULL},
	{ON_MENU, "keys", WORD_EXACT, true, NULL},
	{ON_MEDIA, "types", WORD_EXACT, false, media_types},
};

static int read_regex(struct reader *r, struct word *w, bool ignore_case)
{
	struct err why;

	if (++r->regexes > RULES_REGEX_MAX)
		return place_refuse(
			&r->place, r->err, "an account has at most %d regular expressions", RULES_REGEX_MAX);
	if (regex_new(&w->regex, w->said, ignore_case, &why) < 0)
		return place_refuse(&r->place, r->err, "%s", why.text);
	return 0;
}

/* What is compared: without blanks around it, as the text it is compared with. */
static int read_word(
	struct reader *r, const struct word_list *l, const struct json *j, bool ignore_case, struct word *out)
{
	struct arena *arena = &r->set->arena;
	const char *said;
	struct str trimmed;
	char *text;

	if (read_text(r, j, l->kind == WORD_REGEX ? REGEX_PATTERN_MAX : RULE_WORD_MAX, &said) < 0)
		return -1;
	if (l->among && !listed(l->among, said))
		return place_refuse(&r->place, r->err,
			"must be image, voice, video, shortvideo, link, file or miniprogrampage");
	out->kind = l->kind;
	out->said = arena_strdup(arena, said);
	if (l->kind == WORD_REGEX)
		return read_regex(r, out, ignore_case);
	trimmed = str_trim(str_of(said));
	if (l->stars && trimmed.len > 0 && trimmed.p[trimmed.len - 1] == '*') {
		out->kind = WORD_PREFIX;
		trimmed.len--;
	}
	if (trimmed.len == 0)
		return place_refuse(&r->place, r->err, "must not be blank");
	text = arena_strndup(arena, trimmed.p, trimmed.len);
	if (ignore_case)
		str_lower_ascii(text);
	out->text = text;
	return 0;
}

static int read_list(
	struct reader *r, const struct word_list *l, const struct json *list, struct rule_match *m)
{
	if (check_list(r, list, RULE_WORDS_MAX) < 0)
		return -1;
	for (size_t i = 0; i < json_len(list); i++) {
		place_enter_at(&r->place, i);
		if (read_word(r, l, json_at(list, i), m->ignore_case, &m->words[m->n_words++]) < 0)
			return -1;
		place_leave(&r->place);
	}
	return 0;
}

/* Every list that stands in the rule; m->words has room for all. */
static int read_lists(struct reader *r, const struct json *o, enum rule_on on, struct rule_match *m)
{
	for (size_t i = 0; i < N(word_lists); i++) {
		const struct word_list *l = &word_lists[i];
		const struct json *list = l->on == on ? json_get(o, l->key) : NULL;

		if (!list)
			continue;
		place_enter(&r->place, l->key);
		if (read_list(r, l, list, m) < 0)
			return -1;
		place_leave(&r->place);
	}
	return 0;
}

static int read_case(struct reader *r, const struct json *o, struct rule_match *m)
{
	const struct json *j = json_get(o, "case_sensitive");

	if (j && json_kind(j) != JSON_BOOL)
		return missing(r, "case_sensitive", "must be true or false");
	m->ignore_case = !json_bool(j, false);
	return 0;
}

static int read_words(struct reader *r, const struct json *o, enum rule_on on, struct rule_match *m)
{
	size_t room = 0;

	if (on == ON_KEYWORD && read_case(r, o, m) < 0)
		return -1;
	for (size_t i = 0; i < N(word_lists); i++)
		if (word_lists[i].on == on)
			room += json_len(json_get(o, word_lists[i].key));
	m->words = arena_alloc(&r->set->arena, (room + 1) * sizeof(*m->words));
	if (read_lists(r, o, on, m) < 0)
		return -1;
	if (m->n_words == 0 && on == ON_KEYWORD)
		return place_refuse(&r->place, r->err, "a keyword rule needs exact, contains or regex");
	if (m->n_words == 0 && on == ON_MENU)
		return missing(r, "keys", "a menu rule needs them");
	return 0;
}

/* --- time windows
 * --------------------------------------------------------------------------------------------
 */

static int read_days(struct reader *r, const struct json *o, struct window *w)
{
	const struct json *list = json_get(o, "days");
	uint8_t bit = 0;

	if (!list)
		return 0;
	w->days = 0;
	place_enter(&r->place, "days");
	if (check_list(r, list, 7) < 0)
		return -1;
	for (size_t i = 0; i < json_len(list); i++) {
		const char *day = json_str(json_at(list, i));

		place_enter_at(&r->place, i);
		if (!day || !window_day(day, &bit))
			return place_refuse(&r->place, r->err, "must be mon, tue, wed, thu, fri, sat or sun");
		w->days |= bit;
		place_leave(&r->place);
	}
	place_leave(&r->place);
	return 0;
}

static int read_moment(struct reader *r, const struct json *o, const char *key,
	bool (*read)(const char *text, int *out), const char *says, int *out)
{
	const struct json *j = json_get(o, key);

	if (!j || (json_str(j) && read(json_str(j), out)))
		return 0;
	return missing(r, key, says);
}

static int read_window(struct reader *r, const struct json *o, struct window *out)
{
	static const char *const known[] = {"days", "from", "to", "since", "until", NULL};
	static const char time[] = "must be a time of day, as in \"09:30\", up to \"24:00\"";
	static const char date[] = "must be a date, as in \"2026-12-31\"";
	struct window w = {.days = WINDOW_ALL_DAYS, .to_min = WINDOW_DAY_MIN};

	if (check_members(r, o, known, NULL) < 0 || read_days(r, o, &w) < 0 ||
		read_moment(r, o, "from", window_time, time, &w.from_min) < 0 ||
		read_moment(r, o, "to", window_time, time, &w.to_min) < 0 ||
		read_moment(r, o, "since", window_date, date, &w.since) < 0 ||
		read_moment(r, o, "until", window_date, date, &w.until) < 0)
		return -1;
	if (w.from_min == w.to_min || w.from_min == WINDOW_DAY_MIN)
		return place_refuse(&r->place, r->err, "holds no time: from and to are the same");
	if (w.since && w.until && w.until < w.since)
		return missing(r, "until", "is before since");
	*out = w;
	return 0;
}

static int read_windows(struct reader *r, const struct json *o, struct rule_match *m)
{
	const struct json *list = json_get(o, "active");

	if (!list)
		return 0;
	place_enter(&r->place, "active");
	if (check_list(r, list, RULE_WINDOWS_MAX) < 0)
		return -1;
	m->windows = arena_alloc(&r->set->arena, json_len(list) * sizeof(*m->windows));
	for (size_t i = 0; i < json_len(list); i++) {
		place_enter_at(&r->place, i);
		if (read_window(r, json_at(list, i), &m->windows[m->n_windows++]) < 0)
			return -1;
		place_leave(&r->place);
	}
	place_leave(&r->place);
	return 0;
}

/* --- answers
 * -------------------------------------------------------------------------------------------------
 */

static const char *keep(struct reader *r, const struct json *j)
{
	struct buf text = BUF_INIT(RULES_DOC_MAX);
	const char *kept;

	json_write(j, &text);
	kept = arena_strndup(&r->set->arena, buf_cstr(&text), text.len);
	buf_release(&text);
	return kept;
}

/* One article as the answer to a message, and as a customer-service message; 8 after events. Source:
 * https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html */
static int check_articles(struct reader *r, const struct json *fields)
{
	if (json_len(json_get(fields, "Articles")) <= 1)
		return 0;
	return missing(r, "Articles", "Weixin takes one article here, more only as a reply to events");
}

static int read_reply(struct reader *r, const struct json *o, struct rule *rule)
{
	const struct json *fields = json_get(o, "reply");
	struct err why;

	if (!fields)
		return 0;
	place_enter(&r->place, "reply");
	if (reply_check(fields, &why) < 0)
		return place_refuse(&r->place, r->err, "%s", why.text);
	if ((rule->on == ON_DEFAULT || occasion_is_message(rule->on)) && check_articles(r, fields) < 0)
		return -1;
	place_leave(&r->place);
	rule->reply = keep(r, fields);
	return 0;
}

static int read_follow_up(struct reader *r, const struct json *fields)
{
	struct json *body = NULL;
	struct err why;

	if (reply_to_custom_send(fields, "o", &body, &why) < 0)
		return place_refuse(&r->place, r->err, "%s", why.text);
	json_free(&body);
	return check_articles(r, fields);
}

static int read_follow_ups(struct reader *r, const struct json *o, struct rule *rule)
{
	const struct json *list = json_get(o, "follow_ups");
	const char **kept;

	if (!list)
		return 0;
	place_enter(&r->place, "follow_ups");
	if (check_list(r, list, RULE_FOLLOW_UPS_MAX) < 0)
		return -1;
	kept = arena_alloc(&r->set->arena, json_len(list) * sizeof(*kept));
	for (size_t i = 0; i < json_len(list); i++) {
		place_enter_at(&r->place, i);
		if (read_follow_up(r, json_at(list, i)) < 0)
			return -1;
		place_leave(&r->place);
		kept[i] = keep(r, json_at(list, i));
	}
	place_leave(&r->place);
	rule->follow_ups = kept;
	rule->n_follow_ups = json_len(list);
	return 0;
}

/* --- a rule
 * --------------------------------------------------------------------------------------------------
 */

static int read_on(struct reader *r, const struct json *o, enum rule_on *out)
{
	const char *name = json_get_str(o, "on");

	for (int on = 0; name && on < N_RULE_ON; on++) {
		if (strcmp(name, rule_on_name((enum rule_on)on)) == 0) {
			*out = (enum rule_on)on;
			return 0;
		}
	}
	return missing(r, "on", "must be subscribe, scan, keyword, menu, location, media or default");
}

/* Misspelt members, and those of another occasion, are refused. */
static int check_rule_members(struct reader *r, const struct json *o, enum rule_on on)
{
	static const char *const known[] = {"name", "on", "priority", "active", "reply", "follow_ups", NULL};
	const char *own[N(word_lists) + 2];
	size_t n = 0;

	for (size_t i = 0; i < N(word_lists); i++)
		if (word_lists[i].on == on)
			own[n++] = word_lists[i].key;
	if (on == ON_KEYWORD)
		own[n++] = "case_sensitive";
	own[n] = NULL;
	return check_members(r, o, known, own);
}

static int read_name(struct reader *r, const struct json *o, struct rule *rule)
{
	const char *name;

	place_enter(&r->place, "name");
	if (read_text(r, json_get(o, "name"), RULE_NAME_MAX, &name) < 0)
		return -1;
	for (size_t i = 0; i < r->set->n; i++)
		if (strcmp(r->set->rules[i].name, name) == 0)
			return place_refuse(&r->place, r->err, "is the name of rules[%zu] already", i);
	place_leave(&r->place);
	rule->name = arena_strdup(&r->set->arena, name);
	return 0;
}

static int read_rule(struct reader *r, const struct json *o)
{
	struct rule_match *m = arena_alloc(&r->set->arena, sizeof(*m));
	struct rule rule = {.match = m};
	int64_t priority = 0;

	if (json_kind(o) != JSON_OBJECT)
		return place_refuse(&r->place, r->err, "must be an object");
	if (read_on(r, o, &rule.on) < 0 || check_rule_members(r, o, rule.on) < 0 ||
		read_name(r, o, &rule) < 0)
		return -1;
	r->set->rules[r->set->n++] = rule; /* with its expressions, it is the set's to free from here on */
	if (read_int(r, o, "priority", -PRIORITY_MAX, PRIORITY_MAX, &priority) < 0 ||
		read_words(r, o, rule.on, m) < 0 || read_windows(r, o, m) < 0 ||
		read_reply(r, o, &rule) < 0 || read_follow_ups(r, o, &rule) < 0)
		return -1;
	if (!rule.reply && rule.n_follow_ups == 0)
		return place_refuse(&r->place, r->err, "has neither reply nor follow_ups");
	rule.priority = (int)priority;
	r->set->rules[r->set->n - 1] = rule;
	return 0;
}

/* --- a set
 * ---------------------------------------------------------------------------------------------------
 */

static bool asked_before(const struct rule *a, const struct rule *b)
{
	bool a_default = a->on == ON_DEFAULT, b_default = b->on == ON_DEFAULT;

	if (a_default != b_default)
		return b_default;
	return a->priority > b->priority;
}

/* By insertion: rules of one rank keep the order of the file, and there are few. */
static void put_in_order(struct rule_set *s)
{
	for (size_t i = 1; i < s->n; i++) {
		struct rule rule = s->rules[i];
		size_t at = i;

		for (; at > 0 && asked_before(&rule, &s->rules[at - 1]); at--)
			s->rules[at] = s->rules[at - 1];
		s->rules[at] = rule;
	}
}

static int read_zone(struct reader *r, const struct json *doc)
{
	const struct json *j = json_get(doc, "time_zone");

	r->set->offset_min = WINDOW_BEIJING_MIN;
	if (!j || (json_str(j) && window_zone(json_str(j), &r->set->offset_min)))
		return 0;
	return missing(r, "time_zone", "must be Asia/Shanghai, UTC or an offset as in \"+09:00\"");
}

static int read_rules(struct reader *r, const struct json *doc)
{
	const struct json *list = json_get(doc, "rules");

	place_enter(&r->place, "rules");
	if (json_kind(list) != JSON_ARRAY || json_len(list) > RULES_MAX)
		return place_refuse(&r->place, r->err, "must be a list of at most %d rules", RULES_MAX);
	r->set->rules = arena_alloc(&r->set->arena, (json_len(list) + 1) * sizeof(*r->set->rules));
	for (size_t i = 0; i < json_len(list); i++) {
		place_enter_at(&r->place, i);
		if (read_rule(r, json_at(list, i)) < 0)
			return -1;
		place_leave(&r->place);
	}
	place_leave(&r->place);
	return 0;
}

int rule_set_read_at(const struct json *doc, const struct place *at, struct rule_set **out, struct err *err)
{
	static const char *const known[] = {"rules", "answers_per_hour", "time_zone", NULL};
	struct rule_set *set = xcalloc(1, sizeof(*set));
	struct reader r = {.place = *at, .set = set, .err = err};

	if (check_members(&r, doc, known, NULL) < 0 || read_zone(&r, doc) < 0 ||
		read_int(&r, doc, "answers_per_hour", 1, RULES_PER_HOUR_MAX, &set->per_hour) < 0 ||
		read_rules(&r, doc) < 0) {
		rule_set_free(&set);
		return -1;
	}
	put_in_order(set);
	*out = set;
	return 0;
}

int rule_set_read(const char *text, size_t len, struct rule_set **out, struct err *err)
{
	static const struct json_limits limits = {.max_bytes = RULES_DOC_MAX, .max_depth = DOC_DEPTH};
	struct place at = {.text = text, .len = len, .first_line = 1};
	struct json *doc = NULL;
	int rc;

	if (json_parse(text, len, &limits, &doc, err) < 0)
		return place_refuse_syntax(&at, err);
	rc = rule_set_read_at(doc, &at, out, err);
	json_free(&doc);
	return rc;
}
