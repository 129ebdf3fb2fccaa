#ifndef SERVICES_BUSINESS_AUTO_REPLY_RULES_INTERNAL_H
#define SERVICES_BUSINESS_AUTO_REPLY_RULES_INTERNAL_H

#include "common/base/arena.h"
#include "common/regex/regex.h"
#include "services/business/auto-reply/rules.h"
#include "services/business/auto-reply/window.h"

/* What rules.c and rules_read.c share. */

enum word_kind { WORD_EXACT, WORD_CONTAINS, WORD_PREFIX, WORD_REGEX, N_WORD_KINDS };

struct word {
	enum word_kind kind;
	const char *said;    /* as it was written */
	const char *text;    /* as it is compared */
	struct regex *regex; /* of WORD_REGEX */
};

struct rule_match {
	bool ignore_case; /* of ASCII letters */
	struct word *words;
	size_t n_words; /* 0: whatever it was */
	struct window *windows;
	size_t n_windows; /* 0: always */
};

struct rule_set {
	struct arena arena;
	struct rule *rules; /* in the order in which they are asked */
	size_t n;
	int offset_min; /* of the account's clock */
	int64_t per_hour;
};

#endif
