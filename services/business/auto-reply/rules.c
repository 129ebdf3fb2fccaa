#include "services/business/auto-reply/rules.h"

#include "common/base/alloc.h"
#include "common/base/str.h"
#include "services/business/auto-reply/rules_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

void rule_set_free(struct rule_set **sp)
{
	struct rule_set *s = *sp;

	*sp = NULL;
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		const struct rule_match *m = s->rules[i].match;

		for (size_t k = 0; m && k < m->n_words; k++)
			regex_free(&m->words[k].regex);
	}
	arena_release(&s->arena);
	free(s);
}

size_t rule_set_len(const struct rule_set *s)
{
	return s->n;
}

int64_t rule_set_per_hour(const struct rule_set *s)
{
	return s->per_hour;
}

const char *rule_on_name(enum rule_on on)
{
	static const char *const names[N_RULE_ON] = {
		[ON_SUBSCRIBE] = "subscribe",
		[ON_SCAN] = "scan",
		[ON_KEYWORD] = "keyword",
		[ON_MENU] = "menu",
		[ON_LOCATION] = "location",
		[ON_MEDIA] = "media",
		[ON_DEFAULT] = "default",
	};

	return names[on];
}

bool occasion_is_message(enum rule_on on)
{
	return on == ON_KEYWORD || on == ON_LOCATION || on == ON_MEDIA;
}

/* --- finding -----------------------------------------------------------------------------------------------
 */

/* An occasion on its way through the rules. */
struct search {
	const struct rule_set *set;
	const struct occasion *occasion;
	char *text;   /* without blanks around it */
	char *folded; /* the same in lower case */
	uint32_t steps;
	char detail[RULE_WORD_MAX + 64];
};

static enum regex_result word_matches(struct search *s, const struct rule_match *m, const struct word *w)
{
	const char *text = m->ignore_case ? s->folded : s->text;
	bool found = false;

	switch (w->kind) {
	case WORD_EXACT:
		found = strcmp(text, w->text) == 0;
		break;
	case WORD_CONTAINS:
		found = strstr(text, w->text) != NULL;
		break;
	case WORD_PREFIX:
		found = str_starts_with(text, w->text);
		break;
	case WORD_REGEX:
		return regex_search(w->regex, s->text, strlen(s->text), &s->steps);
	case N_WORD_KINDS:
		break;
	}
	return found ? REGEX_FOUND : REGEX_NOT_FOUND;
}

static void say_hit(struct search *s, const struct word *w)
{
	static const char *const verbs[N_WORD_KINDS] = {[WORD_EXACT] = "is",
		[WORD_CONTAINS] = "contains",
		[WORD_PREFIX] = "begins as",
		[WORD_REGEX] = "matches"};

	(void)snprintf(s->detail, sizeof(s->detail), "%s \"%s\"", verbs[w->kind], w->said);
}

static enum rule_outcome match_words(struct search *s, const struct rule_match *m)
{
	bool gave_up = false;

	if (m->n_words == 0) {
		(void)str_copy(s->detail, sizeof(s->detail), "whatever it is");
		return RULE_HIT;
	}
	for (size_t i = 0; i < m->n_words; i++) {
		enum regex_result result = word_matches(s, m, &m->words[i]);

		if (result == REGEX_FOUND) {
			say_hit(s, &m->words[i]);
			return RULE_HIT;
		}
		gave_up |= result == REGEX_GAVE_UP;
	}
	return gave_up ? RULE_GAVE_UP : RULE_NO_MATCH;
}

static bool active(const struct search *s, const struct rule_match *m)
{
	for (size_t i = 0; i < m->n_windows; i++)
		if (window_holds(&m->windows[i], s->occasion->at_ms, s->set->offset_min))
			return true;
	return m->n_windows == 0;
}

static enum rule_outcome judge(struct search *s, const struct rule *r)
{
	enum rule_on on = s->occasion->on;

	s->detail[0] = '\0';
	if (r->on != on && !(r->on == ON_DEFAULT && occasion_is_message(on)))
		return RULE_OTHER_OCCASION;
	if (!active(s, r->match))
		return RULE_NOT_ACTIVE;
	return match_words(s, r->match);
}

const struct rule *rule_set_find(
	const struct rule_set *set, const struct occasion *o, rule_trace trace, void *arg)
{
	struct str text = str_trim(str_of(o->text));
	struct search s = {.set = set, .occasion = o, .steps = REGEX_STEPS};
	const struct rule *found = NULL;

	s.text = xstrndup(text.p, text.len);
	s.folded = xstrdup(s.text);
	str_lower_ascii(s.folded);
	for (size_t i = 0; !found && i < set->n; i++) {
		enum rule_outcome outcome = judge(&s, &set->rules[i]);

		if (trace)
			trace(arg, &set->rules[i], outcome, s.detail);
		if (outcome == RULE_HIT)
			found = &set->rules[i];
	}
	free(s.folded);
	free(s.text);
	return found;
}
