#ifndef TOOLS_WXBUS_RELEASE_RELEASE_ADVICE_H
#define TOOLS_WXBUS_RELEASE_RELEASE_ADVICE_H

#include "common/json/json.h"

#include <stdbool.h>

/* Why an item of Weixin's release check failed, as practitioners met it, and what to change. */
struct release_advice {
	const char *cause; /* constants */
	const char *change;
};
#define RELEASE_ADVICE_MAX 4

/* For a failed item as weixin-sim's release check describes it (its README). `first_group_passed`: the same
 * item of group 1 passed. The number of pieces of advice; at least one. */
size_t release_advise(
	const struct json *item, bool first_group_passed, struct release_advice out[RELEASE_ADVICE_MAX]);

#endif
