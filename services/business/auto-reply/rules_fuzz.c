#include "services/business/auto-reply/rules.h"

#include "common/base/alloc.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/banned.h"

/* An account's rules as somebody may write them, and after the first NUL byte what a fan says. Whatever is
 * read answers each occasion, and what it answers with is what the SDK takes. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			abort();                                                                             \
	} while (0)

static void ask(const struct rule_set *set, const char *text)
{
	for (int on = 0; on < ON_DEFAULT; on++) {
		const struct occasion o = {(enum rule_on)on, text, INT64_C(1763640000123)};
		const struct rule *r = rule_set_find(set, &o, NULL, NULL);

		MUST(!r || r->reply || r->n_follow_ups > 0);
		MUST(!r || r->on == o.on || (r->on == ON_DEFAULT && occasion_is_message(o.on)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : size;
	struct rule_set *set = NULL;
	struct err err = {.kind = ERR_NONE};
	char *text;

	if (rule_set_read((const char *)data, len, &set, &err) < 0) {
		MUST(err.kind == ERR_REJECT && err.text[0] && !set);
		return 0;
	}
	text = xstrndup(nul ? (const char *)nul + 1 : "", nul ? size - len - 1 : 0);
	ask(set, text);
	free(text);
	rule_set_free(&set);
	return 0;
}
